//! The audit trail as people see it: what `snowgate audit` and `history` find, and what happens where it cannot be written.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, tool_text, until};

/// Statements with a text as long as a record has: some hundreds fill what may wait for a trail that cannot be written.
const LONG: usize = 60_000;

/// Statements that are sent to fill it, at most.
const LONG_MAX: u64 = 2_000;

fn home_with(audit: &str) -> Home {
    let home = Home::new();
    home.configure(&format!("read_only = false\n[audit]\n{audit}"));
    home
}

fn named(home: &Home, name: &str) -> Client {
    let mut client = home.client();
    client.initialize_as(name, "2025-11-25");
    client
}

#[track_caller]
fn succeeds(answer: &Value) -> &str {
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    tool_text(answer)
}

fn folder(home: &Home) -> PathBuf {
    home.path().join("state/audit")
}

/// `snowgate audit verify --json`, which must find nothing wrong.
#[track_caller]
pub(super) fn verified(home: &Home) -> Value {
    let output = home.run(&["audit", "verify", "--json"]);
    let report = output.json();
    assert!(output.code == Some(0) && report["fault"].is_null(), "{output:?}");
    report
}

/// The records that `snowgate audit search` finds, oldest first.
#[track_caller]
pub(super) fn records(home: &Home, arguments: &[&str]) -> Vec<Value> {
    let output = home.run(&[&["audit", "search", "--json", "--limit", "1000000"], arguments].concat());
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    output.stdout.lines().map(|line| serde_json::from_str(line).expect("a record")).collect()
}

fn audit_status(home: &Home) -> Value {
    home.status().expect("a running gateway")["audit"].clone()
}

/// Puts a file where the trail's folder was, until [`mend`].
fn damage(home: &Home) {
    fs::rename(folder(home), home.path().join("aside")).expect("moving the trail away");
    fs::write(folder(home), "in the way").expect("a file in its place");
}

fn mend(home: &Home) {
    fs::remove_file(folder(home)).expect("removing the file");
    fs::rename(home.path().join("aside"), folder(home)).expect("putting the trail back");
}

#[test]
fn a_required_trail_that_cannot_be_written_refuses_statements_until_it_can() {
    let home = home_with("required = true\nstatement_text = true\n");
    let mut client = named(&home, "editor");
    succeeds(&client.query("create table t (x)"));
    damage(&home);
    let (mut ran, mut number) = (Vec::new(), 0);
    // What finds the trail unwritable has run; what comes behind it must not.
    let refusal = loop {
        number += 1;
        let answer = client.query(&format!("insert into t values ({number})"));
        if answer["result"]["isError"] == true {
            break answer;
        }
        ran.push(number);
        assert!(number < 10, "{number} statements ran without a trail");
    };
    let text = tool_text(&refusal);
    assert!(text.contains("audit.required") && text.contains("cannot be written"), "{text}");
    assert!(text.contains("Next step: "), "{text}");
    for sql in ["select count(*) from t", "insert into t values (100)", "drop table t"] {
        let answer = client.query(sql);
        assert!(tool_text(&answer).contains("audit.required"), "{answer}");
    }
    let status = home.run(&["status"]).stdout;
    assert!(status.contains("audit trail") && status.contains("cannot be written"), "{status}");
    let pid = home.gateway_pid();
    mend(&home);
    until("statements run again", || {
        client.query("insert into t values (200)")["result"]["isError"] == false
    });
    assert_eq!(home.gateway_pid(), pid);
    ran.push(200);
    let rows: Vec<String> = ran.iter().map(u64::to_string).collect();
    let seen = client.query("select x from t order by x");
    let seen: Vec<&str> = succeeds(&seen).lines().collect();
    assert_eq!(seen[1..seen.len() - 1], rows);
    assert!(audit_status(&home)["problem"].is_null());
    client.leave();
    home.stop();
    assert_eq!(verified(&home)["lost"], 0);
    for number in ran {
        let sql = format!("insert into t values ({number})");
        let of = records(&home, &["--outcome", "allowed"]);
        assert_eq!(of.iter().filter(|record| record["text"] == *sql).count(), 1, "{sql}");
    }
    assert!(records(&home, &["--rule", "audit"]).len() >= 4);
}

