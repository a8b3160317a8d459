//! A backend's failure as a tool result that a model can act on.

use rmcp::model::{CallToolResult, ContentBlock};

use crate::backend::{BackendError, ErrorKind};

/// The `isError` result of a failed statement: cause, next step, and the backend's code and query id.
pub(super) fn result(error: &BackendError) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(text(error))])
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
