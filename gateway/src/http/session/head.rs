//! The outside of a request: what the front must know of it before it is sent.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::shared::{HEAVY_BYTES, HeavyLane};
use crate::state::Digest;

/// A longer line is never kept for a later gateway.
const KEPT_BYTES_MAX: usize = 16 * 1024;

/// What is known of a request before it is sent. All of it may be missing: the intake refuses what is wrong, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// Of the method and what it is asked: of a call, the tool and its arguments; a trace or a token for progress may be others.
    pub(super) digest: Option<Digest>,
    /// Whether a later gateway is to have the line, too.
    pub(super) is_kept: bool,
}

#[derive(Deserialize)]
struct Outside<'a> {
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct CallParams<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

impl Head {
    /// Reads `line`, a long one in the lane for heavy work.
    pub(super) async fn of(line: &bytes::Bytes, lane: &HeavyLane) -> Self {
        if line.len() <= HEAVY_BYTES {
            return Self::read(line);
        }
        let line = line.clone();
        lane.run(move || Self::read(&line)).await
    }

    fn read(line: &[u8]) -> Self {
        let Ok(outside) = serde_json::from_slice::<Outside<'_>>(line) else { return Self::default() };
        let method = outside.method.as_deref().unwrap_or_default();
        let params = outside.params.map_or("", RawValue::get);
        let call = serde_json::from_str::<CallParams<'_>>(params).ok().filter(|_| method == "tools/call");
        let asked = match &call {
            Some(call) => [call.name, call.arguments].map(|part| part.map_or("", RawValue::get)),
            None => [params, ""],
        };
        Self {
            digest: Some(Digest::of_parts([method, asked[0], asked[1]].map(str::as_bytes))),
            is_kept: line.len() <= KEPT_BYTES_MAX
                && matches!(method, "initialize" | "notifications/initialized"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_is_sent_again_has_the_same_digest_whatever_its_id() {
        let read = |line: &str| Head::read(line.as_bytes());
        let first = read(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}"#);
        let again = read(
            r#"{"id":"x","method":"tools/call","params":{"_meta":{"progressToken":1},"name":"a"},"jsonrpc":"2.0"}"#,
        );
        let other = read(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"b"}}"#);
        assert!(first.digest == again.digest && first.digest != other.digest);
        assert_eq!(read("[1"), Head::default());
        assert!(read(r#"{"method":"initialize","id":0}"#).is_kept && !first.is_kept);
    }
}
