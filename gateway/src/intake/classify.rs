//! Classifies a client's message before it is parsed: what is not a valid request is answered by name, never
//! dropped.
//!
//! Only the outside is read here: id, method, the tool's name, the request that a cancel names, and what the
//! client says of itself. The rest stays text until the request starts ([`super::parse_request`]).
//!
//! Error codes are JSON-RPC 2.0's. `rmcp` alone ignores unparsable lines and answers others without an id.

use std::borrow::Cow;

use rmcp::model::RequestId;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::bounds::{Outline, excess};
use super::envelope::{Envelope, is_blank, read_id};
use super::extent::Extent;
use super::meta::{Meta, bytes_of_text, client_name};
use super::rejection::{MISFIT, Rejection, invalid, unfit};
use super::repair::why_unnamed;
use super::statement_head::keeps_its_place;
use crate::mcp::ToolName;

/// What a request does beyond its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// Nothing.
    Plain,
    /// Calls a tool: the session is registered before its first one.
    Call,
    /// Changes what later requests of the session depend on (its context, or the state that it holds): a barrier.
    SetContext,
    /// Opens the session in the older era: a barrier.
    Initialize,
    /// Reads a resource: a call of the tool that shows the same.
    ReadResource,
    /// Completes a name: a call of the tool that lists such names.
    Complete,
    /// Asks about a task, or stops it: what an earlier call has left.
    Task,
    /// Lists the tools: the session's profile says which.
    ListTools,
    /// Stays open until the client cancels it.
    Subscribe,
}

impl RequestKind {
    /// Whether later requests depend on the result: none of them overtakes it.
    pub fn is_barrier(self) -> bool {
        matches!(self, Self::SetContext | Self::Initialize)
    }

    /// The method, for the log; `unknown` where the kind does not tell.
    pub fn method(self) -> &'static str {
        match self {
            Self::Plain => "unknown",
            Self::Call | Self::SetContext => "tools/call",
            Self::ReadResource => "resources/read",
            Self::Complete => "completion/complete",
            Self::Task => "tasks/get",
            Self::Initialize => "initialize",
            Self::ListTools => "tools/list",
            Self::Subscribe => "subscriptions/listen",
        }
    }

    /// Whether the session's profile must be fixed before it runs.
    pub(super) fn needs_profile(self) -> bool {
        self.is_call() || matches!(self, Self::Initialize | Self::ListTools)
    }

    /// Whether the session must be registered before it runs.
    pub(super) fn is_call(self) -> bool {
        matches!(self, Self::Call | Self::SetContext | Self::ReadResource | Self::Complete | Self::Task)
    }
}

/// A valid message.
#[derive(Debug)]
pub enum Message {
    /// Expects an answer.
    Request(RequestHead),
    /// `notifications/cancelled`: the client wants no answer to this request any more.
    Cancel(RequestId),
    /// `notifications/initialized`
    Initialized,
    /// Needs no answer and changes nothing: any other notification, or the answer to a request of ours. We have
    /// none under way, so it is late.
    Ignored,
}

/// What is known of a request before it is parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// The id that it is answered under.
    pub id: RequestId,
    /// What it does beyond that.
    pub kind: RequestKind,
    /// What it says that its client is called, if it needs the session's profile.
    pub client: Option<String>,
    /// The bytes that it takes, as text and parsed, at most.
    pub memory_bytes: usize,
}

/// Classifies `line`, one JSON-RPC message.
///
/// # Errors
/// It is not one, or it is over a bound.
pub fn classify_line(line: &[u8]) -> Result<Message, Rejection> {
    if is_blank(line) {
        return Ok(Message::Ignored);
    }
    let envelope = Envelope::read(line)?;
    let id = envelope.id.map(read_id).transpose()?;
    if envelope.jsonrpc.as_deref() != Some("2.0") {
        return Err(invalid(id, "`jsonrpc` must be \"2.0\""));
    }
    let Some(method) = &envelope.method else {
        let answers = id.is_some() && (envelope.result.is_some() || envelope.error.is_some());
        return if answers { Ok(Message::Ignored) } else { Err(invalid(id, "there is no `method`")) };
    };
    match id {
        Some(id) => classify_request(line, id, method, envelope.params).map(Message::Request),
        None => Ok(classify_notification(method, envelope.params)),
    }
}

