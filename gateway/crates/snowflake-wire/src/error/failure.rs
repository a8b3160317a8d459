//! What the server said when it refused.

use std::fmt;

use super::codes;
use crate::ids::QueryId;

/// An error in the server's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The server's code, six digits as a rule: `002003`. Empty where it gave none.
    pub code: String,
    /// The five characters of SQLSTATE.
    pub sql_state: Option<String>,
    /// The server's text. It may quote the statement: show it to the sender only, never write it to a log.
    pub message: String,
    /// Where in the statement.
    pub position: Option<Position>,
    /// The query that failed; a statement that was never compiled may have none.
    pub query_id: Option<QueryId>,
}

/// A place in a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// Characters before it in that line, from 0.
    pub column: u32,
}

impl Failure {
    /// Whether a token that was presented is expired or revoked, so that a fresh one may work: OAuth and ID
    /// tokens, and key-pair tokens of a clock that is off.
    pub fn is_stale_token(&self) -> bool {
        codes::is_stale_token(&self.code)
    }

    /// Whether the query ended because it was aborted.
    pub fn is_aborted(&self) -> bool {
        self.code == codes::ABORTED
    }

    /// Whether the query ended because it ran into its time-out.
    pub fn is_timed_out(&self) -> bool {
        self.code == codes::STATEMENT_TIMED_OUT
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match (self.code.as_str(), &self.sql_state) {
            ("", None) => Ok(()),
            ("", Some(state)) => write!(f, " (SQLSTATE {state})"),
            (code, None) => write!(f, " (code {code})"),
            (code, Some(state)) => write!(f, " (code {code}, SQLSTATE {state})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: &str, sql_state: Option<&str>) -> Failure {
        Failure {
            code: code.into(),
            sql_state: sql_state.map(Into::into),
            message: "no such table".into(),
            position: None,
            query_id: None,
        }
    }

    #[test]
    fn code_and_state_are_shown_where_known() {
        assert_eq!(
            failure("002003", Some("02000")).to_string(),
            "no such table (code 002003, SQLSTATE 02000)"
        );
        assert_eq!(failure("002003", None).to_string(), "no such table (code 002003)");
        assert_eq!(failure("", Some("02000")).to_string(), "no such table (SQLSTATE 02000)");
        assert_eq!(failure("", None).to_string(), "no such table");
    }
}
