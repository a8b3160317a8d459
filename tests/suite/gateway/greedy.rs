//! Statements that want more memory or disk than there is for one: they fail, and nobody else notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use snowgate_tests::{Client, Home, resident_kb, tool_text};

/// The most memory that the gateway may have had.
const PEAK_KB_MAX: u64 = 200 * 1024;

fn ready(home: &Home) -> Client {
    let mut client = home.client();
    client.initialize();
    client
}

fn writable() -> Home {
    let home = Home::new();
    home.configure("read_only = false\n");
    home
}

fn list(what: &str, times: usize) -> String {
    vec![what; times].join(", ")
}

/// Statements that hold much at once, each in a way of its own, and what their errors say.
fn greedy() -> Vec<(&'static str, String)> {
    let columns = list("hex(zeroblob(3900000))", 45);
    let zeros = list("zeroblob(8000000)", 45);
    let copies = list("x || 'y'", 45);
    let numbers = list("1", 340_000);
    vec![
        ("columns", format!("select {columns}")),
        ("zeros", format!("select {zeros}")),
        ("padding", format!("select {}", list("printf('%*c', 8000000, 'x')", 40))),
        ("random", format!("select {}", list("randomblob(8000000)", 40))),
        ("replaced", format!("select {}", list("replace(hex(zeroblob(1000000)), '0', 'abc')", 40))),
        (
            "patched",
            format!("select {}", list("json_patch('{}', json_object('a', hex(zeroblob(3500000))))", 40)),
        ),
        ("arrays", format!("select {}", list("json_array(hex(zeroblob(3900000)))", 40))),
        (
            "copies",
            format!("with t as materialized (select hex(zeroblob(3000000)) as x) select {copies} from t"),
        ),
        ("numbers", format!("select 1 in ({numbers})")),
        (
            "window",
            format!(
                "with recursive n(i, x) as (select 1, hex(zeroblob(3000000)) union all select i + 1, x from n limit 9) \
                 select {} from n",
                list("lag(x, 1) over (order by i), max(x) over (order by i desc)", 5)
            ),
        ),
        (
            "groups",
            format!(
                "with recursive n(i) as (select 1 union all select i + 1 from n limit 9) select {} from n",
                list("group_concat(hex(zeroblob(400000)))", 30)
            ),
        ),
    ]
}

/// Statements that need much of the disk, and memory only for a moment.
const SPILLED: [&str; 3] = [
    "with recursive n(i, x) as (select 1, randomblob(100000) union all select i + 1, randomblob(100000) from n limit 900) \
     select count(*) from (select x from n order by x limit 800)",
    "with recursive n(i, x) as (select 1, randomblob(100000) union all select i + 1, randomblob(100000) from n limit 900) \
     select count(distinct x) from n",
    "with recursive n(i, x) as (select 1, randomblob(100000) union all select i + 1, randomblob(100000) from n limit 900), \
     m as materialized (select * from n) select count(*) from m a, (select max(i) as i from m) b",
];

#[test]
fn a_greedy_statement_fails_by_itself_and_names_its_bound() {
    let home = writable();
    let mut client = ready(&home);
    tool_text(&client.query("create table t(x)"));
    for (what, sql) in greedy() {
        let answer = client.query(&sql);
        let text = tool_text(&answer);
        assert_eq!(answer["result"]["isError"], true, "{what}: {}", &text[..text.len().min(300)]);
        assert!(text.contains("MiB of memory") && text.contains("Next step: "), "{what}: {text}");
        // The same connection, most likely, and the journal.
        assert_eq!(tool_text(&client.query("insert into t values (1)")), "1 row changed", "{what}");
    }
    for sql in SPILLED {
        let answer = client.query(sql);
        assert_eq!(answer["result"]["isError"], false, "{}", tool_text(&answer));
    }
    let peak = resident_kb(home.gateway_pid());
    println!("peak: {peak} kB");
    assert!(peak < PEAK_KB_MAX, "{peak} kB");
}

#[test]
fn a_statement_that_fills_the_disk_with_temporary_files_is_stopped() {
    let home = Home::new();
    let mut client = ready(&home);
    let answer = client.query(
        "with recursive n(i, x) as (select 1, zeroblob(1000000) union all select i + 1, zeroblob(1000000) from n) \
         select i from n order by random(), x",
    );
    let text = tool_text(&answer);
    assert!(text.contains("1024 MiB of temporary files"), "{text}");
    assert_eq!(tool_text(&client.query("select 1 as one")), "one\n1\n(1 row)");
}

#[test]
fn while_some_are_greedy_others_read_and_write() {
    const CLIENTS: usize = 5;
    let home = writable();
    let mut witness = ready(&home);
    tool_text(&witness.query("create table t(x)"));
    let ended = Arc::new(AtomicBool::new(false));
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| ready(&home)).collect();
    std::thread::scope(|scope| {
        for client in &mut clients {
            let ended = Arc::clone(&ended);
            scope.spawn(move || {
                while !ended.load(Ordering::Relaxed) {
                    for (what, sql) in greedy() {
                        let answer = client.query(&sql);
                        assert_eq!(answer["result"]["isError"], true, "{what}");
                    }
                }
            });
        }
        for round in 0..20 {
            assert_eq!(tool_text(&witness.query("insert into t values (1)")), "1 row changed", "{round}");
            let sql = "select length(group_concat(hex(zeroblob(100000)))) as bytes from t limit 9";
            let answer = witness.call("execute_query", &json!({"query": sql}));
            // Up to 8 MiB, and its own share suffices for that.
            let bytes = (round + 1) * 200_001 - 1;
            assert_eq!(tool_text(&answer), format!("bytes\n{bytes}\n(1 row)"));
        }
        ended.store(true, Ordering::Relaxed);
    });
    let peak = resident_kb(home.gateway_pid());
    println!("peak: {peak} kB");
    assert!(peak < PEAK_KB_MAX, "{peak} kB");
}
