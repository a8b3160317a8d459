//! What was found, and what is the cause of what.

use std::path::PathBuf;

use serde::{Serialize, Serializer};

use super::check::{Area, Check};
use super::secrets::Scrubber;
use crate::observe::Severity;

/// What `doctor --fix` may do by itself: nothing that loses data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fix {
    /// Take the access of others away from a folder or file of ours.
    SetMode {
        /// The folder or file.
        path: PathBuf,
        /// Its new mode.
        mode: u32,
    },
    /// Make a program executable.
    MakeExecutable(PathBuf),
    /// Remove a socket that no process listens on, while no gateway runs.
    RemoveSocket(PathBuf),
    /// Have a client's entry lead to this installation's shim.
    Reconnect {
        /// The client's id.
        client: &'static str,
        /// Its file.
        file: PathBuf,
        /// The entry's name.
        name: String,
        /// The shim that it names, which is gone or older.
        command: String,
        /// The one that it is to name.
        shim: PathBuf,
    },
}

impl Fix {
    /// What it does, for people.
    pub fn said(&self) -> String {
        match self {
            Self::SetMode { path, mode } => format!("set the mode of {} to {mode:o}", path.display()),
            Self::MakeExecutable(path) => format!("make {} executable", path.display()),
            Self::RemoveSocket(path) => format!("remove {}", path.display()),
            Self::Reconnect { file, name, shim, .. } => {
                format!("have the entry `{name}` in {} lead to {}", file.display(), shim.display())
            }
        }
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is.
    pub check: Check,
    /// Which connection, client or file it is about, where there are several.
    pub subject: Option<String>,
    /// What is wrong.
    pub what: String,
    /// Why.
    pub cause: Option<String>,
    /// The command or step that mends it, or tells more.
    pub next_step: Option<String>,
    /// What `--fix` does about it.
    #[serde(serialize_with = "said")]
    pub fix: Option<Fix>,
    /// The check whose finding is the likely cause of this one.
    pub follows_from: Option<Check>,
}

fn said<S: Serializer>(fix: &Option<Fix>, serializer: S) -> Result<S::Ok, S::Error> {
    fix.as_ref().map(Fix::said).serialize(serializer)
}

impl Finding {
    fn new(severity: Severity, check: Check, what: impl Into<String>) -> Self {
        let (what, subject, cause, next_step, fix, follows_from) =
            (what.into(), None, None, None, None, None);
        Self { severity, check, subject, what, cause, next_step, fix, follows_from }
    }

    /// Something does not work.
    pub fn critical(check: Check, what: impl Into<String>) -> Self {
        Self::new(Severity::Critical, check, what)
    }

    /// Something will not work, or not as expected.
    pub fn warning(check: Check, what: impl Into<String>) -> Self {
        Self::new(Severity::Warning, check, what)
    }

    /// Worth to know.
    pub fn note(check: Check, what: impl Into<String>) -> Self {
        Self::new(Severity::Note, check, what)
    }

    /// The same, about `subject`.
    #[must_use]
    pub fn about(self, subject: impl Into<String>) -> Self {
        Self { subject: Some(subject.into()), ..self }
    }

    /// The same with its cause.
    #[must_use]
    pub fn because(self, cause: impl Into<String>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }

    /// The same with what mends it.
    #[must_use]
    pub fn mended_by(self, next_step: impl Into<String>) -> Self {
        Self { next_step: Some(next_step.into()), ..self }
    }

    /// The same, where there is such a step.
    #[must_use]
    pub fn mended_by_any(self, next_step: Option<String>) -> Self {
        Self { next_step: next_step.or(self.next_step), ..self }
    }

    /// The same with what `--fix` does.
    #[must_use]
    pub fn fixed_by(self, fix: Fix) -> Self {
        Self { fix: Some(fix), ..self }
    }
}

/// How an area is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AreaState {
    /// Nothing is wrong.
    Ok,
    /// There are warnings.
    Warning,
    /// Something does not work.
    Problem,
    /// It was not looked at.
    Skipped,
}

impl AreaState {
    /// Its word in the text.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
            Self::Skipped => "skipped",
        }
    }
}

/// What a look at one area brought.
#[derive(Clone, Debug)]
pub struct Examined {
    area: Area,
    /// Which one, where there are several.
    subject: Option<String>,
    /// The line for it.
    said: String,
    details: Vec<String>,
    findings: Vec<Finding>,
    is_skipped: bool,
}

