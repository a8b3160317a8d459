//! One session's MCP service: what `rmcp` asks, answered.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CancelTaskParams, CompleteRequestParams, CompleteResult,
    CreateTaskResult, CustomRequest, CustomResult, ErrorCode, GetTaskParams, GetTaskResult, Implementation,
    InitializeRequestParams, InitializeResult, ListResourceTemplatesResult, ListResourcesResult,
    ListToolsResult, PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse,
    ResourceListChangedNotification, ServerCapabilities, ServerConfig, ServerNotification,
    SubscriptionFilter, ToolListChangedNotification, UpdateTaskParams,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use snowgate_link::BUILD;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::app;
use super::call::Call;
use super::client_log::{self, ClientLog, SetLevel};
use super::consent::Consent;
use super::facts::{About, RequestFacts, UnreadableArgument};
use super::kept::CallKept;
use super::logged::LineSlot;
use super::long_call::{InTime, still_running};
use super::progress::Progress;
use super::request_record::RequestRecord;
use super::saved_question::call_digest;
use super::tasks::takes_tasks;
use super::tool_call::{CallRefusal, ToolCall};
use super::{Mcp, ToolList, resources, shown};
use crate::backend::Context;
use crate::config::log_targets::SPANS;
use crate::session::{ClientIdentity, Era, Session};

/// The most important sentence first: clients cut the end off, some at 2 KB.
const INSTRUCTIONS: &str = "\
Query SQL databases: execute_query runs one SQL statement a call; list_tables and describe_table show what there is. \
Unqualified names resolve in the session's context (session_info, set_context). Results are lines of values joined by |: \
NULL is a missing value, \"NULL\" that text. What is cut, at `limit` or a size, is said before and behind the rows.";

/// The MCP service of one session. Holds that session and nothing of any other.
pub struct SqlService {
    mcp: Arc<Mcp>,
    session: Arc<Session>,
}

impl SqlService {
    /// The service of `session`.
    pub(super) fn new(mcp: Arc<Mcp>, session: Arc<Session>) -> Self {
        Self { mcp, session }
    }

    /// The session.
    pub(super) fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// The tools that the session is offered.
    pub(super) fn offered_tools(&self) -> Arc<ToolList> {
        self.mcp.tools(&self.session.profile)
    }

    /// Whether the client shows the page for results, and is to be told of it.
    fn is_app_shown(&self, context: &RequestContext<RoleServer>) -> bool {
        !self.session.profile.hides_app && app::is_shown_by(context.client_capabilities().as_ref())
    }

    /// The span of a request: every event on its behalf carries session, number and, once known, query id.
    fn request_span(&self, context: &RequestContext<RoleServer>) -> Span {
        let facts = context.extensions.get::<RequestFacts>();
        let no_parts = [("", None); 4];
        let [trace, tool_use, conversation, client_session] =
            facts.map_or(no_parts, |facts| facts.correlation.parts()).map(|(_, value)| value);
        tracing::error_span!(
            target: SPANS, parent: &self.session.span, "request",
            request = facts.map(|facts| facts.number), query_id = Empty, traceparent = trace,
            tool_use_id = tool_use, conversation_id = conversation, client_session
        )
    }

    /// Answers `initialize`.
    fn open(
        &self,
        mut request: InitializeRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        let result = self.negotiate_initialize(&request)?;
        if let Some(told) = &self.session.revision
            && *told != result.protocol_version.to_string()
        {
            tracing::warn!(told, now = %result.protocol_version,
                "this gateway would speak another revision of the protocol than the client was told");
        }
        // A client that asks for a stateless revision here gets an older one, and must then be spoken to in
        // that one.
        request.protocol_version = result.protocol_version.clone();
        self.session.set_client(ClientIdentity {
            name: Some(request.client_info.name.clone()).filter(|name| !name.is_empty()),
            version: Some(request.client_info.version.clone()).filter(|version| !version.is_empty()),
            era: Era::Handshake(result.protocol_version.to_string()),
        });
        context.peer.set_peer_info(request);
        // One that comes back has been told that it is open: its calls are refused.
        if let Err(full) = self.mcp.shared.sessions.take_seat(&self.session)
            && !self.session.is_resumed
        {
            tracing::warn!(setting = full.setting, "a session was refused: its client has too many");
            return Err(ErrorData::internal_error(format!("{full}; {}", full.next_step()), None));
        }
        Ok(result)
    }

