//! What a request's headers say of its body, and whether that is so: `MCP-Protocol-Version`, and in the stateless era
//! `Mcp-Method` and `Mcp-Name` (SEP-2243; specification 2026-07-28, "Streamable HTTP", "Server Validation").
//!
//! | message | revision in `_meta` | era | refused |
//! |---|---|---|---|
//! | `initialize` | none, or an older one | with a session | `Mcp-Method` that is another |
//! | `initialize` | 2026-07-28 or later | | there is no such method (-32601) |
//! | request | 2026-07-28 or later | stateless | headers missing or another (-32020), revision unknown (-32022), no capabilities (-32602) |
//! | request | none, and a stateless header, or `server/discover` | | -32602 |
//! | any other | | with a session | a revision that is unknown (-32022) |

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rmcp::ErrorData;
use rmcp::model::{ErrorCode, ProtocolVersion};
use serde_json::json;

use super::message::{Head, Kind};

pub(super) const SESSION_ID: &str = "mcp-session-id";
pub(super) const LAST_EVENT_ID: &str = "last-event-id";
pub(super) const REVISION: &str = "mcp-protocol-version";
const METHOD: &str = "mcp-method";
const NAME: &str = "mcp-name";
/// What its user calls a client without a session id.
pub(super) const CLIENT_ID: &str = "snowgate-client-id";
/// What makes a request that is sent again the same one.
pub(super) const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// How a message is to be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Era {
    /// In the session that `initialize` opened.
    Session,
    /// By itself.
    Stateless,
}

/// The era of a message.
///
/// # Errors
/// Its headers do not fit it.
pub(super) fn era_of(headers: &HeaderMap, head: &Head) -> Result<Era, ErrorData> {
    let stated = single(headers, REVISION)?;
    if head.kind == Kind::Other {
        return era_of_revision(headers, stated, head);
    }
    if head.method == "initialize" {
        known(stated)?;
        method_fits(headers, head, false)?;
        let meta = head.meta.revision.as_deref();
        if meta.is_some_and(|revision| known(Some(revision)) == Ok(Era::Stateless)) {
            let message = "Method not found: revision 2026-07-28 has no `initialize`; send any other request, or this one \
                           without a revision in `_meta`";
            return Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, message, None));
        }
        return Ok(Era::Session);
    }
    let Some(revision) = head.meta.revision.as_deref() else {
        let era = known(stated)?;
        if era == Era::Session && head.method != "server/discover" {
            return Ok(Era::Session);
        }
        return Err(incomplete(head));
    };
    match stated {
        None => {
            return Err(mismatch(
                "the header MCP-Protocol-Version is missing; send the revision that `_meta` has",
            ));
        }
        Some(stated) if stated != revision => {
            return Err(mismatch(&format!(
                "the header MCP-Protocol-Version says {}, the request's `_meta` {}",
                shown(stated),
                shown(revision)
            )));
        }
        Some(_) => {}
    }
    if known(Some(revision))? == Era::Session {
        return Ok(Era::Session);
    }
    if !head.meta.has_capabilities {
        return Err(incomplete(head));
    }
    method_fits(headers, head, true)?;
    name_fits(headers, head)?;
    Ok(Era::Stateless)
}

/// The era of what has no `_meta`: a notification or an answer.
fn era_of_revision(headers: &HeaderMap, stated: Option<&str>, head: &Head) -> Result<Era, ErrorData> {
    let era = known(stated)?;
    if era == Era::Stateless {
        method_fits(headers, head, false)?;
    }
    Ok(era)
}

/// The era of the revision that a header states; without one, the older (specification 2025-11-25, "Protocol Version
/// Header").
///
/// # Errors
/// It is not known.
pub(super) fn known(revision: Option<&str>) -> Result<Era, ErrorData> {
    let Some(revision) = revision else { return Ok(Era::Session) };
    match ProtocolVersion::KNOWN_VERSIONS.iter().find(|known| known.as_str() == revision) {
        Some(known) if known.has_initialize() => Ok(Era::Session),
        Some(_) => Ok(Era::Stateless),
        None => {
            let supported: Vec<&str> =
                ProtocolVersion::KNOWN_VERSIONS.iter().map(ProtocolVersion::as_str).collect();
            let message = format!(
                "Unsupported protocol version {}; this server speaks {}",
                shown(revision),
                supported.join(", ")
            );
            let data = json!({"supported": supported, "requested": revision});
            Err(ErrorData::new(ErrorCode::UNSUPPORTED_PROTOCOL_VERSION, message, Some(data)))
        }
    }
}

/// Whether the client knows events without a message: clients of earlier revisions take one for a broken message.
pub(super) fn is_primed(headers: &HeaderMap) -> bool {
    let revision = single(headers, REVISION).ok().flatten();
    revision.is_some_and(|revision| revision >= ProtocolVersion::V_2025_11_25.as_str())
}

