//! Statements that are not reads: entered into the journal before they run, finished with what they came to, and never
//! run twice.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rmcp::model::{CallToolResult, ContentBlock};
use snowgate_link::credit::Window;
use tokio::sync::Notify;
use tokio::task::spawn_blocking;

use super::failure;
use crate::backend::{BackendError, ErrorKind, WriteJournal};
use crate::gateway::Gateway;
use crate::session::Session;
use crate::state::{Digest, Entry, RESULT_BYTES_MAX, StateStore};

/// How long a replayed statement waits for the same one, which still runs for a connection that broke.
const RUNNING_TIMEOUT: Duration = Duration::from_secs(10);

/// A session and the number of its request.
type Name = (String, u64);

/// The statements of this gateway that are in the journal and not at their end.
#[derive(Debug, Default)]
pub struct RunningWrites {
    names: Mutex<HashSet<Name>>,
    ended: Notify,
}

impl RunningWrites {
    fn lock(&self) -> MutexGuard<'_, HashSet<Name>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until none is left, at most `timeout`.
    pub(crate) async fn until_all_ended(&self, timeout: Duration) {
        let ended = async {
            loop {
                let ended = self.ended.notified();
                if self.lock().is_empty() {
                    return;
                }
                ended.await;
            }
        };
        if tokio::time::timeout(timeout, ended).await.is_err() {
            tracing::warn!(statements = self.lock().len(), "what becomes of these statements is not known");
        }
    }

    /// Waits until `name` is at its end, or does not seem to get there.
    async fn until_ended(&self, name: &Name) {
        let ended = async {
            loop {
                let ended = self.ended.notified();
                if !self.lock().contains(name) {
                    return;
                }
                ended.await;
            }
        };
        // Where it takes longer, nobody knows what comes of it: that is what the journal says, too.
        let _ = tokio::time::timeout(RUNNING_TIMEOUT, ended).await;
    }
}

/// A tool call's statement, as the journal sees it.
#[derive(Debug)]
pub(super) struct Write {
    name: Name,
    digest: Digest,
    /// Whether an earlier gateway may have run it, and the journal cannot tell.
    may_have_run: bool,
    is_entered: AtomicBool,
    /// Whether it is in the journal for its name alone, and could run again.
    is_read: AtomicBool,
    state: Arc<StateStore>,
    running: Arc<RunningWrites>,
    /// Finished statements of the session that its shim may still ask for.
    keep: usize,
}

/// What to do with a statement.
pub(super) enum Verdict {
    /// Run it, with this to ask before it changes anything.
    Run(Arc<Write>),
    /// An earlier gateway has made a query of this name of it: fetch what came of that.
    Fetch(Arc<Write>, String),
    /// It is answered.
    Answered(CallToolResult),
}

impl Write {
    /// Looks into the journal where an earlier gateway may have run the statement already.
    pub(super) async fn look_up(
        gateway: &Gateway,
        session: &Session,
        request: u64,
        sql: &str,
        is_replayed: bool,
    ) -> Verdict {
        let mut write = Self {
            name: (session.key.id.clone(), request),
            digest: Digest::of(sql),
            may_have_run: is_replayed && !session.journal_is_whole,
            is_entered: AtomicBool::new(false),
            is_read: AtomicBool::new(false),
            state: Arc::clone(&gateway.state),
            running: Arc::clone(&gateway.writes),
            // An answer beyond these has been written long ago, and the shim has said that it got it.
            keep: Window::default().frames as usize + gateway.config.gateway.session_requests_max,
        };
        if !is_replayed {
            return Verdict::Run(Arc::new(write));
        }
        write.running.until_ended(&write.name).await;
        match write.entry().await {
            Ok(None) => {}
            Ok(Some(entry)) => return write.take_up(entry),
            Err(()) => write.may_have_run = true,
        }
        Verdict::Run(Arc::new(write))
    }

