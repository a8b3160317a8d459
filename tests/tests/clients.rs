//! Real MCP clients against the two real binaries: the official SDKs in every mode, the inspector's CLI, and what they
//! do that no SDK does alone (both eras on one connection, a throw-away sibling).
//!
//! `tests/clients/README.md` says what the programs check and how to run one by hand.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use snowgate_tests::clients::{self, NodeVersion, Unavailable};
use snowgate_tests::{Client, Home, Signal, binaries, error_text, stateless, tool_text};
use tempfile::TempDir;

/// One client program, all its checks.
const PROGRAM_LIMIT: Duration = Duration::from_secs(300);
/// A shim that is told to end has ended after this.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);
/// What a killed shim leaves is gone after this.
const GONE_LIMIT: Duration = Duration::from_secs(2);
const SIBLINGS: usize = 5;

#[test]
fn python_1() {
    python(1, "default");
}

#[test]
fn python_2_default() {
    python(2, "default");
}

#[test]
fn python_2_legacy() {
    python(2, "legacy");
}

#[test]
fn typescript_1() {
    typescript("suite_v1.mjs", "default", NodeVersion::SDK);
}

#[test]
fn typescript_2_default() {
    typescript("suite_v2.mjs", "default", NodeVersion::SDK);
}

#[test]
fn typescript_2_auto() {
    typescript("suite_v2.mjs", "auto", NodeVersion::SDK);
}

#[test]
fn inspector_cli() {
    typescript("suite_inspector.mjs", "default", NodeVersion::INSPECTOR);
}

fn python(major: u32, mode: &str) {
    let interpreter = available(clients::python(major));
    run_suite(Command::new(interpreter).arg("-B").arg(clients::folder().join("python/suite.py")), mode);
}

fn typescript(program: &str, mode: &str, node: NodeVersion) {
    let (node, environment) = (available(clients::node(node)), available(clients::typescript()));
    let programs = beside_their_modules(&clients::folder().join("typescript"), &environment)
        .expect("copying the TypeScript programs");
    // The inspector keeps a catalog in the home folder: not in the user's.
    run_suite(Command::new(node).arg(programs.path().join(program)).env("HOME", programs.path()), mode);
}

/// Fails the test with the words that say what is missing on this machine.
#[track_caller]
fn available<T>(found: Result<T, Unavailable>) -> T {
    found.unwrap_or_else(|missing| {
        let cause = missing.source().map(|cause| format!(": {cause}"));
        panic!("{missing}{}", cause.unwrap_or_default())
    })
}

/// A folder with the programs of `source` and the `node_modules` of `environment`: Node looks for packages beside the
/// importing file, wherever it was started.
fn beside_their_modules(source: &Path, environment: &Path) -> std::io::Result<TempDir> {
    let folder = tempfile::tempdir()?;
    for entry in fs::read_dir(source)? {
        let path: PathBuf = entry?.path();
        if let (Some(name), Some("mjs")) = (path.file_name(), path.extension().and_then(|end| end.to_str())) {
            fs::copy(&path, folder.path().join(name))?;
        }
    }
    link(environment.join("node_modules"), folder.path().join("node_modules"))?;
    Ok(folder)
}

#[cfg(unix)]
use std::os::unix::fs::symlink as link;
#[cfg(windows)]
use std::os::windows::fs::symlink_dir as link;

/// Runs a client program in a home of its own, which sees to it that no process is left.
#[track_caller]
fn run_suite(program: &mut Command, mode: &str) {
    let home = available(clients::home());
    program
        .arg(&binaries().shim)
        .arg(&binaries().gateway)
        .arg(clients::folder().join("contract.json"))
        .arg(mode);
    env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"SNOWGATE_")).for_each(
        |(name, _)| {
            program.env_remove(name);
        },
    );
    let finished =
        clients::run(program.env("SNOWGATE_HOME", home.path()), PROGRAM_LIMIT).expect("the program starts");
    println!("{}", finished.output);
    let summary = finished.output.lines().last().unwrap_or_default();
    let passed = summary.strip_suffix(" passed, 0 failed").is_some_and(|count| count != "0");
    match finished.status {
        None => panic!("the program was killed after {PROGRAM_LIMIT:?}"),
        Some(status) => assert!(status.success() && passed, "{status}; {summary}"),
    }
    home.stop();
}

/// How a request is dressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Era {
    /// As after `initialize`.
    Handshake,
    /// With version, client and capabilities in `_meta`.
    Stateless,
}

#[test]
fn one_connection_initialized_then_stateless() {
    one_connection(|client| {
        initialize(client);
        exchange(client, Era::Handshake);
        discover(client);
        exchange(client, Era::Stateless);
        exchange(client, Era::Handshake);
    });
}

