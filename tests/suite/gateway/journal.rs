//! What is kept beyond a gateway and beyond a shim: the journal of writes, and the contexts that clients
//! leave.

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, kill, stateless, tool_text, until};

fn named(home: &Home, name: &str) -> Client {
    let mut client = home.client();
    client.initialize_as(name, "2025-11-25");
    client
}

fn info(client: &mut Client) -> Value {
    client.call("session_info", &json!({}))["result"]["structuredContent"].clone()
}

fn database(client: &mut Client) -> Value {
    info(client)["context"]["database"].clone()
}

#[track_caller]
fn succeeds(answer: &Value) -> &str {
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    tool_text(answer)
}

#[track_caller]
fn moves_to(client: &mut Client, database: &str) {
    succeeds(&client.call("set_context", &json!({"database": database})));
}

fn writable() -> Home {
    let home = Home::new();
    home.configure("read_only = false\n");
    home
}

/// Ends a client and waits until the gateway knows.
fn leaves(home: &Home, mut client: Client) {
    let pid = client.pid();
    client.leave();
    home.sessions_until("its session is closed", |sessions| {
        sessions.iter().all(|session| session["pid"] != pid)
    });
}

fn execute(sql: &str) -> Value {
    json!({"query": sql})
}

#[test]
fn a_write_that_never_reached_the_backend_runs_on_the_next_gateway() {
    let home = Home::new();
    home.configure("read_only = false\n[pool]\nconnections_max = 1\nwait_timeout_ms = 60000\n[limits]\nstatement_timeout_ms = 2000\n");
    let (mut busy, mut client) = (named(&home, "busy"), named(&home, "client"));
    succeeds(&client.query("create table t (x)"));
    let endless = busy.send_endless_query();
    home.sessions_until("the connection is taken", |sessions| {
        sessions.iter().any(|session| session["client"] == "busy" && session["running"] == 1)
    });
    let insert = client.send_call("execute_query", &execute("insert into t values (1)"));
    home.sessions_until("the write waits for it", |sessions| {
        sessions.iter().all(|session| session["running"] == 1)
    });
    home.kill_gateway();
    assert_eq!(succeeds(&client.answer(&insert)), "1 row changed");
    assert!(tool_text(&busy.answer(&endless)).starts_with("Timed out"));
    assert_eq!(succeeds(&client.query("select count(*) as n from t")), "n\n1\n(1 row)");
}

#[test]
fn a_write_whose_answer_was_on_its_way_is_answered_with_its_result() {
    let home = writable();
    succeeds(&named(&home, "maker").query("create table t (x)"));
    let (mut deaf, insert) = stuck(&home, "insert into t values ('once')");
    home.kill_gateway();
    deaf.listen();
    assert_eq!(succeeds(&deaf.answer(&insert)), "1 row changed");
    let count = named(&home, "witness").query("select count(*) as n from t");
    assert_eq!(succeeds(&count), "n\n1\n(1 row)");
    until("the log says it", || !home.log_lines("answered from the journal").is_empty());
}

#[test]
fn a_write_that_was_running_is_not_run_again_and_the_answer_says_what_is_known() {
    let home = writable();
    let mut client = named(&home, "client");
    succeeds(&client.query("create table t (x)"));
    let long = execute(
        "insert into t with recursive n(i) as (select 1 union all select i + 1 from n limit 30000000) select i from n where i % 1000000 = 0",
    );
    let insert = client.send_call("execute_query", &long);
    until("it runs", || home.writes_under_way() == 1);
    home.kill_gateway();
    let answer = client.answer(&insert);
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    let text = tool_text(&answer);
    assert!(text.starts_with("Not run again: outcome unknown: "), "{text}");
    assert!(text.contains(" ago, SHA-256 ") && text.contains("Next step: check the data"), "{text}");
    assert_eq!(succeeds(&client.query("select count(*) as n from t")), "n\n0\n(1 row)");
}

#[test]
fn a_write_that_a_leaving_gateway_stopped_runs_again_on_the_next() {
    let home = Home::new();
    home.configure("read_only = false\n[gateway]\ndrain_timeout_ms = 20\n");
    let mut client = named(&home, "client");
    succeeds(&client.query("create table t (x)"));
    let long = execute(
        "insert into t with recursive n(i) as (select 1 union all select i + 1 from n limit 3000000) select i from n where i % 1000000 = 0",
    );
    let insert = client.send_call("execute_query", &long);
    until("it runs", || home.writes_under_way() == 1);
    home.stop();
    assert_eq!(succeeds(&client.answer(&insert)), "3 rows changed");
    assert_eq!(succeeds(&client.query("select count(*) as n from t")), "n\n3\n(1 row)");
}

