//! Calls whose statements take longer than their clients wait: answered in time, with a handle.
//!
//! | what happens | what becomes of the call |
//! |---|---|
//! | the statement ends within `answer_within_ms` | it is answered with its result |
//! | it does not | it is written down, and answered with its handle; the statement goes on, as a task of its own |
//! | that ends | its result is written down, and `get_result` returns it |
//! | the gateway ends, or the connection of its shim | the call stays written down: the next `get_result` sends it again, as a shim does that finds another gateway. The journal says what has become of the statement: a write runs once, and of a query with an id the result is fetched |
//! | the client is gone for good | the statement is stopped |

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rmcp::model::{CallToolRequestParams, CallToolResult, ContentBlock, JsonObject, MetaObject};
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::call::Call;
use super::kept::CallKept;
use super::logged::LineSlot;
use super::request_record::RequestRecord;
use super::tool_call::{CallRefusal, ToolCall};
use super::{LineFacts, META_RESULT, RequestFacts, RowFormat};
use crate::backend::{BackendError, ErrorKind};
use crate::results::{Handle, Kept, PendingCall};
use crate::session::{ContextOrigin, LongCall, Session, SessionContext};
use crate::state::now_ms;

/// How often a client that asked for it is told how far a statement is that it waits for.
const TELL_INTERVAL: Duration = Duration::from_secs(2);

/// What is left of a client's patience, mostly 60 s, where a gateway has died at the end of the time that it had for an answer.
const REPLAYED_WITHIN: Duration = Duration::from_secs(8);

/// The result of a call, when it has one.
pub(super) type Answering = Pin<Box<dyn Future<Output = CallToolResult> + Send>>;

/// Why a call is waited for, which comes back.
enum NoHandle {
    /// The session has too many that go on: it may be tried again once one has ended.
    NoPlace(Answering),
    /// It cannot be written down.
    NotWrittenDown(Answering),
}

/// How a call is answered.
pub(super) enum InTime {
    /// With its result.
    Result(CallToolResult),
    /// With its handle: the statement goes on.
    Handle(Handle, Arc<LongCall>),
}

impl Call {
    /// The call's answer, as a future of its own.
    pub(super) fn answering(self: &Arc<Self>, parsed: ToolCall) -> Answering {
        let call = Arc::clone(self);
        Box::pin(async move { call.answer(parsed).await })
    }

    /// Whether the call may be answered before its statement has ended.
    pub(super) fn may_be_long(&self, parsed: &ToolCall) -> bool {
        let is_statement = matches!(
            parsed,
            ToolCall::ExecuteQuery(_)
                | ToolCall::QueryView(_)
                | ToolCall::ExportResult(_)
                | ToolCall::Saved(_)
        );
        is_statement
            && !self.profile.caps.answer_within.is_zero()
            && self.may_keep()
            && self.facts.line.format == RowFormat::Text
    }

    /// After what time the call is answered. One that was sent to an earlier gateway, too, has waited for that already, for an unknown time.
    pub(super) fn answer_within(&self) -> Duration {
        let within = self.profile.caps.answer_within;
        if self.facts.replayed { within.min(REPLAYED_WITHIN) } else { within }
    }

    /// Waits for `answering`, and no longer than the profile says. `params`: what the client sent; `line`: says what became of the
    /// request, once that is known.
    pub(super) async fn in_time(
        self: Arc<Self>,
        mut answering: Answering,
        params: CallToolRequestParams,
        line: Option<LineSlot>,
    ) -> InTime {
        tokio::select! {
            biased;
            result = &mut answering => return InTime::Result(result),
            () = tokio::time::sleep(self.answer_within()) => {}
        }
        loop {
            // Before the attempt: a place that becomes free in between is not missed.
            let one_leaves = self.session.long_calls.one_leaves();
            match self.go_on(&params, answering, line.as_ref()).await {
                Ok((handle, long)) => return InTime::Handle(handle, long),
                Err(NoHandle::NoPlace(back)) => answering = back,
                Err(NoHandle::NotWrittenDown(answering)) => return InTime::Result(answering.await),
            }
            // Without a handle it is waited for.
            tokio::select! {
                biased;
                result = &mut answering => return InTime::Result(result),
                () = one_leaves => {}
            }
        }
    }

    /// Has `answering` go on under a handle.
    async fn go_on(
        self: &Arc<Self>,
        params: &CallToolRequestParams,
        answering: Answering,
        line: Option<&LineSlot>,
    ) -> Result<(Handle, Arc<LongCall>), NoHandle> {
        let Some(handle) = self.kept.handle() else { return Err(NoHandle::NotWrittenDown(answering)) };
        let began_ms = now_ms() - i64::try_from(self.answer_within().as_millis()).unwrap_or_default();
        let Some(place) = Place::enter(self, &handle, began_ms) else {
            return Err(NoHandle::NoPlace(answering));
        };
        if !self.write_down(&handle, params, began_ms).await {
            return Err(NoHandle::NotWrittenDown(answering));
        }
        let long = Arc::clone(&place.long);
        self.spawn(place, answering, line);
        Ok((handle, long))
    }

