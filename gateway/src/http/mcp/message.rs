//! What the transport must know of one JSON-RPC message: the outside, and what its headers repeat. The rest stays text.

use std::borrow::Cow;

use rmcp::model::{ErrorCode, RequestId};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::intake::{Message, Rejection, classify_line};

/// What a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Expects an answer under this id.
    Request(RequestId),
    /// A notification, or the answer to a request of the gateway's.
    Other,
}

/// What is known of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    /// Empty: an answer.
    pub(super) method: String,
    /// What `Mcp-Name` repeats: the name or the URI that the request is about.
    pub(super) name: Option<String>,
    /// What it says of itself in `_meta`.
    pub(super) meta: MetaHead,
    /// The revision that `initialize` asks for.
    pub(super) asked_revision: Option<String>,
}

/// What a request says of itself in `_meta`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct MetaHead {
    /// The protocol's revision: the request is of the stateless era.
    pub(super) revision: Option<String>,
    /// Whether it says what its client can do.
    pub(super) has_capabilities: bool,
    /// What its client calls itself.
    pub(super) client: Option<String>,
}

#[derive(Deserialize)]
struct Outside<'a> {
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Params<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    uri: Option<&'a RawValue>,
    #[serde(borrow, rename = "protocolVersion")]
    revision: Option<&'a RawValue>,
    #[serde(borrow, rename = "_meta")]
    meta: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Meta<'a> {
    #[serde(borrow, rename = "io.modelcontextprotocol/protocolVersion")]
    revision: Option<&'a RawValue>,
    #[serde(borrow, rename = "io.modelcontextprotocol/clientCapabilities")]
    capabilities: Option<&'a RawValue>,
    #[serde(borrow, rename = "io.modelcontextprotocol/clientInfo")]
    client: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Client<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
}

/// Reads the outside of `line`.
///
/// # Errors
/// It is no JSON-RPC message. What is wrong inside of a request is found when it starts, and answered under its id.
pub(super) fn read(line: &[u8]) -> Result<Head, Rejection> {
    let kind = match classify_line(line) {
        Ok(Message::Request(head)) => Kind::Request(head.id),
        Ok(_) => Kind::Other,
        Err(Rejection { id: Some(id), error }) if error.code == ErrorCode::INVALID_PARAMS => {
            Kind::Request(id)
        }
        Err(rejection) => return Err(rejection),
    };
    let text = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
    let outside: Option<Outside<'_>> = serde_json::from_slice(text).ok();
    // What is blank is ignored by the intake; over HTTP it is no message.
    let Some(outside) = outside else {
        let error = rmcp::ErrorData::parse_error("Parse error: the body has no JSON-RPC message", None);
        return Err(Rejection { id: None, error });
    };
    let method = outside.method.map(Cow::into_owned).unwrap_or_default();
    let params: Params<'_> = object(outside.params);
    let meta: Meta<'_> = object(params.meta);
    let client: Client<'_> = object(meta.client);
    let name = match method.as_str() {
        "tools/call" | "prompts/get" => text_of(params.name),
        "resources/read" => text_of(params.uri),
        _ => None,
    };
    Ok(Head {
        kind,
        asked_revision: (method == "initialize").then(|| text_of(params.revision)).flatten(),
        method,
        name,
        meta: MetaHead {
            revision: text_of(meta.revision),
            has_capabilities: meta.capabilities.is_some_and(|raw| raw.get().starts_with('{')),
            client: text_of(client.name),
        },
    })
}

/// The members of `raw`; none if it is no object, or has one twice.
fn object<'a, T: Default + Deserialize<'a>>(raw: Option<&'a RawValue>) -> T {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

fn text_of(raw: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(raw?.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_it_is() {
        let call = read(
            br#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"execute_query","arguments":{},"_meta":{
                "io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},
                "io.modelcontextprotocol/clientInfo":{"name":"c","version":"1"}}}}"#,
        )
        .unwrap();
        assert_eq!(call.kind, Kind::Request(RequestId::String("a".into())));
        assert_eq!((call.method.as_str(), call.name.as_deref()), ("tools/call", Some("execute_query")));
        assert_eq!(
            call.meta,
            MetaHead {
                revision: Some("2026-07-28".into()),
                has_capabilities: true,
                client: Some("c".into())
            }
        );
        let open = read(
            br#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}"#,
        );
        assert_eq!(open.unwrap().asked_revision.as_deref(), Some("2025-06-18"));
        for other in [
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""}}"#,
        ] {
            assert_eq!(read(other.as_bytes()).unwrap().kind, Kind::Other, "{other}");
        }
    }

    #[test]
    fn what_is_wrong_inside_is_left_to_the_session_and_what_is_no_message_is_not() {
        let odd = read(br#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":7}}"#).unwrap();
        assert_eq!((odd.kind, odd.name), (Kind::Request(RequestId::Number(7)), None));
        for (line, code) in [
            ("", -32700),
            (" \n", -32700),
            ("nonsense", -32700),
            (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600),
            (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600),
        ] {
            assert_eq!(read(line.as_bytes()).unwrap_err().error.code.0, code, "{line}");
        }
    }
}
