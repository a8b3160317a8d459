//! The service of a session with a line in the log for each request, whichever part of `rmcp` answers it.

use std::borrow::Cow;
use std::sync::Arc;

use rmcp::model::{
    ClientNotification, ClientRequest, ContentBlock, ErrorData, ProtocolVersion, ServerConfig, ServerResult,
};
use rmcp::service::{NotificationContext, RequestContext};
use rmcp::{RoleServer, Service};

use super::facts::RequestFacts;
use super::request_record::{RequestLine, RequestRecord, protocol_error};
use super::service::SqlService;
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
        let line = RequestLine::new(self.inner.session(), facts, method, &record);
        context.extensions.insert(Arc::clone(&record));
        // On the heap: `rmcp` moves this future several times, with all that is in it.
        let result = Box::pin(self.inner.handle_request(request, context)).await;
        note_result(&record, &result);
        drop(line);
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

/// The request's method. One that nobody knows is the client's own text, which is not logged.
fn method_of(request: &ClientRequest) -> Cow<'static, str> {
    match request {
        ClientRequest::CallToolRequest(_) => "tools/call".into(),
        ClientRequest::CustomRequest(_) => "unknown".into(),
        other => other.method().to_owned().into(),
    }
}

fn note_result(record: &RequestRecord, result: &Result<ServerResult, ErrorData>) {
    match result {
        Ok(ServerResult::CallToolResult(result)) => {
            let texts = result.content.iter().filter_map(ContentBlock::as_text);
            let bytes = texts.map(|text| text.text.len() as u64).sum();
            let mut seen = record.seen();
            seen.bytes = Some(bytes);
            seen.outcome.get_or_insert(Outcome::Ok);
        }
        Ok(_) => drop(record.seen().outcome.get_or_insert(Outcome::Ok)),
        Err(error) => record.note_refusal(protocol_error(error.code.0)),
    }
}
