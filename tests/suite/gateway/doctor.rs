//! `snowgate doctor` on installations that are broken in one way each: the cause is named first, with a step that mends it.

#[cfg(unix)]
mod unix;

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use snowgate_tests::{Home, binaries};

/// What `doctor --json` says in `home`: what it found, and its exit code.
struct Doctor {
    found: Value,
    code: Option<i32>,
}

/// A command in `home` for which nothing else of this machine is a user's.
fn command(home: &Home, program: &Path) -> Command {
    let user = home.path().join("user");
    fs::create_dir_all(&user).expect("making a home folder");
    let mut command = home.gateway();
    if program != binaries().gateway {
        let mut other = Command::new(program);
        other.env_clear().env("SNOWGATE_HOME", home.path());
        command = other;
    }
    command.env("HOME", user).env("PATH", "/usr/bin:/bin").env_remove("XDG_CONFIG_HOME");
    for proxy in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(proxy);
    }
    command
}

impl Doctor {
    fn of(command: &mut Command, arguments: &[&str]) -> Self {
        let output = command.arg("doctor").args(arguments).arg("--json").output().expect("doctor starts");
        let said = String::from_utf8_lossy(&output.stdout);
        let found = serde_json::from_str(&said)
            .unwrap_or_else(|error| panic!("{error}: {said}{}", String::from_utf8_lossy(&output.stderr)));
        Self { found, code: output.status.code() }
    }

    fn in_home(home: &Home, arguments: &[&str]) -> Self {
        Self::of(&mut command(home, &binaries().gateway), arguments)
    }

    fn findings(&self) -> Vec<&Value> {
        self.found["findings"].as_array().expect("findings").iter().collect()
    }

    /// The first finding is `check`, a problem, and has all of `words`.
    #[track_caller]
    fn names(&self, check: &str, words: &[&str]) {
        self.first_is(check, "critical", 1, words);
    }

    /// The same of a warning or a note, with which the installation is healthy.
    #[track_caller]
    fn mentions(&self, check: &str, severity: &str, words: &[&str]) {
        self.first_is(check, severity, 0, words);
    }

    #[track_caller]
    fn first_is(&self, check: &str, severity: &str, code: i32, words: &[&str]) {
        // Other tests' gateways are other gateways of this user.
        let first = self.findings().into_iter().find(|finding| finding["check"] != "other_gateway");
        let first = first.unwrap_or_else(|| panic!("nothing was found: {:#}", self.found));
        assert_eq!(
            (&first["check"], &first["severity"]),
            (&json!(check), &json!(severity)),
            "{:#}",
            self.found
        );
        assert_eq!(self.code, Some(code), "{:#}", self.found);
        assert_eq!(self.found["healthy"], code == 0);
        for part in ["what", "cause", "next_step"] {
            assert!(first[part].as_str().is_some_and(|text| !text.is_empty()), "no {part}: {first:#}");
        }
        let text = first.to_string();
        words.iter().for_each(|word| assert!(text.contains(word), "no {word:?} in {first:#}"));
    }

    #[track_caller]
    fn is_healthy(&self) {
        let bad = self.findings().into_iter().find(|finding| finding["severity"] != "note");
        assert!(bad.is_none() && self.code == Some(0), "{:#}", self.found);
    }
}

/// A home in which a gateway has run.
fn used_home() -> Home {
    let home = Home::new();
    home.client().initialize();
    home.stop();
    home
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn an_installation_that_works_has_no_problem_before_while_and_after_a_gateway_runs() {
    let home = Home::bare();
    Doctor::in_home(&home, &[]).is_healthy();
    assert!(home.files().iter().all(|file| file.starts_with("user")), "nothing is made: {:?}", home.files());
    let home = Home::new();
    let mut client = home.client();
    client.initialize();
    Doctor::in_home(&home, &[]).is_healthy();
    client.leave();
    home.stop();
    let before = home.files();
    let doctor = Doctor::in_home(&home, &["--fix", "--all"]);
    doctor.is_healthy();
    assert_eq!(home.files(), before);
    let said = Command::output(command(&home, &binaries().gateway).arg("doctor")).expect("doctor starts");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.starts_with("no problems found\n") && said.contains("\nok           disk: "), "{said}");
}

#[test]
fn places_that_are_not_known() {
    let home = Home::new();
    let mut relative = command(&home, &binaries().gateway);
    Doctor::of(relative.env("SNOWGATE_HOME", "here"), &[])
        .names("no_places", &["SNOWGATE_HOME", "absolute path"]);
    let long = format!("/tmp/{}/s", "x".repeat(110));
    let mut named = command(&home, &binaries().gateway);
    Doctor::of(named.env("SNOWGATE_SOCKET", long), &[])
        .names("endpoint_path", &["bytes long", "shorter path"]);
}

