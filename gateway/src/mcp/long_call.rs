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
use std::time::{Duration, Instant};

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
use crate::session::{ContextOrigin, LongCall, SessionContext};
use crate::state::now_ms;

/// How often a client that asked for it is told how far a statement is that it waits for.
const TELL_INTERVAL: Duration = Duration::from_secs(2);

/// What a call comes to.
pub(super) type Answering = Pin<Box<dyn Future<Output = CallToolResult> + Send>>;

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
            () = tokio::time::sleep(self.profile.caps.answer_within) => {}
        }
        match self.write_down(&params).await {
            Some(handle) => match self.go_on(handle.clone(), answering, line) {
                Ok(long) => InTime::Handle(handle, long),
                Err(answering) => InTime::Result(answering.await),
            },
            // Without a handle it is waited for.
            None => InTime::Result(answering.await),
        }
    }

    /// Writes down that the call goes on; `None`: it cannot be.
    async fn write_down(&self, params: &CallToolRequestParams) -> Option<Handle> {
        let handle = self.kept.handle()?;
        let record = self.kept.change(|record| {
            self.name(record);
            record.call = Some(PendingCall {
                number: self.facts.number,
                // Nothing is in there that JSON cannot say.
                params: serde_json::to_value(params).unwrap_or_default(),
                context: self.facts.context.clone().kept(),
                began_ms: now_ms(),
            });
        });
        let saved = self.shared.results.save(&self.session.key.id, &handle, record, None).await;
        saved
            .inspect_err(
                |error| tracing::warn!(%error, "a long call cannot be written down: it is waited for"),
            )
            .ok()?;
        Some(handle)
    }

    /// Has `answering` go on as a task of its own. Where the session has too many of those it comes back.
    fn go_on(
        self: &Arc<Self>,
        handle: Handle,
        answering: Answering,
        line: Option<LineSlot>,
    ) -> Result<Arc<LongCall>, Answering> {
        let (done, is_done) = watch::channel(false);
        let long = Arc::new(LongCall {
            number: self.facts.number,
            began: Instant::now().checked_sub(self.profile.caps.answer_within).unwrap_or_else(Instant::now),
            stop: self.cancel.clone(),
            is_running: self.active.is_running(),
            read: Arc::clone(&self.kept.read),
            done: is_done,
        });
        if !self.session.long_calls.enter(handle.clone(), Arc::clone(&long)) {
            return Err(answering);
        }
        let (call, line) = (Arc::clone(self), line.and_then(|line| line.take()));
        let going_on = async move {
            let result = answering.await;
            let is_known = call.is_known();
            if let Some(line) = line {
                line.note(&result);
            }
            if is_known {
                call.finish(&handle, &result).await;
            }
            // Its memory was kept for an answer that has been given.
            drop(call.session.results.take(call.facts.number));
            call.session.long_calls.leave(&handle);
            let _ = done.send(is_known);
        };
        tokio::spawn(going_on.in_current_span());
        Ok(long)
    }

    /// Whether it is known what the call came to: not where the gateway, or its connection, ends first.
    fn is_known(&self) -> bool {
        let error = self.record.seen().error;
        let is_cut_off = self.session.gone.is_cancelled() && !self.cancel.is_cancelled();
        !(error == Some("detached") || (is_cut_off && error == Some("cancelled")))
    }

    async fn finish(&self, handle: &Handle, result: &CallToolResult) {
        // Nothing is in there that JSON cannot say.
        let record = self.kept.change(|record| record.result = serde_json::to_value(result).ok());
        if let Err(error) = self.shared.results.save(&self.session.key.id, handle, record, None).await {
            tracing::warn!(%error, "what a long call came to cannot be written down");
        }
    }

    /// The call `kept`, under way again if an earlier gateway, or connection, had it.
    pub(super) async fn resumed(&self, handle: &Handle, kept: Kept) -> Result<Arc<LongCall>, BackendError> {
        if let Some(long) = self.session.long_calls.find(handle) {
            return Ok(long);
        }
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
        tracing::info!(
            request = pending.number,
            "a long call goes on that an earlier gateway or connection began"
        );
        let line = LineSlot::of_call(&call);
        let answering = call.answering(parsed);
        call.go_on(handle.clone(), answering, Some(line)).map_err(|_| too_many())
    }

    /// Waits for the call `kept` for `wait` at most. An error: how far it is.
    pub(super) async fn wait_for_long(
        &self,
        handle: &Handle,
        kept: Kept,
        wait: Duration,
    ) -> Result<Result<Kept, CallToolResult>, BackendError> {
        let long = self.resumed(handle, kept).await?;
        if !self.wait_telling(&long, wait).await {
            return Ok(Err(still_running(handle, &long)));
        }
        let found = self.shared.results.load(&self.session.key.id, handle).await;
        match found.ok().flatten() {
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
