//! A backend's failure as a tool result that a model can act on.

use rmcp::model::{CallToolResult, ContentBlock, JsonObject, MetaObject};
use serde_json::{Value, json};

use super::META_ERROR;
use super::request_record::name_of;
use crate::backend::{BackendError, ErrorKind};

/// The `isError` result of a failed statement: cause, next step, and the backend's code and query id.
pub(super) fn result(error: &BackendError) -> CallToolResult {
    let details = [
        ("code", error.code.clone().map(Value::from)),
        ("query_id", error.query_id.clone().map(Value::from)),
        ("next_step", error.next_step.clone().map(Value::from)),
        ("retry_after_s", error.retry_after_s.map(|seconds| seconds.get().into())),
    ];
    let details = details.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    of_kind(name_of(error.kind), text(error), details.collect())
}

/// The result of a call whose arguments cannot be used.
pub(super) fn of_arguments(text: String) -> CallToolResult {
    of_kind("invalid_arguments", text, JsonObject::new())
}

/// The result of a statement that failed, of which no more is known than `text`.
pub(super) fn of_statement(text: String) -> CallToolResult {
    of_kind(name_of(ErrorKind::Statement), text, JsonObject::new())
}

/// The `_meta` of a failed result without what may be long.
pub(super) fn kind_alone(result: &CallToolResult) -> Option<MetaObject> {
    let kind = result.meta.as_ref()?.get(META_ERROR)?.get("kind")?;
    Some(MetaObject(JsonObject::from_iter([(META_ERROR.to_owned(), json!({"kind": kind}))])))
}

/// What went wrong is in the result's `_meta`, too: programs act on that, and never on the text.
fn of_kind(kind: &str, text: String, mut details: JsonObject) -> CallToolResult {
    details.insert("kind".to_owned(), json!(kind));
    let mut result = CallToolResult::error(vec![ContentBlock::text(text)]);
    result.meta = Some(MetaObject(JsonObject::from_iter([(META_ERROR.to_owned(), details.into())])));
    result
}

/// Why a view cannot be read, above its definition.
pub(super) fn of_view(error: &BackendError) -> String {
    format!("The view cannot be read. {}\nIts definition:", text(error))
}

/// Whether the result, which may be an earlier gateway's, says that the outcome is unknown.
pub(super) fn says_unknown(result: &CallToolResult) -> bool {
    let text = result.content.first().and_then(|content| content.as_text());
    let heading = heading(ErrorKind::OutcomeUnknown);
    result.is_error == Some(true) && text.is_some_and(|text| text.text.starts_with(heading))
}

fn text(error: &BackendError) -> String {
    let mut text = format!("{}: {}", heading(error.kind), error.message);
    let details = [("code", &error.code), ("query id", &error.query_id)];
    let details: Vec<_> = details
        .iter()
        .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name} {value}")))
        .collect();
    if !details.is_empty() {
        text.push_str(&format!(" ({})", details.join(", ")));
    }
    if let Some(next_step) = &error.next_step {
        text.push_str("\nNext step: ");
        text.push_str(next_step);
    }
    text
}

fn heading(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Statement => "SQL error",
        ErrorKind::NoContext => "Context unavailable",
        ErrorKind::Refused => "Refused",
        ErrorKind::LimitReached => "Limit reached",
        ErrorKind::Cancelled => "Cancelled",
        ErrorKind::TimedOut => "Timed out",
        ErrorKind::Busy | ErrorKind::Exhausted => "Busy",
        ErrorKind::Detached | ErrorKind::Unavailable => "Backend unavailable",
        ErrorKind::StateLost => "State lost",
        ErrorKind::OutcomeUnknown => "Not run again",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cause_code_and_next_step_are_all_said() {
        let error = BackendError::new(ErrorKind::Statement, "no such table: x")
            .with_code("SQLITE_ERROR (1)")
            .with_next_step("list_tables shows them");
        assert_eq!(
            text(&error),
            "SQL error: no such table: x (code SQLITE_ERROR (1))\nNext step: list_tables shows them"
        );
    }
}
