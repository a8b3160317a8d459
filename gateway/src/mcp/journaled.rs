//! Statements that are not reads: in the journal before they run, with their result before anyone sees it,
//! and never run twice.
//!
//! How a journaled statement ends, and what the journal keeps of it:
//!
//! | outcome | journal |
//! |---|---|
//! | a result, or an error of the backend | the result: a replay is answered with it |
//! | stopped before it took effect; a read that is here for its query id | nothing: a replay runs it |
//! | detached: the gateway shuts down, the query goes on in the backend | the query id: a replay fetches the result |
//! | the gateway dies | what is there: a replay is answered with "outcome unknown", or fetches by query id |

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rmcp::model::{CallToolResult, ContentBlock};
use snowgate_link::credit::Window;
use tracing::Instrument;

use super::facts::{RepeatKey, RequestFacts};
use super::failure;
use super::request_record::JournalTrace;
use crate::backend::{BackendError, BoxFuture, ErrorKind, WriteJournal};
use crate::session::{Session, kept_name};
use crate::shared::Shared;
use crate::state::{
    AuditDraft, Begin, Digest, Entry, FAILED, RAN, RESULT_BYTES_MAX, RequestKey, RunningWrites, StateError,
    StateStore,
};

/// How long a replayed statement waits for the same one, which still runs for a connection that broke.
const RUNNING_TIMEOUT: Duration = Duration::from_secs(10);

/// A tool call's statement, as the journal sees it.
#[derive(Debug)]
pub(super) struct JournaledStatement {
    key: RequestKey,
    /// Of its text, and of where and for which profile it is to run.
    digest: Digest,
    /// Of its text alone: what people are told, and what builds wrote that knew one connection only.
    text: Digest,
    /// Whether an earlier gateway may have run it, and the journal cannot tell.
    may_have_run: bool,
    /// Set once it is in the journal.
    is_begun: AtomicBool,
    /// Set once the audit trail's outbox has it: its record is to be taken from there if this gateway cannot write it.
    is_in_outbox: Arc<AtomicBool>,
    /// What is put there.
    draft: OnceLock<AuditDraft>,
    /// Whether an earlier gateway submitted it: an error that says nothing of the query leaves its entry.
    is_fetched: bool,
    /// Set if it is in the journal for its query id alone, and could run again.
    is_read: AtomicBool,
    state: Arc<StateStore>,
    running: Arc<RunningWrites>,
    /// What it is found by when its client sends it again.
    repeat_key: Option<Arc<RepeatKey>>,
    /// Finished statements of the session that its shim may still ask for: so many are kept.
    keep: usize,
}

/// Why the outcome of a statement is unknown whose entry is of another connection, account, folder or profile.
const ELSEWHERE: &str = "the session has another connection or profile now than the one it was begun on";

/// What to do with a statement.
pub(super) enum JournalDecision {
    /// Run it, with this to ask before it changes anything.
    Run(Arc<JournaledStatement>),
    /// An earlier gateway ran it as the query of this id: fetch its result.
    Fetch(Arc<JournaledStatement>, String),
    /// It has an answer already.
    Answer(CallToolResult),
}

/// Whether an error of this kind says how a query ended that an earlier gateway submitted.
fn tells_of_query(kind: ErrorKind) -> bool {
    match kind {
        ErrorKind::Statement | ErrorKind::TimedOut | ErrorKind::OutcomeUnknown => true,
        ErrorKind::NoContext
        | ErrorKind::Refused
        | ErrorKind::LimitReached
        | ErrorKind::Cancelled
        | ErrorKind::Busy
        | ErrorKind::Exhausted
        | ErrorKind::Unavailable
        | ErrorKind::StateLost
        | ErrorKind::Detached => false,
    }
}

