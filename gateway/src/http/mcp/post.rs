//! POST: one JSON-RPC message a request, of either era.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use rmcp::model::{ErrorCode, RequestId};
use tokio::time::timeout;

use super::McpFront;
use super::headers::{CLIENT_ID, Era, IDEMPOTENCY_KEY, SESSION_ID, era_of, is_primed, single};
use super::message::{Head, Kind, read};
use super::negotiate::{Accepts, sends_json};
use super::reply;
use super::stream::{self, SessionStream, StatelessStream};
use crate::http::caller::Caller;
use crate::http::session::{
    Delivery, Exchange, HttpSession, Idempotency, NotSent, Outgoing, Which, trace_of,
};
use crate::mcp::RowFormat;
use crate::shared::HEAVY_BYTES;

/// How long a request of a session may take before its answer becomes a stream, which a client can come back to.
const SESSION_ANSWER_WAIT: Duration = Duration::from_millis(250);

/// How long a stateless request may take before its answer becomes a stream, which shows proxies that it lives. Until then
/// the answer decides the HTTP status.
const STATELESS_ANSWER_WAIT: Duration = Duration::from_secs(5);

/// A key that a client gives a request has so many bytes, at most.
const IDEMPOTENCY_KEY_BYTES_MAX: usize = 256;

/// One message and what came with it.
struct Posted {
    caller: Caller,
    headers: HeaderMap,
    accepts: Accepts,
    line: Bytes,
    head: Head,
}

/// Answers a POST.
pub(super) async fn post(front: &Arc<McpFront>, caller: Caller, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match receive(front, caller, parts.headers, body).await {
        Ok((posted, era)) => match (posted.head.kind.clone(), era) {
            (Kind::Request(id), Era::Session) => in_session(front, posted, id).await,
            (Kind::Request(id), Era::Stateless) => stateless(front, posted, id).await,
            (Kind::Other, Era::Session) => notify(front, posted).await,
            // The stateless era has no notifications over HTTP: a client that wants no answer closes the connection.
            (Kind::Other, Era::Stateless) => reply::empty(StatusCode::ACCEPTED),
        },
        Err(response) => *response,
    }
}