#[test]
fn variables_that_only_the_gateway_has_are_named_without_their_values() {
    let home = Home::new();
    let mut client = home.launch().env("SNOWGATE_LIMITS_ROWS_MAX", "12345").start();
    client.initialize();
    let doctor = Doctor::in_home(&home, &[]);
    doctor.mentions("gateway_environment", "note", &["SNOWGATE_LIMITS_ROWS_MAX"]);
    assert!(!doctor.found.to_string().contains("12345"), "{:#}", doctor.found);
}

#[test]
fn a_state_file_that_cannot_be_used() {
    let home = used_home();
    let file = home.path().join("state/state.db");
    let state = rusqlite::Connection::open(&file).expect("a database");
    state.execute_batch("PRAGMA user_version = 99").expect("another layout");
    drop(state);
    Doctor::in_home(&home, &[]).names("state_unusable", &["layout 99", "sets it aside"]);
    fs::write(&file, "certainly not SQLite. ".repeat(500)).expect("writing");
    Doctor::in_home(&home, &[]).names("state_unusable", &["state.db", "restart"]);
    // The gateway does what was said.
    home.client().initialize();
    home.stop();
    Doctor::in_home(&home, &[]).mentions("state_set_aside", "note", &["aside"]);
}

#[test]
fn databases() {
    let home = Home::bare();
    let missing = home.path().join("databases");
    fs::write(home.config_file(), format!("[sqlite]\nfolder = {:?}\n", text(&missing))).expect("writing");
    Doctor::in_home(&home, &[]).names("sqlite_folder", &["does not exist", "mkdir -p"]);
    fs::create_dir(&missing).expect("making a folder");

    let file = missing.join("a.db");
    for (content, words) in [
        ("<!DOCTYPE html><html>".repeat(100), &["HTML page", "download"][..]),
        ("version https://git-lfs.github.com/spec/v1\n".repeat(20), &["git lfs pull"]),
    ] {
        fs::write(&file, content).expect("writing");
        Doctor::in_home(&home, &[]).names("sqlite_file", &[words, &[text(&file)]].concat());
    }
    fs::write(missing.join("b.db"), "").expect("writing");
    Doctor::in_home(&home, &[]).mentions("sqlite_file", "warning", &["git lfs pull"]);
    fs::remove_file(missing.join("b.db")).expect("removing");

    fs::remove_file(&file).expect("removing");
    let writer = rusqlite::Connection::open(&file).expect("a database");
    writer.execute_batch("CREATE TABLE t(x); BEGIN EXCLUSIVE; INSERT INTO t VALUES (1)").expect("a lock");
    Doctor::in_home(&home, &[]).names("sqlite_locked", &[text(&file), "fuser"]);
    drop(writer);
    Doctor::in_home(&home, &[]).is_healthy();

    let toml = format!("[sqlite]\nfolder = {:?}\n[sqlite.databases]\nX = '/nowhere/x.db'\n", text(&missing));
    fs::write(home.config_file(), toml).expect("writing");
    Doctor::in_home(&home, &[]).names("sqlite_file", &["/nowhere/x.db"]);
}

#[test]
fn an_audit_trail_that_was_changed() {
    let home = Home::new();
    home.configure("[audit]\nenabled = true\n");
    let mut client = home.client();
    client.initialize();
    client.query("select 1");
    client.leave();
    home.stop();
    Doctor::in_home(&home, &[]).is_healthy();
    let file = home.path().join("state/audit/audit.00000001.jsonl");
    let trail = fs::read_to_string(&file).expect("a trail");
    fs::write(&file, trail.replacen("gateway_started", "gateway_startet", 1)).expect("writing");
    Doctor::in_home(&home, &[]).names("audit_fault", &["record was changed", "snowgate audit verify"]);
}

#[test]
fn the_log_s_last_errors_are_grouped() {
    let home = used_home();
    let logs = home.path().join("state/logs");
    fs::create_dir_all(&logs).expect("making a folder");
    let line = r#"{"timestamp":"2999-01-01T00:00:00.000000Z","level":"ERROR","message":"cannot serve","error":"no luck"}"#;
    fs::write(logs.join("error.2999-01-01.log"), format!("{line}\n{line}\n")).expect("writing");
    Doctor::in_home(&home, &[]).mentions("logged_errors", "note", &["2 times", "cannot serve: no luck"]);
}

#[test]
fn a_cause_is_named_before_what_follows_from_it() {
    let home = used_home();
    // The configuration is wrong, and the other areas are not guessed at.
    home.configure("[pool]\nnonsense = 1\n");
    let doctor = Doctor::in_home(&home, &[]);
    doctor.names("config_error", &["nonsense"]);
    let skipped: Vec<_> = doctor.found["areas"]
        .as_array()
        .expect("areas")
        .iter()
        .filter(|area| area["state"] == "skipped")
        .collect();
    assert!(skipped.iter().any(|area| area["area"] == "connection"), "{:#}", doctor.found);
}