impl JournaledStatement {
    /// Looks into the journal if an earlier gateway may have run the statement already, whose text has the digest `text`.
    pub(super) async fn look_up(
        shared: &Shared,
        session: &Session,
        facts: &RequestFacts,
        text: Digest,
    ) -> JournalDecision {
        // Where nothing says where it would run, it is no statement that the journal has.
        let pool = shared.pool(&session.profile).await.ok();
        let place = pool.as_ref().map_or("", |pool| pool.place().as_str());
        let mut statement = Self {
            key: RequestKey { session: session.key.id.clone(), number: facts.journal_number() },
            digest: text.at(place, &kept_name(&session.profile.name)),
            text,
            may_have_run: facts.replayed && !session.journal_is_whole,
            is_begun: AtomicBool::new(false),
            is_in_outbox: Arc::default(),
            draft: OnceLock::new(),
            is_fetched: false,
            is_read: AtomicBool::new(false),
            state: Arc::clone(&shared.state),
            running: Arc::clone(&shared.writes),
            repeat_key: facts.line.repeat_key.clone(),
            // An answer beyond these has been written long ago, and the shim has said that it got it.
            keep: Window::default().frames as usize + shared.config.gateway.session_requests_max,
        };
        if !facts.replayed {
            return JournalDecision::Run(Arc::new(statement));
        }
        // If it takes longer, its outcome is unknown: that is what the journal says, too.
        statement.running.wait_for(&statement.key, RUNNING_TIMEOUT).await;
        match statement.read_entry().await {
            Ok(None) => {}
            Ok(Some(entry)) => return statement.decide(entry),
            Err(()) => statement.may_have_run = true,
        }
        JournalDecision::Run(Arc::new(statement))
    }

    /// What to do with a statement that the journal has.
    fn decide(mut self, mut entry: Entry) -> JournalDecision {
        let is_same = self.is_in(&entry);
        let query_id = entry.query_id.take_if(|_| entry.result.is_none() && is_same);
        let Some(query_id) = query_id else { return JournalDecision::Answer(self.answer(&entry)) };
        tracing::Span::current().record("query_id", &query_id);
        tracing::info!("fetching the result of an earlier gateway's query");
        self.is_read.store(entry.is_read, Ordering::Release);
        self.is_fetched = true;
        self.is_in_outbox.store(!entry.is_read, Ordering::Release);
        self.set_begun();
        JournalDecision::Fetch(Arc::new(self), query_id)
    }

    /// Whether `entry` is of this statement: the same text, there and for the same profile.
    fn is_in(&self, entry: &Entry) -> bool {
        entry.digest == self.digest || entry.digest == self.text
    }

    /// From here on it is in the journal.
    fn set_begun(&self) {
        self.running.insert(self.key.clone());
        self.is_begun.store(true, Ordering::Release);
    }

    async fn read_entry(&self) -> Result<Option<Entry>, ()> {
        self.state.entry(&self.key.session, self.key.number).await.map_err(|error| {
            tracing::warn!(%error, "cannot look up a replayed statement in the journal");
        })
    }

    /// The answer to a statement that reached the backend before.
    fn answer(&self, entry: &Entry) -> CallToolResult {
        let result = entry.result.as_deref().filter(|_| self.is_in(entry));
        let result = match result {
            Some(RAN) => Some(ran()),
            Some(FAILED) => Some(failure::of_statement(
                "The statement ran once and failed. Its error was not kept when the gateway that ran it went away."
                    .to_owned(),
            )),
            other => other.and_then(|result| serde_json::from_str(result).ok()),
        };
        match result {
            Some(result) => {
                tracing::info!("answered from the journal");
                result
            }
            None if self.is_in(entry) => failure::result(&unknown(Some((entry, self.text)))),
            None => failure::result(&unknown_because(ELSEWHERE, Some((entry, self.text)))),
        }
    }