#[test]
fn one_connection_stateless_then_initialized() {
    one_connection(|client| {
        discover(client);
        exchange(client, Era::Stateless);
        initialize(client);
        exchange(client, Era::Handshake);
        exchange(client, Era::Stateless);
    });
}

fn one_connection(talk: impl FnOnce(&mut Client)) {
    let home = available(clients::home());
    let mut client = home.client();
    talk(&mut client);
    assert!(client.unclaimed().is_empty(), "messages that nobody asked for: {:?}", client.unclaimed());
    client.close_stdin();
    assert!(client.wait(CLOSE_LIMIT).success());
    home.stop();
}

#[track_caller]
fn initialize(client: &mut Client) {
    let answer = client.initialize();
    assert_eq!(answer["result"]["protocolVersion"], "2025-11-25", "{answer}");
}

#[track_caller]
fn discover(client: &mut Client) {
    let answer = client.request("server/discover", &stateless(json!({})));
    let versions = answer["result"]["supportedVersions"].as_array();
    assert!(versions.is_some_and(|versions| versions.contains(&json!("2026-07-28"))), "{answer}");
}

/// A list, a context that the next call sees, an error, a refusal: each as its era wants it.
#[track_caller]
fn exchange(client: &mut Client, era: Era) {
    let list = request(client, era, "tools/list", json!({}));
    assert_eq!(list["result"]["tools"].as_array().map(Vec::len), Some(10), "{list}");
    assert_dressed(&list, era);
    for database in ["OTHER", "SNOWFLAKE_SAMPLE_DATA"] {
        assert_dressed(&call(client, era, "set_context", &json!({"database": database})), era);
        let info = call(client, era, "session_info", &json!({}));
        assert!(tool_text(&info).contains(database), "{info}");
    }
    let failed = call(client, era, "execute_query", &json!({"query": "select * from nowhere"}));
    assert!(failed["result"]["isError"] == true && tool_text(&failed).contains("no such table"), "{failed}");
    error_text(&call(client, era, "no_such_tool", &json!({})), -32602);
}

#[track_caller]
fn call(client: &mut Client, era: Era, tool: &str, arguments: &Value) -> Value {
    request(client, era, "tools/call", json!({"name": tool, "arguments": arguments}))
}

#[track_caller]
fn request(client: &mut Client, era: Era, method: &str, params: Value) -> Value {
    client.request(method, &if era == Era::Stateless { stateless(params) } else { params })
}

/// Results of the stateless era carry `resultType`, those of the older one must not.
#[track_caller]
fn assert_dressed(answer: &Value, era: Era) {
    let wanted = if era == Era::Stateless { json!("complete") } else { Value::Null };
    assert_eq!(answer["result"]["resultType"], wanted, "{era:?}: {answer}");
}

/// A client that stays, and siblings that come, ask `server/discover` and are killed.
#[test]
fn a_throw_away_sibling_leaves_nothing() {
    let home = available(clients::home());
    let mut stays = home.client();
    initialize(&mut stays);
    exchange(&mut stays, Era::Handshake);
    let before = Trace::of(&home);
    for _ in 0..SIBLINGS {
        for life in [Life::Silent, Life::Unanswered, Life::Answered] {
            life.spend(&home);
            before.comes_back(&home, life);
        }
    }
    exchange(&mut stays, Era::Handshake);
    stays.leave();
    home.stop();
}

/// How far a sibling gets before it is killed.
#[derive(Clone, Copy, Debug)]
enum Life {
    Silent,
    Unanswered,
    Answered,
}

impl Life {
    fn spend(self, home: &Home) {
        let mut sibling = home.client();
        match self {
            Self::Silent => {}
            Self::Unanswered => drop(sibling.send("server/discover", &stateless(json!({})))),
            Self::Answered => discover(&mut sibling),
        }
        sibling.signal(Signal::KILL);
        sibling.wait(CLOSE_LIMIT);
    }
}

/// What a home shows of who is there.
#[derive(Debug, PartialEq)]
struct Trace {
    sessions: Vec<String>,
    processes: Vec<u32>,
    files: Vec<PathBuf>,
}

impl Trace {
    fn of(home: &Home) -> Self {
        Self {
            sessions: home.sessions().iter().map(|session| session["id"].to_string()).collect(),
            processes: home.processes().iter().map(|process| process.pid).collect(),
            files: home.files(),
        }
    }

    #[track_caller]
    fn comes_back(&self, home: &Home, after: Life) {
        let deadline = Instant::now() + GONE_LIMIT;
        loop {
            let now = Self::of(home);
            if now == *self {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "a sibling ({after:?}) left something: {self:?} became {now:?}"
            );
        }
    }
}
