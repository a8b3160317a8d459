//! The records that an earlier gateway could not write: of statements that it began, as far as the journal tells.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use serde_json::Value;

use super::files::{Line, Lines, numbers, path_of};
use super::time::text_of_ms;
use crate::state::{FAILED, PendingAudit, PendingKey, RAN};

/// How much earlier than the first statement's row its record may seem to be: clocks are set back.
const CLOCK_MARGIN_MS: i64 = 3_600_000;

/// Which of `pending` have a record in `folder` already.
pub(super) fn told(folder: &Path, pending: &[PendingAudit]) -> io::Result<HashSet<PendingKey>> {
    let mut told = HashSet::new();
    let Some(first) = pending.iter().map(|row| row.started_ms).min() else { return Ok(told) };
    let first = text_of_ms(u64::try_from(first.saturating_sub(CLOCK_MARGIN_MS)).unwrap_or(0));
    let wanted: HashSet<&PendingKey> = pending.iter().map(|row| &row.key).collect();
    for number in numbers(folder)?.into_iter().rev() {
        let (mut lines, mut line) = (Lines::open(&path_of(folder, number))?, Line::default());
        let mut begins_before = false;
        while lines.next(&mut line)? {
            let Ok(record) = serde_json::from_slice::<Value>(&line.bytes) else { continue };
            begins_before |= record["time"].as_str().is_some_and(|time| time < first.as_str());
            let (Some(session), Some(request)) =
                (record["session"].as_str(), record["journal_number"].as_u64())
            else {
                continue;
            };
            let key = PendingKey { session: session.to_owned(), request };
            if is_final(&record) && wanted.contains(&key) {
                told.insert(key);
            }
        }
        if begins_before {
            break;
        }
    }
    Ok(told)
}

/// Whether nothing more is to be heard of its statement.
fn is_final(record: &Value) -> bool {
    record["outcome"] != "detached" && record["unsettled"] != true
}

/// The members of the record of a statement that an earlier gateway began; `None`: it goes on in the backend, and what becomes
/// of it is found out when its client asks.
pub(super) fn record_of(row: &PendingAudit) -> Option<String> {
    let ended = row.ended.as_deref();
    let outcome = match (ended, row.is_journaled, row.result.as_deref()) {
        (Some(ended), false, _) => ended,
        (_, true, Some(result)) => outcome_of(result),
        (_, true, None) if row.query_id.is_some() => return None,
        (_, true, None) => "outcome_unknown",
        // The row and the entry are made together, and what removes the entry says so in the row.
        (None, false, _) => "cancelled",
    };
    let mut members = row.draft.clone();
    if let Some(query_id) = &row.query_id {
        members.push_str(&format!(",\"query_id\":{}", Value::from(query_id.as_str())));
    }
    let started = text_of_ms(u64::try_from(row.started_ms).unwrap_or(0));
    let number = row.key.request;
    members.push_str(&format!(
        ",\"journal_number\":{number},\"outcome\":\"{outcome}\",\"started\":\"{started}\",\"recovered\":true"
    ));
    Some(members)
}

/// What became of a statement with this result in the journal.
fn outcome_of(result: &str) -> &'static str {
    if result == RAN {
        return "allowed";
    }
    let value: Value =
        if result == FAILED { Value::Null } else { serde_json::from_str(result).unwrap_or_default() };
    match value["_meta"]["snowgate/error"]["kind"].as_str() {
        Some("outcome_unknown") => "outcome_unknown",
        Some("refused" | "limit_reached") => "denied",
        Some(_) => "failed",
        None if result == FAILED || value["isError"] == true => "failed",
        None => "allowed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ended: Option<&str>, journal: Option<(Option<&str>, Option<&str>)>) -> PendingAudit {
        PendingAudit {
            key: PendingKey { session: "s".into(), request: 3 },
            draft: "\"event\":\"call\"".into(),
            started_ms: 0,
            ended: ended.map(str::to_owned),
            is_journaled: journal.is_some(),
            query_id: journal.and_then(|(id, _)| id).map(str::to_owned),
            result: journal.and_then(|(_, result)| result).map(str::to_owned),
        }
    }

    #[test]
    fn what_the_journal_says_is_what_the_record_says() {
        let unknown = r#"{"isError":true,"_meta":{"snowgate/error":{"kind":"outcome_unknown"}}}"#;
        let failed = r#"{"isError":true,"_meta":{"snowgate/error":{"kind":"statement"}}}"#;
        for (row, outcome) in [
            (row(None, Some((None, Some("ran")))), Some("allowed")),
            (row(None, Some((None, Some(r#"{"content":[],"isError":false}"#)))), Some("allowed")),
            (row(None, Some((None, Some(FAILED)))), Some("failed")),
            (row(None, Some((None, Some(failed)))), Some("failed")),
            (row(None, Some((None, Some(unknown)))), Some("outcome_unknown")),
            (row(None, Some((None, None))), Some("outcome_unknown")),
            (row(None, Some((Some("q"), None))), None),
            (row(None, None), Some("cancelled")),
            (row(Some("allowed"), None), Some("allowed")),
            (row(Some("cancelled"), Some((None, Some(RAN)))), Some("allowed")),
        ] {
            let found = record_of(&row).map(|members| {
                let value: Value = serde_json::from_str(&format!("{{{members}}}")).unwrap();
                assert!(value["recovered"] == true && value["journal_number"] == 3, "{value}");
                value["outcome"].as_str().unwrap().to_owned()
            });
            assert_eq!(found.as_deref(), outcome, "{row:?}");
        }
    }
}