    /// Writes down how the statement ended, if it is in the journal. Call before the client sees the result.
    pub(super) async fn settle(self: Arc<Self>, result: &Result<CallToolResult, BackendError>) {
        if !self.is_begun.load(Ordering::Acquire) {
            return;
        }
        let ending = self.ending(result);
        // On a task of its own: it is written down even if the caller is dropped.
        let writing = async move { self.write_ending(ending).await }.in_current_span();
        // A panic in there is in the log, and leaves the outcome unknown.
        let _ = tokio::spawn(writing).await;
    }

    /// For the record of a request: its number in the journal, and whether it got there.
    pub(super) fn trace(&self) -> JournalTrace {
        JournalTrace { number: self.key.number, is_begun: Arc::clone(&self.is_in_outbox), is_settled: false }
    }

    /// Says what the outbox of the audit trail is to have of it.
    pub(super) fn describe(&self, draft: AuditDraft) {
        // Twice only for the same request, whose first description is as good.
        let _ = self.draft.set(draft);
    }

    /// Whether `result` is all that is to be heard of it: no later gateway finds out more.
    pub(super) fn is_settled_by(&self, result: &Result<CallToolResult, BackendError>) -> bool {
        match result {
            Err(error) if error.kind == ErrorKind::Detached => false,
            Err(error) => !self.is_fetched || tells_of_query(error.kind),
            Ok(_) => true,
        }
    }

    fn ending(&self, result: &Result<CallToolResult, BackendError>) -> Ending {
        match result {
            // The next gateway fetches its result.
            Err(error) if error.kind == ErrorKind::Detached => Ending::Detached,
            _ if self.is_read.load(Ordering::Acquire) => Ending::Forgotten,
            // The query was not asked about: it is what it was, and the next replay asks.
            Err(error) if self.is_fetched && !tells_of_query(error.kind) => Ending::Detached,
            // It was stopped before it changed anything: the client did that and wants no answer, or the
            // gateway, and the next one may run it.
            Err(error) if error.kind == ErrorKind::Cancelled => Ending::Forgotten,
            Err(error) => Ending::Result(to_text(&failure::result(error))),
            Ok(result) => Ending::Result(to_text(result)),
        }
    }

    async fn write_ending(&self, ending: Ending) {
        let (session, request) = (self.key.session.as_str(), self.key.number);
        let noted = match ending {
            Ending::Detached => Ok(()),
            Ending::Forgotten => self.state.forget(session, request).await,
            Ending::Result(text) => self.state.finish(session, request, text, self.keep).await,
        };
        if let Err(error) = noted {
            tracing::warn!(%error, "cannot write to the journal how a statement ended");
        }
        self.running.remove(&self.key);
    }

    async fn try_begin(&self, query_id: Option<&str>) -> Result<(), BackendError> {
        if self.may_have_run {
            return Err(unknown(None));
        }
        // Asked again: the backend was refused before anything was carried out.
        if self.is_begun.load(Ordering::Acquire) {
            return Ok(());
        }
        let (session, request) = (&self.key.session, self.key.number);
        let repeat = self.repeat_key.as_ref().map(|key| key.row());
        let draft = self.draft.get().cloned();
        match self
            .state
            .begin(session, request, self.digest, query_id, repeat, draft)
            .await
            .map_err(|error| refused(&error))?
        {
            Begin::Begun(begun) => {
                begun.keep();
                self.is_in_outbox.store(self.draft.get().is_some(), Ordering::Release);
                if let Some(key) = &self.repeat_key {
                    key.is_journaled.store(true, Ordering::Release);
                }
                self.set_begun();
                Ok(())
            }
            // Of the same request: for a connection that broke, or by an earlier gateway.
            Begin::Conflict(entry) => {
                Err(unknown_because("another run of this statement was begun", Some((&entry, self.text))))
            }
        }
    }

    async fn try_record(&self, query_id: &str) {
        let (session, request) = (&self.key.session, self.key.number);
        if let Err(error) = self.state.record_query_id(session, request, self.digest, query_id).await {
            // A later gateway runs a read again, and answers "outcome unknown" to a write.
            tracing::warn!(query_id, %error, "cannot write a query id to the journal");
        } else if !self.is_begun.load(Ordering::Acquire) {
            self.is_read.store(true, Ordering::Release);
            self.set_begun();
        }
    }
}

