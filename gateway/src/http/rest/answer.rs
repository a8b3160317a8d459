//! The answer to a call, read: its rows, its result, or why it has none.

use std::borrow::Cow;

use axum::http::StatusCode;
use rmcp::model::ErrorData;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::problem::Problem;
use crate::mcp::{META_ERROR, META_ROWS};

/// What a call came to.
#[derive(Debug)]
pub(super) enum Answer {
    /// Rows: their document, and what else the client is told.
    Rows(String, Vec<String>),
    /// A result as MCP has it: the members of `result`.
    Result(String),
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    result: Option<ToolResult<'a>>,
    error: Option<ErrorData>,
}

#[derive(Deserialize)]
struct ToolResult<'a> {
    #[serde(borrow, default)]
    content: Vec<&'a RawValue>,
    #[serde(borrow, default, rename = "structuredContent")]
    structured: Option<&'a RawValue>,
    #[serde(default, rename = "isError")]
    is_error: bool,
    #[serde(default, rename = "_meta")]
    meta: Map<String, Value>,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
}

impl Answer {
    /// Reads the answer in `line`, a JSON-RPC response.
    ///
    /// # Errors
    /// The call failed, or was refused.
    pub(super) fn read(line: &[u8]) -> Result<Self, Problem> {
        let unreadable =
            |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the answer is unreadable");
        let line: Line<'_> = serde_json::from_slice(line).map_err(unreadable)?;
        if let Some(error) = line.error {
            return Err(error.into());
        }
        let Some(mut result) = line.result else {
            return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the answer is empty"));
        };
        if result.is_error {
            let details = match result.meta.remove(META_ERROR) {
                Some(Value::Object(details)) => details,
                _ => Map::new(),
            };
            return Err(Problem::of_result(details, texts(&result.content).join("\n")));
        }
        if result.meta.get(META_ROWS) == Some(&Value::Bool(true)) {
            let mut texts = texts(&result.content);
            if !texts.is_empty() {
                let document = texts.remove(0);
                return Ok(Self::Rows(document, texts));
            }
        }
        Ok(Self::Result(result.members()))
    }
}

impl ToolResult<'_> {
    /// The members that matter to a client: what only the protocol needs is left out.
    fn members(&self) -> String {
        let content: Vec<&str> = self.content.iter().map(|block| block.get()).collect();
        let mut members = format!("\"content\":[{}]", content.join(","));
        if let Some(structured) = self.structured {
            members.push_str(&format!(",\"structuredContent\":{}", structured.get()));
        }
        members.push_str(",\"isError\":false");
        members
    }
}

fn texts(content: &[&RawValue]) -> Vec<String> {
    let text =
        |block: &&RawValue| serde_json::from_str::<Block<'_>>(block.get()).ok()?.text.map(Cow::into_owned);
    content.iter().filter_map(text).collect()
}

/// The tools in `line`, the answer to `tools/list`.
///
/// # Errors
/// The request was refused.
pub(super) fn tools(line: &[u8]) -> Result<String, Problem> {
    #[derive(Deserialize)]
    struct List<'a> {
        #[serde(borrow)]
        tools: &'a RawValue,
    }
    #[derive(Deserialize)]
    struct Line<'a> {
        #[serde(borrow)]
        result: Option<List<'a>>,
        error: Option<ErrorData>,
    }
    let line = serde_json::from_slice::<Line<'_>>(line).ok();
    match line.map(|line| (line.result, line.error)) {
        Some((Some(list), _)) => Ok(list.tools.get().to_owned()),
        Some((None, Some(error))) => Err(error.into()),
        _ => Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the answer is unreadable")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(answer: &Value) -> Result<Answer, Problem> {
        Answer::read(answer.to_string().as_bytes())
    }

    #[test]
    fn rows_are_told_from_other_results_by_their_mark() {
        let content = json!([{"type": "text", "text": "{\"rows\":[]}"}, {"type": "text", "text": "note"}]);
        let marked = json!({"id": 1, "result": {"content": content, "_meta": {META_ROWS: true}}});
        let Ok(Answer::Rows(document, notes)) = read(&marked) else { panic!() };
        assert_eq!((&*document, notes), ("{\"rows\":[]}", vec!["note".to_owned()]));
        let plain = json!({"id": 1, "result": {"content": content, "resultType": "complete"}});
        let Ok(Answer::Result(members)) = read(&plain) else { panic!() };
        let members: Value = serde_json::from_str(&format!("{{{members}}}")).unwrap();
        assert_eq!(members, json!({"content": content, "isError": false}));
    }

    #[test]
    fn a_failure_is_what_its_mark_says_and_not_what_its_text_says() {
        let failed = |kind: &str| {
            read(&json!({"id": 1, "result": {"isError": true, "content": [{"type": "text", "text": "SQL error"}],
                "_meta": {META_ERROR: {"kind": kind}}}}))
            .unwrap_err()
        };
        assert_eq!(failed("timed_out").status, StatusCode::GATEWAY_TIMEOUT);
        assert_eq!(failed("refused").status, StatusCode::FORBIDDEN);
        let error = read(&json!({"id": 1, "error": {"code": -32602, "message": "no"}})).unwrap_err();
        assert_eq!((error.status, &*error.message), (StatusCode::BAD_REQUEST, "no"));
        assert_eq!(read(&json!([])).unwrap_err().status, StatusCode::INTERNAL_SERVER_ERROR);
    }
}
