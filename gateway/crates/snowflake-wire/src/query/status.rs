//! Looking at a query without its result.

use crate::envelope::Fields;
use crate::error::{Error, Operation};
use crate::http::Call;
use crate::ids::QueryId;
use crate::session::Session;

/// How a query is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryStatus {
    /// Its state.
    pub state: QueryState,
    /// The code of its error, if it failed.
    pub error_code: Option<String>,
    /// The text of its error, if it failed.
    pub error_message: Option<String>,
}

/// A query's state.
///
/// Source: `monitoring.go` of gosnowflake.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueryState {
    /// It runs, or waits for its warehouse, for a place in it, or for a lock.
    Running,
    /// It is done; the result can be fetched.
    Succeeded,
    /// It failed.
    Failed,
    /// It was aborted, or is being.
    Aborted,
    /// The server knows nothing of it: too new, too old, or not this user's.
    Unknown,
    /// A state that this client does not know, as the server names it.
    Other(String),
}

impl QueryState {
    fn named(name: &str) -> Self {
        match name {
            "RUNNING"
            | "QUEUED"
            | "RESUMING_WAREHOUSE"
            | "QUEUED_REPAIRING_WAREHOUSE"
            | "BLOCKED"
            | "RESTARTED" => Self::Running,
            "SUCCESS" => Self::Succeeded,
            "FAILED_WITH_ERROR" | "FAILED_WITH_INCIDENT" => Self::Failed,
            "ABORTED" | "ABORTING" | "DISCONNECTED" => Self::Aborted,
            "NO_DATA" | "" => Self::Unknown,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl Session {
    /// Asks how a query is doing, whichever session of this user ran it.
    ///
    /// # Errors
    /// The server refuses, or cannot be asked. A query that it does not know is [`QueryState::Unknown`].
    pub async fn status(&self, query: &QueryId) -> Result<QueryStatus, Error> {
        let path = format!("/monitoring/queries/{query}");
        let mut call = Call::get(Operation::Status, &path, self.http().limits().answer_timeout);
        call.accept = "application/json";
        let answer = self.ask(&call).await?;
        let listed = answer.data().read::<Vec<&serde_json::value::RawValue>>("queries").unwrap_or_default();
        Ok(read(listed.first().map_or("{}", |query| query.get())))
    }
}

fn read(json: &str) -> QueryStatus {
    let query = Fields::of(json.as_bytes());
    QueryStatus {
        state: QueryState::named(&query.text("status").unwrap_or_default()),
        error_code: query.filled("errorCode"),
        error_message: query.filled("errorMessage"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_grouped_by_what_follows_from_them() {
        for (name, state) in [
            ("QUEUED", QueryState::Running),
            ("SUCCESS", QueryState::Succeeded),
            ("FAILED_WITH_INCIDENT", QueryState::Failed),
            ("DISCONNECTED", QueryState::Aborted),
            ("NO_DATA", QueryState::Unknown),
            ("NEW_STATE", QueryState::Other("NEW_STATE".into())),
        ] {
            assert_eq!(QueryState::named(name), state);
        }
    }

    #[test]
    fn an_error_is_kept_and_an_empty_one_is_none() {
        let failed = read(
            r#"{"id": "1", "status": "FAILED_WITH_ERROR", "errorCode": "002003", "errorMessage": "gone"}"#,
        );
        assert_eq!(
            (failed.error_code.as_deref(), failed.error_message.as_deref()),
            (Some("002003"), Some("gone"))
        );
        let running = read(r#"{"status": "RUNNING", "errorCode": "", "errorMessage": null, "state": "X"}"#);
        assert_eq!(
            running,
            QueryStatus { state: QueryState::Running, error_code: None, error_message: None }
        );
        assert_eq!(read("{}").state, QueryState::Unknown);
    }
}
