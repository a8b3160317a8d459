//! Both of MCP's eras, apart and mixed on one connection.

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, Signal, TOOLS, error_text, stateless, tool_text, until};

const HANDSHAKE_REVISIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];
const STATELESS_REVISION: &str = "2026-07-28";

fn info(answer: &Value) -> &Value {
    &answer["result"]["structuredContent"]
}

/// A list, a call, a tool's error and a protocol error of the older era: no result carries the newer era's
/// mark.
#[track_caller]
fn speaks_handshake(client: &mut Client) {
    let list = client.request("tools/list", &json!({}));
    assert_eq!(list["result"]["tools"].as_array().map(Vec::len), Some(TOOLS), "{list}");
    let called = client.query("select 1 as one");
    assert_eq!(tool_text(&called), "one\n1\n(1 row)");
    let failed = client.query("select * from nowhere");
    assert_eq!(failed["result"]["isError"], true, "{failed}");
    error_text(&client.call("no_such_tool", &json!({})), -32602);
    for answer in [list, called, failed] {
        assert_eq!(answer["result"].get("resultType"), None, "{answer}");
    }
}

/// The same in the newer era: every result is marked.
#[track_caller]
fn speaks_stateless(client: &mut Client) {
    let call = |query: &str| stateless(json!({"name": "execute_query", "arguments": {"query": query}}));
    let list = client.request("tools/list", &stateless(json!({})));
    assert_eq!(list["result"]["tools"].as_array().map(Vec::len), Some(TOOLS), "{list}");
    let called = client.request("tools/call", &call("select 1 as one"));
    assert_eq!(tool_text(&called), "one\n1\n(1 row)");
    let failed = client.request("tools/call", &call("select * from nowhere"));
    assert_eq!(failed["result"]["isError"], true, "{failed}");
    let unknown = client.request("tools/call", &stateless(json!({"name": "no_such_tool"})));
    error_text(&unknown, -32602);
    for answer in [list, called, failed] {
        assert_eq!(answer["result"]["resultType"], "complete", "{answer}");
    }
}

#[test]
fn every_handshake_revision_is_negotiated_as_asked() {
    let home = Home::new();
    for revision in HANDSHAKE_REVISIONS {
        let mut client = home.client();
        let answer = client.initialize_as("old", revision);
        assert_eq!(answer["result"]["protocolVersion"], revision, "{answer}");
        speaks_handshake(&mut client);
        assert_eq!(home.session_of(client.pid())["era"], format!("handshake {revision}"));
    }
}

#[test]
fn a_handshake_for_a_revision_that_has_none_gets_the_newest_that_has() {
    let home = Home::new();
    for revision in [STATELESS_REVISION, "1999-01-01", "2099-12-31"] {
        let mut client = home.client();
        let answer = client.initialize_as("odd", revision);
        assert_eq!(answer["result"]["protocolVersion"], "2025-11-25", "{answer}");
        assert_eq!(answer["result"].get("resultType"), None, "{answer}");
        speaks_handshake(&mut client);
    }
}

#[test]
fn discover_tells_the_revisions_and_who_answers() {
    let home = Home::new();
    let mut client = home.client();
    let answer = client.request("server/discover", &stateless(json!({})));
    let result = &answer["result"];
    let versions = result["supportedVersions"].as_array().cloned().unwrap_or_default();
    assert!(versions.contains(&json!(STATELESS_REVISION)), "{answer}");
    assert!(result["capabilities"]["tools"].is_object(), "{answer}");
    assert_eq!(result["resultType"], "complete", "{answer}");
    assert!(answer.to_string().contains(r#""name":"snowgate""#), "{answer}");
}

#[test]
fn stateless_requests_need_no_opening() {
    let home = Home::new();
    let mut client = home.client();
    speaks_stateless(&mut client);
    let session = home.session_of(client.pid());
    assert_eq!(session["era"], format!("stateless {STATELESS_REVISION}"));
    assert_eq!((&session["client"], &session["client_version"]), (&json!("stateless-test"), &json!("2.0")));
}

#[test]
fn a_revision_that_is_not_spoken_is_refused_with_those_that_are() {
    let home = Home::new();
    let mut client = home.client();
    let mut params = stateless(json!({}));
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2031-01-01");
    let answer = client.request("tools/list", &params);
    error_text(&answer, -32022);
    assert!(answer["error"]["data"].to_string().contains(STATELESS_REVISION), "{answer}");
    speaks_stateless(&mut client);
}

#[test]
fn a_connection_opened_by_initialize_takes_stateless_requests_too() {
    let home = Home::new();
    let mut client = home.client();
    client.initialize();
    speaks_handshake(&mut client);
    speaks_stateless(&mut client);
    speaks_handshake(&mut client);
}

#[test]
fn a_connection_opened_by_discover_takes_initialize_and_plain_requests_too() {
    let home = Home::new();
    let mut client = home.client();
    client.request("server/discover", &stateless(json!({})));
    speaks_stateless(&mut client);
    let answer = client.initialize();
    assert_eq!(answer["result"]["protocolVersion"], "2025-11-25", "{answer}");
    speaks_handshake(&mut client);
    speaks_stateless(&mut client);
    speaks_handshake(&mut client);
}

#[test]
fn both_eras_share_the_session_s_context() {
    let home = Home::new();
    let mut client = home.client();
    client.initialize();
    let params = stateless(json!({"name": "set_context", "arguments": {"database": "TWO"}}));
    assert_eq!(info(&client.request("tools/call", &params))["context"]["database"], "TWO");
    assert_eq!(info(&client.call("session_info", &json!({})))["context"]["database"], "TWO");
}

#[test]
fn stateless_requests_go_on_after_a_lost_gateway() {
    let home = Home::new();
    let mut client = home.client();
    let params = stateless(json!({"name": "set_context", "arguments": {"database": "TWO"}}));
    client.request("tools/call", &params);
    home.kill_gateway();
    speaks_stateless(&mut client);
    let params = stateless(json!({"name": "session_info"}));
    assert_eq!(info(&client.request("tools/call", &params))["context"]["database"], "TWO");
}

#[test]
fn a_sibling_that_discovers_and_is_killed_leaves_nothing() {
    let home = Home::new();
    let mut stays = home.client();
    stays.initialize();
    let trace = || {
        let sessions: Vec<Value> = home.sessions().iter().map(|session| session["pid"].clone()).collect();
        (sessions, home.processes(), home.files())
    };
    home.settled_files();
    let before = trace();
    for waits_for_the_answer in [true, false, true, false] {
        let mut sibling = home.client();
        let id = sibling.send("server/discover", &stateless(json!({})));
        if waits_for_the_answer {
            assert!(sibling.answer(&id)["result"].is_object());
        }
        sibling.signal(Signal::KILL);
        sibling.wait();
        until("the sibling has left nothing", || trace() == before);
    }
    speaks_handshake(&mut stays);
}