/// Results that nobody reads: each is cut at 64 KiB.
pub(super) const WIDE: u64 = 20;

/// A client that does not read, whose write is done and whose answer waits in the gateway; and the id of that
/// write.
pub(super) fn stuck(home: &Home, write: &str) -> (Client, Value) {
    let mut deaf = home.launch().deaf().start();
    deaf.send("initialize", &json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "deaf", "version": "1"}}));
    deaf.notify("notifications/initialized", &json!({}));
    // More than every buffer on the way can hold.
    let wide = execute(
        "with recursive n(i) as (select 1 union all select i + 1 from n limit 1000) select hex(zeroblob(450)) as x from n",
    );
    for _ in 0..WIDE {
        deaf.send_call("execute_query", &wide);
    }
    // Answered, and waiting for the client to read: so the answer to the write comes behind them.
    let has_asked = |asked: u64| {
        home.sessions_until("it is done", |sessions| {
            let mine = sessions.iter().find(|session| session["client"] == "deaf");
            mine.is_some_and(|mine| mine["requests"] == asked && mine["running"] == 0)
        });
    };
    has_asked(1 + WIDE);
    let id = deaf.send_call("execute_query", &execute(write));
    has_asked(2 + WIDE);
    (deaf, id)
}

#[test]
fn a_write_does_not_run_again_because_its_journal_was_lost_two_gateways_ago() {
    let home = Home::new();
    home.configure("read_only = false\n[pool]\nconnections_max = 1\nwait_timeout_ms = 60000\n[limits]\nstatement_timeout_ms = 3000\n");
    succeeds(&named(&home, "maker").query("create table t (x)"));
    let (mut deaf, insert) = stuck(&home, "insert into t values ('once')");
    home.kill_gateway();
    for part in ["", "-wal", "-shm"] {
        // What a person does who thinks that it is broken.
        let _ = std::fs::remove_file(home.path().join(format!("state/state.db{part}")));
    }
    // The next gateway has another journal, and is killed before it gets to the write.
    let mut busy = named(&home, "busy");
    busy.send_endless_query();
    home.sessions_until("it runs", |sessions| {
        sessions.iter().any(|session| session["client"] == "busy" && session["running"] == 1)
    });
    deaf.listen();
    home.sessions_until("the shim is back", |sessions| {
        sessions.iter().any(|session| session["pid"] == deaf.pid() && session["running"] != 0)
    });
    home.kill_gateway();
    let answer = deaf.answer(&insert);
    assert!(tool_text(&answer).starts_with("Not run again: outcome unknown"), "{answer}");
    busy.leave();
    let count = named(&home, "witness").query("select count(*) as n from t");
    assert_eq!(succeeds(&count), "n\n1\n(1 row)");
}

#[test]
fn a_write_that_failed_is_answered_with_its_error_however_long_that_is() {
    let home = writable();
    let mut maker = named(&home, "maker");
    succeeds(&maker.query("create table t (x)"));
    let long = format!(
        "create trigger no before insert on t begin select raise(abort, '{}'); end",
        "no ".repeat(7000)
    );
    succeeds(&maker.query(&long));
    let (mut deaf, insert) = stuck(&home, "insert into t values (1)");
    home.kill_gateway();
    deaf.listen();
    let answer = deaf.answer(&insert);
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    assert!(tool_text(&answer).starts_with("SQL error: no no no"), "{answer}");
}

#[test]
fn a_write_that_ran_has_its_answer_whatever_becomes_of_its_context() {
    let home = writable();
    let mut maker = named(&home, "maker");
    succeeds(&maker.call("execute_query", &json!({"query": "create table t (x)", "database": "TWO"})));
    let (mut deaf, other) = stuck(&home, "select 1");
    let write = json!({"query": "insert into t values ('once')", "database": "TWO"});
    let insert = deaf.send_call("execute_query", &write);
    home.sessions_until("it is done", |sessions| {
        sessions.iter().any(|session| session["requests"] == 3 + WIDE && session["running"] == 0)
    });
    home.kill_gateway();
    std::fs::rename(home.databases().join("TWO.db"), home.path().join("away")).unwrap();
    deaf.listen();
    succeeds(&deaf.answer(&other));
    assert_eq!(succeeds(&deaf.answer(&insert)), "1 row changed");
}