/// What is read of a request's params.
#[derive(Default, Deserialize)]
struct ParamsHead<'a> {
    /// Of a tool.
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow, rename = "_meta")]
    meta: Option<&'a RawValue>,
    /// Of the client, in `initialize`.
    #[serde(borrow, rename = "clientInfo")]
    client: Option<&'a RawValue>,
    /// Of a tool.
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

/// What is read of a tool's arguments.
#[derive(Default, Deserialize)]
struct ArgumentsHead<'a> {
    #[serde(borrow)]
    query: Option<&'a RawValue>,
}

impl<'a> ParamsHead<'a> {
    /// That of `params`; one without members if they are no object.
    fn read(params: Option<&'a RawValue>) -> Option<Self> {
        match params.map(RawValue::get) {
            Some(params) if params.starts_with('{') => serde_json::from_str(params).ok(),
            _ => Some(Self::default()),
        }
    }
}

fn classify_request(
    line: &[u8],
    id: RequestId,
    method: &str,
    params: Option<&RawValue>,
) -> Result<RequestHead, Rejection> {
    let Some(head) = ParamsHead::read(params) else { return Err(unfit(id, method, MISFIT)) };
    let Some(kind) = kind_of(method, head.name, head.arguments) else {
        return Err(unfit(id, method, &format!("{MISFIT}: {}", why_unnamed(params))));
    };
    let meta = head.meta.map(Meta::read).unwrap_or_default();
    let extent = Extent::of(line);
    let outline = Outline {
        method,
        line_bytes: line.len(),
        extent,
        is_lasting: matches!(kind, RequestKind::Initialize | RequestKind::Subscribe),
        meta_bytes: head.meta.map_or(0, |meta| meta.get().len()),
        tool_bytes: head.name.map_or(0, bytes_of_text),
        words: meta.words(),
    };
    if let Some(why) = excess(&outline) {
        return Err(unfit(id, method, &format!("are refused: {why}")));
    }
    let client = match kind {
        RequestKind::Initialize => client_name(head.client),
        kind => meta.client_name().filter(|_| kind.needs_profile()),
    };
    Ok(RequestHead { id, kind, client, memory_bytes: extent.bytes(line.len()) })
}

/// What a request of `method` does; `None` if it calls a tool without saying which.
fn kind_of(method: &str, tool: Option<&RawValue>, arguments: Option<&RawValue>) -> Option<RequestKind> {
    Some(match method {
        "initialize" => RequestKind::Initialize,
        "subscriptions/listen" => RequestKind::Subscribe,
        "tools/list" => RequestKind::ListTools,
        "resources/read" => RequestKind::ReadResource,
        "completion/complete" => RequestKind::Complete,
        "tasks/get" | "tasks/cancel" => RequestKind::Task,
        "tools/call" => {
            let tool: ToolWord<'_> = serde_json::from_str(tool?.get()).ok()?;
            let is_set_context = tool.0 == ToolName::SetContext.as_str()
                || (tool.0 == ToolName::ExecuteQuery.as_str()
                    && arguments.is_some_and(has_ordered_statement));
            if is_set_context { RequestKind::SetContext } else { RequestKind::Call }
        }
        _ => RequestKind::Plain,
    })
}

/// Whether the statement among a tool's `arguments` must keep its place.
fn has_ordered_statement(arguments: &RawValue) -> bool {
    // Arguments that come as text, or with a name twice, are read when the request starts.
    let head: ArgumentsHead<'_> = serde_json::from_str(arguments.get()).unwrap_or_default();
    head.query.is_some_and(|query| keeps_its_place(query.get()))
}

/// A tool's name, not copied where it has no escapes.
#[derive(Deserialize)]
struct ToolWord<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct CancelHead<'a> {
    #[serde(borrow, rename = "requestId")]
    request_id: &'a RawValue,
}