#[test]
fn a_trail_that_is_not_required_stops_nothing_and_says_how_many_records_are_lost() {
    let home = home_with("statement_text = true\n");
    let mut client = named(&home, "editor");
    succeeds(&client.query("create table t (x)"));
    until("it is in the trail", || !records(&home, &["--outcome", "allowed"]).is_empty());
    damage(&home);
    let mut sent = 0;
    let filling = "x".repeat(LONG);
    until("status says so", || {
        sent += 1;
        succeeds(&client.query(&format!("insert into t values ({sent})")));
        audit_status(&home)["problem"].as_str().is_some_and(|problem| problem.contains("cannot be written"))
    });
    let text = home.run(&["status"]).stdout;
    assert!(text.contains("audit") && text.contains("cannot be written"), "{text}");
    loop {
        for _ in 0..50 {
            sent += 1;
            succeeds(&client.query(&format!("insert into t values ({sent}) /* {filling} */")));
        }
        if audit_status(&home)["lost"].as_u64() > Some(0) {
            break;
        }
        assert!(sent < LONG_MAX, "{sent} statements, and none is lost");
    }
    mend(&home);
    until("it is written again", || audit_status(&home)["problem"].is_null());
    sent += 1;
    succeeds(&client.query(&format!("insert into t values ({sent})")));
    let lost = audit_status(&home)["lost"].as_u64().expect("a number");
    client.leave();
    home.stop();
    let report = verified(&home);
    assert_eq!(report["lost"], lost, "{report}");
    let told: u64 = records(&home, &["--kind", "gap"]).iter().filter_map(|gap| gap["records"].as_u64()).sum();
    assert_eq!(told, lost);
    // The statements wrote: those whose records are lost are in the outbox, and the next gateway tells of them.
    let mut next = named(&home, "next");
    assert_eq!(succeeds(&next.query("select count(*) as n from t")), format!("n\n{sent}\n(1 row)"));
    next.leave();
    home.stop();
    verified(&home);
    let allowed = records(&home, &["--outcome", "allowed", "--tool", "execute_query"]);
    let of = |number: u64| {
        let sql = format!("insert into t values ({number})");
        let is = |record: &&Value| {
            record["text"].as_str().is_some_and(|text| text == sql || text.starts_with(&format!("{sql} ")))
        };
        allowed.iter().filter(is).count()
    };
    let wrong: Vec<(u64, usize)> =
        (1..=sent).map(|number| (number, of(number))).filter(|&(_, count)| count != 1).collect();
    assert!(wrong.is_empty(), "statements and their records: {wrong:?}; {lost} were lost");
}

#[test]
fn a_full_disk_stops_no_read_and_leaves_the_chain_sound() {
    let mut home = Home::new();
    if home.mount_state(4 << 20).is_err() {
        return println!("not tested: this user may not mount");
    }
    home.configure("[audit]\nstatement_text = true\n");
    let mut client = named(&home, "reader");
    succeeds(&client.query("select 1"));
    until("it is in the trail", || !records(&home, &["--outcome", "allowed"]).is_empty());
    let full = home.state_disk().expect("a disk").fill().expect("filling it");
    // Of any length, so that one does not fit into the file's last block.
    let mut sent = 0;
    until("the trail cannot be written", || {
        sent += 1;
        succeeds(&client.query(&format!("select {sent} /* {} */", "x".repeat(3_000))));
        audit_status(&home)["problem"].as_str().is_some_and(|problem| problem.contains("No space left"))
    });
    for number in 0..20 {
        succeeds(&client.query(&format!("select {number}")));
    }
    verified(&home);
    drop(full);
    until("it is written again", || audit_status(&home)["problem"].is_null());
    succeeds(&client.query("select 'again'"));
    client.leave();
    home.stop();
    let report = verified(&home);
    assert!(report["torn_end"].is_null(), "{report}");
    let calls = records(&home, &["--kind", "call", "--outcome", "allowed"]).len() as u64;
    let lost = report["lost"].as_u64().expect("a number");
    assert!(calls + lost > 1 + sent + 20, "{calls} records of {sent} + 22 statements, {lost} lost");
}