    /// Writes down that the call goes on. Returns whether it could be; if not, rows that it leaves behind are those of a call that has ended.
    async fn write_down(&self, handle: &Handle, params: &CallToolRequestParams, began_ms: i64) -> bool {
        let record = self.kept.change(|record| {
            self.name(record);
            record.call = Some(PendingCall {
                number: self.facts.number,
                // Nothing is in there that JSON cannot say.
                params: serde_json::to_value(params).unwrap_or_default(),
                context: self.facts.context.clone().kept(),
                began_ms,
            });
        });
        let saved = self.shared.results.save(&self.session.key.id, handle, record, None).await;
        if let Err(error) = &saved {
            tracing::warn!(%error, "a long call cannot be written down: it is waited for");
            self.kept.change(|record| record.call = None);
        }
        saved.is_ok()
    }

    /// Has `answering` go on as a task of its own.
    fn spawn(self: &Arc<Self>, place: Place, answering: Answering, line: Option<&LineSlot>) {
        let (call, line) = (Arc::clone(self), line.and_then(LineSlot::take));
        let going_on = async move {
            let result = answering.await;
            let is_known = call.is_known();
            if let Some(line) = line {
                line.note(&result);
            }
            // Its memory was kept for an answer that has been written.
            drop(call.session.results.take(call.facts.number));
            if is_known {
                call.finish(place, &result).await;
            }
        };
        tokio::spawn(going_on.in_current_span());
    }

    /// Whether the call has a result that counts: not where the gateway, or its connection, ends first.
    fn is_known(&self) -> bool {
        let error = self.record.seen().error;
        let is_cut_off = self.session.gone.is_cancelled() && !self.cancel.is_cancelled();
        !(error == Some("detached") || (is_cut_off && error == Some("cancelled")))
    }

    async fn finish(&self, place: Place, result: &CallToolResult) {
        // Nothing is in there that JSON cannot say.
        let record = self.kept.change(|record| record.result = serde_json::to_value(result).ok());
        let (session, handle) = (&self.session.key.id, &place.handle);
        match self.shared.results.save(session, handle, record.clone(), None).await {
            Ok(()) => place.end(),
            Err(error) => {
                tracing::warn!(%error, "the result of a long call cannot be written down: it is kept in memory");
                place.end_unsaved(record);
            }
        }
    }

    /// The call `kept`, sent again if an earlier gateway, or connection, had it.
    pub(super) async fn resumed(&self, handle: &Handle, kept: Kept) -> Result<Resumed, BackendError> {
        let calls = &self.session.long_calls;
        let _one_at_a_time = calls.resuming.lock().await;
        if let Some(long) = calls.find(handle) {
            let Some(kept) = long.unsaved.get() else { return Ok(Resumed::Running(long)) };
            self.save_unsaved(handle, kept).await;
            return Ok(Resumed::Ended(Box::new(kept.clone())));
        }
        // It may have ended since its record was read.
        let kept = self.reread(handle).await.unwrap_or(kept);
        if !kept.is_running() {
            return Ok(Resumed::Ended(Box::new(kept)));
        }
        self.send_again(handle, kept).map(Resumed::Running)
    }

    /// Tries again to write down the result of a call.
    async fn save_unsaved(&self, handle: &Handle, kept: &Kept) {
        let saved = self.shared.results.save(&self.session.key.id, handle, kept.clone(), None).await;
        if saved.is_ok() {
            self.session.long_calls.leave(handle);
        }
    }

    async fn reread(&self, handle: &Handle) -> Option<Kept> {
        self.shared.results.load(&self.session.key.id, handle).await.ok().flatten()
    }

    fn send_again(&self, handle: &Handle, kept: Kept) -> Result<Arc<LongCall>, BackendError> {
        let Some(pending) = kept.call.clone() else { return Err(lost(handle)) };
        let params: CallToolRequestParams =
            serde_json::from_value(pending.params).map_err(|_| lost(handle))?;
        let origin =
            if pending.context.is_set == Some(true) { ContextOrigin::Set } else { ContextOrigin::Profile };
        let context =
            SessionContext { context: pending.context.context, lost: None, origin, at: pending.context.at };
        let call = Arc::new(Self {
            shared: Arc::clone(&self.shared),
            session: Arc::clone(&self.session),
            profile: Arc::clone(&self.profile),
            facts: RequestFacts {
                number: pending.number,
                replayed: true,
                context,
                correlation: self.facts.correlation.clone(),
                line: LineFacts::default(),
            },
            cancel: CancellationToken::new(),
            active: self.session.calls.begin(pending.number),
            progress: None,
            record: Arc::new(RequestRecord::new()),
            log: None,
            admission: OnceLock::new(),
            consent: super::consent::Consent::default(),
            kept: CallKept::of(handle.clone(), kept),
        });
        let parsed = ToolCall::parse(params, &self.profile).map_err(|refusal| match refusal {
            CallRefusal::InvalidArguments(_) | CallRefusal::UnknownTool(_) => lost(handle),
        })?;
        let place = Place::enter(&call, handle, pending.began_ms).ok_or_else(too_many)?;
        tracing::info!(
            request = pending.number,
            "a long call goes on that an earlier gateway or connection began"
        );
        let (long, line) = (Arc::clone(&place.long), LineSlot::of_call(&call));
        let answering = call.answering(parsed);
        call.spawn(place, answering, Some(&line));
        Ok(long)
    }