#[test]
fn a_context_is_found_although_the_gateway_was_restarted_before_the_first_call() {
    let home = Home::new();
    let mut first = named(&home, "editor");
    moves_to(&mut first, "TWO");
    leaves(&home, first);
    let mut second = named(&home, "editor");
    assert!(second.request("tools/list", &json!({}))["result"].is_object());
    home.kill_gateway();
    assert_eq!(database(&mut second), "TWO");
    home.kill_gateway();
    moves_to(&mut second, "ONE");
    home.kill_gateway();
    assert_eq!(database(&mut second), "ONE", "it has a context of its own now");
}

#[test]
fn counters_go_on_with_the_next_gateway() {
    let home = Home::new();
    let mut client = named(&home, "client");
    for _ in 0..3 {
        succeeds(&client.query("select 1"));
    }
    let before = info(&mut client);
    home.stop();
    let after = info(&mut client);
    assert_eq!(after["session"], before["session"]);
    assert_eq!(after["rows"], 3);
    assert!(after["requests"].as_u64() > before["requests"].as_u64(), "{before} {after}");
}

#[test]
fn a_client_that_comes_back_finds_its_context() {
    let home = Home::new();
    let mut first = named(&home, "editor");
    moves_to(&mut first, "TWO");
    let mut beside = named(&home, "editor");
    assert_eq!(database(&mut beside), "TWO", "also while the first one is still there");
    leaves(&home, beside);
    leaves(&home, first);
    assert_eq!(database(&mut named(&home, "other")), "ONE", "another client");
    let elsewhere = home.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let mut client = home.launch().current_dir(&elsewhere).start();
    client.initialize_as("editor", "2025-11-25");
    assert_eq!(database(&mut client), "ONE", "another folder");
    let mut second = named(&home, "editor");
    let info = info(&mut second);
    assert_eq!((&info["context"]["database"], &info["context_from"]), (&json!("TWO"), &json!("inherited")));
}

#[test]
fn a_client_that_was_killed_together_with_the_gateway_finds_its_context() {
    let home = Home::new();
    let mut first = named(&home, "editor");
    moves_to(&mut first, "TWO");
    home.kill_gateway();
    kill(first.pid());
    first.wait();
    assert_eq!(database(&mut named(&home, "editor")), "TWO");
}

#[test]
fn a_client_without_a_handshake_finds_its_context_and_its_probes_do_not_take_it_away() {
    let home = Home::new();
    let mut first = home.client();
    let set = json!({"name": "set_context", "arguments": {"database": "TWO"}});
    succeeds(&first.request("tools/call", &stateless(set)));
    leaves(&home, first);
    let mut other = home.client();
    let mut asked = stateless(json!({"name": "session_info"}));
    asked["_meta"]["io.modelcontextprotocol/clientInfo"]["name"] = json!("another");
    let info = other.request("tools/call", &asked);
    assert_eq!(info["result"]["structuredContent"]["context"]["database"], "ONE", "another client: {info}");
    // As a client does that tries which era the server speaks.
    let mut probe = home.client();
    let discovered = probe.request("server/discover", &stateless(json!({})));
    assert!(discovered["result"].is_object(), "{discovered}");
    let mut second = home.client();
    let info = second.request("tools/call", &stateless(json!({"name": "session_info"})));
    assert_eq!(info["result"]["structuredContent"]["context"]["database"], "TWO", "{info}");
}

#[test]
fn a_named_session_is_found_from_anywhere() {
    let home = Home::new();
    let launch = |name: &str, client: &str| {
        let mut started = home.launch().arg("--session").arg(name).start();
        started.initialize_as(client, "2025-11-25");
        started
    };
    let mut first = launch("nightly", "one");
    moves_to(&mut first, "TWO");
    assert_eq!(database(&mut launch("nightly", "two")), "TWO", "also while the first one is there");
    assert_eq!(home.session_of(first.pid())["name"], "nightly");
    leaves(&home, first);
    assert_eq!(database(&mut named(&home, "one")), "ONE", "it has no name");
    let mut by_variable = home.launch().env("SNOWGATE_SESSION", "nightly").start();
    by_variable.initialize_as("three", "2025-11-25");
    assert_eq!(database(&mut by_variable), "TWO");
    let mut refused = home.launch().arg("--session=no spaces").start();
    let answer = refused.initialize();
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains("the session name \"no spaces\"") && message.contains("--session"), "{message}");
}

