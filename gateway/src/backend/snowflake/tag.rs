//! What a query's tag says in the query history: whose it is.

use serde_json::json;

use crate::backend::RequestOrigin;

/// The longest tag, in bytes: Snowflake's bound, in characters.
const TAG_BYTES_MAX: usize = 2000;

/// A client's name is cut to this many characters; even all escaped it fits.
const CLIENT_CHARS_MAX: usize = 100;

/// The tag of a request, as JSON.
pub(super) fn of(origin: &RequestOrigin) -> String {
    let client: Option<String> =
        origin.client.as_ref().map(|name| name.chars().take(CLIENT_CHARS_MAX).collect());
    let mut tag =
        json!({"app": "snowgate", "client": client, "session": origin.session, "request": origin.number});
    for (name, value) in &origin.found_by {
        tag[*name] = value.as_str().into();
    }
    let text = tag.to_string();
    debug_assert!(text.len() <= TAG_BYTES_MAX, "ids are short and plain");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_bounded_json() {
        let found_by = ["traceparent", "tool_use_id", "conversation_id", "client_session"];
        let origin = RequestOrigin {
            client: Some("\u{1}".repeat(9000)),
            session: "s".repeat(64),
            number: u64::MAX,
            found_by: found_by.map(|name| (name, "x".repeat(128))).to_vec(),
        };
        let text = of(&origin);
        assert!(text.len() <= TAG_BYTES_MAX, "{}", text.len());
        let tag: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(tag["request"], u64::MAX);
        assert_eq!(tag["tool_use_id"], "x".repeat(128));
    }
}
