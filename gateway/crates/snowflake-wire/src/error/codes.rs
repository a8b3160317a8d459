//! The server's codes that the protocol turns on. All others are only passed on.
//!
//! Sources: `errors.go` of gosnowflake and `network.py` of snowflake-connector-python, Snowflake's own
//! clients.

/// The query runs: ask again.
const RUNNING: [&str; 2] = ["333333", "333334"];
/// The session's token has expired; the master token renews it.
const SESSION_EXPIRED: &str = "390112";
/// Nothing renews this session: token unknown, session gone, master token missing, expired or invalid.
const LOG_IN_AGAIN: [&str; 6] = ["390104", "390105", "390111", "390113", "390114", "390115"];
/// ID token expired, ID token refused, OAuth token invalid, OAuth token expired, and a key-pair token that is
/// expired or not valid yet.
const STALE_TOKEN: [&str; 6] = ["390110", "390195", "390303", "390318", "394301", "394302"];
/// The query to abort does not run: not yet, or no longer.
const NOT_EXECUTING: &str = "000605";
/// The query was aborted.
pub(super) const ABORTED: &str = "000604";
/// The query was stopped by its time-out.
pub(super) const STATEMENT_TIMED_OUT: &str = "000630";

/// What a code asks the client to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Nothing in particular: success and error are told apart by the answer itself.
    Plain,
    /// Ask again for the result.
    Running,
    /// Renew the token, then ask again.
    SessionExpired,
    /// The session is lost.
    LogInAgain,
    /// Nothing to abort.
    NotExecuting,
}

/// What `code` asks for.
pub(crate) fn meaning(code: &str) -> Meaning {
    match code {
        SESSION_EXPIRED => Meaning::SessionExpired,
        NOT_EXECUTING => Meaning::NotExecuting,
        code if RUNNING.contains(&code) => Meaning::Running,
        code if LOG_IN_AGAIN.contains(&code) => Meaning::LogInAgain,
        _ => Meaning::Plain,
    }
}

pub(super) fn is_stale_token(code: &str) -> bool {
    STALE_TOKEN.contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_of_the_protocol_mean_something() {
        assert_eq!(meaning("390112"), Meaning::SessionExpired);
        assert_eq!(meaning("390114"), Meaning::LogInAgain);
        assert_eq!(meaning("333334"), Meaning::Running);
        assert_eq!(meaning("000605"), Meaning::NotExecuting);
        for other in ["", "002003", "390100", "999999", "not a number"] {
            assert_eq!(meaning(other), Meaning::Plain, "{other}");
        }
    }
}