    /// What is to be done about a statement that the journal has.
    fn take_up(self, mut entry: Entry) -> Verdict {
        let query_id = entry.query_id.take_if(|_| entry.result.is_none() && entry.digest == self.digest);
        let Some(query_id) = query_id else { return Verdict::Answered(self.answer(&entry)) };
        tracing::info!(
            session = self.name.0,
            request = self.name.1,
            query_id,
            "fetching what became of a query"
        );
        self.is_read.store(entry.is_read, Ordering::Release);
        self.enter();
        Verdict::Fetch(Arc::new(self), query_id)
    }

    /// From here on it is in the journal.
    fn enter(&self) {
        self.running.lock().insert(self.name.clone());
        self.is_entered.store(true, Ordering::Release);
    }

    async fn entry(&self) -> Result<Option<Entry>, ()> {
        let (state, (session, request)) = (Arc::clone(&self.state), self.name.clone());
        let read = spawn_blocking(move || state.entry(&session, request)).await;
        match read {
            Ok(Ok(entry)) => Ok(entry),
            Ok(Err(error)) => {
                tracing::warn!(session = self.name.0, %error, "the journal cannot say what became of a statement");
                Err(())
            }
            Err(_) => Err(()),
        }
    }

    /// The answer to a statement that reached the backend before.
    fn answer(&self, entry: &Entry) -> CallToolResult {
        let result = entry.result.as_deref().filter(|_| entry.digest == self.digest);
        match result.and_then(|result| serde_json::from_str(result).ok()) {
            Some(result) => {
                tracing::info!(session = self.name.0, request = self.name.1, "answered from the journal");
                result
            }
            None => failure::result(&unknown(Some(entry))),
        }
    }

    /// Notes what the statement came to, if it was entered. Call before anybody hears of it.
    pub(super) async fn settle(self: Arc<Self>, result: &Result<CallToolResult, BackendError>) {
        if !self.is_entered.load(Ordering::Acquire) {
            return;
        }
        let ending = match result {
            // The next gateway fetches what comes of it.
            Err(error) if error.kind == ErrorKind::Detached => Ending::Left,
            _ if self.is_read.load(Ordering::Acquire) => Ending::Forgotten,
            // It was stopped before it changed anything: the client did that and wants no answer, or the gateway, and the
            // next one may run it.
            Err(error) if error.kind == ErrorKind::Cancelled => Ending::Forgotten,
            Err(error) => Ending::Result(to_text(&failure::result(error))),
            Ok(result) => Ending::Result(to_text(result)),
        };
        // A panic in there is in the log, and leaves the outcome unknown.
        let _ = spawn_blocking(move || self.end(&ending)).await;
    }

    fn end(&self, ending: &Ending) {
        let (session, request) = (&self.name.0, self.name.1);
        let noted = match ending {
            Ending::Left => Ok(()),
            Ending::Forgotten => self.state.forget(session, request),
            Ending::Result(text) => self.state.finish(session, request, text, self.keep),
        };
        if let Err(error) = noted {
            tracing::warn!(session, request, %error, "the journal does not know what a statement came to");
        }
        self.running.lock().remove(&self.name);
        self.running.ended.notify_waiters();
    }
}

impl Drop for Write {
    /// Where nobody was left to settle it.
    fn drop(&mut self) {
        if *self.is_entered.get_mut() && self.running.lock().remove(&self.name) {
            self.running.ended.notify_waiters();
        }
    }
}

/// How an entered statement ends.
enum Ending {
    Result(String),
    Forgotten,
    Left,
}

impl WriteJournal for Write {
    fn begin(&self, query_id: Option<&str>) -> Result<(), BackendError> {
        if self.may_have_run {
            return Err(unknown(None));
        }
        // Asked again: the backend was refused before anything was carried out.
        if self.is_entered.load(Ordering::Acquire) {
            return Ok(());
        }
        let (session, request) = (&self.name.0, self.name.1);
        self.state.begin(session, request, self.digest, query_id).map_err(|error| {
            let message = format!("the journal of writes is not to be had: {error}");
            let next_step = "make the state folder writable, or free space there; nothing was run";
            BackendError::new(ErrorKind::Refused, message).with_next_step(next_step)
        })?;
        self.enter();
        Ok(())
    }

