//! What a bug report has in it, and the archive.
//!
//! Never in it: statements, tokens, keys, passwords, values of variables. What is packed is cut to a bound, then cleaned of every
//! secret that is known here.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use serde_json::{Value, json};
use snowgate_link::BUILD;

use super::finding::Diagnosis;
use super::logs::tail;
use super::secrets::Scrubber;
use super::service;
use super::situation::Situation;
use crate::link::{Command, Reply, ask};
use crate::os::release;
use crate::state::summary;
use crate::streams::{StreamName, newest_log};

/// Bytes of the end of each log, and of any other part.
const LOG_BYTES_MAX: u64 = 1 << 20;
const PART_BYTES_MAX: usize = 1 << 20;

/// Bytes of all parts together.
const BYTES_MAX: usize = 5 << 20;

/// Members of a view that hold a statement, or parts of one.
const STATEMENTS: [&str; 5] = ["pattern", "queries", "query", "sql", "statement"];

/// The folder in the archive.
const FOLDER: &str = "snowgate-report";

/// What `doctor.json` is.
const DOCTOR: &str = "what `snowgate doctor` finds";

/// One file of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Its name.
    pub name: &'static str,
    /// What is in it.
    pub what: &'static str,
    /// Its text.
    #[serde(skip)]
    pub text: String,
    /// Bytes of it.
    pub bytes: usize,
}

/// The parts of a report.
pub fn parts(situation: &Situation<'_>, diagnosis: &Diagnosis) -> Vec<Part> {
    let scrubber = Scrubber::of(situation.env, situation.config.as_ref().ok());
    let mut parts = Parts { scrubber, left: BYTES_MAX, parts: Vec::new() };
    parts.json("versions.json", "version of Snowgate, system, processor", &versions());
    parts.json("doctor.json", DOCTOR, &json!(diagnosis));
    match &situation.config {
        Ok(config) => {
            parts.json("config.json", "what `snowgate config show` prints: no secrets", &config.to_json());
        }
        Err(errors) => parts.add("config-errors.txt", "the errors of the configuration", &errors.to_string()),
    }
    parts.json("environment.json", "the names of variables, without their values", &variables(situation));
    if let Some(status) = situation.status() {
        parts.json(
            "status.json",
            "what `snowgate status` shows, without statements",
            &without_statements(json!(status)),
        );
        if let Ok(Some(Reply::Sessions(sessions))) = ask(&situation.endpoint, &Command::Sessions) {
            let sessions = without_statements(json!(sessions));
            parts.json("sessions.json", "what `snowgate sessions` shows, without statements", &sessions);
        }
    }
    let state = match summary(&situation.paths.state_dir) {
        Ok(found) => json!(found),
        Err(error) => json!({"error": format!("{error:?}")}),
    };
    parts.json("state.json", "sizes and counts of the state file, nothing that is in it", &state);
    parts.json("service.json", "what `snowgate service status` shows", &json!(service::gather(situation)));
    parts.file("start-stderr.log", "what the last start wrote to stderr", &situation.endpoint.stderr);
    for (name, what, stream) in [
        ("error.log", "the last errors and warnings of the log", StreamName::Error),
        ("main.log", "the last lines of the log: no statements", StreamName::Main),
    ] {
        if let Some(file) = newest_log(&situation.paths.log_dir, stream) {
            parts.file(name, what, &file);
        }
    }
    parts.parts
}

/// The one part of a report where nothing else can be looked at.
pub fn part_of(diagnosis: &Diagnosis) -> Part {
    let text = format!("{:#}\n", json!(diagnosis));
    Part { name: "doctor.json", what: DOCTOR, bytes: text.len(), text }
}

/// What is gathered so far.
struct Parts {
    scrubber: Scrubber,
    /// Bytes that still fit.
    left: usize,
    parts: Vec<Part>,
}

impl Parts {
    fn json(&mut self, name: &'static str, what: &'static str, value: &Value) {
        self.add(name, what, &format!("{value:#}\n"));
    }

    fn file(&mut self, name: &'static str, what: &'static str, path: &Path) {
        // What is not there is not packed.
        if let Ok(text) = tail(path, LOG_BYTES_MAX) {
            self.add(name, what, &text);
        }
    }

    fn add(&mut self, name: &'static str, what: &'static str, text: &str) {
        let mut text = without_addresses_queries(&self.scrubber.clean(text));
        text.truncate(text.floor_char_boundary(PART_BYTES_MAX.min(self.left)));
        self.left -= text.len();
        let bytes = text.len();
        self.parts.push(Part { name, what, text, bytes });
    }
}

