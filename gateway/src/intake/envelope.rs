//! The outside of a JSON-RPC message. What is inside `params` and results is only located, never parsed.

use std::borrow::Cow;

use rmcp::model::RequestId;
use serde::Deserialize;
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::rejection::{Rejection, invalid, parse_error};

/// An id's bytes, at most: every answer repeats it, and so does what is known of a request.
pub(super) const ID_BYTES_MAX: usize = 256;

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
/// U+FEFF in UTF-16, either way round.
const UTF16_MARKS: [&[u8]; 2] = [b"\xFF\xFE", b"\xFE\xFF"];
/// A NUL within so many bytes shows UTF-16.
const UTF16_LOOK_BYTES: usize = 4;

/// A message's members.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow)]
    pub(super) jsonrpc: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(super) id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) params: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) result: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
}

/// Keeps `null` apart from a missing field.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl<'a> Envelope<'a> {
    /// The members of the message in `line`.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn read(line: &'a [u8]) -> Result<Self, Rejection> {
        let text = text_of(line)?;
        if text.trim_start().starts_with('[') {
            return Err(invalid(None, "JSON-RPC batches are not supported; send one message a line"));
        }
        serde_json::from_str(text).map_err(|error| match error.classify() {
            Category::Data => misfit(text, &error),
            _ => parse_error(format!("Parse error: the message is not JSON ({})", shortened(&error))),
        })
    }
}

/// Why `text`, which is JSON, is no message; under its id, if it has one.
fn misfit(text: &str, error: &serde_json::Error) -> Rejection {
    #[derive(Deserialize)]
    struct Outside<'a> {
        #[serde(borrow)]
        id: Option<&'a RawValue>,
        #[serde(borrow)]
        jsonrpc: Option<&'a RawValue>,
        #[serde(borrow)]
        method: Option<&'a RawValue>,
    }
    if !text.trim_start().starts_with('{') {
        return invalid(None, "not a JSON-RPC message: it is no object");
    }
    let Ok(outside) = serde_json::from_str::<Outside<'_>>(text) else {
        return invalid(None, &format!("not a JSON-RPC message ({})", shortened(error)));
    };
    let id = outside.id.and_then(|id| read_id(id).ok());
    let members = [("jsonrpc", outside.jsonrpc), ("method", outside.method)];
    let wrong =
        members.into_iter().find(|(_, value)| value.is_some_and(|value| !value.get().starts_with('"')));
    match wrong {
        Some((name, _)) => invalid(id, &format!("`{name}` must be a string")),
        None => invalid(id, &format!("not a JSON-RPC message ({})", shortened(error))),
    }
}

/// Nothing but blanks: what is left of an empty line whose writer began with a byte order mark, or of one in
/// UTF-16, of which the shim sees the halves.
pub(super) fn is_blank(line: &[u8]) -> bool {
    let rest = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
    rest.iter().all(|&byte| byte == 0 || byte.is_ascii_whitespace())
}

/// `line` as text, without the byte order mark that some clients begin their first message with.
fn text_of(line: &[u8]) -> Result<&str, Rejection> {
    let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
    // No message in UTF-8 begins with a NUL, or has one behind its first character.
    let begin = &line[..line.len().min(UTF16_LOOK_BYTES)];
    if UTF16_MARKS.iter().any(|mark| line.starts_with(mark)) || begin.contains(&0) {
        let place = begin.iter().position(|&byte| byte == 0 || byte >= 0x80).unwrap_or(0);
        return Err(parse_error(format!(
            "Parse error: the message is not UTF-8 (byte {place}) but UTF-16, as it seems; have the client write UTF-8"
        )));
    }
    str::from_utf8(line).map_err(|error| {
        parse_error(format!("Parse error: the message is not UTF-8 (byte {})", error.valid_up_to()))
    })
}

/// The parser's words, which may repeat a text as long as the line.
fn shortened(error: &serde_json::Error) -> String {
    const SHOWN_CHARS_MAX: usize = 200;
    error.to_string().chars().take(SHOWN_CHARS_MAX).collect()
}

/// `raw` as a request's id.
///
/// # Errors
/// It is none, or too long.
pub(super) fn read_id(raw: &RawValue) -> Result<RequestId, Rejection> {
    let too_long = |bytes: usize| {
        invalid(None, &format!("`id` has {bytes} bytes, over the limit of {ID_BYTES_MAX} bytes"))
    };
    let (text, is_string) = (raw.get(), raw.get().starts_with('"'));
    // An escape has six characters at most, and there are two quotes.
    if text.len() > 6 * ID_BYTES_MAX + 2 {
        let no_id = || invalid(None, "`id` must be a string or an integer");
        return Err(if is_string { too_long(text.len() - 2) } else { no_id() });
    }
    match serde_json::from_str(text) {
        Ok(RequestId::String(id)) if id.len() > ID_BYTES_MAX => Err(too_long(id.len())),
        Ok(id) => Ok(id),
        Err(_) => Err(invalid(None, "`id` must be a string or an integer")),
    }
}
