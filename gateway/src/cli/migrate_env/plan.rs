//! What a `.env` file becomes: a config, and what is said of each variable. Pure but for the check of the config.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::convert::{Converted, Form, convert, quoted};
use super::env_file::{Assignment, EnvFile};
use super::table::{Becomes, Effect, Row, SWITCHES, find};
use crate::config::{Config, Meaning, Paths, Place, meaning_of};

/// What became of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// It is a setting of the file.
    Setting,
    /// It is in the file as a comment: it had no effect before.
    Comment,
    /// It is a secret, which is not copied.
    Secret,
    /// There is nothing like it.
    NoCounterpart,
    /// Its value cannot be used.
    NotTaken,
    /// No server that is known has it.
    Unknown,
}

/// What is said of one variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// Its name.
    pub(super) variable: String,
    /// Its line in the file.
    pub(super) line: usize,
    /// What became of it.
    pub(super) outcome: Outcome,
    /// The key that it sets.
    pub(super) key: Option<String>,
    /// The key's value, as the file has it.
    pub(super) value: Option<String>,
    /// The rest, in words.
    pub(super) text: Option<String>,
}

/// What a file becomes.
#[derive(Debug, Serialize)]
pub(super) struct Plan {
    /// The config.
    pub(super) config: String,
    /// A finding for each variable, in the order of the file.
    pub(super) variables: Vec<Finding>,
    /// Lines of the `.env` file that could not be read.
    pub(super) unread_lines: Vec<String>,
    /// What the config lacks before it can be used.
    pub(super) missing: Vec<String>,
}

/// The sections in the order in which they are written.
const SECTIONS: &[&str] = &[
    "snowflake",
    "profiles.default",
    "pool",
    "allocator",
    "limits",
    "gateway",
    "session",
    "http",
    "logs",
    "alerts",
];

/// Plans the migration of `file`, which is in `folder`, to a config at `paths`.
pub(super) fn plan(file: &EnvFile, folder: &Path, paths: &Paths) -> Plan {
    let mut findings: Vec<Finding> =
        file.assignments.iter().map(|assignment| finding(assignment, folder)).collect();
    switch_off(file, &mut findings);
    keep_first_of_each_key(&mut findings);
    let implied = implied_authenticator(&findings);
    let env = secrets(file);
    let mut missing = Vec::new();
    // Each round takes one setting away, so there are no more rounds than settings.
    for _ in 0..=findings.len() {
        let everything = config_text(&findings, implied, true);
        let Err(errors) = Config::load_text(paths, &env, everything) else { break };
        let wrong = errors.iter().find_map(|error| {
            let is_value = matches!(error.place, Place::Position { .. });
            let at = findings.iter().position(|finding| finding.is_written() && finding.key == error.key)?;
            is_value.then(|| (at, error.message.clone()))
        });
        let Some((at, message)) = wrong else {
            missing = errors.iter().map(ToString::to_string).collect();
            break;
        };
        findings[at].refuse(format!("not taken: {message}"));
    }
    Plan {
        config: config_text(&findings, implied, false),
        variables: findings,
        unread_lines: file.bad_lines.iter().map(|bad| format!("line {}: {}", bad.line, bad.why)).collect(),
        missing,
    }
}

impl Finding {
    fn of(assignment: &Assignment, outcome: Outcome, text: Option<String>) -> Self {
        let Assignment { name, line, .. } = assignment;
        Self { variable: name.clone(), line: *line, outcome, key: None, value: None, text }
    }

    fn is_written(&self) -> bool {
        matches!(self.outcome, Outcome::Setting | Outcome::Comment)
    }

    fn refuse(&mut self, text: String) {
        self.outcome = Outcome::NotTaken;
        self.value = None;
        self.text = Some(text);
    }

    /// The section and the name of its key.
    fn place(&self) -> Option<(&str, &str)> {
        self.key.as_deref()?.rsplit_once('.')
    }
}

/// What is said in place of a name that may be a part of a secret.
const NOT_REPEATED: &str = "(not repeated)";

/// Whether `name` looks like a variable's name and not like a piece of a secret.
fn is_plausible(name: &str) -> bool {
    const NAME_BYTES_MAX: usize = 64;
    let is_usual = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    name.len() <= NAME_BYTES_MAX && name.bytes().all(is_usual)
}

