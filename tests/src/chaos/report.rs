//! What came of a run.

use std::fmt;
use std::time::{Duration, SystemTime};

use super::evidence;
use super::fault::Kind;
use super::plan::Plan;
use super::saboteur::Damage;
use super::tally::{Tally, Violation};
use crate::harness::clients::Counts;

/// Violations that are listed, and faults before each.
const LISTED_MAX: usize = 20;
const FAULTS_LISTED: usize = 6;

/// Errors of the shims' own, at most: one in so many pairs of a client and a killed gateway. A shim gives up
/// after five gateways that are gone without an answer to its client. The saboteur spares a client that has
/// seen three, but not every gateway leaves by a fault: one whose socket was deleted leaves later.
const SHIM_ERROR_EVERY: u64 = 1000;

/// What came of a run.
#[derive(Debug)]
pub struct Report {
    pub(super) plan: Plan,
    pub(super) began: SystemTime,
    pub(super) took: Duration,
    pub(super) tally: Tally,
    pub(super) writes: usize,
    pub(super) rows: u64,
    pub(super) damage: Damage,
    pub(super) impossible: Vec<(Kind, String)>,
    /// What the server behind the gateways has counted, where there is one.
    pub(super) server: Option<Counts>,
    /// The gateways', one after the other.
    pub(super) log: String,
}

impl Report {
    /// The gateways' whole log.
    pub fn log(&self) -> &str {
        &self.log
    }

    /// Everything that must not happen and did, in the order it was seen.
    pub fn violations(&self) -> Vec<Violation> {
        let mut all: Vec<Violation> =
            self.tally.violations.iter().chain(&self.damage.tally.violations).cloned().collect();
        let errors = self.tally.shim_errors.len() as u64;
        let errors_max = self.plan.clients * self.plan.gateway_kills / SHIM_ERROR_EVERY;
        if errors > errors_max {
            let why = format!("{errors} requests got an error of their shim, over the bound of {errors_max}");
            all.push(Violation { at: self.took, who: "the end".to_owned(), request: None, why });
        }
        all.sort_by_key(|violation| violation.at);
        all
    }

    /// The first violations, each with the faults before it, and the log around the first one.
    pub fn listed(&self) -> String {
        let mut text = String::new();
        for violation in self.violations().iter().take(LISTED_MAX) {
            let before: Vec<String> = self
                .damage
                .faults
                .iter()
                .rev()
                .filter(|(at, _)| *at <= violation.at)
                .take(FAULTS_LISTED)
                .map(|(at, fault)| format!("{fault:?} at {} ms", at.as_millis()))
                .collect();
            text.push_str(&format!("{violation}; before it: {}\n", before.join(", ")));
        }
        if let Some(first) = self.violations().first() {
            text.push_str("the gateways' log around the first one:\n");
            evidence::around(&self.log, self.began + first.at)
                .iter()
                .for_each(|line| text.push_str(&format!("{line}\n")));
        }
        text
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan, tally, .. } = self;
        let (backend, seconds) = (plan.backend.name(), self.took.as_secs_f64());
        let guards = if plan.is_guarded { ", limits and lane on" } else { "" };
        writeln!(f, "seed {}, {} clients, {backend}{guards}, {seconds:.1} s", plan.seed, plan.clients)?;
        let faults = self.damage.counts();
        writeln!(f, "faults:   {}", listed(faults.iter().map(|(kind, &count)| (kind.name(), count))))?;
        for (kind, why) in &self.impossible {
            writeln!(f, "left out: {}, because {why}", kind.name())?;
        }
        writeln!(f, "requests: {}", listed(tally.asked.iter().map(|(&kind, &count)| (kind, count))))?;
        let outcomes = tally.outcomes.iter().map(|(outcome, &count)| (outcome.name(), count));
        writeln!(f, "outcomes: {}", listed(outcomes))?;
        for error in tally.shim_errors.iter().take(LISTED_MAX) {
            writeln!(f, "shim error: {error}")?;
        }
        writeln!(
            f,
            "cancelled {} ({} answered all the same), {} unanswered when their shim was killed",
            tally.cancelled, tally.answered_late, tally.abandoned
        )?;
        writeln!(f, "writes:   {} sent, {} rows", self.writes, self.rows)?;
        if let Some(Counts { log_ins, queries, .. }) = self.server {
            writeln!(f, "server:   {queries} statements, {log_ins} log-ins")?;
        }
        writeln!(f, "longest wait for an answer: {} ms ({})", tally.longest.0.as_millis(), tally.longest.1)?;
        writeln!(f, "longest time without any: {} ms", self.damage.longest_silence.as_millis())?;
        write!(f, "violations: {}", self.violations().len())
    }
}

fn listed<'a>(counts: impl Iterator<Item = (&'a str, u64)>) -> String {
    let mut total = 0;
    let parts: Vec<String> = counts
        .map(|(name, count)| {
            total += count;
            format!("{name} {count}")
        })
        .collect();
    format!("{total} ({})", parts.join(", "))
}