/// The one value of a header.
///
/// # Errors
/// There are several, or it is no text: who reads another of them would see another request.
pub(super) fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, ErrorData> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(mismatch(&format!("the header {name} is there more than once")));
    }
    match value.to_str() {
        Ok(value) => Ok(Some(value)),
        Err(_) => Err(mismatch(&format!("the header {name} has characters other than visible ASCII"))),
    }
}

fn method_fits(headers: &HeaderMap, head: &Head, is_required: bool) -> Result<(), ErrorData> {
    match single(headers, METHOD)? {
        None if is_required => {
            Err(mismatch("the header Mcp-Method is missing; send the request's method in it"))
        }
        Some(method) if method != head.method => Err(mismatch(&format!(
            "the header Mcp-Method says {}, the message {}",
            shown(method),
            shown(&head.method)
        ))),
        _ => Ok(()),
    }
}

fn name_fits(headers: &HeaderMap, head: &Head) -> Result<(), ErrorData> {
    let Some(name) = &head.name else { return Ok(()) };
    let Some(stated) = single(headers, NAME)? else {
        return Err(mismatch(&format!(
            "the header Mcp-Name is missing; {} needs {} in it",
            head.method,
            shown(name)
        )));
    };
    let Some(decoded) = decoded(stated) else {
        return Err(mismatch("the header Mcp-Name is no valid Base64 of a text in UTF-8"));
    };
    if decoded == *name {
        return Ok(());
    }
    Err(mismatch(&format!("the header Mcp-Name says {}, the request {}", shown(&decoded), shown(name))))
}

/// A value as it was before it was made fit for a header: `=?base64?...?=` is Base64 of UTF-8.
fn decoded(value: &str) -> Option<String> {
    match value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        Some(inner) => String::from_utf8(STANDARD.decode(inner).ok()?).ok(),
        None => Some(value.to_owned()),
    }
}

fn mismatch(why: &str) -> ErrorData {
    ErrorData::new(ErrorCode::HEADER_MISMATCH, format!("Header mismatch: {why}"), None)
}

/// A stateless request that lacks what each must have.
fn incomplete(head: &Head) -> ErrorData {
    let lacks = [
        (head.meta.revision.is_none(), "io.modelcontextprotocol/protocolVersion"),
        (!head.meta.has_capabilities, "io.modelcontextprotocol/clientCapabilities"),
    ];
    let lacks: Vec<&str> =
        lacks.into_iter().filter(|(is_missing, _)| *is_missing).map(|(_, key)| key).collect();
    let message = format!("the request's `_meta` lacks {}, or it is of another type", lacks.join(" and "));
    ErrorData::invalid_params(message, None)
}