fn finding(assignment: &Assignment, folder: &Path) -> Finding {
    if let Some(row) = find(&assignment.name) {
        return of_row(assignment, row, folder);
    }
    let name = assignment.name.as_str();
    let say = |outcome, text: &str| Finding::of(assignment, outcome, Some(text.to_owned()));
    match meaning_of(name) {
        Some(Meaning::Key(key)) => of_setting(assignment, key, form_of(key), Effect::Worked, folder),
        Some(Meaning::Secret) => say(
            Outcome::Secret,
            "not copied: it is read from this variable where the gateway starts, or from Snowflake's own connections.toml",
        ),
        Some(Meaning::Connection) => say(
            Outcome::NoCounterpart,
            "is read from the environment as it is: keep it where the gateway starts, or use Snowflake's connections.toml",
        ),
        Some(Meaning::NoEffect(why)) => say(Outcome::NoCounterpart, why),
        None if name.starts_with("SNOWGATE_") => say(
            Outcome::NoCounterpart,
            "is a variable of Snowgate's already: keep it where the gateway starts",
        ),
        None if is_plausible(name) => say(Outcome::Unknown, "no server that is known here has this variable"),
        // It may be a part of a secret that was cut in pieces.
        None => Finding {
            variable: NOT_REPEATED.to_owned(),
            ..say(Outcome::Unknown, "what is before the `=` does not look like a variable's name")
        },
    }
}

fn form_of(key: &str) -> Form {
    match key {
        "snowflake.account" => Form::Account,
        "snowflake.private_key_file" | "snowflake.token_file_path" => Form::Path,
        "snowflake.port" => Form::Times(1),
        key if key.contains("oauth_enable") || key.ends_with("_in_password") || key.ends_with("_in_body") => {
            Form::Boolean
        }
        _ => Form::Text,
    }
}

fn of_row(assignment: &Assignment, row: &Row, folder: &Path) -> Finding {
    match row.becomes {
        Becomes::Nothing(why) => {
            Finding::of(assignment, Outcome::NoCounterpart, Some(format!("{}{why}", never(row.effect))))
        }
        Becomes::Secret(what) => {
            Finding::of(assignment, Outcome::Secret, Some(format!("not copied: {what}")))
        }
        Becomes::Setting(key, form) => of_setting(assignment, key, form, row.effect, folder),
    }
}

fn never(effect: Effect) -> String {
    if effect == Effect::Worked { String::new() } else { format!("{}; ", effect.text()) }
}

fn of_setting(assignment: &Assignment, key: &str, form: Form, effect: Effect, folder: &Path) -> Finding {
    if !assignment.refers_to.is_empty() {
        let text = format!(
            "not taken: its value refers to {}, which is not put in; write `{key}` with the whole value",
            assignment.refers_to.join(", ")
        );
        return Finding::of(assignment, Outcome::NotTaken, Some(text));
    }
    let (value, note) = match convert(form, &assignment.value, folder) {
        Converted::Value(value, note) => (value, note),
        Converted::Secret => {
            let text = "not copied: keep the key in a file of mode 0600, and name it with `private_key_file`";
            return Finding::of(assignment, Outcome::Secret, Some(text.to_owned()));
        }
        Converted::Refused(why) => {
            return Finding::of(assignment, Outcome::NotTaken, Some(format!("not taken: {why}")));
        }
    };
    // Who it logs in as is taken in any case: without it there is no gateway.
    let is_identity = key.starts_with("snowflake.") && key != "snowflake.read_only";
    let is_taken = effect == Effect::Worked || is_identity;
    Finding {
        key: Some(key.to_owned()),
        value: Some(value),
        text: if is_taken { note } else { Some(format!("a comment in the file: it {}", effect.text())) },
        ..Finding::of(assignment, if is_taken { Outcome::Setting } else { Outcome::Comment }, None)
    }
}

