//! The form that all answers share: `{"data": ..., "code": ..., "message": ..., "success": ...}`.
//!
//! Answers are read field by field from raw JSON, so that an unknown field, a missing one, or one of an odd
//! type costs that field and not the answer.

use std::collections::HashMap;

use bytes::Bytes;
use reqwest::header::HeaderValue;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::{Failure, Position};
use crate::ids::QueryId;

/// The fields of a JSON object, each as raw JSON.
#[derive(Default)]
pub(crate) struct Fields<'a>(HashMap<String, &'a RawValue>);

impl<'a> Fields<'a> {
    /// Reads an object; anything else has no fields.
    pub(crate) fn of(json: &'a [u8]) -> Self {
        Self(serde_json::from_slice(json).unwrap_or_default())
    }

    /// A field's JSON; `None` where it is missing or null.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).map(|raw| raw.get()).filter(|raw| *raw != "null")
    }

    /// Whether the field is there, null or not.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A text, or a number as text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let raw = self.raw(name)?;
        match raw.as_bytes().first()? {
            b'"' => serde_json::from_str(raw).ok(),
            b'-' | b'0'..=b'9' => Some(raw.to_owned()),
            _ => None,
        }
    }

    /// A text that says something.
    pub(crate) fn filled(&self, name: &str) -> Option<String> {
        self.text(name).filter(|text| !text.is_empty())
    }

    /// A whole number, or one in a text.
    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }

    /// A value of any kind that can be read as `T`.
    pub(crate) fn read<T: serde::Deserialize<'a>>(&self, name: &str) -> Option<T> {
        serde_json::from_str(self.raw(name)?).ok()
    }

    /// Whether it is `true`.
    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.raw(name) == Some("true")
    }
}

/// An answer.
pub(crate) struct Envelope {
    body: Bytes,
    data: Option<Bytes>,
    code: String,
    message: Option<String>,
    success: bool,
    /// Whether the server may have processed an attempt before the one that this answers.
    pub(crate) maybe_processed_before: bool,
    /// Where the server wants the session's next requests to go, where it says so.
    pub(crate) route: Option<HeaderValue>,
}

impl Envelope {
    pub(crate) fn parse(body: Bytes) -> Result<Self, serde_json::Error> {
        let fields = Fields(serde_json::from_slice(&body)?);
        let data = fields.raw("data").map(|raw| body.slice_ref(raw.as_bytes()));
        let code = fields.text("code").unwrap_or_default();
        let (message, success) = (fields.filled("message"), fields.is_true("success"));
        Ok(Self { data, code, message, success, body, maybe_processed_before: false, route: None })
    }

    pub(crate) fn has_code(&self) -> bool {
        !self.code.is_empty()
    }

    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    /// Whether the server says something in words.
    pub(crate) fn has_message(&self) -> bool {
        self.message.is_some()
    }

    pub(crate) fn succeeded(&self) -> bool {
        self.success
    }

    /// The fields of `data`.
    pub(crate) fn data(&self) -> Fields<'_> {
        Fields::of(self.data.as_deref().unwrap_or_default())
    }

    /// A part of this answer that outlives it without being copied.
    pub(crate) fn keep(&self, part: &str) -> Bytes {
        self.body.slice_ref(part.as_bytes())
    }

    /// What the server says went wrong.
    pub(crate) fn failure(&self) -> Failure {
        let data = self.data();
        let code =
            Some(self.code.clone()).filter(|code| !code.is_empty()).or_else(|| data.filled("errorCode"));
        let message = self.message.clone().or_else(|| data.filled("errorMessage"));
        Failure {
            code: code.unwrap_or_default(),
            sql_state: data.filled("sqlState"),
            message: message.unwrap_or_else(|| "the server gave no reason".into()),
            position: position(&data),
            query_id: data.text("queryId").and_then(|id| QueryId::parse(&id)),
        }
    }
}