/// Reads a message, and how it is to be served.
async fn receive(
    front: &McpFront,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<(Posted, Era), Box<Response>> {
    let accepts = Accepts::of(&headers);
    if accepts.is_nothing() {
        return Err(Box::new(reply::refusal(
            StatusCode::NOT_ACCEPTABLE,
            "`Accept` must name application/json and text/event-stream",
        )));
    }
    if !sends_json(&headers) {
        return Err(Box::new(reply::refusal(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "`Content-Type` must be application/json",
        )));
    }
    // The front has read it already, within its bounds.
    let line = to_bytes(body, usize::MAX).await.map_err(|_| {
        Box::new(reply::refusal(StatusCode::BAD_REQUEST, "the request's body was cut off; send it again"))
    })?;
    let head = if line.len() > HEAVY_BYTES {
        let line = line.clone();
        front.mcp.shared.heavy.run(move || read(&line)).await
    } else {
        read(&line)
    };
    let head = head.map_err(|rejection| {
        Box::new(reply::error(StatusCode::BAD_REQUEST, rejection.id, rejection.error))
    })?;
    let id = id_of(&head);
    match era_of(&headers, &head) {
        Ok(era) => Ok((Posted { caller, headers, accepts, line, head }, era)),
        // The stateless era has no `initialize`, and says so as of any method that it lacks.
        Err(error) if error.code == ErrorCode::METHOD_NOT_FOUND => {
            Err(Box::new(reply::error(StatusCode::NOT_FOUND, id, error)))
        }
        Err(error) => Err(Box::new(reply::error(StatusCode::BAD_REQUEST, id, error))),
    }
}

fn id_of(head: &Head) -> Option<RequestId> {
    match &head.kind {
        Kind::Request(id) => Some(id.clone()),
        Kind::Other => None,
    }
}

impl Posted {
    /// The value of a header that is there once.
    fn header(&self, name: &str) -> Result<Option<&str>, Box<Response>> {
        single(&self.headers, name)
            .map_err(|error| Box::new(reply::error(StatusCode::BAD_REQUEST, id_of(&self.head), error)))
    }

    /// What makes the request the same one when it comes again: its key, or `otherwise`.
    fn delivery(&self, otherwise: Option<Idempotency>) -> Result<Delivery, Box<Response>> {
        let key = self.header(IDEMPOTENCY_KEY)?.filter(|key| !key.is_empty());
        if key.is_some_and(|key| key.len() > IDEMPOTENCY_KEY_BYTES_MAX) {
            let message = format!("`Idempotency-Key` is over {IDEMPOTENCY_KEY_BYTES_MAX} bytes");
            let error = rmcp::ErrorData::invalid_request(message, None);
            return Err(Box::new(reply::error(StatusCode::BAD_REQUEST, id_of(&self.head), error)));
        }
        let idempotency = key.map(|key| Idempotency::Key(key.to_owned())).or(otherwise);
        Ok(Delivery { idempotency, format: RowFormat::Text, trace: trace_of(&self.headers) })
    }
}

/// A request of a session, or one that opens it.
async fn in_session(front: &Arc<McpFront>, posted: Posted, id: RequestId) -> Response {
    let opens = posted.head.method == "initialize";
    let which = match which_session(&posted, opens) {
        Ok(which) => which,
        Err(response) => return *response,
    };
    let rpc = Idempotency::Rpc(serde_json::json!(id).to_string());
    let delivery = match posted.delivery(Some(rpc)) {
        Ok(delivery) => delivery,
        Err(response) => return *response,
    };
    let (session, exchange) = match send(front, &posted, which, delivery).await {
        Ok(sent) => sent,
        Err(response) => return *response,
    };
    let is_primed = is_primed(&posted.headers);
    let mut response = answer_in_session(front, &session, exchange, posted.accepts, id, is_primed).await;
    if opens {
        let is_open =
            response.status() == StatusCode::OK && response.extensions().get::<reply::IsError>().is_none();
        match HeaderValue::from_str(session.id()) {
            Ok(value) if is_open => drop(response.headers_mut().insert(SESSION_ID, value)),
            _ => session.close().await,
        }
    }
    response
}

/// The session that a message is for.
fn which_session(posted: &Posted, opens: bool) -> Result<Which<'_>, Box<Response>> {
    let id = posted.header(SESSION_ID)?;
    if opens {
        return Ok(Which::New);
    }
    id.map(Which::Id).ok_or_else(|| {
        let message = "the header Mcp-Session-Id is missing: begin with `initialize` and send the id that its answer has, \
                       or send the protocol's revision 2026-07-28 in MCP-Protocol-Version and `_meta`";
        let error = rmcp::ErrorData::invalid_request(message, None);
        Box::new(reply::error(StatusCode::BAD_REQUEST, id_of(&posted.head), error))
    })
}

/// Sends a request to its session. One that is left for being unused just now is opened again.
async fn send(
    front: &Arc<McpFront>,
    posted: &Posted,
    which: Which<'_>,
    delivery: Delivery,
) -> Result<(Arc<HttpSession>, Exchange), Box<Response>> {
    let mut is_again = false;
    loop {
        let session = front.sessions.find(&posted.caller, which.clone()).await;
        let session = session.map_err(|why| Box::new(reply::no_session(id_of(&posted.head), &why)))?;
        match session.request(posted.line.clone(), delivery.clone()).await {
            Ok(exchange) => return Ok((session, exchange)),
            Err(NotSent::Ended) if !is_again && !front.mcp.shared.shutdown.drain.is_cancelled() => {
                is_again = true;
            }
            Err(why) => return Err(Box::new(reply::not_sent(id_of(&posted.head), &why))),
        }
    }
}