#[test]
fn a_record_that_was_changed_is_found_and_named() {
    let home = home_with("statement_text = true\n");
    let mut client = named(&home, "editor");
    for number in 0..10 {
        succeeds(&client.query(&format!("select {number}")));
    }
    client.leave();
    home.stop();
    let head = home.run(&["audit", "head"]).stdout;
    let heads = home.path().join("heads");
    fs::write(&heads, &head).expect("keeping a head");
    let heads = heads.to_str().expect("a path");
    verified(&home);
    assert_eq!(home.run(&["audit", "verify", "--head", heads]).code, Some(0));
    let file = folder(&home).join("audit.00000001.jsonl");
    let text = fs::read_to_string(&file).expect("the trail");
    let line = text.lines().position(|line| line.contains("select 5")).expect("a record");
    let seq =
        serde_json::from_str::<Value>(text.lines().nth(line).expect("a line")).expect("JSON")["seq"].clone();
    fs::write(&file, text.replacen("select 5", "select 6", 1)).expect("tampering");
    let said = home.run(&["audit", "verify"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    let place = format!("audit.00000001.jsonl, line {}, record {seq}: ", line + 1);
    assert!(said.stdout.contains("NOT as it was written") && said.stdout.contains(&place), "{said:?}");
    let fault = home.run(&["audit", "verify", "--json"]).json()["fault"].clone();
    let found = json!([fault["file"], fault["line"], fault["seq"]]);
    assert_eq!(found, json!(["audit.00000001.jsonl", line + 1, seq]));
    // The end cut off, and with it the gateway's own newest head: what is left is a sound chain.
    let cut: String = text.lines().take(line).map(|line| format!("{line}\n")).collect();
    fs::write(&file, cut).expect("cutting");
    assert_eq!(home.run(&["audit", "verify"]).code, Some(1));
    fs::remove_file(home.path().join("state/audit.head")).expect("removing the head");
    assert_eq!(home.run(&["audit", "verify"]).code, Some(0));
    for head in [heads, head.trim()] {
        let said = home.run(&["audit", "verify", "--head", head]);
        assert!(said.code == Some(1) && said.stdout.contains("the end is cut off"), "{said:?}");
    }
}

#[test]
fn records_are_found_by_client_time_object_and_outcome() {
    let home = Home::new();
    // Objects of SQLite's statements are known where a profile has lists of names.
    home.configure("[audit]\nstatement_text = true\n[profiles.default]\ndenied_tables = ['secrets']\n");
    let database = rusqlite::Connection::open(home.databases().join("ONE.db")).expect("a database");
    database.execute_batch("create table letters (x); create table secrets (x)").expect("a table");
    let (mut one, mut two) = (named(&home, "one"), named(&home, "number two"));
    succeeds(&one.query("select x from letters"));
    one.query("select no_such_column from letters");
    succeeds(&two.query("select 2"));
    two.query("select * from secrets");
    succeeds(&two.call("list_databases", &json!({})));
    one.leave();
    two.leave();
    home.stop();
    let count = |arguments: &[&str]| records(&home, &[&["--kind", "call"], arguments].concat()).len();
    assert_eq!(
        (count(&["--client", "one"]), count(&["--client", "TWO"]), count(&["--client", "three"])),
        (2, 3, 0)
    );
    assert_eq!((count(&["--since", "10m"]), count(&["--since", "2999-01-01"])), (5, 0));
    assert_eq!((count(&["--until", "2999-01-01"]), count(&["--until", "10m"])), (5, 0));
    assert_eq!(
        (count(&["--object", "LETTERS", "--outcome", "allowed"]), count(&["--object", "nothing"])),
        (1, 0)
    );
    assert_eq!(
        (count(&["--outcome", "allowed"]), count(&["--outcome", "denied"]), count(&["--outcome", "failed"])),
        (3, 1, 1)
    );
    assert_eq!(count(&["--client", "two", "--outcome", "denied", "--since", "1h"]), 1);
    assert_eq!(count(&["--tool", "list_databases"]), 1);
    let history = |arguments: &[&str]| home.run(&[&["history"], arguments].concat()).stdout;
    let all = history(&[]);
    assert_eq!(all.lines().count(), 6, "{all}");
    assert!(all.starts_with("TIME (UTC)") && all.contains("select x from letters"), "{all}");
    let (of_two, last) = (history(&["--client", "two"]), history(&["-n", "1"]));
    assert!(of_two.lines().count() == 4 && !of_two.contains("letters"), "{of_two}");
    assert!(
        last.contains("list_databases") && last.contains("there are more; these are the newest 1"),
        "{last}"
    );
    assert_eq!(history(&["--since", "2999-01-01"]), "no calls\n");
}