/// Line and position; where the server has none it says -1, or nothing.
fn position(data: &Fields<'_>) -> Option<Position> {
    let line = u32::try_from(data.number("line")?).ok().filter(|line| *line > 0)?;
    let column = data.number("pos").and_then(|pos| u32::try_from(pos).ok())?;
    Some(Position { line, column })
}

/// Name and value of the parameters in a list of them.
pub(crate) fn parameters(data: &Fields<'_>) -> HashMap<String, Value> {
    let listed: Vec<HashMap<String, Value>> = data.read("parameters").unwrap_or_default();
    listed
        .into_iter()
        .filter_map(|mut entry| match (entry.remove("name"), entry.remove("value")) {
            (Some(Value::String(name)), Some(value)) => Some((name, value)),
            _ => None,
        })
        .collect()
}

/// The time zone among them, by its name in the IANA database.
pub(crate) fn time_zone(parameters: &HashMap<String, Value>) -> Option<String> {
    parameters.get("TIMEZONE")?.as_str().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(json: &'static str) -> Envelope {
        Envelope::parse(Bytes::from_static(json.as_bytes())).unwrap()
    }

    #[test]
    fn an_error_keeps_all_that_the_server_said() {
        let failure = envelope(
            r#"{"data": {"errorCode": "001003", "sqlState": "42000", "queryId": "01-ab", "line": 3, "pos": 14,
                "type": "COMPILATION", "new": {}}, "code": "001003", "message": "syntax \"error\"",
                "success": false}"#,
        )
        .failure();
        assert_eq!((failure.code.as_str(), failure.sql_state.as_deref()), ("001003", Some("42000")));
        assert_eq!(failure.message, "syntax \"error\"");
        assert_eq!(failure.position, Some(Position { line: 3, column: 14 }));
        assert_eq!(failure.query_id, QueryId::parse("01-ab"));
    }

    #[test]
    fn an_error_may_say_almost_nothing() {
        for json in
            [r#"{"data": null, "code": "390100", "message": "no", "success": false}"#, "{}", r#"{"data": 7}"#]
        {
            let failure = envelope(json).failure();
            assert_eq!((failure.position, failure.query_id), (None, None), "{json}");
            assert!(!failure.message.is_empty(), "{json}");
        }
        let bare =
            r#"{"data": {"errorCode": "2", "errorMessage": "m", "line": -1, "pos": -1, "queryId": ""}}"#;
        let failure = envelope(bare).failure();
        assert_eq!((failure.code.as_str(), failure.message.as_str(), failure.position), ("2", "m", None));
    }

    #[test]
    fn codes_are_texts_or_numbers() {
        assert_eq!(envelope(r#"{"code": 200, "success": true}"#).code(), "200");
        assert_eq!(envelope(r#"{"code": null, "success": true}"#).code(), "");
        assert!(envelope(r#"{"success": true}"#).succeeded());
        assert!(!envelope(r#"{"success": "yes"}"#).succeeded());
    }

    #[test]
    fn an_odd_field_costs_itself_only() {
        let answer = envelope(
            r#"{"data": {"total": {}, "name": ["x"], "count": "12", "list": [1, 2]}, "success": true}"#,
        );
        let data = answer.data();
        assert_eq!((data.number("total"), data.text("name"), data.number("count")), (None, None, Some(12)));
        assert_eq!(data.read::<Vec<i32>>("list"), Some(vec![1, 2]));
        assert!(data.has("total") && !data.has("absent"));
    }

    #[test]
    fn parameters_of_any_type_are_kept() {
        let answer = envelope(
            r#"{"data": {"parameters": [{"name": "TIMEZONE", "value": "UTC"}, {"name": "N", "value": 4},
                {"value": 1}]}}"#,
        );
        let parameters = parameters(&answer.data());
        assert_eq!(parameters.len(), 2);
        assert_eq!(parameters["N"], Value::from(4));
    }
}
