//! Which media types a client sends and takes.

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};

pub(super) const JSON: &str = "application/json";
pub(super) const EVENT_STREAM: &str = "text/event-stream";

/// What a client takes as an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Accepts {
    /// One JSON object.
    pub(super) json: bool,
    /// A stream of events.
    pub(super) events: bool,
}

impl Accepts {
    /// As the request's `Accept` says. Without one everything is taken (RFC 9110, 12.5.1); a quality of 0 refuses, one that
    /// is malformed says nothing.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(ACCEPT).iter().peekable();
        if values.peek().is_none() {
            return Self { json: true, events: true };
        }
        let ranges: Vec<(&str, bool)> = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| split(value, ','))
            .map(range)
            .collect();
        Self { json: takes(&ranges, JSON), events: takes(&ranges, EVENT_STREAM) }
    }

    /// Whether nothing that is served is taken.
    pub(super) fn is_nothing(self) -> bool {
        !self.json && !self.events
    }
}

/// Whether `ranges` take `media_type`: the most specific that names it decides.
fn takes(ranges: &[(&str, bool)], media_type: &str) -> bool {
    let any_of_its_kind = format!("{}/*", media_type.split('/').next().unwrap_or_default());
    [media_type, &any_of_its_kind, "*/*"].iter().any(|&name| {
        let mut named = ranges.iter().filter(|(range, _)| range.eq_ignore_ascii_case(name)).peekable();
        named.peek().is_some() && named.all(|&(_, is_taken)| is_taken)
    }) && !ranges.iter().any(|&(range, is_taken)| range.eq_ignore_ascii_case(media_type) && !is_taken)
}

/// A media range, and whether it is taken.
fn range(entry: &str) -> (&str, bool) {
    let mut parts = split(entry, ';');
    let name = parts.next().unwrap_or_default().trim();
    let is_refused = parts.any(|parameter| {
        let quality = parameter.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
        quality.is_some_and(|(_, value)| is_zero(value.trim()))
    });
    (name, !is_refused)
}

/// Whether a quality is 0 (RFC 9110, 12.4.2: up to three digits behind the point).
fn is_zero(quality: &str) -> bool {
    let (whole, fraction) = quality.split_once('.').unwrap_or((quality, ""));
    whole == "0" && fraction.len() <= 3 && fraction.bytes().all(|digit| digit == b'0')
}

/// Splits at `delimiter` outside of quoted strings.
fn split(value: &str, delimiter: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    value.split(move |character| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match character {
            '"' if !was_escaped => is_quoted = !is_quoted,
            '\\' if is_quoted && !was_escaped => is_escaped = true,
            other => return other == delimiter && !is_quoted,
        }
        false
    })
}

/// Whether the request's body is JSON in UTF-8, as its `Content-Type` says.
pub(super) fn sends_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let Ok(value) = value.to_str() else { return false };
    let mut parts = split(value, ';');
    let is_json = parts.next().is_some_and(|name| name.trim().eq_ignore_ascii_case(JSON));
    is_json
        && parts.all(|parameter| {
            let charset =
                parameter.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
            charset.is_none_or(|(_, value)| {
                let value = value.trim().trim_matches('"');
                value.eq_ignore_ascii_case("utf-8") || value.eq_ignore_ascii_case("utf8")
            })
        })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn an_accept_says_what_a_client_takes() {
        for (accept, json, events) in [
            (vec![], true, true),
            (vec!["application/json, text/event-stream"], true, true),
            (vec!["application/json", "text/event-stream"], true, true),
            (vec!["*/*"], true, true),
            (vec!["application/*, text/*;q=0.5"], true, true),
            (vec!["APPLICATION/JSON"], true, false),
            (vec!["text/event-stream"], false, true),
            (vec!["text/html"], false, false),
            (vec![""], false, false),
            (vec!["application/json;q=0, */*"], false, true),
            (vec!["application/json;q=0.000, text/event-stream;q=0.1"], false, true),
            (vec!["application/json;q=nonsense, text/event-stream;q=2"], true, true),
            (vec![r#"text/plain;a="application/json, x", text/event-stream"#], false, true),
            (vec![r#"text/plain;a="\"", application/json"#], true, false),
            (vec!["application/jsonp"], false, false),
        ] {
            let mut headers = HeaderMap::new();
            for value in &accept {
                headers.append(ACCEPT, HeaderValue::from_str(value).unwrap());
            }
            assert_eq!(Accepts::of(&headers), Accepts { json, events }, "{accept:?}");
            assert_eq!(Accepts::of(&headers).is_nothing(), !json && !events);
        }
    }

    #[test]
    fn only_json_in_utf_8_is_json() {
        for (content_type, is_json) in [
            (vec!["application/json"], true),
            (vec!["Application/JSON; charset=UTF-8"], true),
            (vec![r#"application/json;charset="utf-8";x=y"#], true),
            (vec!["application/json; charset=latin1"], false),
            (vec!["text/plain"], false),
            (vec!["application/x-www-form-urlencoded"], false),
            (vec!["application/json-rpc"], false),
            (vec!["application/json", "text/plain"], false),
            (vec![], false),
        ] {
            let mut headers = HeaderMap::new();
            for value in &content_type {
                headers.append(CONTENT_TYPE, HeaderValue::from_static(value));
            }
            assert_eq!(sends_json(&headers), is_json, "{content_type:?}");
        }
    }
}
