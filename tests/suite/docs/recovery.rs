//! A gateway that is lost comes back from the backup of docs/backup.md, whose very commands run here.

use std::fs;

use serde_json::{Value, json};
use snowgate_tests::{Client, HttpGateway};

use super::pages::{Block, pages};
use super::place::{Needs, Place};
use super::script::steps;

/// The block of commands of docs/backup.md that has these words.
fn block(words: &str) -> Block {
    let page = pages().into_iter().find(|page| page.path == "docs/backup.md").expect("docs/backup.md");
    let found = page.blocks.into_iter().find(|block| block.is_shell() && block.text.contains(words));
    found.unwrap_or_else(|| panic!("docs/backup.md has no block with {words}"))
}

fn run(place: &Place, words: &str) {
    let steps = steps(&block(words));
    let ended = place.run(&steps);
    assert_eq!(ended.codes.len(), steps.len(), "{}", ended.output);
    for (code, step) in ended.codes.iter().zip(&steps) {
        assert!(step.codes.contains(code), "exit code {code} of {}:\n{}", step.text, ended.output);
    }
}

/// A statement sent with the key of the place, and with one by which it may be sent again.
fn write(gateway: &HttpGateway, key: &str, sql: &str, idempotency: &str) -> Value {
    let headers = [("X-API-Key", key), ("Idempotency-Key", idempotency)];
    let body = json!({"name": "execute_query", "arguments": {"query": sql, "database": "ONE"}});
    let response = gateway.post("/mcp/tools/call", &headers, &body);
    assert_eq!(response.status, 200, "{response:?}");
    response.json()
}

/// A client under the session name `report`.
fn report(gateway: &HttpGateway) -> Client {
    let mut client = gateway.home.launch().arg("--session").arg("report").start();
    client.initialize();
    client
}

fn database(client: &mut Client) -> Value {
    client.call("session_info", &json!({}))["result"]["structuredContent"]["context"]["database"].clone()
}

#[test]
fn a_gateway_that_is_lost_comes_back_from_its_backup() {
    let mut place = Place::new(Needs { may_write: true, ..Needs::default() });
    let key = place.key().to_owned();
    let gateway = place.gateway();
    let mut client = report(gateway);
    client.call("set_context", &json!({"database": "TWO"}));
    assert_eq!(database(&mut client), "TWO");
    client.leave();
    write(gateway, &key, "CREATE TABLE T (A)", "first");
    let answer = write(gateway, &key, "INSERT INTO T VALUES (1)", "second");

    run(&place, "tar czf");
    place.lose_client();
    for folder in ["data", "state"] {
        let folder = place.folder(folder);
        fs::remove_dir_all(&folder).expect("losing a folder");
        fs::create_dir(&folder).expect("an empty folder");
    }
    fs::remove_file(place.gateway().home.config_file()).expect("losing the config");
    run(&place, "tar xzf");

    let gateway = place.gateway();
    gateway.start_again();
    assert_eq!(database(&mut report(gateway)), "TWO", "the session's context is back");
    let again = write(gateway, &key, "INSERT INTO T VALUES (1)", "second");
    assert_eq!(again["result"]["content"], answer["result"]["content"], "it is answered from the journal");
    let count = write(gateway, &key, "SELECT count(*) AS n FROM T", "third");
    assert_eq!(count["result"]["rows"], json!([[1]]), "it ran once: {count}");
    let verified = gateway.home.run(&["audit", "verify"]);
    assert_eq!(verified.code, Some(0), "the trail goes on: {verified:?}");
}