impl Examined {
    /// `said` is the line for it where nothing is wrong.
    pub fn new(area: Area, said: impl Into<String>) -> Self {
        let (subject, details, findings, is_skipped) = (None, Vec::new(), Vec::new(), false);
        Self { area, subject, said: said.into(), details, findings, is_skipped }
    }

    /// It was not looked at, because of `why`.
    pub fn skipped(area: Area, why: impl Into<String>) -> Self {
        Self { is_skipped: true, ..Self::new(area, why) }
    }

    /// The same, about one of several.
    #[must_use]
    pub fn about(self, subject: impl Into<String>) -> Self {
        Self { subject: Some(subject.into()), ..self }
    }

    /// The same with further lines for `--all`.
    #[must_use]
    pub fn with_details(self, details: Vec<String>) -> Self {
        Self { details, ..self }
    }

    /// The same with what is wrong. What is found of one of several is about that one.
    #[must_use]
    pub fn with(mut self, findings: impl IntoIterator<Item = Finding>) -> Self {
        let subject = self.subject.clone();
        let about =
            |finding: Finding| Finding { subject: finding.subject.or_else(|| subject.clone()), ..finding };
        self.findings.extend(findings.into_iter().map(about));
        self
    }

    /// The area.
    pub fn area(&self) -> Area {
        self.area
    }

    fn state(&self) -> AreaState {
        match self.findings.iter().map(|finding| finding.severity).min() {
            Some(Severity::Critical) => AreaState::Problem,
            Some(Severity::Warning) => AreaState::Warning,
            _ if self.is_skipped => AreaState::Skipped,
            _ => AreaState::Ok,
        }
    }
}

/// An area, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AreaView {
    /// Its name.
    pub area: Area,
    /// Which one, where there are several.
    pub subject: Option<String>,
    /// How it is.
    pub state: AreaState,
    /// The line for it.
    pub said: String,
    /// More of it.
    pub details: Vec<String>,
}

/// All that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// Whether everything works: there may be warnings.
    pub healthy: bool,
    /// The version of this program.
    pub version: String,
    /// What was found: the worst first, and among equals the cause before what follows from it.
    pub findings: Vec<Finding>,
    /// Where was looked.
    pub areas: Vec<AreaView>,
}

impl Diagnosis {
    /// Of all that was looked at.
    pub fn of(examined: Vec<Examined>) -> Self {
        let areas = examined
            .iter()
            .map(|area| AreaView {
                area: area.area,
                subject: area.subject.clone(),
                state: area.state(),
                said: area.said.clone(),
                details: area.details.clone(),
            })
            .collect();
        let mut findings: Vec<Finding> = examined.into_iter().flat_map(|area| area.findings).collect();
        mark_consequences(&mut findings);
        findings.sort_by_key(|finding| {
            (finding.severity, finding.follows_from.is_some(), finding.check, finding.subject.clone())
        });
        let healthy = !findings.iter().any(|finding| finding.severity == Severity::Critical);
        Self { healthy, version: snowgate_link::BUILD.to_owned(), findings, areas }
    }
}

impl Diagnosis {
    /// The same without secrets.
    #[must_use]
    pub fn cleaned(mut self, scrubber: &Scrubber) -> Self {
        let clean = |text: &mut String| *text = scrubber.clean(text);
        for finding in &mut self.findings {
            clean(&mut finding.what);
            let more = [&mut finding.subject, &mut finding.cause, &mut finding.next_step];
            more.into_iter().flatten().for_each(clean);
        }
        for area in &mut self.areas {
            clean(&mut area.said);
            area.details.iter_mut().for_each(clean);
        }
        self
    }
}

/// What is the consequence of what: a finding of the first kind explains those of the second.
const CAUSES: &[(&[Check], &[Check])] = &[
    (
        &[
            Check::FolderKind,
            Check::FolderForeign,
            Check::FolderUnwritable,
            Check::DiskReadOnly,
            Check::DiskFull,
        ],
        &[
            Check::RunFolder,
            Check::GatewayProblem,
            Check::StateUnusable,
            Check::LoggedErrors,
            Check::SqliteFolder,
        ],
    ),
    (
        &[Check::ProgramMode, Check::ProgramBroken, Check::ProgramMissing],
        &[Check::ProgramVersions, Check::ClientStale],
    ),
    (&[Check::ConfigError], &[Check::GatewayProblem, Check::Backend, Check::LogIn]),
    (&[Check::HttpCertificate, Check::HttpPort, Check::KeysUnusable], &[Check::GatewayProblem]),
    (&[Check::StateUnusable], &[Check::GatewayProblem]),
];

