//! Tools over plain HTTP: `/mcp/tools`, `/mcp/tools/call`, `/openapi.json`.
//!
//! `asked` reads the two forms of a call and makes one JSON-RPC line of both, which goes through the caller's session as
//! every line does. `answer` reads what comes back; `problem` has the HTTP status of each failure, which the line says in
//! its `_meta` and not in words. `accept` decides in which form rows are sent: `document` makes it of the one form that
//! rows come in, and `body` writes it as the client reads. `openapi` describes all of it.

mod accept;
mod answer;
mod asked;
mod body;
mod document;
mod openapi;
mod problem;

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use bytes::Bytes;
use rmcp::model::ErrorCode;
use serde_json::{Map, Value, json};
use snowgate_link::MESSAGE_BYTES_MAX;

use self::accept::Form;
use self::answer::Answer;
use self::asked::{Asked, Reading, check_client, line};
pub(super) use self::body::AnswerMemory;
use self::body::{Writing, of_document};
use self::document::{About, Lines, Rewriter};
use self::problem::Problem;
use super::caller::Caller;
use super::front::Front;
use super::session::{Delivery, Exchange, Idempotency, NotSent, Which, trace_of};
use crate::mcp::{RowFormat, ToolName};
use crate::shared::HEAVY_BYTES;

/// What a client calls itself, beside `_client_id`.
const CLIENT_ID: HeaderName = HeaderName::from_static("snowgate-client-id");
/// What makes a call that is sent again the same call.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Characters of an `Idempotency-Key`, at most.
const IDEMPOTENCY_KEY_MAX: usize = 255;
/// How often a request is sent that never starts, because its session ends.
const SENT_MAX: u32 = 2;
/// Characters of a note in a header, at most.
const NOTE_CHARS_MAX: usize = 500;

pub(super) fn routes() -> Router<Arc<Front>> {
    Router::new()
        .route("/mcp/tools", get(list))
        .route("/mcp/tools/call", post(call))
        .route("/openapi.json", get(openapi::get))
}

/// `GET /mcp/tools`
async fn list(
    State(front): State<Arc<Front>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Response {
    let listed = async {
        let tag = client_of(&headers)?;
        let line = line("tools/list", json!({}), Map::new(), tag.as_deref());
        let which = Which::Named { client: None, tag: tag.as_deref(), is_repeatable: false };
        let answer = exchange(&front, &caller, which, line.into(), Delivery::default()).await?;
        answer::tools(&answer)
    };
    match listed.await {
        Ok(tools) => json_response(format!("{{\"tools\":{tools}}}")),
        Err(problem) => problem.into_response(None),
    }
}

/// `POST /mcp/tools/call`
async fn call(
    State(front): State<Arc<Front>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let body = match read_body(&headers, body).await {
        Ok(body) => body,
        Err(problem) => return problem.into_response(None),
    };
    let reading = if body.len() > HEAVY_BYTES {
        front.mcp.shared.heavy.run(move || Reading::of(&body)).await
    } else {
        Reading::of(&body)
    };
    let envelope = reading.envelope;
    let served = async { serve(&front, &caller, &headers, reading.asked?, envelope.as_ref()).await };
    served.await.unwrap_or_else(|problem: Problem| problem.into_response(envelope.as_ref()))
}

/// Reads a body of JSON, as long as a message may be.
async fn read_body(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).map(|kind| kind.to_str().unwrap_or_default());
    let kind = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    if kind.is_some_and(|kind| kind != "application/json" && !kind.ends_with("+json")) {
        let message = "the body must be JSON, with `Content-Type: application/json`";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message));
    }
    to_bytes(body, MESSAGE_BYTES_MAX).await.map_err(|error| {
        let is_long = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source())
            .any(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>);
        if is_long {
            let message = format!("the body is longer than {MESSAGE_BYTES_MAX} bytes");
            return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message);
        }
        Problem::new(StatusCode::BAD_REQUEST, "invalid_request", "the body did not arrive as a whole")
    })
}

async fn serve(
    front: &Arc<Front>,
    caller: &Caller,
    headers: &HeaderMap,
    asked: Asked,
    envelope: Option<&Value>,
) -> Result<Response, Problem> {
    let form = Form::of(headers);
    let asked = asked.of_client(client_of(headers)?)?;
    // Which of them its profile offers is known with its session.
    let config = &front.mcp.shared.live().config;
    if let Err(unknown) = ToolName::parse(&asked.tool, config.questions.keys().map(String::as_str)) {
        let data = unknown.data.unwrap_or_default();
        let problem = Problem::new(StatusCode::NOT_FOUND, "unknown_tool", unknown.message.to_string());
        return Err(problem.with_rpc_code(ErrorCode::INVALID_PARAMS).with_details(data));
    }
    let delivery = Delivery {
        idempotency: idempotency(headers)?,
        format: if form == Form::Mcp { RowFormat::Text } else { RowFormat::Json },
        trace: trace_of(headers),
    };
    let which = Which::Named {
        client: asked.client_name(),
        tag: asked.client_id.as_deref(),
        is_repeatable: delivery.idempotency.is_some(),
    };
    let line = exchange(front, caller, which, asked.to_line().into(), delivery).await?;
    let answer = if line.len() > HEAVY_BYTES {
        front.mcp.shared.heavy.run(move || Answer::read(&line)).await
    } else {
        Answer::read(&line)
    };
    match answer? {
        Answer::Result(members) => Ok(json_response(enveloped(envelope, &members))),
        Answer::Rows(document, notes) => rows(front, form, envelope, document, notes).await,
    }
}