/// A client's text, as long as it is repeated.
fn shown(text: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 100;
    format!("{:?}", text.chars().take(SHOWN_CHARS_MAX).collect::<String>())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;
    use crate::http::mcp::message::{MetaHead, read};

    const NEW: &str = "2026-07-28";

    fn request(method: &str, name: Option<&str>, revision: Option<&str>) -> Head {
        Head {
            kind: Kind::Request(rmcp::model::RequestId::Number(1)),
            method: method.into(),
            name: name.map(str::to_owned),
            meta: MetaHead { revision: revision.map(str::to_owned), has_capabilities: true, client: None },
            asked_revision: None,
        }
    }

    fn map(headers: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |&(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        };
        headers.iter().map(pair).collect()
    }

    #[test]
    fn headers_and_body_of_a_stateless_request_must_agree() {
        let (call, list) = (("mcp-method", "tools/call"), ("mcp-method", "tools/list"));
        let new = (REVISION, NEW);
        // Headers, method, name, revision in `_meta`: an era, or an error's code and a word of it.
        type Row<'a> = (
            &'a [(&'static str, &'a str)],
            &'a str,
            Option<&'a str>,
            Option<&'a str>,
            Result<Era, (i32, &'a str)>,
        );
        let rows: &[Row<'_>] = &[
            (&[new, list], "tools/list", None, Some(NEW), Ok(Era::Stateless)),
            (&[new, call, ("mcp-name", "q")], "tools/call", Some("q"), Some(NEW), Ok(Era::Stateless)),
            (
                &[new, call, ("mcp-name", "=?base64?cQ==?=")],
                "tools/call",
                Some("q"),
                Some(NEW),
                Ok(Era::Stateless),
            ),
            (
                &[new, call, ("mcp-name", "=?base64?w6Q=?=")],
                "tools/call",
                Some("ä"),
                Some(NEW),
                Ok(Era::Stateless),
            ),
            // What only looks like the sentinel is a text.
            (
                &[new, call, ("mcp-name", "=?BASE64?cQ==?=")],
                "tools/call",
                Some("q"),
                Some(NEW),
                Err((-32020, "says")),
            ),
            (
                &[new, call, ("mcp-name", "=?base64?c?=")],
                "tools/call",
                Some("q"),
                Some(NEW),
                Err((-32020, "Base64")),
            ),
            (
                &[new, call, ("mcp-name", "=?base64?/w==?=")],
                "tools/call",
                Some("q"),
                Some(NEW),
                Err((-32020, "UTF-8")),
            ),
            (&[new, call, ("mcp-name", "Q")], "tools/call", Some("q"), Some(NEW), Err((-32020, "Mcp-Name"))),
            (&[new, call, ("mcp-name", "ä")], "tools/call", Some("ä"), Some(NEW), Err((-32020, "ASCII"))),
            (&[new, call], "tools/call", Some("q"), Some(NEW), Err((-32020, "Mcp-Name is missing"))),
            // A call without a name is answered by what it calls.
            (&[new, call], "tools/call", None, Some(NEW), Ok(Era::Stateless)),
            (&[new], "tools/list", None, Some(NEW), Err((-32020, "Mcp-Method is missing"))),
            (&[new, call], "tools/list", None, Some(NEW), Err((-32020, "Mcp-Method says"))),
            (
                &[new, ("mcp-method", "Tools/List")],
                "tools/list",
                None,
                Some(NEW),
                Err((-32020, "Mcp-Method says")),
            ),
            (&[new, list, list], "tools/list", None, Some(NEW), Err((-32020, "more than once"))),
            (&[new, new, list], "tools/list", None, Some(NEW), Err((-32020, "more than once"))),
            (&[list], "tools/list", None, Some(NEW), Err((-32020, "MCP-Protocol-Version is missing"))),
            (&[(REVISION, "2025-11-25"), list], "tools/list", None, Some(NEW), Err((-32020, "2025-11-25"))),
            (
                &[(REVISION, "1900-01-01")],
                "tools/list",
                None,
                Some("1900-01-01"),
                Err((-32022, "1900-01-01")),
            ),
            (&[(REVISION, "1900-01-01")], "tools/list", None, None, Err((-32022, "1900-01-01"))),
            (&[(REVISION, "1900-01-01")], "tools/list", None, Some(NEW), Err((-32020, "1900-01-01"))),
            (&[new, list], "tools/list", None, None, Err((-32602, "protocolVersion"))),
            (&[], "server/discover", None, None, Err((-32602, "protocolVersion"))),
            (&[], "tools/list", None, None, Ok(Era::Session)),
            (&[(REVISION, "2025-06-18"), call], "tools/list", None, None, Ok(Era::Session)),
            (&[(REVISION, "2025-11-25")], "tools/list", None, Some("2025-11-25"), Ok(Era::Session)),
            (&[], "initialize", None, None, Ok(Era::Session)),
            (&[new], "initialize", None, None, Ok(Era::Session)),
            (&[("mcp-method", "initialize")], "initialize", None, None, Ok(Era::Session)),
            (&[call], "initialize", None, None, Err((-32020, "Mcp-Method says"))),
            (&[new], "initialize", None, Some(NEW), Err((-32601, "has no `initialize`"))),
            (&[], "initialize", None, Some("2025-11-25"), Ok(Era::Session)),
            (&[(REVISION, "1.0")], "initialize", None, None, Err((-32022, "1.0"))),
        ];
        for (headers, method, name, revision, wanted) in rows {
            let found = era_of(&map(headers), &request(method, *name, *revision));
            match (found, wanted) {
                (Ok(found), Ok(wanted)) => assert_eq!(found, *wanted, "{headers:?} {method}"),
                (Err(error), Err((code, word))) => {
                    assert_eq!(error.code.0, *code, "{headers:?} {method}: {error:?}");
                    assert!(error.message.contains(word), "{headers:?} {method}: {error:?}");
                }
                (found, wanted) => panic!("{headers:?} {method}: {found:?}, wanted {wanted:?}"),
            }
        }
    }

    #[test]
    fn a_stateless_request_says_what_its_client_can_do() {
        let mut head = request("tools/list", None, Some(NEW));
        head.meta.has_capabilities = false;
        let error = era_of(&map(&[(REVISION, NEW), ("mcp-method", "tools/list")]), &head).unwrap_err();
        assert_eq!(error.code, ErrorCode::INVALID_PARAMS);
        assert!(
            error.message.contains("clientCapabilities") && !error.message.contains("protocolVersion"),
            "{error:?}"
        );
    }

    #[test]
    fn a_notification_needs_no_headers_but_those_it_has_must_fit() {
        let cancel =
            read(br#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#)
                .unwrap();
        for (headers, wanted) in [
            (&[][..], Ok(Era::Session)),
            (&[(REVISION, "2025-11-25")], Ok(Era::Session)),
            (&[(REVISION, NEW)], Ok(Era::Stateless)),
            (&[(REVISION, NEW), ("mcp-method", "tools/call")], Err(-32020)),
            (&[(REVISION, "soon")], Err(-32022)),
        ] {
            assert_eq!(era_of(&map(headers), &cancel).map_err(|error| error.code.0), wanted, "{headers:?}");
        }
    }

    #[test]
    fn an_unknown_revision_is_answered_with_those_that_are_known() {
        let error = known(Some("2031-01-01")).unwrap_err();
        let data = error.data.unwrap();
        assert_eq!(data["requested"], "2031-01-01");
        assert!(data["supported"].as_array().unwrap().contains(&json!(NEW)), "{data}");
    }
}