/// What a session answers: JSON where the answer comes first and soon, else a stream.
async fn answer_in_session(
    front: &Arc<McpFront>,
    session: &Arc<HttpSession>,
    mut exchange: Exchange,
    accepts: Accepts,
    request: RequestId,
    is_primed: bool,
) -> Response {
    let first = match first_of(&mut exchange, accepts, SESSION_ANSWER_WAIT).await {
        First::Answer(line) => return reply::answer(Era::Session, line, exchange),
        // The client has cancelled it or ended the session, and wants no answer: some fail at one.
        First::Ended if exchange.is_given_up() => return reply::empty(StatusCode::ACCEPTED),
        First::Ended => return reply::no_answer(Era::Session, request, &exchange),
        First::Message(message) => Some(message),
        First::Late => None,
    };
    let streams = front.streams.of(session);
    let (sink, response) = stream::open();
    let stream = SessionStream { exchange, first, request, streams, is_primed };
    tokio::spawn(stream.run(sink));
    response
}

/// A request by itself. It is cancelled when its connection is closed before it has its answer.
async fn stateless(front: &Arc<McpFront>, posted: Posted, id: RequestId) -> Response {
    let is_subscription = posted.head.method == "subscriptions/listen";
    if is_subscription && !posted.accepts.events {
        let error = rmcp::ErrorData::invalid_request("`Accept` must name text/event-stream", None);
        return reply::error(StatusCode::NOT_ACCEPTABLE, Some(id), error);
    }
    let (tag, delivery) = match posted.header(CLIENT_ID).and_then(|tag| Ok((tag, posted.delivery(None)?))) {
        Ok(found) => found,
        Err(response) => return *response,
    };
    let is_repeatable = delivery.idempotency.is_some();
    let which = Which::Named { client: posted.head.meta.client.as_deref(), tag, is_repeatable };
    let exchange = match send(front, &posted, which, delivery).await {
        Ok((_, exchange)) => exchange,
        Err(response) => return *response,
    };
    let Some((first, exchange)) = Wanted(Some(exchange)).first(posted.accepts).await else {
        return reply::empty(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let first = match first {
        First::Answer(line) => return reply::answer(Era::Stateless, line, exchange),
        First::Ended if !is_subscription => return reply::no_answer(Era::Stateless, id, &exchange),
        First::Message(message) => Some(message),
        First::Ended | First::Late => None,
    };
    let (sink, response) = stream::open();
    let stream = StatelessStream { exchange, first, request: id, is_subscription };
    tokio::spawn(stream.run(sink));
    response
}

/// A request whose client waits: cancelled if it leaves, which drops this.
struct Wanted(Option<Exchange>);

impl Wanted {
    /// What comes first, and the request. There is always one.
    async fn first(mut self, accepts: Accepts) -> Option<(First, Exchange)> {
        let first = first_of(self.0.as_mut()?, accepts, STATELESS_ANSWER_WAIT).await;
        Some((first, self.0.take()?))
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        if let Some(exchange) = self.0.take() {
            exchange.cancel();
        }
    }
}

/// What comes first of a request.
enum First {
    /// Its answer, for a client that takes JSON.
    Answer(Bytes),
    /// A message, for a client that takes events.
    Message(Outgoing),
    /// Nothing yet, for a client that takes events.
    Late,
    /// Nothing: the session has ended.
    Ended,
}

/// What comes first of a request. A client that takes no events gets the answer alone, whenever it comes.
async fn first_of(exchange: &mut Exchange, accepts: Accepts, wait: Duration) -> First {
    if !accepts.json {
        return First::Late;
    }
    loop {
        let next = if accepts.events {
            match timeout(wait, exchange.next()).await {
                Ok(next) => next,
                Err(_) => return First::Late,
            }
        } else {
            exchange.next().await
        };
        match next {
            None => return First::Ended,
            Some(message) if message.is_answer => return First::Answer(message.line),
            Some(message) if accepts.events => return First::Message(message),
            Some(_) => {}
        }
    }
}

/// A message that gets no answer.
async fn notify(front: &Arc<McpFront>, posted: Posted) -> Response {
    let which = match which_session(&posted, false) {
        Ok(which) => which,
        Err(response) => return *response,
    };
    let session = match front.sessions.find(&posted.caller, which).await {
        Ok(session) => session,
        Err(why) => return reply::no_session(None, &why),
    };
    match session.notify(posted.line).await {
        Ok(()) => reply::empty(StatusCode::ACCEPTED),
        Err(why) => reply::not_sent(None, &why),
    }
}