    /// Waits for the call `kept` for `wait` at most. An error: how far it is.
    pub(super) async fn wait_for_long(
        &self,
        handle: &Handle,
        kept: Kept,
        wait: Duration,
    ) -> Result<Result<Kept, CallToolResult>, BackendError> {
        let long = match self.resumed(handle, kept).await? {
            Resumed::Running(long) => long,
            Resumed::Ended(kept) => return Ok(Ok(*kept)),
        };
        if !self.wait_telling(&long, wait).await {
            return Ok(Err(still_running(handle, &long)));
        }
        if let Some(kept) = long.unsaved.get() {
            return Ok(Ok(kept.clone()));
        }
        match self.reread(handle).await {
            Some(kept) if !kept.is_running() => Ok(Ok(kept)),
            _ => Ok(Err(still_running(handle, &long))),
        }
    }

    /// Waits, and tells its client meanwhile how far the statement is, if that has asked.
    async fn wait_telling(&self, long: &LongCall, wait: Duration) -> bool {
        let ends = tokio::time::Instant::now() + wait;
        loop {
            let left = ends.saturating_duration_since(tokio::time::Instant::now());
            let is_over = tokio::select! {
                biased;
                () = self.cancel.cancelled() => return false,
                () = self.session.gone.cancelled() => return false,
                // The next gateway can be asked: nothing is lost, and this one has not to be waited for.
                () = self.shared.shutdown.drain.cancelled() => return false,
                is_over = long.wait(left.min(TELL_INTERVAL)) => is_over,
            };
            if is_over || left <= TELL_INTERVAL {
                return is_over;
            }
            if let Some(progress) = &self.progress {
                progress.tell(long.progress()).await;
            }
        }
    }
}

/// What has become of a call that was written down.
pub(super) enum Resumed {
    /// It is under way.
    Running(Arc<LongCall>),
    /// It has its result.
    Ended(Box<Kept>),
}

/// A call's place among the long ones of its session; it leaves when that is dropped, however its task ends.
struct Place {
    session: Arc<Session>,
    handle: Handle,
    long: Arc<LongCall>,
    done: watch::Sender<bool>,
    stays: bool,
}

impl Place {
    /// `None`: there are too many.
    fn enter(call: &Call, handle: &Handle, began_ms: i64) -> Option<Self> {
        let (done, is_done) = watch::channel(false);
        let long = Arc::new(LongCall {
            number: call.facts.number,
            began_ms,
            stop: call.cancel.clone(),
            is_running: call.active.is_running(),
            read: Arc::clone(&call.kept.read),
            done: is_done,
            unsaved: OnceLock::new(),
        });
        let session = Arc::clone(&call.session);
        let is_entered = session.long_calls.enter(handle.clone(), Arc::clone(&long));
        is_entered.then(|| Self { session, handle: handle.clone(), long, done, stays: false })
    }

    /// The call's result is written down.
    fn end(self) {
        self.session.long_calls.leave(&self.handle);
        self.done.send_replace(true);
    }

    /// The call has ended as `record` says, which could not be written down.
    fn end_unsaved(mut self, record: Kept) {
        // Set once: a call ends once.
        let _ = self.long.unsaved.set(record);
        self.session.long_calls.note_unsaved();
        self.stays = true;
        self.done.send_replace(true);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.stays {
            self.session.long_calls.leave(&self.handle);
        }
    }
}

/// The result of a call whose statement goes on.
pub(super) fn still_running(handle: &Handle, long: &LongCall) -> CallToolResult {
    let text = format!(
        "Still at work ({}); the statement goes on. get_result {{\"handle\":\"{handle}\"}} waits for its result, cancel_query \
         {{\"handle\":\"{handle}\"}} stops it. Do not send the statement again.",
        long.progress()
    );
    let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
    let meta = json!({"handle": handle.as_str(), "running": true});
    result.meta = Some(MetaObject(JsonObject::from_iter([(META_RESULT.to_owned(), meta)])));
    result
}

fn lost(handle: &Handle) -> BackendError {
    let message =
        format!("what is written down of {handle} cannot be read: another version of the gateway wrote it");
    BackendError::new(ErrorKind::OutcomeUnknown, message)
        .with_next_step("check the data before you run it again")
}

fn too_many() -> BackendError {
    BackendError::new(ErrorKind::Busy, "too many statements of this session still run")
        .with_next_step("wait for one with get_result, or stop one with cancel_query")
}
