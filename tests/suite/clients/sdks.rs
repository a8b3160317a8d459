//! Real MCP clients against the two real binaries: the official SDKs in every mode, and what they
//! do that no SDK does alone (both eras on one connection, a throw-away sibling).
//!
//! `tests/clients/README.md` says what the programs check and how to run one by hand.

use std::path::PathBuf;
use std::time::Instant;

use serde_json::{Value, json};
use snowgate_tests::clients::{self, NodeVersion, Plan, available, run_python, run_typescript};
use snowgate_tests::{Client, Home, Signal, TOOLS, error_text, patience, stateless, tool_text};

const SIBLINGS: usize = 5;

#[test]
fn python_1() {
    run_python(1, "default", Plan::Checks);
}

#[test]
fn python_2_default() {
    run_python(2, "default", Plan::Checks);
}

#[test]
fn python_2_legacy() {
    run_python(2, "legacy", Plan::Checks);
}

#[test]
fn typescript_1() {
    run_typescript("suite_v1.mjs", "default", NodeVersion::SDK, Plan::Checks);
}

#[test]
fn typescript_2_default() {
    run_typescript("suite_v2.mjs", "default", NodeVersion::SDK, Plan::Checks);
}

#[test]
fn typescript_2_auto() {
    run_typescript("suite_v2.mjs", "auto", NodeVersion::SDK, Plan::Checks);
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
    assert!(client.wait().success());
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
    assert_eq!(list["result"]["tools"].as_array().map(Vec::len), Some(TOOLS), "{list}");
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
    home.settled_files();
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
        sibling.wait();
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
        let deadline = Instant::now() + patience();
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