impl Drop for JournaledStatement {
    /// If its call was dropped before it could settle it.
    fn drop(&mut self) {
        if *self.is_begun.get_mut() {
            self.running.remove(&self.key);
        }
    }
}

/// How a statement that is in the journal ends.
enum Ending {
    Result(String),
    Forgotten,
    Detached,
}

impl WriteJournal for JournaledStatement {
    fn begin<'a>(&'a self, query_id: Option<&'a str>) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(self.try_begin(query_id))
    }

    fn record_query_id<'a>(&'a self, query_id: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(self.try_record(query_id))
    }
}

/// The answer to a statement that cannot be journaled.
pub(super) fn refused(error: &StateError) -> BackendError {
    let message = format!("the write journal is unavailable: {error}");
    let next_step = if error.is_busy() {
        "end the program that holds that file, or try again in a moment; nothing was run"
    } else {
        "make the state folder writable, or free space there; nothing was run"
    };
    BackendError::new(ErrorKind::Refused, message).with_next_step(next_step)
}

/// The answer to a statement that may have run, with all that is known.
pub(super) fn unknown(entry: Option<(&Entry, Digest)>) -> BackendError {
    unknown_because("the gateway that ran this statement is gone", entry)
}

/// `entry` is with the digest of the statement's text.
fn unknown_because(why: &str, entry: Option<(&Entry, Digest)>) -> BackendError {
    let message = format!("outcome unknown: {why}, and it may have taken effect");
    let (message, query_id) = match entry {
        None => (message, None),
        Some((entry, text)) => {
            let message = format!("{message} (it began {} ago, SHA-256 {}...)", entry.age(), text.short());
            (message, entry.query_id.clone())
        }
    };
    let mut error = BackendError::new(ErrorKind::OutcomeUnknown, message);
    error.query_id = query_id;
    error.with_next_step("check the data before you run it again")
}

/// A result as the journal keeps it. One that is too long is cut, and says so.
fn to_text(result: &CallToolResult) -> String {
    let texts = result.content.iter().filter_map(|content| content.as_text());
    // JSON makes it no shorter: a long one need not be written to see that.
    if texts.map(|text| text.text.len()).sum::<usize>() <= RESULT_BYTES_MAX {
        // A result holds nothing that JSON cannot say.
        let text = serde_json::to_string(result).unwrap_or_default();
        if text.len() <= RESULT_BYTES_MAX {
            return text;
        }
    }
    if result.is_error == Some(true) {
        return cut_error(result);
    }
    serde_json::to_string(&ran()).unwrap_or_default()
}

/// Stands for a result that was not kept.
fn ran() -> CallToolResult {
    let note = "The statement ran once and succeeded. Its result was too long to be kept when the gateway that ran it \
                went away: read the rows with a query, and do not run the statement again.";
    CallToolResult::success(vec![ContentBlock::text(note)])
}

/// An error that is too long for the journal: its beginning.
fn cut_error(result: &CallToolResult) -> String {
    let text =
        result.content.first().and_then(|content| content.as_text()).map_or("", |text| text.text.as_str());
    // Escaped, a character takes six bytes at most; a quarter is left for what is around the text.
    let kept: String = text.chars().take(RESULT_BYTES_MAX / 8).collect();
    let mut error = CallToolResult::error(vec![ContentBlock::text(format!("{kept}... (cut)"))]);
    error.meta = failure::kind_alone(result);
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
        let error = unknown(Some((&entry, entry.digest)));
        assert!(error.message.starts_with("outcome unknown: "), "{error}");
        assert_eq!(error.query_id.as_deref(), Some("01b"));
        assert!(error.message.contains("SHA-256 2d711642b726"), "{error}");
    }
}
