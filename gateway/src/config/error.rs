//! Errors of a configuration: the place, the problem and the fix.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

/// The most errors shown in one run; the rest is counted.
const ERRORS_SHOWN_MAX: usize = 50;

/// The place of an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// At a position in the config file; line and column count from 1, the column in characters.
    Position {
        /// The config file.
        file: PathBuf,
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// The config file as a whole: it cannot be read.
    File(PathBuf),
    /// A variable of the environment.
    Variable(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Position { file, line, column } => write!(f, "{}:{line}:{column}", file.display()),
            Self::File(file) => write!(f, "{}", file.display()),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// One error. Displayed as `place: key: message` and, on a second line, the hint.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{place}: {}{message}{}", KeyPart(.key.as_deref()), HintPart(.hint.as_deref()))]
pub struct ConfigError {
    /// Its place.
    pub place: Place,
    /// The key with its section (`pool.connections_max`), if it is about one.
    pub key: Option<String>,
    /// The problem: the value and what is allowed.
    pub message: String,
    /// What to do about it, unless the message makes that clear.
    pub hint: Option<String>,
}

struct KeyPart<'a>(Option<&'a str>);

impl fmt::Display for KeyPart<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |key| write!(f, "{key}: "))
    }
}

struct HintPart<'a>(Option<&'a str>);

impl fmt::Display for HintPart<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |hint| write!(f, "\n  hint: {hint}"))
    }
}

/// Every error of one configuration; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    errors: Vec<ConfigError>,
    /// What to do; see [`Self::next_step`].
    command: CheckCommand,
}

/// How to check the configuration that was read: with these variables, which only one client may have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CheckCommand {
    /// Variables that name files, as `NAME=value`.
    pub(super) places: Vec<String>,
    /// The names of the other variables that are set. Their values may be secret.
    pub(super) names: Vec<String>,
}

impl ConfigErrors {
    /// `Err` with the errors, `Ok` if there are none.
    pub(super) fn check(errors: Vec<ConfigError>) -> Result<(), Self> {
        if errors.is_empty() { Ok(()) } else { Err(Self { errors, command: CheckCommand::default() }) }
    }

    /// The same, found with the variables of `command`.
    pub(super) fn found_with(self, command: CheckCommand) -> Self {
        Self { command, ..self }
    }

    /// What the user can do. A gateway has the environment of the client that happened to start it, so the
    /// command that checks the configuration in a terminal may see another one.
    pub fn next_step(&self) -> String {
        let CheckCommand { places, names } = &self.command;
        let all: Vec<String> =
            places.iter().cloned().chain(names.iter().map(|name| format!("{name}=..."))).collect();
        if names.is_empty() {
            let with = if all.is_empty() { String::new() } else { format!(" with {}", all.join(" ")) };
            return format!("run `snowgate config check`{with}");
        }
        format!(
            "these variables come from the client that started the gateway: {}; correct them in that client's \
             configuration, or run `snowgate config check` with the same variables: {} snowgate config check",
            names.join(", "),
            all.join(" ")
        )
    }

    /// The errors: those of the file in its order, then those of the environment.
    pub fn iter(&self) -> std::slice::Iter<'_, ConfigError> {
        self.errors.iter()
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self { errors: vec![error], command: CheckCommand::default() }
    }
}

impl<'a> IntoIterator for &'a ConfigErrors {
    type Item = &'a ConfigError;
    type IntoIter = std::slice::Iter<'a, ConfigError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().take(ERRORS_SHOWN_MAX).enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        match self.errors.len().saturating_sub(ERRORS_SHOWN_MAX) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

/// A likely mistake that does not stop the gateway: a variable that nothing reads, a value that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Its place.
    pub place: Place,
    /// The key with its section, if it is about one.
    pub key: Option<String>,
    /// The problem, and what was probably meant.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}{}", self.place, KeyPart(self.key.as_deref()), self.message)
    }
}

/// The requested profile is not in the configuration.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("no profile `{name}` in the configuration; {}", advice(.nearest.as_deref(), .known))]
pub struct UnknownProfile {
    /// The requested name.
    pub name: String,
    /// The profile whose name is nearest to it.
    pub nearest: Option<String>,
    /// Every profile, in order.
    pub known: Vec<String>,
}

/// There is no role of the requested name.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("there is no role `{name}`; {}", advice(nearest.as_deref(), known))]
pub struct UnknownRole {
    /// The requested name.
    pub name: String,
    /// The role whose name is nearest to it.
    pub nearest: Option<String>,
    /// Every role.
    pub known: Vec<String>,
}

fn advice(nearest: Option<&str>, known: &[String]) -> String {
    match nearest {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("available: {}", known.join(", ")),
    }
}

/// Why a value was rejected.
#[derive(Debug)]
pub(super) struct InvalidValue {
    /// The problem.
    pub(super) message: String,
    /// What to do about it.
    pub(super) hint: Option<String>,
}

impl InvalidValue {
    /// An error without a hint.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    /// An error with a hint.
    pub(super) fn with_hint(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: Some(hint.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(line: usize) -> ConfigError {
        ConfigError {
            place: Place::Position { file: "/etc/c.toml".into(), line, column: 3 },
            key: Some("pool.x".to_owned()),
            message: "is 3".to_owned(),
            hint: Some("use 2".to_owned()),
        }
    }

    #[test]
    fn an_error_names_place_key_cause_and_next_step() {
        assert_eq!(error(7).to_string(), "/etc/c.toml:7:3: pool.x: is 3\n  hint: use 2");
        let bare = ConfigError { key: None, hint: None, place: Place::Variable("V".to_owned()), ..error(1) };
        assert_eq!(bare.to_string(), "V: is 3");
    }

    #[test]
    fn a_long_list_of_errors_is_cut_and_counted() {
        let errors = ConfigErrors::check((1..=ERRORS_SHOWN_MAX + 2).map(error).collect()).unwrap_err();
        assert!(errors.to_string().ends_with("\nand 2 more"));
        assert_eq!(errors.iter().count(), ERRORS_SHOWN_MAX + 2);
    }
}
