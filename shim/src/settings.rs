//! The settings in a client's own environment: their names, and a digest of their values.
//!
//! A gateway has the environment of the client that started it, and serves others with other variables, too.
//! So a hello says which ones its client has. Values do not leave the shim: the digest has 64 bits, begins with
//! a salt of the shim's own, so that it is of use for nothing but this comparison, goes to a process of the same
//! user, and is never written down. (A cryptographic hash would be larger than all the rest of this.)

use std::ffi::OsString;

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