/// The checks of a connection are each the cause of those behind it.
fn is_cause(cause: &Finding, of: &Finding) -> bool {
    if cause.check >= of.check || cause.severity != Severity::Critical {
        return false;
    }
    let is_connection = |finding: &Finding| finding.check.area() == Area::Connection;
    if is_connection(cause) && is_connection(of) && cause.subject == of.subject {
        // A key or token decides whether a log-in works, and nothing on the way there.
        let is_of_log_in =
            [Check::LogIn, Check::Context, Check::AgentWall, Check::Backend].contains(&of.check);
        let is_credential = [Check::PrivateKey, Check::TokenFile].contains(&cause.check);
        // Two database files that are damaged are two problems.
        return of.check > Check::SqliteLocked && (is_of_log_in || !is_credential);
    }
    CAUSES.iter().any(|(causes, followers)| causes.contains(&cause.check) && followers.contains(&of.check))
}

/// Notes in each finding which other one explains it.
fn mark_consequences(findings: &mut [Finding]) {
    for at in 0..findings.len() {
        let of = &findings[at];
        if of.severity == Severity::Note {
            continue;
        }
        let cause = findings.iter().filter(|cause| is_cause(cause, of)).map(|cause| cause.check).min();
        findings[at].follows_from = cause;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checks(diagnosis: &Diagnosis) -> Vec<(Check, Option<Check>)> {
        diagnosis.findings.iter().map(|finding| (finding.check, finding.follows_from)).collect()
    }

    #[test]
    fn the_cause_comes_before_what_follows_from_it_and_warnings_behind_problems() {
        let connection = Examined::new(Area::Connection, "").about("work").with([
            Finding::critical(Check::Backend, "b"),
            Finding::critical(Check::LogIn, "c"),
            Finding::critical(Check::Name, "a"),
        ]);
        let disk = Examined::new(Area::Disk, "").with([Finding::warning(Check::FolderOpen, "w")]);
        let diagnosis = Diagnosis::of(vec![disk, connection]);
        assert_eq!(
            checks(&diagnosis),
            [
                (Check::Name, None),
                (Check::LogIn, Some(Check::Name)),
                (Check::Backend, Some(Check::Name)),
                (Check::FolderOpen, None),
            ]
        );
        assert!(!diagnosis.healthy);
        assert_eq!(diagnosis.findings[0].subject.as_deref(), Some("work"));
        assert_eq!(
            diagnosis.areas.iter().map(|area| area.state).collect::<Vec<_>>(),
            [AreaState::Warning, AreaState::Problem]
        );
    }

    #[test]
    fn problems_of_two_connections_or_files_are_problems_of_their_own() {
        let of = |name: &str, check| {
            Examined::new(Area::Connection, "").about(name).with([Finding::critical(check, "x")])
        };
        let diagnosis = Diagnosis::of(vec![of("a", Check::LogIn), of("b", Check::Name)]);
        assert_eq!(checks(&diagnosis), [(Check::Name, None), (Check::LogIn, None)]);
        let files = Examined::new(Area::Connection, "")
            .about("a")
            .with([Finding::critical(Check::SqliteFile, "x"), Finding::critical(Check::SqliteLocked, "y")]);
        assert!(Diagnosis::of(vec![files]).findings.iter().all(|finding| finding.follows_from.is_none()));
    }

    #[test]
    fn from_an_unusable_key_only_the_log_in_follows() {
        let connection = Examined::new(Area::Connection, "").about("a").with([
            Finding::critical(Check::PrivateKey, "x"),
            Finding::critical(Check::Reach, "y"),
            Finding::critical(Check::LogIn, "z"),
        ]);
        let cause_of =
            |of| checks(&Diagnosis::of(vec![connection.clone()])).into_iter().find(|(check, _)| *check == of);
        assert_eq!(cause_of(Check::Reach), Some((Check::Reach, None)));
        assert_eq!(cause_of(Check::LogIn), Some((Check::LogIn, Some(Check::PrivateKey))));
    }

    #[test]
    fn warnings_alone_are_healthy() {
        let diagnosis = Diagnosis::of(vec![
            Examined::new(Area::Logs, "l").with([Finding::warning(Check::LoggedErrors, "w")]),
        ]);
        assert!(diagnosis.healthy);
    }
}
