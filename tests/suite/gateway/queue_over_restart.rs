//! Requests that wait for a connection when their gateway ends: the next one runs each of them, once, although others
//! of the same session were answered before them.

use serde_json::{Value, json};
use snowgate_tests::{Home, tool_text, until};

/// Writes that wait.
const WRITES: usize = 6;

fn waiting(home: &Home) -> u64 {
    home.status().map_or(0, |status| status["requests_waiting"].as_u64().expect("a number"))
}

/// `end` ends the gateway, or has it begin anew.
fn each_waiting_write_runs_once(end: fn(&Home)) {
    let home = Home::new();
    // One connection for all, and one for short calls: these overtake.
    home.configure(
        "read_only = false\n[gateway]\ndrain_timeout_ms = 100\n[pool]\nconnections_max = 2\n[allocator]\nlane_slots = 1\n",
    );
    let mut writer = home.client();
    writer.initialize_as("writer", "2025-11-25");
    tool_text(&writer.query("create table log(key integer)"));
    let mut holder = home.client();
    holder.initialize_as("holder", "2025-11-25");
    let endless = holder.send_endless_query();
    until("the statement without an end has the connection", || {
        home.sessions().iter().any(|session| session["client"] == "holder" && session["leases"] == 1)
    });
    let mut writes: Vec<Value> = Vec::new();
    let mut lists: Vec<Value> = Vec::new();
    for key in 0..WRITES {
        writes.push(writer.send_query(&format!("insert into log values ({key})")));
        lists.push(writer.send_call("list_tables", &json!({})));
    }
    // Answered past all the writes before them.
    for list in &lists[..WRITES / 2] {
        assert!(tool_text(&writer.answer(list)).contains("log"));
    }
    until("the writes wait", || waiting(&home) == WRITES as u64);
    end(&home);
    for list in &lists[WRITES / 2..] {
        assert!(tool_text(&writer.answer(list)).contains("log"));
    }
    holder.notify("notifications/cancelled", &json!({"requestId": endless}));
    for write in &writes {
        let answer = writer.answer(write);
        assert!(tool_text(&answer).contains("1 row"), "it had not begun, so it runs now: {answer}");
    }
    let rows = writer.query("select count(*), count(distinct key) from log");
    assert!(tool_text(&rows).contains(&format!("{WRITES}|{WRITES}")), "{rows}");
    assert_eq!(writer.unclaimed().iter().filter(|message| message.get("id").is_some()).count(), 0);
}

#[test]
fn what_waits_when_a_gateway_restarts_runs_once_with_the_next() {
    each_waiting_write_runs_once(|home| {
        let output = home.run(&["restart"]);
        assert_eq!(output.code, Some(0), "{output:?}");
    });
}

#[test]
fn what_waits_when_a_gateway_is_killed_runs_once_with_the_next() {
    each_waiting_write_runs_once(|home| {
        home.kill_gateway();
    });
}
