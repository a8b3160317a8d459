//! Attacks by requests of ordinary size.

use std::io::Write;
use std::thread;

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, Received, patience, request_line};

use super::witnesses::Witnesses;

fn ready(home: &Home) -> Client {
    let mut client = home.client();
    client.initialize();
    client
}

fn answer_all(client: &mut Client, ids: &[Value]) {
    for id in ids {
        client.answer(id);
    }
}

/// Names of 3 MB, for which a hint would be looked for.
pub(crate) fn long_object_names(home: &Home, _: &Witnesses) {
    let mut client = ready(home);
    let name = "a".repeat(3_000_000);
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(client.send_call("list_tables", &json!({"database": name})));
        ids.push(client.send_call("describe_table", &json!({"table": name})));
        ids.push(client.send_call("set_context", &json!({"schema": name})));
        ids.push(client.send_query(&format!("select * from \"{name}\"")));
    }
    answer_all(&mut client, &ids);
}

/// Thirty-two results of 6 MB that nobody reads, of five clients.
pub(crate) fn unread_results(home: &Home, witnesses: &Witnesses) {
    let clients: Vec<Client> = (0..5)
        .map(|_| {
            let mut client = home.launch().deaf().start();
            for _ in 0..32 {
                client.send_query("select hex(zeroblob(3000000)) as zeros");
            }
            client
        })
        .collect();
    witnesses.rounds(60);
    drop(clients);
}

/// Eight results of 7 MiB, the most that can be configured.
pub(crate) fn large_results(home: &Home, _: &Witnesses) {
    let mut client = ready(home);
    let ids: Vec<Value> =
        (0..8).map(|_| client.send_query("select hex(zeroblob(3600000)) as zeros")).collect();
    answer_all(&mut client, &ids);
}

/// Results of 7 MiB in a hundred thousand rows.
pub(crate) fn many_rows(home: &Home, _: &Witnesses) {
    let mut client = ready(home);
    let sql = "with recursive n(i) as (select 1 union all select i + 1 from n limit 100000) \
               select i, 'a\"b' || char(1), null, 1.5, hex(zeroblob(16)) from n";
    let arguments = json!({"query": sql, "limit": 100_000});
    let ids: Vec<Value> = (0..8).map(|_| client.send_call("execute_query", &arguments)).collect();
    answer_all(&mut client, &ids);
}

/// Three statements that want 7.8 MB of memory forty-five times over.
pub(crate) fn greedy_selects(home: &Home, _: &Witnesses) {
    let mut client = ready(home);
    let one = "select hex(zeroblob(3900000))";
    let sql = vec![one; 45].join(" union ");
    let ids: Vec<Value> = (0..3).map(|_| client.send_query(&sql)).collect();
    answer_all(&mut client, &ids);
}

/// A hundred thousand small requests in one go.
pub(crate) fn small_requests(home: &Home, _: &Witnesses) {
    const REQUESTS: usize = 100_000;
    let mut client = ready(home);
    let mut stdin = client.take_stdin();
    let writer = thread::spawn(move || {
        for id in 0..REQUESTS {
            let line = request_line(&json!(format!("f{id}")), "ping", &json!({}));
            stdin.write_all(line.as_bytes()).expect("the shim takes all requests");
        }
        stdin
    });
    for at in 0..REQUESTS {
        let line = client.next_line(patience());
        assert!(matches!(line, Received::Line(_)), "{line:?} after {at} answers");
    }
    client.return_stdin(writer.join().expect("the writer's end"));
}

/// Writes while somebody else has the state file locked.
pub(crate) fn locked_state(home: &Home, witnesses: &Witnesses) {
    let mut client = ready(home);
    client.query("create table t(a)");
    let state = rusqlite::Connection::open(home.path().join("state/state.db")).expect("the state file");
    state.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    let ids: Vec<Value> = (0..12).map(|_| client.send_query("insert into t values (1)")).collect();
    witnesses.rounds(60);
    // A newcomer and its first call.
    let mut newcomer = ready(home);
    newcomer.call("session_info", &json!({}));
    state.execute_batch("ROLLBACK").expect("the lock's end");
    answer_all(&mut client, &ids);
}
