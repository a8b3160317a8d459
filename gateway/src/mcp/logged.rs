//! The service of a session with a line in the log for each request, whichever part of `rmcp` answers it.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use rmcp::model::{
    CallToolResult, ClientNotification, ClientRequest, ContentBlock, ErrorData, ProtocolVersion,
    ServerConfig, ServerResult,
};
use rmcp::service::{NotificationContext, RequestContext};
use rmcp::{RoleServer, Service};

use super::call::Call;
use super::facts::RequestFacts;
use super::request_record::{RequestLine, RequestRecord, protocol_error};
use super::service::SqlService;
use crate::session::Session;
use crate::telemetry::Outcome;

/// [`SqlService`], logged.
pub struct LoggedService {
    inner: SqlService,
}

impl LoggedService {
    /// `inner`, logged.
    pub(super) fn new(inner: SqlService) -> Self {
        Self { inner }
    }
}

impl Service<RoleServer> for LoggedService {
    async fn handle_request(
        &self,
        request: ClientRequest,
        mut context: RequestContext<RoleServer>,
    ) -> Result<ServerResult, ErrorData> {
        let method = method_of(&request);
        let record = Arc::new(RequestRecord::new());
        let facts = context.extensions.get::<RequestFacts>();
        let session = Arc::clone(self.inner.session());
        let line = LineSlot::new(RequestLine::new(session, facts, method, Arc::clone(&record)));
        context.extensions.insert(Arc::clone(&record));
        context.extensions.insert(line.clone());
        // On the heap: `rmcp` moves this future several times, with all that is in it.
        let result = Box::pin(self.inner.handle_request(request, context)).await;
        // Where its statement goes on, its line is written when that has ended.
        if let Some(line) = line.take() {
            note_result(&record, &result);
            drop(line);
        }
        // Where an answer goes only once its record is written.
        self.inner.session().audited().await;
        result
    }

    async fn handle_notification(
        &self,
        notification: ClientNotification,
        context: NotificationContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.inner.handle_notification(notification, context).await
    }

    fn get_info(&self) -> ServerConfig {
        Service::get_info(&self.inner)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Service::supported_protocol_versions(&self.inner)
    }
}

/// The line of a request, until it is written: by the service, or by what goes on for longer than the request.
#[derive(Clone)]
pub(super) struct LineSlot {
    line: Arc<Mutex<Option<OwnLine>>>,
}

type OwnLine = RequestLine<Arc<Session>, Arc<RequestRecord>>;

impl LineSlot {
    fn new(line: OwnLine) -> Self {
        Self { line: Arc::new(Mutex::new(Some(line))) }
    }

    /// That of a call which goes on what an earlier gateway began.
    pub(super) fn of_call(call: &Call) -> Self {
        let (session, record) = (Arc::clone(&call.session), Arc::clone(&call.record));
        Self::new(RequestLine::new(session, Some(&call.facts), "tools/call".into(), record))
    }

    /// The line, with its record, for the one who writes it.
    pub(super) fn take(&self) -> Option<TakenLine> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).take().map(TakenLine)
    }
}

/// A line that is written when it is dropped.
pub(super) struct TakenLine(OwnLine);

impl TakenLine {
    /// The call has ended with `result`. Writes the line.
    pub(super) fn note(self, result: &CallToolResult) {
        note_call(self.0.record(), result);
    }
}

/// The request's method. One that nobody knows is the client's own text, which is not logged.
fn method_of(request: &ClientRequest) -> Cow<'static, str> {
    match request {
        ClientRequest::CallToolRequest(_) => "tools/call".into(),
        ClientRequest::CustomRequest(_) => "unknown".into(),
        other => other.method().to_owned().into(),
    }
}

fn note_call(record: &RequestRecord, result: &CallToolResult) {
    let texts = result.content.iter().filter_map(ContentBlock::as_text);
    let bytes = texts.map(|text| text.text.len() as u64).sum();
    let mut seen = record.seen();
    seen.bytes = Some(bytes);
    seen.outcome.get_or_insert(Outcome::Ok);
}

fn note_result(record: &RequestRecord, result: &Result<ServerResult, ErrorData>) {
    match result {
        Ok(ServerResult::CallToolResult(result)) => note_call(record, result),
        Ok(_) => drop(record.seen().outcome.get_or_insert(Outcome::Ok)),
        Err(error) => record.note_refusal(protocol_error(error.code.0)),
    }
}
