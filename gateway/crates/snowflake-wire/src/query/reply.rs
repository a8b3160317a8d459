//! Telling the answers about a query apart: failed, running, done.

use std::time::Duration;

use super::progress::{Progress, RunningQuery};
use crate::answer::Answer;
use crate::envelope::{Envelope, Fields};
use crate::error::codes::{Meaning, meaning};
use crate::error::{Error, FileTransfer, Operation};
use crate::ids::QueryId;
use crate::session::Session;

/// Reads `answer` to `operation`. Of a query that the session runs itself (`own`) it also tells the session's
/// state.
pub(super) fn read(
    session: &Session,
    operation: Operation,
    answer: &Envelope,
    own: bool,
) -> Result<Progress, Error> {
    let data = answer.data();
    if meaning(answer.code()) == Meaning::Running {
        return running(operation, &data, own).map(Progress::Running);
    }
    if !answer.succeeded() {
        return Err(Error::Statement(Box::new(answer.failure())));
    }
    if let Some(transfer) = transfer(&data) {
        return Err(Error::FileTransfer(transfer));
    }
    Answer::read(session, operation, answer, &data, own).map(|answer| Progress::Done(Box::new(answer)))
}

fn running(operation: Operation, data: &Fields<'_>, own: bool) -> Result<RunningQuery, Error> {
    let path = data.filled("getResultUrl");
    let query_id = data
        .text("queryId")
        .or_else(|| path.as_deref().and_then(id_in_path))
        .and_then(|id| QueryId::parse(&id));
    let query_id = query_id
        .ok_or_else(|| Error::malformed(operation, "the query runs, but the answer does not name it"))?;
    let result_path = path.unwrap_or_else(|| format!("/queries/{query_id}/result"));
    let seconds = data.number("queryAbortsAfterSecs").and_then(|seconds| u64::try_from(seconds).ok());
    Ok(RunningQuery { query_id, result_path, aborts_after: seconds.map(Duration::from_secs), own })
}

/// The id in `/queries/ID/result`.
fn id_in_path(path: &str) -> Option<String> {
    let id = path.strip_prefix("/queries/")?.split('/').next()?;
    Some(id.to_owned())
}

/// A transfer that the server found where this client saw none. Nothing is moved: this client has no code for
/// it.
fn transfer(data: &Fields<'_>) -> Option<FileTransfer> {
    match data.text("command")?.as_str() {
        "UPLOAD" => Some(FileTransfer::Put),
        "DOWNLOAD" => Some(FileTransfer::Get),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_running(json: &str) -> Result<RunningQuery, Error> {
        running(Operation::Submit, &Fields::of(json.as_bytes()), true)
    }

    #[test]
    fn a_running_query_is_named_by_its_id_or_its_path() {
        let both =
            r#"{"queryId": "01-a", "getResultUrl": "/queries/01-a/result?x=1", "queryAbortsAfterSecs": 300}"#;
        let running = read_running(both).unwrap();
        assert_eq!(
            (running.query_id.as_str(), running.result_path.as_str()),
            ("01-a", "/queries/01-a/result?x=1")
        );
        assert_eq!(running.aborts_after, Some(Duration::from_secs(300)));
        let path_only = read_running(r#"{"getResultUrl": "/queries/01-b/result"}"#).unwrap();
        assert_eq!(path_only.query_id.as_str(), "01-b");
        let id_only = read_running(r#"{"queryId": "01-c"}"#).unwrap();
        assert_eq!(id_only.result_path, "/queries/01-c/result");
    }

    #[test]
    fn a_running_query_without_a_name_is_an_error() {
        for json in ["{}", r#"{"queryId": "a/../b"}"#, r#"{"getResultUrl": "/elsewhere"}"#] {
            assert!(matches!(read_running(json), Err(Error::Malformed { .. })), "{json}");
        }
    }

    #[test]
    fn a_transfer_that_the_server_found_is_refused() {
        assert_eq!(transfer(&Fields::of(br#"{"command": "UPLOAD"}"#)), Some(FileTransfer::Put));
        assert_eq!(transfer(&Fields::of(b"{}")), None);
    }
}
