//! One connection: requests are read, struck by faults or carried out, and answered.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::act::act;
use super::body::{Pace, Pieces};
use super::received::Received;
use crate::answers::{Refusal, Reply};
use crate::endpoint::MOVED;
use crate::faults::Fault;
use crate::state::{Shared, State};

/// The connection is to be reset.
#[derive(Debug)]
pub(super) struct Reset;

impl fmt::Display for Reset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a reset was asked for")
    }
}

impl std::error::Error for Reset {}

/// Serves a connection to its end, or until it is told to hang up.
pub(super) async fn serve(
    stream: TcpStream,
    number: usize,
    shared: Arc<Shared>,
    mut hang_up: watch::Receiver<()>,
) {
    // Answers are small and somebody waits for each.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| Box::pin(exchange(Arc::clone(&shared), number, request)));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let broken = tokio::select! {
        served = poll_fn(|context| connection.poll_without_shutdown(context)) => served.is_err(),
        _ = hang_up.changed() => true,
    };
    if broken {
        // Closing it is now a reset. Where that fails, it is closed all the same.
        let _ = connection.into_parts().io.inner().set_zero_linger();
    }
}

/// One request and its answer.
async fn exchange(
    shared: Arc<Shared>,
    connection: usize,
    request: Request<Incoming>,
) -> Result<Response<Pieces>, Reset> {
    let (parts, body) = request.into_parts();
    let mut request = Received::head(&parts);
    let moved = request.path.starts_with(MOVED);
    let fault = shared.with(|state| if moved { None } else { state.faults.next(request.route.endpoint) });
    let unread = matches!(fault, Some(Fault::ResetUnread));
    let complete = !unread && request.read(body).await;
    shared.with(|state| state.seen.request(request.seen(connection, fault.is_some())));
    if !complete {
        return Err(Reset);
    }
    let reply = match fault.as_ref().and_then(|fault| shared.with(|state| instead(state, fault, &request))) {
        Some(reply) => reply,
        None => {
            before(fault.as_ref()).await;
            act(&shared, &request).await
        }
    };
    after(reply, fault).await
}

/// The answer that a fault gives instead of the request being carried out.
fn instead(state: &mut State, fault: &Fault, request: &Received) -> Option<Reply> {
    let session = request.token().and_then(|token| state.sessions.tokens.any_session(token));
    let status = state.settings.unauthorized_status;
    Some(match fault {
        Fault::Status { status, retry_after_s } => {
            let reply = Reply::status(*status);
            match retry_after_s {
                Some(seconds) => reply.with_header("retry-after", seconds.to_string()),
                None => reply,
            }
        }
        Fault::Refusal { code, message } => Refusal::new(code, message).reply(200),
        Fault::NoJson => Reply { status: 200, ..Reply::status(200) },
        Fault::Huge(bytes) => {
            let body = format!("{{\"x\": \"{}\"}}", "x".repeat(*bytes)).into_bytes();
            Reply { status: 200, body, ..Reply::status(200) }
        }
        Fault::ExpireToken => {
            session.into_iter().for_each(|session| state.sessions.tokens.expire(Some(session)));
            Refusal::token_expired().reply(status)
        }
        Fault::EndSession => {
            session.into_iter().for_each(|session| state.end_session(session));
            Refusal::session_gone().reply(status)
        }
        Fault::RedirectTo { status, url } => Reply::status(*status).with_header("location", url.clone()),
        Fault::NextAction(action) => Reply::success(&json!({
            "token": null, "masterToken": null, "nextAction": action, "inFlightCtx": "ctx",
        })),
        Fault::Redirect(status) => Reply::status(*status).with_header("location", moved(request)),
        _ => return None,
    })
}

/// Where a request is sent to instead: here, by another path.
fn moved(request: &Received) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&request.query).finish();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{MOVED}{}{mark}{query}", request.path)
}

/// Says of an answer that it has `more` rows.
fn announce(reply: &mut Reply, more: u64) {
    let Ok(mut answer) = serde_json::from_slice::<Value>(&reply.body) else { return };
    for name in ["total", "returned"] {
        if let Some(rows) = answer["data"][name].as_u64() {
            answer["data"][name] = (rows + more).into();
        }
    }
    reply.body = answer.to_string().into_bytes();
}

async fn before(fault: Option<&Fault>) {
    match fault {
        Some(Fault::Delay(time)) => tokio::time::sleep(*time).await,
        Some(Fault::Hold(gate)) => gate.pass().await,
        _ => {}
    }
}

/// What a fault makes of an answer.
async fn after(mut reply: Reply, fault: Option<Fault>) -> Result<Response<Pieces>, Reset> {
    let pace = match fault {
        Some(Fault::ResetAnswer) => return Err(Reset),
        Some(Fault::HoldAnswer(gate)) => {
            gate.pass().await;
            Pace::Whole
        }
        Some(Fault::CutBody { after }) => Pace::Cut { after },
        Some(Fault::SlowBody { piece, pause }) => Pace::Slow { piece, pause },
        Some(Fault::Route(place)) => {
            reply = reply.with_header("x-snowflake-session", place);
            Pace::Whole
        }
        Some(Fault::AnnounceMore(more)) => {
            announce(&mut reply, more);
            Pace::Whole
        }
        Some(Fault::TruncatedGzip) => {
            reply.body.truncate(reply.body.len() / 2);
            Pace::Whole
        }
        _ => Pace::Whole,
    };
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(*name, value);
    }
    Ok(response.body(Pieces::new(reply.body, pace)).expect("headers of the stand-in's own"))
}
