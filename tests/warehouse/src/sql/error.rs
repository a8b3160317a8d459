//! Errors of statements, as the service words them.

/// Why a statement was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SqlError {
    /// Six digits.
    pub(crate) code: String,
    /// The SQLSTATE.
    pub(crate) state: String,
    pub(crate) message: String,
    /// The line, from 1, and the column in it, from 0.
    pub(crate) position: Option<(usize, usize)>,
}

impl SqlError {
    pub(crate) fn new(code: &str, state: &str, message: impl Into<String>) -> Self {
        Self { code: code.into(), state: state.into(), message: message.into(), position: None }
    }

    pub(super) fn syntax(line: usize, column: usize, unexpected: &str) -> Self {
        let message = format!(
            "SQL compilation error:\nsyntax error line {line} at position {column} unexpected '{unexpected}'."
        );
        Self { position: Some((line, column)), ..Self::new("001003", "42000", message) }
    }

    pub(super) fn invalid_identifier(line: usize, column: usize, name: &str) -> Self {
        let message = format!(
            "SQL compilation error: error line {line} at position {column}\ninvalid identifier '{name}'"
        );
        Self { position: Some((line, column)), ..Self::new("000904", "42000", message) }
    }

    pub(super) fn unknown_variable(name: &str) -> Self {
        let message = format!(
            "SQL compilation error: error line 1 at position 7\nSession variable '${name}' does not exist"
        );
        Self::new("002211", "02000", message)
    }

    pub(super) fn unknown_function(name: &str) -> Self {
        Self::new("002140", "42601", format!("SQL compilation error:\nUnknown function {name}."))
    }

    pub(super) fn arguments(name: &str) -> Self {
        Self::new(
            "000939",
            "22023",
            format!("SQL compilation error:\ninvalid arguments for function [{name}]"),
        )
    }

    pub(super) fn statement_count(actual: u64, expected: u64) -> Self {
        let message =
            format!("Actual statement count {actual} did not match the desired statement count {expected}.");
        Self::new("000008", "0A000", message)
    }

    /// `kind` is `Object`, `Database` or `Schema`.
    pub(crate) fn unknown_object(kind: &str, name: &str) -> Self {
        let message = format!("SQL compilation error:\n{kind} '{name}' does not exist or not authorized.");
        Self::new("002003", "42S02", message)
    }

    pub(super) fn object_exists(name: &str) -> Self {
        Self::new("002002", "42710", format!("SQL compilation error:\nObject '{name}' already exists."))
    }

    /// What `USE` says of a name that there is not.
    pub(super) fn cannot_be_used() -> Self {
        let message = "SQL compilation error:\nObject does not exist, or operation cannot be performed.";
        Self::new("002043", "02000", message)
    }

    pub(crate) fn no_database() -> Self {
        let message = "Cannot perform operation. This session does not have a current database. Call 'USE DATABASE', \
                       or use a qualified name.";
        Self::new("090105", "22000", message)
    }

    pub(crate) fn no_schema() -> Self {
        let message = "Cannot perform operation. This session does not have a current schema. Call 'USE SCHEMA', or \
                       use a qualified name.";
        Self::new("090106", "22000", message)
    }

    pub(crate) fn no_warehouse() -> Self {
        let message = "No active warehouse selected in the current session.  Select an active warehouse with the \
                       'use warehouse' command.";
        Self::new("000606", "57P03", message)
    }

    pub(crate) fn canceled() -> Self {
        Self::new("000604", "57014", "SQL execution canceled")
    }

    pub(crate) fn timed_out(seconds: u64) -> Self {
        let message = format!(
            "Statement reached its statement or warehouse timeout of {seconds} second(s) and was canceled."
        );
        Self::new("000630", "57014", message)
    }

    #[cfg(test)]
    pub(super) fn code_str(&self) -> &'static str {
        ["001003", "000008"].into_iter().find(|&code| code == self.code).unwrap_or("other")
    }
}
