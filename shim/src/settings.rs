//! The settings in a client's own environment.
//!
//! A gateway has the environment of the client that started it, and serves others with other variables, too.
//! So a hello says which ones its client has, with their values: they go to a process of the same user, over a socket
//! that nobody else can open, and are neither written down nor logged on either side.
//!
//! Shims of older builds say the names and a digest of the values ([`summary`]), and the gateway reads the values from
//! the system where it can.

use std::ffi::OsString;

/// Behind this are a hello's settings; what begins otherwise is an older shim's [`summary`].
const MARK: &str = "=";

/// Behind each variable.
const END: &str = "\0";

/// The settings of a client, in bytes, at most.
pub const SETTINGS_BYTES_MAX: usize = 64 * 1024;

/// They were longer: nobody may be served with other settings than his own, so that is said.
pub const TOO_LONG: &str = "";

/// What a hello says of a client's settings. No formatter shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientSettings(pub String);

impl std::fmt::Debug for ClientSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[settings]")
    }
}

impl ClientSettings {
    /// The settings among `variables`: `NAME=value`, each with a NUL behind it.
    pub fn of(variables: &[(OsString, OsString)]) -> Self {
        let mut said = MARK.to_owned();
        for (name, value) in variables {
            if let Some(name) = name.to_str().filter(|name| is_setting(name)) {
                // What is no text is no value of any setting.
                for part in [name, MARK, value.to_str().unwrap_or("\u{fffd}"), END] {
                    said.push_str(part);
                }
            }
        }
        if said.len() > SETTINGS_BYTES_MAX {
            said.clear();
        }
        Self(said)
    }

    /// The names and values; `None`: they were too long, or an older shim says its [`summary`].
    pub fn variables(&self) -> Option<Vec<(&str, &str)>> {
        let said = self.0.strip_prefix(MARK)?;
        said.split_terminator(END).map(|pair| pair.split_once(MARK)).collect()
    }
}

/// Names are left out beyond this many bytes; the digest is of all of them.
const NAMES_BYTES_MAX: usize = 512;

/// The prime of FNV-1a.
const PRIME: u64 = 0x0100_0000_01b3;

/// Whether the variable of this name is for one client only, and must not reach the gateway that serves all.
pub fn is_per_client(name: &str) -> bool {
    // No list: in the shim, each entry of one takes as much again as its name.
    matches!(name, "SNOWGATE_PROFILE" | "SNOWGATE_SESSION" | "SNOWGATE_GATEWAY" | "SNOWGATE_NO_AUTOSTART")
}

/// Whether the variable of this name is a setting of the gateway that serves all: not one of those that decide
/// which gateway it is, or what it logs.
pub fn is_setting(name: &str) -> bool {
    (name.starts_with("SNOWGATE_") || name.starts_with("SNOWFLAKE_"))
        && !is_per_client(name)
        && !matches!(name, "SNOWGATE_HOME" | "SNOWGATE_SOCKET" | "SNOWGATE_LOG")
}

/// What a hello says of the settings among the variables of a gateway: their names, each with a space behind it,
/// and a number, which is the same for the same names and values in any order.
pub fn summary(variables: &[(OsString, OsString)], salt: u32) -> String {
    let (mut names, mut digest) = (String::new(), 0_u64);
    for (name, value) in variables {
        if let Some(name) = name.to_str().filter(|name| is_setting(name)) {
            let mut hash = u64::from(salt);
            for part in [name.as_bytes(), b"=", value.as_encoded_bytes()] {
                for byte in part {
                    hash = (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
                    hash ^= hash >> 29;
                }
            }
            digest = digest.wrapping_add(hash);
            if names.len() < NAMES_BYTES_MAX {
                names.push_str(name);
                names.push(' ');
            }
        }
    }
    names.push_str(&digest.to_string());
    names
}

/// The names and the digest of a [`summary`].
pub fn split(summary: &str) -> Option<(Vec<&str>, u64)> {
    let mut words: Vec<&str> = summary.split(' ').collect();
    let digest = words.pop()?.parse().ok()?;
    Some((words, digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)], salt: u32) -> String {
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
        summary(&variables.collect::<Vec<_>>(), salt)
    }

    fn digest(variables: &[(&str, &str)], salt: u32) -> u64 {
        split(&of(variables, salt)).unwrap().1
    }

    #[test]
    fn the_same_settings_have_the_same_digest_in_any_order_and_others_another() {
        let same = [("SNOWFLAKE_USER", "a"), ("PATH", "/bin"), ("SNOWGATE_LIMITS_ROWS_MAX", "3")];
        let turned = [("SNOWGATE_LIMITS_ROWS_MAX", "3"), ("SNOWGATE_LOG", "debug"), ("SNOWFLAKE_USER", "a")];
        let one = of(&same, 1);
        assert_eq!(split(&one).unwrap().0, ["SNOWFLAKE_USER", "SNOWGATE_LIMITS_ROWS_MAX"]);
        assert_eq!(digest(&same, 1), digest(&turned, 1));
        assert_ne!(digest(&same, 1), digest(&same, 2), "each shim has its own");
        for other in [&[("SNOWFLAKE_USER", "b")][..], &[("SNOWFLAKE_ROLE", "a")], &[]] {
            assert_ne!(digest(&[("SNOWFLAKE_USER", "a")], 1), digest(other, 1), "{other:?}");
        }
        assert!(is_per_client("SNOWGATE_NO_AUTOSTART") && !is_per_client("SNOWGATE_HOME"));
        assert_eq!(of(&[("SNOWGATE_PROFILE", "p"), ("SNOWGATE_HOME", "/")], 1), "0");
        assert!(split("").is_none() && split("too short").is_none());
    }

    #[test]
    fn settings_are_read_as_they_are_said_and_shown_by_no_formatter() {
        let variables = [
            ("SNOWFLAKE_USER", "a=b"),
            ("PATH", "/bin"),
            ("SNOWFLAKE_PRIVATE_KEY", "-\n-"),
            ("SNOWGATE_LOG", "x"),
        ];
        let variables: Vec<_> = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let said = ClientSettings::of(&variables);
        assert_eq!(said.variables().unwrap(), [("SNOWFLAKE_USER", "a=b"), ("SNOWFLAKE_PRIVATE_KEY", "-\n-")]);
        assert_eq!(format!("{said:?}"), "[settings]");
        assert_eq!(ClientSettings::of(&[]).variables(), Some(Vec::new()));
        for other in [TOO_LONG, "SNOWFLAKE_USER 17", "0"] {
            assert_eq!(ClientSettings(other.to_owned()).variables(), None, "{other}");
        }
    }

    #[test]
    fn the_names_are_bounded_and_the_digest_is_of_all() {
        let all = |last: &str| {
            let name = |at: usize| format!("SNOWFLAKE_{}", "X".repeat(at));
            let variables = (0..99).map(|at| (name(at).into(), if at == 98 { last } else { "v" }.into()));
            summary(&variables.collect::<Vec<_>>(), 1)
        };
        let (one, two) = (all("v"), all("w"));
        assert!(one.len() < 700 && one != two, "{one}");
    }
}