    fn record_query_id(&self, query_id: &str) {
        let (session, request) = (&self.name.0, self.name.1);
        if let Err(error) = self.state.name(session, request, self.digest, query_id) {
            // A later gateway runs a read again, and says of a write that it does not know.
            tracing::warn!(session, request, query_id, %error, "the journal does not know a query's name");
        } else if !self.is_entered.load(Ordering::Acquire) {
            self.is_read.store(true, Ordering::Release);
            self.enter();
        }
    }
}

/// What is said of a statement that may have run, with all that is known.
fn unknown(entry: Option<&Entry>) -> BackendError {
    let message =
        "outcome unknown: the gateway that ran this statement is gone, and it may have taken effect";
    let (message, query_id) = match entry {
        None => (message.to_owned(), None),
        Some(entry) => {
            let message =
                format!("{message} (it began {} ago, SHA-256 {}...)", entry.age(), entry.digest.short());
            (message, entry.query_id.clone())
        }
    };
    let mut error = BackendError::new(ErrorKind::OutcomeUnknown, message);
    error.query_id = query_id;
    error.with_next_step("check the data before you run it again")
}

/// A result as the journal keeps it. One that is too long is cut, and says so.
fn to_text(result: &CallToolResult) -> String {
    // A result holds nothing that JSON cannot say.
    let text = serde_json::to_string(result).unwrap_or_default();
    if text.len() <= RESULT_BYTES_MAX {
        return text;
    }
    if result.is_error == Some(true) {
        return cut_error(result);
    }
    let note = "The statement ran once and succeeded. Its result was too long to be kept when the gateway that ran it \
                went away: read the rows with a query, and do not run the statement again.";
    serde_json::to_string(&CallToolResult::success(vec![ContentBlock::text(note)])).unwrap_or_default()
}

/// An error that is too long for the journal: its beginning.
fn cut_error(result: &CallToolResult) -> String {
    let text =
        result.content.first().and_then(|content| content.as_text()).map_or("", |text| text.text.as_str());
    // Escaped, a character takes six bytes at most; a quarter is left for what is around the text.
    let kept: String = text.chars().take(RESULT_BYTES_MAX / 8).collect();
    let error = CallToolResult::error(vec![ContentBlock::text(format!("{kept}... (cut)"))]);
    serde_json::to_string(&error).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_that_is_too_long_for_the_journal_is_cut_and_says_so() {
        let result = |text: &str| CallToolResult::success(vec![ContentBlock::text(text)]);
        let short = to_text(&result("1 row changed"));
        assert!(short.contains("1 row changed"));
        let long = to_text(&result(&"x".repeat(RESULT_BYTES_MAX)));
        assert!(long.len() < RESULT_BYTES_MAX && long.contains("ran once"), "{long}");
        let error = CallToolResult::error(vec![ContentBlock::text("\u{1}".repeat(RESULT_BYTES_MAX))]);
        let error: CallToolResult = serde_json::from_str(&to_text(&error)).unwrap();
        assert_eq!(error.is_error, Some(true), "{error:?}");
        assert!(serde_json::to_string(&error).unwrap().len() <= RESULT_BYTES_MAX);
    }

    #[test]
    fn what_is_not_known_is_said_with_all_that_is() {
        let entry = Entry {
            digest: Digest::of("x"),
            started_ms: 0,
            query_id: Some("01b".into()),
            result: None,
            is_read: false,
        };
        let error = unknown(Some(&entry));
        assert!(error.message.starts_with("outcome unknown: "), "{error}");
        assert_eq!(error.query_id.as_deref(), Some("01b"));
        assert!(error.message.contains("SHA-256 2d711642b726"), "{error}");
    }
}
