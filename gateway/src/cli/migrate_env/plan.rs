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
mod tests {
    use super::super::table::{OTHERS, ROWS};
    use super::*;

    fn plan_of(text: &str) -> Plan {
        let paths = Paths::below(Path::new("/nonexistent/home"));
        plan(&EnvFile::parse(text), Path::new("/srv/old"), &paths)
    }

    fn outcome(plan: &Plan, variable: &str) -> Outcome {
        plan.variables.iter().find(|finding| finding.variable == variable).unwrap().outcome
    }

    const BASE: &str = "SNOWFLAKE_ACCOUNT=org-acct.snowflakecomputing.com\nSNOWFLAKE_USER=ADA\n\
                        SNOWFLAKE_PRIVATE_KEY_PATH=/keys/ada.p8\n";

    /// A value that the variable's form takes.
    fn sample(row: &Row) -> &'static str {
        let Becomes::Setting(key, form) = row.becomes else { return "1" };
        if row.name == "WS_MAX_MESSAGE_SIZE" {
            return "65536";
        }
        match form {
            Form::Account => "org-acct",
            Form::Authenticator => "private_key",
            Form::Path | Form::KeyOrPath => "/keys/ada.p8",
            Form::Bytes => "100MB",
            Form::Boolean | Form::Not => "true",
            Form::LogLevel => "INFO",
            Form::LogFormat => "text",
            Form::Commands => "select,show,use",
            Form::Origins => "https://app.example.com",
            Form::LoopbackPort => "8000",
            Form::Text => "NAME",
            Form::Times(_) if key == "http.request_bytes_max" => "1",
            Form::Times(_) => "10",
        }
    }

    #[test]
    fn each_variable_alone_makes_a_config_that_is_right_also_without_its_comments() {
        let paths = Paths::below(Path::new("/nonexistent/home"));
        for row in ROWS.iter().chain(OTHERS) {
            let sets = |row: &Row| match row.becomes {
                Becomes::Setting(key, _) => Some(key),
                _ => None,
            };
            // Of two that set one key, one is not taken.
            let is_alike = |line: &str| {
                let other = line.split('=').next().and_then(find);
                other.is_some_and(|other| other.name == row.name || sets(other) == sets(row))
            };
            let own = BASE.lines().filter(|line| !is_alike(line));
            let mut lines: Vec<String> = own.map(str::to_owned).collect();
            lines.push(format!("{}={}", row.name, sample(row)));
            if row.name.starts_with("TLS_") {
                lines.push("TLS_CERT_FILE=/c.pem\nTLS_KEY_FILE=/k.pem".to_owned());
            }
            if row.name == "SNOWFLAKE_CONNECTION_NAME" {
                continue;
            }
            let made = plan_of(&lines.join("\n"));
            assert_eq!(made.missing, [] as [&str; 0], "{}: {}", row.name, made.config);
            let finding = made.variables.iter().find(|finding| finding.variable == row.name).unwrap();
            let expected = match row.becomes {
                Becomes::Setting(..) if finding.outcome == Outcome::Comment => Outcome::Comment,
                Becomes::Setting(..) => Outcome::Setting,
                Becomes::Secret(_) => Outcome::Secret,
                Becomes::Nothing(_) => Outcome::NoCounterpart,
            };
            assert_eq!(finding.outcome, expected, "{}: {finding:?}", row.name);
            let env = secrets(&EnvFile::parse(&lines.join("\n")));
            let loaded = Config::load_text(&paths, &env, made.config.clone());
            assert!(loaded.is_ok(), "{}: {loaded:?}\n{}", row.name, made.config);
        }
    }

    #[test]
    fn values_of_all_kinds_never_break_the_file() {
        for odd in [
            "\"]\\n[gateway]\\nidle_exit_minutes = 1\"",
            "'\"\"\"'",
            "-1",
            "1e308",
            "NaN",
            "''",
            "\"\\\\\"",
            "*",
            "${X}",
            "99999999999999999999",
            "\u{202e}",
            "\"a\\r\\nb\"",
            "a'b",
            "é€",
        ] {
            let lines: Vec<_> = ROWS.iter().chain(OTHERS).map(|row| format!("{}={odd}", row.name)).collect();
            let made = plan_of(&lines.join("\n"));
            let table: toml::Table = made.config.parse().unwrap_or_else(|error| panic!("{odd}: {error}"));
            assert!(
                !table.contains_key("gateway") || made.config.contains("LOG_LEVEL"),
                "{odd}: {}",
                made.config
            );
            assert_eq!(made.variables.len(), ROWS.len() + OTHERS.len(), "{odd}");
        }
    }

    #[test]
    fn no_secret_is_in_the_config_nor_in_the_findings() {
        let secret = "c4n4ry";
        let lines: Vec<_> = ROWS
            .iter()
            .chain(OTHERS)
            .filter(|row| matches!(row.becomes, Becomes::Secret(_)))
            .map(|row| format!("{}={secret}", row.name))
            .chain(
                ["SNOWFLAKE_PRIVATE_KEY", "SNOWFLAKE_TOKEN", "SNOWFLAKE_OAUTH_CLIENT_SECRET", "OTHER"]
                    .map(|name| format!("{name}={secret}")),
            )
            .collect();
        let made = plan_of(&format!("{BASE}{}\nnonsense {secret}\n", lines.join("\n")));
        assert!(!serde_json::to_string(&made).unwrap().contains(secret), "{made:?}");
    }

    #[test]
    fn what_worked_is_set_and_what_did_not_is_a_comment() {
        let made = plan_of(&format!(
            "{BASE}SNOWFLAKE_POOL_MAX_SIZE=5\nCONNECTION_POOL_MAX_SIZE=50\nMAX_QUERY_LIMIT=500\nENABLE_RATE_LIMITING=false\n\
             RATE_LIMIT_PER_MINUTE=60\nALLOWED_SQL_COMMANDS=select,use\nUNHEARD_OF=1\n"
        ));
        assert_eq!(outcome(&made, "SNOWFLAKE_POOL_MAX_SIZE"), Outcome::Setting);
        assert_eq!(outcome(&made, "CONNECTION_POOL_MAX_SIZE"), Outcome::NotTaken);
        assert_eq!(outcome(&made, "MAX_QUERY_LIMIT"), Outcome::Comment);
        assert_eq!(outcome(&made, "RATE_LIMIT_PER_MINUTE"), Outcome::NotTaken);
        assert_eq!(outcome(&made, "UNHEARD_OF"), Outcome::Unknown);
        for line in [
            "authenticator = \"snowflake_jwt\"\n",
            "account = \"org-acct\"    # SNOWFLAKE_ACCOUNT\n",
            "# [limits]\n# rows_max = 500",
            "[profiles.default]\nstatements = [\"read\", \"context\"]",
            "[pool]\nconnections_max = 5",
        ] {
            assert!(made.config.contains(line), "{line}\n{}", made.config);
        }
    }

    #[test]
    fn what_is_out_of_bounds_is_left_out_and_said() {
        let made = plan_of(&format!(
            "{BASE}SNOWFLAKE_POOL_MAX_SIZE=9999\nSNOWFLAKE_POOL_MIN_SIZE=5\nSNOWFLAKE_ROLE=\"a\\tb\"\n"
        ));
        assert_eq!(outcome(&made, "SNOWFLAKE_POOL_MAX_SIZE"), Outcome::NotTaken);
        assert_eq!(outcome(&made, "SNOWFLAKE_POOL_MIN_SIZE"), Outcome::Setting);
        assert!(made.missing.is_empty(), "{:?}", made.missing);
    }

    #[test]
    fn no_part_of_a_key_is_repeated() {
        let body = ["MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", "QUJDREVGR0g=", "Zm9vYmFy=x", "Ab=="];
        let key = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----", body.join("\n"));
        for text in [
            format!("SNOWFLAKE_PRIVATE_KEY={key}\n"),
            format!("SNOWFLAKE_PRIVATE_KEY=\"{key}\n"),
            format!("SNOWFLAKE_PRIVATE_KEY_PATH=\"{key}\"\n"),
            format!("SNOWFLAKE_USER=\"{key}\"\n"),
            format!("{}\n", body.join("\n")),
        ] {
            let made = plan_of(&format!("{BASE}{text}"));
            let shown = serde_json::to_string(&made).unwrap();
            for part in body {
                let part = part.trim_end_matches(['=', 'x']);
                assert!(
                    !shown.contains(&format!("{part}\"")) && !shown.contains(&format!("{part}=")),
                    "{part}: {shown}"
                );
            }
        }
        assert_eq!(outcome(&plan_of(&format!("{BASE}abc=1\n")), NOT_REPEATED), Outcome::Unknown);
    }

    #[test]
    fn what_the_config_lacks_is_said() {
        let made = plan_of("SNOWFLAKE_USER=ADA\nSNOWFLAKE_AUTH_TYPE=private_key\n");
        let text = made.missing.join("\n");
        assert!(text.contains("snowflake.account") && text.contains("no private key was found"), "{text}");
    }
}
