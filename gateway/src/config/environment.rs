//! The environment as a value: the only way to read variables.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// The prefix of Snowgate's variables.
pub(super) const PREFIX: &str = "SNOWGATE_";

/// A variable that is not an override of a key, for `docs/configuration.md` and for spelling suggestions.
pub(super) struct Variable {
    /// Its whole name.
    pub(super) name: &'static str,
    /// What it does, in one sentence.
    pub(super) doc: &'static str,
}

/// Every variable that a part of Snowgate reads, besides the overrides of keys.
pub(super) const VARIABLES: &[Variable] = &[
    Variable {
        name: "SNOWGATE_CONFIG",
        doc: "Path of the config file, absolute or with `~/`. A file named here must exist.",
    },
    Variable { name: "SNOWGATE_GATEWAY", doc: "Path of the `snowgate` program that the shim starts." },
    Variable {
        name: "SNOWGATE_HOME",
        doc: "Absolute path of a folder for config, data, state, logs and socket of one independent gateway.",
    },
    Variable {
        name: "SNOWGATE_LOG",
        doc: "Log level (`debug`) or list of targets (`snowgate=debug,tokio=info`); overrides `gateway.log_level`.",
    },
    Variable { name: "SNOWGATE_NO_AUTOSTART", doc: "The shim does not start a gateway, it only connects." },
    Variable { name: "SNOWGATE_PROFILE", doc: "The profile of the shim's session." },
    Variable {
        name: "SNOWGATE_SESSION",
        doc: "The name under which the context of the shim's session is kept.",
    },
    Variable { name: "SNOWGATE_SOCKET", doc: "Path of the gateway's socket." },
];

/// Where variables come from. An empty value counts as not set, everywhere.
pub trait Environment {
    /// The value of `name`; `None` if it is not set or empty. Bytes that are not UTF-8 become U+FFFD, which
    /// no setting accepts.
    fn get(&self, name: &str) -> Option<String>;

    /// The same with all its bytes: for paths.
    fn get_os(&self, name: &str) -> Option<OsString> {
        self.get(name).map(OsString::from)
    }

    /// The names of all variables that are set and begin with `prefix`, in order.
    fn names_with(&self, prefix: &str) -> Vec<String>;

    /// The names of all variables that are set and begin with `SNOWGATE_`, in order.
    fn names(&self) -> Vec<String> {
        self.names_with(PREFIX)
    }
}

/// The variables of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn get(&self, name: &str) -> Option<String> {
        let value = std::env::var_os(name)?;
        Some(value.to_string_lossy().into_owned()).filter(|text| !text.is_empty())
    }

    fn get_os(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name).filter(|value| !value.is_empty())
    }

    fn names_with(&self, prefix: &str) -> Vec<String> {
        let mut names: Vec<String> = std::env::vars_os()
            .map(|(name, _)| name.to_string_lossy().into_owned())
            .filter(|name| name.starts_with(prefix))
            .collect();
        names.sort_unstable();
        names
    }
}

/// A fixed set of variables: what tests use.
impl Environment for BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<String> {
        BTreeMap::get(self, name).filter(|text| !text.is_empty()).cloned()
    }

    fn names_with(&self, prefix: &str) -> Vec<String> {
        self.keys().filter(|name| name.starts_with(prefix)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_value_counts_as_not_set() {
        let variables = BTreeMap::from([("SNOWGATE_LOG".to_owned(), String::new())]);
        assert_eq!(Environment::get(&variables, "SNOWGATE_LOG"), None);
    }

    #[test]
    fn only_our_names_are_listed() {
        let variables = BTreeMap::from([
            ("PATH".to_owned(), "/bin".to_owned()),
            ("SNOWGATE_LOG".to_owned(), "debug".to_owned()),
        ]);
        assert_eq!(variables.names(), ["SNOWGATE_LOG"]);
    }

    #[test]
    fn the_process_environment_can_be_read() {
        assert!(ProcessEnvironment.get("PATH").is_some());
        assert!(ProcessEnvironment.names().iter().all(|name| name.starts_with(PREFIX)));
    }

    #[test]
    fn the_table_is_sorted() {
        assert!(VARIABLES.is_sorted_by_key(|variable| variable.name));
        assert!(VARIABLES.iter().all(|variable| variable.name.starts_with(PREFIX)));
    }
}