fn classify_notification(method: &str, params: Option<&RawValue>) -> Message {
    match method {
        "notifications/initialized" => Message::Initialized,
        "notifications/cancelled" => {
            let cancelled =
                params.and_then(|params| serde_json::from_str::<CancelHead<'_>>(params.get()).ok());
            // What is no id, or too long for one, is no request's.
            let id = cancelled.and_then(|cancelled| read_id(cancelled.request_id).ok());
            id.map_or(Message::Ignored, Message::Cancel)
        }
        _ => Message::Ignored,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &str) -> (Option<String>, i32, String) {
        let rejection = classify_line(line.as_bytes()).unwrap_err();
        let id = rejection.id.map(|id| id.to_string());
        (id, rejection.error.code.0, rejection.error.message.into_owned())
    }

    #[test]
    fn an_invalid_message_is_refused_with_its_reason() {
        for (line, id, code, word) in [
            ("nonsense", None, -32700, "not JSON"),
            ("[]", None, -32600, "batches"),
            ("7", None, -32600, "not a JSON-RPC message"),
            ("{}", None, -32600, "jsonrpc"),
            (r#"{"jsonrpc":"1.0","id":4,"method":"ping"}"#, Some("4"), -32600, "jsonrpc"),
            (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, None, -32600, "`id`"),
            (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, None, -32600, "`id`"),
            (r#"{"jsonrpc":"2.0","id":5}"#, Some("5"), -32600, "method"),
            (r#"{"jsonrpc":"2.0","id":5,"method":5}"#, Some("5"), -32600, "`method` must be a string"),
            (r#"{"jsonrpc":2,"id":"a","method":"ping"}"#, Some("a"), -32600, "`jsonrpc` must be a string"),
            (r#"{"jsonrpc":"2.0","id":5,"id":6,"method":"ping"}"#, None, -32600, "duplicate field"),
            (
                r#"{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":7}}"#,
                Some("5"),
                -32602,
                "tools/call",
            ),
        ] {
            let (found_id, found_code, message) = refused(line);
            assert_eq!((found_id.as_deref(), found_code), (id, code), "{line}: {message}");
            assert!(message.contains(word), "{line}: {message}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_message() {
        let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        assert!(matches!(classify_line(format!("\u{feff}{ping}").as_bytes()), Ok(Message::Request(_))));
        assert!(matches!(classify_line("\u{feff}\r".as_bytes()), Ok(Message::Ignored)));
        assert!(classify_line(format!("\u{feff}\u{feff}{ping}").as_bytes()).is_err());
    }

    #[test]
    fn utf16_is_named() {
        let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        let little = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let big = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
        for text in [ping.to_owned(), format!("\u{feff}{ping}"), format!("{ping}\r"), format!(" {ping}")] {
            // The second half of a newline before it begins the next line.
            for line in [little(&text), big(&text), [vec![0], little(&text)].concat()] {
                let message = classify_line(&line).unwrap_err().error.message;
                assert!(message.contains("UTF-16") && message.contains("write UTF-8"), "{message}");
            }
        }
        assert!(matches!(classify_line(&[0]), Ok(Message::Ignored)));
    }

    #[test]
    fn a_message_that_is_not_utf8_is_refused_with_the_place() {
        let rejection = classify_line(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}").unwrap_err();
        assert!(rejection.error.message.contains("not UTF-8 (byte 34)"), "{}", rejection.error.message);
    }

    #[test]
    fn requests_notifications_and_late_answers_are_told_apart() {
        let classified = |line: &str| classify_line(line.as_bytes()).unwrap();
        let kind = |line: &str| match classified(line) {
            Message::Request(head) => head.kind,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            kind(
                r#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"set\u005fcontext","arguments":{}}}"#
            ),
            RequestKind::SetContext
        );
        let statement = |sql: &str| {
            kind(&format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"execute_query","arguments":{{"query":"{sql}"}}}}}}"#
            ))
        };
        assert_eq!(statement(" use database d"), RequestKind::SetContext);
        assert_eq!(statement("select 'begin'"), RequestKind::Call);
        assert_eq!(kind(r#"{"jsonrpc":"2.0","id":3,"method":"x/y"}"#), RequestKind::Plain);
        assert!(matches!(
            classified(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3}}"#),
            Message::Cancel(RequestId::Number(3))
        ));
        assert!(matches!(
            classified(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#),
            Message::Initialized
        ));
        for ignored in [
            r#"{"jsonrpc":"2.0","id":3,"result":{}}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":[]}}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"x":1}}"#,
        ] {
            assert!(matches!(classified(ignored), Message::Ignored), "{ignored}");
        }
    }

    #[test]
    fn a_call_tells_what_its_client_is_called() {
        let line = |meta: &str| {
            let params = format!(r#"{{"name":"session_info","_meta":{meta}}}"#);
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#)
        };
        for (meta, client) in [
            ("{}", None),
            (r#"{"io.modelcontextprotocol/clientInfo":{"name":"a\"b","version":"1"}}"#, Some("a\"b")),
            (r#"{"io.modelcontextprotocol/clientInfo":{"name":"a"}}"#, None),
            (r#"{"io.modelcontextprotocol/clientInfo":7}"#, None),
        ] {
            let Message::Request(head) = classify_line(line(meta).as_bytes()).unwrap() else { panic!() };
            assert_eq!((head.kind, head.client.as_deref()), (RequestKind::Call, client), "{meta}");
        }
    }

    /// A request in whose params `long` stands in some place.
    fn with_long(long: &str) -> [String; 4] {
        let params = [
            format!(r#"{{"name":"execute_query","arguments":{{"query":"select 1","x":{long}}}}}"#),
            format!(r#"{{"name":"session_info","x":{long}}}"#),
            format!(r#"{{"name":"session_info","arguments":{long}}}"#),
            format!(r#"{{"name":{long}}}"#),
        ];
        params
            .map(|params| format!(r#"{{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{params}}}"#))
    }

    #[test]
    fn too_many_values_are_refused_under_the_id_with_the_bound() {
        for long in [
            format!("[{}0]", "0,".repeat(100_000)),
            format!("[{}0]", "{},".repeat(100_000)),
            format!(r#"{{{}"k":0}}"#, r#""k":0,"#.repeat(60_000)),
            format!("{}{}", "[".repeat(200), "]".repeat(200)),
        ] {
            for line in with_long(&long) {
                let (id, code, message) = refused(&line);
                let is_misfit = line.contains(r#"{"name":{"#) || line.contains(r#"{"name":["#);
                assert_eq!((id.as_deref(), code), (Some("x"), -32602), "{message}");
                let is_named = message.contains("100000") || message.contains("100 levels");
                assert!(is_named || is_misfit, "{message}");
                assert!(message.len() < 300, "{message}");
            }
        }
        for line in &with_long(&format!("\"{}\"", "[,".repeat(1_000_000)))[..2] {
            assert!(classify_line(line.as_bytes()).is_ok(), "a long text is one value");
        }
    }

    #[test]
    fn words_that_are_repeated_or_kept_have_bounds() {
        let long = "x".repeat(300);
        let request = |method: &str, params: &str| {
            format!(r#"{{"jsonrpc":"2.0","id":"x","method":"{method}","params":{params}}}"#)
        };
        for (line, word) in [
            (request(&long, "{}"), "`method` has 300 bytes"),
            (request("tools/call", &format!(r#"{{"name":"{long}"}}"#)), "the tool's name"),
            (request("ping", &format!(r#"{{"_meta":{{"progressToken":"{long}"}}}}"#)), "`progressToken`"),
            (request("initialize", &format!(r#"{{"x":"{}"}}"#, "x".repeat(70_000))), "65536"),
            (request("initialize", &format!(r#"{{"x":[{}0]}}"#, "0,".repeat(3_000))), "2000"),
            (request("ping", &format!(r#"{{"_meta":{{"x":"{}"}}}}"#, "x".repeat(70_000))), "`_meta`"),
        ] {
            let (id, _, message) = refused(&line);
            assert_eq!(id.as_deref(), Some("x"));
            assert!(message.contains(word) && message.len() < 500, "{message}");
        }
        let id = |id: &str| format!(r#"{{"jsonrpc":"2.0","id":"{id}","method":"ping"}}"#);
        assert!(classify_line(id(&long[..256]).as_bytes()).is_ok());
        for long in [&long[..257], &"\\u0041".repeat(257), &"x".repeat(1_000_000)] {
            let (no_id, code, message) = refused(&id(long));
            assert_eq!((no_id, code), (None, -32600));
            assert!(message.contains("256 bytes") && message.len() < 100, "{message}");
        }
        let (_, _, message) = refused(&format!("\"{}\"", "x".repeat(100_000)));
        assert!(message.len() < 300, "{message}");
    }
}