fn versions() -> Value {
    let release = release();
    json!({
        "snowgate": BUILD,
        "system": std::env::consts::OS,
        "processor": std::env::consts::ARCH,
        "distribution": release.name,
        "kernel": release.kernel,
    })
}

/// Names alone.
fn variables(situation: &Situation<'_>) -> Value {
    let names = ["SNOWGATE_", "SNOWFLAKE_", "SSL_CERT_", "XDG_"]
        .into_iter()
        .flat_map(|prefix| situation.env.names_with(prefix));
    let proxies = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"];
    let proxies = proxies.into_iter().flat_map(|name| [name.to_owned(), name.to_uppercase()]);
    let proxies = proxies.filter(|name| situation.env.get(name).is_some());
    json!(names.chain(proxies).collect::<Vec<_>>())
}

/// The value without the members that hold statements.
fn without_statements(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .filter(|(name, _)| !STATEMENTS.contains(&name.as_str()))
            .map(|(name, value)| (name, without_statements(value)))
            .collect(),
        Value::Array(values) => values.into_iter().map(without_statements).collect(),
        other => other,
    }
}

/// Addresses without what is behind their question mark: a page for a log-in has a proof there.
fn without_addresses_queries(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let end = rest[at..]
            .find(|char: char| char.is_whitespace() || "\"'<>\\".contains(char))
            .map_or(rest.len(), |end| at + end);
        let address = &rest[..end];
        match address[at..].find('?') {
            Some(query) => {
                cleaned.push_str(&address[..=at + query]);
                cleaned.push_str("[cut]");
            }
            None => cleaned.push_str(address),
        }
        rest = &rest[end..];
    }
    cleaned.push_str(rest);
    cleaned
}

/// The archive: a folder with the parts, which are bounded.
///
/// # Errors
/// None, into memory.
pub fn pack(parts: &[Part], at_s: u64) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    let contents: BTreeMap<&str, &str> = parts.iter().map(|part| (part.name, part.what)).collect();
    let about: String = contents.iter().map(|(name, what)| format!("{name}: {what}\n")).collect();
    let about = format!(
        "A report of Snowgate {BUILD}. It has no statements, passwords, keys or tokens in it.\n\n{about}"
    );
    append(&mut archive, "README.txt", &about, at_s)?;
    for part in parts {
        append(&mut archive, part.name, &part.text, at_s)?;
    }
    archive.into_inner()?.finish()
}

fn append(archive: &mut tar::Builder<impl Write>, name: &str, text: &str, at_s: u64) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o600);
    header.set_mtime(at_s);
    archive.append_data(&mut header, format!("{FOLDER}/{name}"), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn statements_and_what_is_behind_a_question_mark_are_left_out() {
        let view = json!({"calls": [{"number": 1, "pattern": "SELECT ?"}], "queries": {"x": 1}, "pid": 2});
        assert_eq!(without_statements(view), json!({"calls": [{"number": 1}], "pid": 2}));
        let text = "open https://a.b/sso?token=x&y, or \"http://c/d?e\" or ftp://f/g";
        let cut = "open https://a.b/sso?[cut] or \"http://c/d?[cut]\" or ftp://f/g";
        assert_eq!(without_addresses_queries(text), cut);
        assert_eq!(without_addresses_queries("a ? b"), "a ? b");
    }

    #[test]
    fn parts_are_cut_to_their_bounds() {
        let mut parts = Parts { scrubber: Scrubber::default(), left: PART_BYTES_MAX + 10, parts: Vec::new() };
        parts.add("a", "", &"ü".repeat(PART_BYTES_MAX));
        parts.add("b", "", &"x".repeat(PART_BYTES_MAX));
        parts.add("c", "", "more");
        let sizes: Vec<_> = parts.parts.iter().map(|part| part.bytes).collect();
        assert_eq!(sizes, [PART_BYTES_MAX, 10, 0]);
    }

    #[test]
    fn the_archive_can_be_read_back() {
        let part = Part { name: "a.txt", what: "a text", text: "content".to_owned(), bytes: 7 };
        let packed = pack(&[part], 1_700_000_000).unwrap();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed.as_slice()));
        let mut found = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            found.push((entry.path().unwrap().display().to_string(), text));
        }
        assert_eq!(found[0].0, "snowgate-report/README.txt");
        assert!(found[0].1.contains("a.txt: a text"));
        assert_eq!(found[1], ("snowgate-report/a.txt".to_owned(), "content".to_owned()));
    }
}