    /// A call of the request in `context`, which `cancel` stops.
    pub(super) fn new_call(
        &self,
        context: &RequestContext<RoleServer>,
        consent: Consent,
        cancel: CancellationToken,
    ) -> Result<Call, ErrorData> {
        let Some(facts) = context.extensions.get::<RequestFacts>() else {
            return Err(ErrorData::internal_error("the request came past the intake", None));
        };
        let record = context.extensions.get::<Arc<RequestRecord>>().cloned();
        // No request is older than its session.
        let asked_before = facts.replayed.then(|| self.session.started_at.elapsed().unwrap_or_default());
        Ok(Call {
            shared: Arc::clone(&self.mcp.shared),
            session: Arc::clone(&self.session),
            profile: Arc::clone(&self.session.profile),
            facts: facts.clone(),
            cancel,
            active: self.session.calls.begin(facts.number),
            progress: Progress::of(context, About(facts.number), asked_before),
            record: record.unwrap_or_else(|| Arc::new(RequestRecord::new())),
            log: ClientLog::of(context, &self.session, About(facts.number)),
            admission: OnceLock::new(),
            kept: CallKept::default(),
            consent,
        })
    }

    /// The answer to `call`, in time.
    async fn answer(
        &self,
        call: Arc<Call>,
        parsed: ToolCall,
        sent: CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> CallToolResponse {
        let may_be_long = call.may_be_long(&parsed);
        // On the heap: `rmcp` moves the future of a request several times, with all that is in it.
        let answering = call.answering(parsed);
        let line = context.extensions.get::<LineSlot>().cloned();
        let stop = &call.cancel;
        let in_time = async {
            if may_be_long {
                Arc::clone(&call).in_time(answering, sent, line).await
            } else {
                InTime::Result(answering.await)
            }
        };
        let mut in_time = pin!(in_time);
        let answer = tokio::select! {
            biased;
            answer = &mut in_time => answer,
            // A client that cancels waits for no handle.
            () = context.ct.cancelled() => {
                stop.cancel();
                in_time.await
            }
        };
        if let Some(progress) = &call.progress {
            progress.end().await;
        }
        match answer {
            InTime::Result(result) => call
                .consent
                .question()
                .map_or(CallToolResponse::Complete(result), CallToolResponse::InputRequired),
            InTime::Handle(handle, long) if takes_tasks(context) => {
                CallToolResponse::Task(CreateTaskResult::new(call.working_task(&handle, &long)))
            }
            InTime::Handle(handle, long) => CallToolResponse::Complete(still_running(&handle, &long)),
        }
    }

    /// Notes what a stateless request tells of its client.
    pub(super) fn note_client(&self, context: &RequestContext<RoleServer>) {
        let Some(version) = context.meta.protocol_version() else { return };
        let client = context.meta.client_info();
        self.session.set_client(ClientIdentity {
            name: client.as_ref().map(|client| client.name.clone()),
            version: client.map(|client| client.version),
            era: Era::Stateless(version.to_string()),
        });
    }
}

#[allow(deprecated, reason = "log messages, which clients of today take")]
impl ServerHandler for SqlService {
    fn get_info(&self) -> ServerConfig {
        let mut config = ServerConfig::new(
            ServerCapabilities::builder()
                .enable_logging()
                .enable_tasks()
                .enable_completions()
                .enable_resources()
                .enable_resources_list_changed()
                .enable_tools()
                .enable_tool_list_changed()
                .build(),
        );
        config.server_info = Implementation::new("snowgate", BUILD);
        config.instructions = Some(INSTRUCTIONS.to_owned());
        config
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        let span = self.request_span(&context);
        without_panic(async { self.open(request, &context) }).instrument(span).await
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        if self.session.tools_have_changed() && context.peer.notify_tool_list_changed().await.is_ok() {
            // What is part of the gateway may be another's, too.
            let _ = context.peer.notify_resource_list_changed().await;
            self.session.note_tools_told();
        }
        let (session, mut changed) = (Arc::clone(&self.session), self.session.tools_changed.subscribe());
        let told = async move {
            while is_changed(&session, &mut changed).await {
                // It fails where the client is gone.
                let _ = context.peer.notify_tool_list_changed().await;
            }
        };
        tokio::spawn(told);
    }

    fn accepted_subscription_filter(&self, _: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(SubscriptionFilter::builder().tools_list_changed().resources_list_changed().build())
    }

    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        if self.session.tools_have_changed() {
            let changed =
                ServerNotification::ToolListChangedNotification(ToolListChangedNotification::default());
            let resources = ServerNotification::ResourceListChangedNotification(
                ResourceListChangedNotification::default(),
            );
            // Refused where the client does not listen for that.
            let _ = subscription.sink().send(resources).await;
            if subscription.sink().send(changed).await.is_ok() {
                self.session.note_tools_told();
            }
        }
        let mut changes = self.session.tools_changed.subscribe();
        loop {
            tokio::select! {
                () = subscription.cancelled() => return Ok(()),
                is_changed = is_changed(&self.session, &mut changes) => {
                    if !is_changed {
                        return Ok(());
                    }
                }
            }
            let changed =
                ServerNotification::ToolListChangedNotification(ToolListChangedNotification::default());
            // Refused where the client does not listen for that.
            let _ = subscription.sink().send(changed).await;
        }
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let span = self.request_span(&context);
        without_panic(async {
            self.note_client(&context);
            let cursor = request.and_then(|request| request.cursor);
            if cursor.is_some_and(|cursor| !cursor.is_empty()) {
                let message = "there is only one page of tools, and no cursor for it";
                return Err(ErrorData::invalid_params(message, None));
            }
            let mut tools = self.offered_tools().tools.clone();
            if self.is_app_shown(&context) {
                app::link(&mut tools);
            }
            Ok(ListToolsResult::with_all_items(tools))
        })
        .instrument(span)
        .await
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        let span = self.request_span(&context);
        let look = async {
            self.new_call(&context, Consent::default(), context.ct.clone())?.task(&request.task_id).await
        };
        without_panic(look).instrument(span).await
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let span = self.request_span(&context);
        let stop = async {
            self.new_call(&context, Consent::default(), context.ct.clone())?
                .cancel_task(&request.task_id)
                .await
        };
        without_panic(stop).instrument(span).await
    }