#[test]
fn where_nothing_is_to_be_kept_nothing_is_found() {
    let home = Home::new();
    home.configure("[session]\nttl_minutes = 0\n");
    let mut first = named(&home, "editor");
    moves_to(&mut first, "TWO");
    leaves(&home, first);
    assert_eq!(database(&mut named(&home, "editor")), "ONE");
}

#[test]
fn a_context_that_is_gone_is_no_burden_to_the_next_session() {
    let home = Home::new();
    let mut first = named(&home, "editor");
    moves_to(&mut first, "TWO");
    leaves(&home, first);
    std::fs::remove_file(home.databases().join("TWO.db")).unwrap();
    let mut second = named(&home, "editor");
    let answer = second.query("select 1 as one");
    assert_eq!(succeeds(&answer), "one\n1\n(1 row)");
    let note = answer["result"]["content"][1]["text"].as_str().expect("a note");
    assert!(note.contains("database TWO") && note.contains("no such database"), "{note}");
    assert_eq!(second.query("select 1")["result"]["content"].as_array().map(Vec::len), Some(1), "said once");
    assert_eq!(database(&mut second), "ONE");
    until("the log says it", || !home.log_lines("cannot restore this client's previous context").is_empty());
}

#[test]
fn a_state_file_that_is_of_no_use_is_set_aside_and_everybody_told() {
    let home = writable();
    let mut client = named(&home, "client");
    moves_to(&mut client, "TWO");
    home.stop();
    let state = home.path().join("state");
    std::fs::write(state.join("state.db"), "rubbish").unwrap();
    assert_eq!(database(&mut client), "TWO", "the shim carries it");
    succeeds(&client.query("create table t (x)"));
    let status = home.status().unwrap();
    let problem = status["state_problem"].as_str().unwrap();
    assert!(problem.contains("set aside as"), "{problem}");
    assert!(home.run(&["status"]).stdout.contains(problem));
    until("the log says it", || home.log().contains("the state file is unusable"));
    let aside: Vec<_> = std::fs::read_dir(&state).unwrap().flatten().map(|entry| entry.path()).collect();
    let aside = aside.iter().find(|path| path.to_string_lossy().contains("aside")).unwrap();
    assert_eq!(std::fs::read_to_string(aside).unwrap(), "rubbish");
}

#[test]
fn a_write_is_refused_while_the_journal_cannot_be_had_and_reads_are_not() {
    let home = writable();
    let mut client = named(&home, "client");
    succeeds(&client.query("create table t (x)"));
    home.stop();
    // Neither a file that could be opened nor one that could be set aside: its folder is none.
    let state = home.path().join("state");
    std::fs::rename(&state, home.path().join("kept")).unwrap();
    std::fs::create_dir(&state).unwrap();
    std::fs::create_dir(state.join("state.db")).unwrap();
    std::fs::write(state.join("state.db-journal"), "").unwrap();
    let locked = Immutable::new(&state);
    let Some(locked) = locked else { return println!("left out: this file system has no immutable folders") };
    assert_eq!(succeeds(&client.query("select count(*) as n from t")), "n\n0\n(1 row)");
    let answer = client.query("insert into t values (1)");
    let text = tool_text(&answer);
    assert!(text.starts_with("Refused: the write journal is unavailable"), "{text}");
    assert!(text.contains("Next step: make the state folder writable"), "{text}");
    drop(locked);
    until("the journal is back", || {
        client.query("insert into t values (2)")["result"]["isError"] == json!(false)
    });
    assert_eq!(succeeds(&client.query("select group_concat(x) as x from t")), "x\n2\n(1 row)");
}

/// A folder that even its owner cannot change, until this is dropped.
struct Immutable<'a>(&'a std::path::Path);

impl<'a> Immutable<'a> {
    fn new(folder: &'a std::path::Path) -> Option<Self> {
        std::fs::create_dir_all(folder.join("logs")).ok()?;
        Self::change(folder, "+i").then_some(Self(folder))
    }

    fn change(folder: &std::path::Path, how: &str) -> bool {
        let status = std::process::Command::new("chattr").arg(how).arg(folder).output();
        status.is_ok_and(|output| output.status.success())
    }
}

impl Drop for Immutable<'_> {
    fn drop(&mut self) {
        Self::change(self.0, "-i");
    }
}