/// What a switch of the file turns off is not taken.
fn switch_off(file: &EnvFile, findings: &mut [Finding]) {
    let is_off = |name: &str| {
        let found = file.assignments.iter().find(|assignment| assignment.name == name);
        found.is_some_and(|found| {
            matches!(found.value.to_ascii_lowercase().as_str(), "false" | "0" | "no" | "off")
        })
    };
    for (switch, set) in SWITCHES.iter().filter(|(switch, _)| is_off(switch)) {
        for finding in findings.iter_mut().filter(|finding| set.contains(&finding.variable.as_str())) {
            finding.refuse(format!("not taken: {switch} turns it off"));
        }
    }
}

/// Of several variables that set one key, one counts: one that worked.
fn keep_first_of_each_key(findings: &mut [Finding]) {
    for at in 0..findings.len() {
        let Some(key) = findings[at].key.clone().filter(|_| findings[at].is_written()) else { continue };
        let is_better = |(other, finding): (usize, &Finding)| {
            finding.key.as_ref() == Some(&key)
                && finding.is_written()
                && other != at
                && ((finding.outcome == Outcome::Setting && findings[at].outcome == Outcome::Comment)
                    || (finding.outcome == findings[at].outcome && other < at))
        };
        let better = findings.iter().enumerate().find(|(other, finding)| is_better((*other, finding)));
        if let Some(name) = better.map(|(_, finding)| finding.variable.clone()) {
            findings[at].refuse(format!("not taken: {name} sets `{key}`"));
        }
    }
}

/// The log-in method that follows from the credentials, where no variable names it.
fn implied_authenticator(findings: &[Finding]) -> Option<&'static str> {
    let has = |name: &str| findings.iter().any(|finding| finding.variable == name);
    let has_key = |key: &str| {
        findings.iter().any(|finding| finding.is_written() && finding.key.as_deref() == Some(key))
    };
    if has_key("snowflake.authenticator") || has_key("snowflake.connection") {
        return None;
    }
    if has_key("snowflake.private_key_file") || has("SNOWFLAKE_PRIVATE_KEY") {
        Some("snowflake_jwt")
    } else if has("SNOWFLAKE_PAT") {
        Some("programmatic_access_token")
    } else if has("SNOWFLAKE_PASSWORD") {
        Some("snowflake")
    } else {
        None
    }
}

/// The secrets of the file, as the variables that the gateway is to have.
fn secrets(file: &EnvFile) -> BTreeMap<String, String> {
    let is_secret = |name: &str| meaning_of(name) == Some(Meaning::Secret) || name == "SNOWFLAKE_PAT";
    let kept = file.assignments.iter().filter(|assignment| is_secret(&assignment.name));
    kept.map(|assignment| {
        let name = if assignment.name == "SNOWFLAKE_PAT" { "SNOWFLAKE_TOKEN" } else { &assignment.name };
        (name.to_owned(), assignment.value.clone())
    })
    .collect()
}

/// The file's text; with `is_whole`, comments are settings, so that they are checked, too.
fn config_text(findings: &[Finding], implied: Option<&str>, is_whole: bool) -> String {
    let mut text = String::from(
        "# Made by `snowgate migrate-env`. Secrets are not in it: they stay in variables, or in files of their own.\n\
         # A commented setting had no effect in the server that it comes from; remove the first \"# \" to have it here.\n\n\
         [backend]\nkind = \"snowflake\"\n",
    );
    for section in SECTIONS {
        let of_section: Vec<_> = findings
            .iter()
            .filter(|finding| finding.is_written())
            .filter_map(|finding| Some((finding, finding.place().filter(|(found, _)| found == section)?.1)))
            .collect();
        let implied = implied.filter(|_| *section == "snowflake");
        if of_section.is_empty() && implied.is_none() {
            continue;
        }
        let is_comment = |finding: &Finding| finding.outcome == Outcome::Comment && !is_whole;
        let all_comments = implied.is_none() && of_section.iter().all(|(finding, _)| is_comment(finding));
        text.push_str(&format!("\n{}[{section}]\n", if all_comments { "# " } else { "" }));
        if let Some(authenticator) = implied {
            text.push_str(&format!("authenticator = {}\n", quoted(authenticator)));
        }
        for (finding, name) in of_section {
            let mark = if is_comment(finding) { "# " } else { "" };
            let value = finding.value.as_deref().unwrap_or_default();
            text.push_str(&format!("{mark}{name} = {value}    # {}\n", finding.variable));
        }
    }
    text
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