    /// No task of ours asks its client for anything: there is nothing to answer.
    async fn update_task(&self, _: UpdateTaskParams, _: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        self.note_client(&context);
        let mut list = resources::list(request)?;
        if self.is_app_shown(&context) {
            list.resources.push(app::listed());
        }
        Ok(list)
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        self.note_client(&context);
        resources::templates(request)
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let span = self.request_span(&context);
        let read = async { self.read(&request.uri, &context).await.map(ReadResourceResponse::Complete) };
        without_panic(read).instrument(span).await
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let span = self.request_span(&context);
        without_panic(self.completed(request, &context)).instrument(span).await
    }

    async fn set_level(&self, request: SetLevel, _: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        self.session.set_log_level(client_log::name_of(request.level));
        Ok(())
    }

    /// Every method that is not offered comes here: the intake makes no other request of it.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        Err(method_not_found(&request.method))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.note_client(&context);
        self.session.fix_principal();
        let span = self.request_span(&context);
        let call = async {
            let consent = Consent::of(&self.session, &request, &context, &context_of(&context));
            let call = self.new_call(&context, consent, CancellationToken::new())?;
            let call = Arc::new(call);
            let (sent, digest) = (request.clone(), call_digest(&request));
            let parsed = match context.extensions.get::<UnreadableArgument>() {
                Some(unreadable) => Err(ToolCall::unreadable(&request.name, &unreadable.0, &call.profile)),
                None => ToolCall::parse(request, &call.profile),
            };
            match parsed {
                Ok(parsed) => Ok(self.answer(call, parsed, sent, &context).await),
                Err(CallRefusal::InvalidArguments(refusal)) => {
                    Ok(CallToolResponse::Complete(call.refuse_unread(&refusal)))
                }
                Err(CallRefusal::UnknownTool(error)) => {
                    Box::pin(call.answer_gone(digest)).await.map(CallToolResponse::Complete).ok_or(error)
                }
            }
        };
        without_panic(call).instrument(span).await
    }
}

/// The context that a request was sent in.
fn context_of(context: &RequestContext<RoleServer>) -> Context {
    context.extensions.get::<RequestFacts>().map(|facts| facts.context.context.clone()).unwrap_or_default()
}

/// Waits until a reload has changed what the session is offered; `false`: the session is gone.
async fn is_changed(session: &Session, changes: &mut watch::Receiver<()>) -> bool {
    tokio::select! {
        () = session.gone.cancelled() => false,
        changed = changes.changed() => changed.is_ok(),
    }
}

/// What is answered to a method that is not offered. `rmcp`'s own message is the method's name alone.
fn method_not_found(method: &str) -> ErrorData {
    ErrorData::new(ErrorCode::METHOD_NOT_FOUND, format!("Method not found: {}", shown(method)), None)
}

/// Turns a panic into an error: `rmcp` would never answer the request. The panic hook has logged it.
async fn without_panic<T>(call: impl Future<Output = Result<T, ErrorData>>) -> Result<T, ErrorData> {
    let mut call = pin!(call);
    poll_fn(|context| {
        catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context))).unwrap_or_else(|_| {
            let message = "the gateway failed to serve this request; its log says more (`snowgate status`)";
            Poll::Ready(Err(ErrorData::internal_error(message, None)))
        })
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_instructions_are_short_and_begin_with_what_matters() {
        assert!(INSTRUCTIONS.len() < 1_000, "{}", INSTRUCTIONS.len());
        assert!(INSTRUCTIONS.find("execute_query").is_some_and(|at| at < 60), "{INSTRUCTIONS}");
    }

    #[tokio::test]
    async fn a_panic_is_an_answer() {
        let answer: Result<(), _> = without_panic(async { panic!("fault") }).await;
        assert!(answer.unwrap_err().message.contains("failed to serve"));
    }
}