/// Sends `line` and waits for its answer. A client that goes away does not want it any more.
async fn exchange(
    front: &Arc<Front>,
    caller: &Caller,
    which: Which<'_>,
    line: Bytes,
    delivery: Delivery,
) -> Result<Bytes, Problem> {
    let mut sent = 0;
    loop {
        let session = front.sessions.find(caller, which.clone()).await?;
        sent += 1;
        match session.request(line.clone(), delivery.clone()).await {
            Ok(exchange) => match Waiting(Some(exchange)).answer().await {
                Ok(answer) => return Ok(answer),
                // Its session ended before it: another one has it.
                Err(true) if sent < SENT_MAX => {}
                Err(was_not_started) => return Err(Problem::gateway_ends(was_not_started)),
            },
            Err(NotSent::Ended) if sent < SENT_MAX => {}
            Err(not_sent) => return Err(not_sent.into()),
        }
    }
}

/// A request whose client waits: dropped before its answer is there, it is stopped.
struct Waiting(Option<Exchange>);

impl Waiting {
    /// The answer, or whether the request was not started.
    async fn answer(mut self) -> Result<Bytes, bool> {
        let Some(exchange) = &mut self.0 else { return Err(false) };
        loop {
            match exchange.next().await {
                Some(outgoing) if outgoing.is_answer => {
                    self.0 = None;
                    return Ok(outgoing.line);
                }
                // Progress and log messages, which have no place in one answer.
                Some(_) => {}
                None => {
                    let was_not_started = exchange.was_not_started();
                    self.0 = None;
                    return Err(was_not_started);
                }
            }
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(exchange) = self.0.take() {
            exchange.cancel();
        }
    }
}

/// The client's name in the header.
fn client_of(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(name) = headers.get(CLIENT_ID) else { return Ok(None) };
    let name = String::from_utf8_lossy(name.as_bytes()).into_owned();
    check_client(&name)?;
    Ok(Some(name))
}

fn idempotency(headers: &HeaderMap) -> Result<Option<Idempotency>, Problem> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).into_iter();
    let (Some(key), None) = (keys.next(), keys.next()) else {
        return match headers.contains_key(IDEMPOTENCY_KEY) {
            true => Err(unfit_key()),
            false => Ok(None),
        };
    };
    let key = key.to_str().map_err(|_| unfit_key())?;
    let is_fit =
        (1..=IDEMPOTENCY_KEY_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if is_fit { Ok(Some(Idempotency::Key(key.to_owned()))) } else { Err(unfit_key()) }
}

fn unfit_key() -> Problem {
    let message =
        format!("`Idempotency-Key` must be one key of 1 to {IDEMPOTENCY_KEY_MAX} visible ASCII characters");
    Problem::new(StatusCode::BAD_REQUEST, "invalid_arguments", message)
}

/// A result with these members, in the form of an envelope where one came.
fn enveloped(envelope: Option<&Value>, members: &str) -> String {
    let (before, after) = around(envelope);
    format!("{before}{members}{after}")
}

/// What stands around the members of a result.
fn around(envelope: Option<&Value>) -> (String, String) {
    let before = match envelope {
        Some(id) => format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{"),
        None => "{\"result\":{".to_owned(),
    };
    (before, "}}".to_owned())
}

fn json_response(body: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// The answer that has rows.
async fn rows(
    front: &Arc<Front>,
    form: Form,
    envelope: Option<&Value>,
    document: String,
    notes: Vec<String>,
) -> Result<Response, Problem> {
    let Some(about) = About::read(&document) else {
        return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the rows are unreadable"));
    };
    let room = front.answers.room(document.len(), about.rows_changed.is_some()).await?;
    let lines = match form {
        Form::Csv => Some(Lines::Csv),
        Form::Ndjson => Some(Lines::Ndjson),
        Form::Mcp | Form::Json => None,
    };
    // What has no columns says what it changed, which has no place in lines.
    let Some(lines) = lines.filter(|_| about.has_rows()) else {
        let (before, after) = around(envelope);
        let texts: Vec<Value> = std::iter::once(&about.note)
            .chain(&notes)
            .map(|text| json!({ "type": "text", "text": text }))
            .collect();
        let before = format!("{before}\"content\":{},\"isError\":false,", Value::Array(texts));
        // The document brings its own closing brace.
        let after = after[1..].to_owned();
        let length = before.len() + document.len() - 1 + after.len();
        let mut response = of_document(document, Writing::Within(before, after), room).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(Form::Json.media_type()));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        note_rows(headers, &about, &[]);
        return Ok(response);
    };
    let rewriter = Rewriter::new(&document, &about, lines);
    let mut response = of_document(document, Writing::Rewritten(rewriter), room).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(form.media_type()));
    note_rows(response.headers_mut(), &about, &notes);
    Ok(response)
}

/// What is said of the rows, in headers: before them, so that it is read.
fn note_rows(headers: &mut HeaderMap, about: &About, notes: &[String]) {
    let mut say = |name: &'static str, value: String| {
        let plain = |char: char| if matches!(char, ' '..='~') { char } else { '?' };
        let value: String = value.chars().take(NOTE_CHARS_MAX).map(plain).collect();
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.append(name, value);
        }
    };
    say("snowgate-rows", about.row_count.to_string());
    say("snowgate-truncated", about.truncated.to_string());
    if let Some(more) = about.more_rows {
        let at_least = if about.more_rows_at_least { "at least " } else { "" };
        say("snowgate-more-rows", format!("{at_least}{more}"));
    }
    if let Some(query_id) = &about.query_id {
        say("snowgate-query-id", query_id.clone());
    }
    if about.truncated {
        say("snowgate-note", about.note.clone());
    }
    notes.iter().for_each(|note| say("snowgate-note", note.clone()));
}
