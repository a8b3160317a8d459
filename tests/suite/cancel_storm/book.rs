//! What was counted, and what went wrong.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;
use snowgate_tests::Home;

/// Violations that are kept.
const VIOLATIONS_MAX: usize = 50;

/// How often a write may have run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ran {
    /// It was answered as done.
    Once,
    /// It was cancelled, or answered as cancelled.
    AtMostOnce,
    /// It was answered as stopped before anything took effect.
    Never,
}

/// Of one client, or of all.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// Requests that were answered and never cancelled.
    pub(crate) answered: u64,
    /// Cancelled by a notification.
    pub(crate) cancelled: u64,
    /// Of those: answered before the shim had read the cancel.
    pub(crate) crossed: u64,
    /// Of the answered: cancelled when the answer had been read.
    pub(crate) late: u64,
    /// Answered as stopped by `snowgate kill`.
    pub(crate) stopped: u64,
    /// Unanswered when their client left.
    pub(crate) left: u64,
    /// Unanswered when their shim was killed.
    pub(crate) killed: u64,
    /// Shims that left, and that were killed, while something was unanswered.
    pub(crate) exits: u64,
    pub(crate) kills: u64,
    writes: BTreeMap<String, Ran>,
    violations: Vec<String>,
}

impl Book {
    pub(crate) fn add(&mut self, other: Self) {
        self.answered += other.answered;
        self.cancelled += other.cancelled;
        self.crossed += other.crossed;
        self.late += other.late;
        self.stopped += other.stopped;
        self.left += other.left;
        self.killed += other.killed;
        self.exits += other.exits;
        self.kills += other.kills;
        self.writes.extend(other.writes);
        other.violations.into_iter().for_each(|why| self.violation(why));
    }

    pub(crate) fn violation(&mut self, why: String) {
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations.push(why);
        }
    }

    pub(crate) fn write(&mut self, key: String, ran: Ran) {
        self.writes.insert(key, ran);
    }

    pub(crate) fn violations(&self) -> &[String] {
        &self.violations
    }

    /// What is wrong with how often each write is in the table.
    pub(crate) fn wrong_rows(&self, rows: &BTreeMap<String, u64>) -> Vec<String> {
        let mut wrong = Vec::new();
        for (key, ran) in &self.writes {
            let count = rows.get(key).copied().unwrap_or_default();
            let is_right = match ran {
                Ran::Once => count == 1,
                Ran::AtMostOnce => count <= 1,
                Ran::Never => count == 0,
            };
            if !is_right {
                wrong.push(format!("{key} should have run {ran:?}, and is there {count} times"));
            }
        }
        let unknown = rows.keys().filter(|key| !self.writes.contains_key(*key));
        wrong.extend(unknown.map(|key| format!("{key} is there, and nobody wrote it")));
        wrong
    }
}

impl fmt::Display for Book {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} answered, {} of them cancelled too late, and {} stopped by `snowgate kill`; {} cancelled, {} of them crossed by their answer; {} unanswered as {} clients left, {} as \
             {} shims were killed; {} writes",
            self.answered,
            self.late,
            self.stopped,
            self.cancelled,
            self.crossed,
            self.left,
            self.exits,
            self.killed,
            self.kills,
            self.writes.len()
        )
    }
}

/// How far cancelled requests had come, as the log says.
pub(crate) fn stages(home: &Home) -> String {
    let lines = home.log_lines("request");
    let cancelled = lines.iter().filter(|line| line["outcome"] == "cancelled");
    let has = |line: &Value, field: &str| line.get(field).is_some_and(|value| value.as_f64() > Some(0.0));
    let (mut running, mut waiting, mut unstarted) = (0, 0, 0);
    for line in cancelled {
        if has(line, "run_ms") {
            running += 1;
        } else if line.get("tool").is_some() {
            waiting += 1;
        } else {
            unstarted += 1;
        }
    }
    let failed: BTreeMap<String, usize> = lines
        .iter()
        .filter(|line| line["outcome"] == "failed" || line["outcome"] == "outcome_unknown")
        .fold(BTreeMap::new(), |mut failed, line| {
            *failed.entry(format!("{} {}", line["error"], line["code"])).or_default() += 1;
            failed
        });
    format!("{running} running, {waiting} waiting, {unstarted} not begun; failures {failed:?}")
}
