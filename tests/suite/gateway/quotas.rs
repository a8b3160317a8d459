//! What clients may use over time: every limit is reached and told, others go on, and what was used counts over the
//! death of a gateway.

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, descriptors, error_text, stateless_as, tool_text, until};

use super::journal::{WIDE, stuck};

const REVISION: &str = "2025-11-25";

/// Longer than a test takes, so that nothing is free again meanwhile.
const ENDLESS: &str = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n";

fn named(home: &Home, name: &str) -> Client {
    let mut client = home.client();
    client.initialize_as(name, REVISION);
    client
}

#[track_caller]
fn works(client: &mut Client) {
    let answer = client.query("values (1), (2)");
    assert_eq!(answer["result"]["isError"], false, "{answer}");
}

#[track_caller]
fn refusal(answer: &Value) -> String {
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    let text = tool_text(answer);
    assert!(text.starts_with("Limit reached: not run: "), "{text}");
    text.to_owned()
}

fn quota(home: &Home) -> Value {
    let output = home.run(&["quota", "--json"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    output.json()
}

/// What the client called `client` has used of `limit`; `None`: nothing is counted for it.
fn used(home: &Home, client: &str, limit: &str) -> Option<u64> {
    let quota = quota(home);
    let clients = quota["clients"].as_array().expect("a list");
    let client = clients.iter().find(|known| known["client"] == client)?;
    let limits = client["limits"].as_array().expect("a list");
    limits.iter().find(|known| known["limit"] == limit)?["used"].as_u64()
}

/// Kills the gateway, and waits until the shim of `client`, which has nothing to send, has noticed: what it sends before is
/// replayed, and not counted.
fn kill_idle(home: &Home, client: &Client) {
    let open = descriptors(client.pid());
    home.kill_gateway();
    until("its shim has noticed", || descriptors(client.pid()) < open);
}

/// Waits until the state file has what the gateway has counted for `client`: at most five seconds later.
fn written_down(home: &Home, client: &str, limit: &str, used: u64) {
    until("what was used is written down", || {
        let state = rusqlite::Connection::open_with_flags(
            home.path().join("state/state.db"),
            rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY,
        );
        let sql = "SELECT usage FROM usage WHERE client = ?1";
        let usage = state.and_then(|state| state.query_row(sql, [client], |row| row.get::<_, String>(0)));
        let Ok(usage) = usage else { return false };
        let usage: Value = serde_json::from_str(&usage).expect("JSON");
        let entries = usage["windows"][limit].as_array().cloned().unwrap_or_default();
        entries.iter().filter_map(|entry| entry[1].as_u64()).sum::<u64>() == used
    });
}

/// A limit, its value, how many queries are let in before it refuses, and what the refusal says was used.
const LIMITS: &[(&str, u64, usize, &str)] = &[
    ("requests_per_minute", 2, 2, "2 of 2 requests"),
    ("requests_per_hour", 3, 3, "3 of 3 requests"),
    ("requests_per_day", 1, 1, "1 of 1 requests"),
    ("queries_per_minute", 2, 2, "2 of 2 queries"),
    ("queries_per_hour", 2, 2, "2 of 2 queries"),
    ("queries_per_day", 2, 2, "2 of 2 queries"),
    ("rows_per_day", 3, 2, "4 of 3 rows"),
    ("bytes_per_day", 1, 1, "of 1 bytes of results"),
];

/// Uses up `limit` as `client` does, and returns what the next call is told.
#[track_caller]
fn exhaust(client: &mut Client, lets_in: usize) -> String {
    for _ in 0..lets_in {
        works(client);
    }
    refusal(&client.query("values (1)"))
}

#[track_caller]
fn says_all(text: &str, used: &str, setting: &str, whose: &str) {
    for part in [used, setting, whose, "Next step: try again in ", "`snowgate quota`", "`snowgate reload`"] {
        assert!(text.contains(part), "no {part:?} in {text:?}");
    }
}

#[test]
fn every_limit_of_a_client_is_reached_and_told_and_others_go_on() {
    let home = Home::new();
    let profile = |(limit, max, ..): &(&str, u64, usize, &str)| {
        format!("[profiles.{limit}]\nmatch = [{{ client = '{limit}' }}]\n{limit} = {max}\n")
    };
    home.configure(&LIMITS.iter().map(profile).collect::<String>());
    let mut other = named(&home, "other");
    works(&mut other);
    for (limit, max, lets_in, what) in LIMITS {
        let mut client = named(&home, limit);
        let text = exhaust(&mut client, *lets_in);
        says_all(
            &text,
            what,
            &format!("(profiles.{limit}.{limit} = {max})"),
            &format!("the client `{limit} ({limit})`"),
        );
        assert!(text.contains(&format!("`{limit}` under [profiles.{limit}]")), "{text}");
        // It counts for the client, not for its session.
        refusal(&named(&home, limit).query("values (1)"));
        works(&mut other);
        let session = home.session_of(client.pid());
        assert_eq!(session["limited"], 1, "{session}");
    }
    until("the log says it", || home.log_lines("a call was refused by a limit").len() >= LIMITS.len());
}

#[test]
fn every_limit_of_all_clients_together_is_reached_and_told() {
    for (limit, max, lets_in, what) in LIMITS {
        let home = Home::new();
        home.configure(&format!("[limits]\nglobal_{limit} = {max}\n"));
        let mut first = named(&home, "first");
        let text = exhaust(&mut first, *lets_in);
        says_all(&text, what, &format!("(limits.global_{limit} = {max})"), "all clients together");
        let text = refusal(&named(&home, "second").query("values (1)"));
        says_all(&text, what, &format!("(limits.global_{limit} = {max})"), "all clients together");
        let quota = quota(&home);
        assert_eq!(quota["global"][0]["limit"], format!("global_{limit}"), "{quota}");
        assert_eq!(quota["global"][0]["left"], 0, "{quota}");
        assert!(quota["global"][0]["free_in_s"].as_u64().is_some_and(|wait| wait > 0), "{quota}");
    }
}

#[test]
fn a_bucket_lets_a_burst_in_and_then_calls_at_its_rate() {
    let home = Home::new();
    home.configure("[limits]\nrequests_per_second = 1\nrequests_burst = 3\n[profiles.q]\nmatch = [{ client = 'q' }]\nqueries_per_minute = 60\nqueries_burst = 1\n");
    let mut client = named(&home, "editor");
    // On a busy machine a token comes back while the burst is sent: so there are more than the burst.
    let sent: Vec<Value> = (0..12).map(|_| client.send_call("session_info", &json!({}))).collect();
    let answers: Vec<Value> = sent.iter().map(|id| client.answer(id)).collect();
    let refused: Vec<&Value> = answers.iter().filter(|answer| answer["result"]["isError"] == true).collect();
    assert!(answers.len() - refused.len() >= 3, "the burst is let in");
    let text = refusal(refused.first().expect("one is refused"));
    says_all(
        &text,
        "3 of 3 requests",
        "limits.requests_per_second = 1, limits.requests_burst = 3",
        "`editor`",
    );
    until("it is let in again", || client.call("session_info", &json!({}))["result"]["isError"] != true);
    let mut queries = named(&home, "q");
    let sent: Vec<Value> = (0..3).map(|_| queries.send_query("select 1")).collect();
    let answers: Vec<Value> = sent.iter().map(|id| queries.answer(id)).collect();
    let refused = answers.iter().find(|answer| answer["result"]["isError"] == true).expect("one is refused");
    assert!(refusal(refused).contains("profiles.q.queries_burst = 1"), "{refused}");
}

#[test]
fn calls_at_once_are_bounded_for_a_client_and_for_all() {
    let home = Home::new();
    home.configure("[limits]\nconcurrent_max = 1\nglobal_concurrent_max = 2\n");
    let mut first = named(&home, "first");
    let running = first.send_query(ENDLESS);
    home.sessions_until("it runs", |sessions| sessions.iter().any(|session| session["running"] == 1));
    until("it is counted", || used(&home, "first", "concurrent_max") == Some(1));
    let text = refusal(&first.query("select 1"));
    says_all(&text, "1 of 1 calls of the client `first`", "(limits.concurrent_max = 1)", "being served");
    let mut second = named(&home, "second");
    works(&mut second);
    let other = second.send_query(ENDLESS);
    until("it is counted", || used(&home, "second", "concurrent_max") == Some(1));
    let text = refusal(&named(&home, "third").query("select 1"));
    says_all(
        &text,
        "2 of 2 calls of all clients together",
        "(limits.global_concurrent_max = 2)",
        "being served",
    );
    for (client, id) in [(&mut first, running), (&mut second, other)] {
        client.notify("notifications/cancelled", &json!({"requestId": id}));
    }
    until("their places are free", || first.query("select 1")["result"]["isError"] == false);
}

#[test]
fn the_seconds_of_a_cancelled_statement_count() {
    let home = Home::new();
    home.configure("[limits]\nbackend_seconds_per_day = 1\nstatement_timeout_ms = 1200\n");
    let mut client = named(&home, "editor");
    let text = tool_text(&client.query(ENDLESS)).to_owned();
    assert!(text.starts_with("Timed out"), "{text}");
    let text = refusal(&client.query("select 1"));
    says_all(&text, "1 of 1 seconds of the backend", "(limits.backend_seconds_per_day = 1)", "`editor`");
    works(&mut named(&home, "other"));
}

#[test]
fn what_was_used_counts_over_the_death_of_a_gateway_and_a_reset_forgets_it() {
    let home = Home::new();
    home.configure("[limits]\nrequests_per_day = 3\nglobal_requests_per_day = 5\n");
    let mut client = named(&home, "editor");
    for _ in 0..2 {
        works(&mut client);
    }
    written_down(&home, "editor", "requests_per_day", 2);
    kill_idle(&home, &client);
    works(&mut client);
    let text = refusal(&client.query("select 1"));
    assert!(text.contains("3 of 3 requests"), "{text}");
    // A stop loses nothing.
    home.stop();
    let mut other = named(&home, "other");
    works(&mut other);
    refusal(&client.query("select 1"));
    assert_eq!(used(&home, "editor", "requests_per_day"), Some(3));
    let output = home.run(&["quota", "reset", "editor"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), "forgot what the client editor has used\n"));
    works(&mut client);
    let text = refusal(&client.query("select 1"));
    assert!(text.contains("limits.global_requests_per_day = 5"), "{text}");
    // Also over the death of a gateway.
    let output = home.run(&["quota", "reset", "--json"]);
    assert_eq!(output.json()["reset_clients"], 2, "{output:?}");
    kill_idle(&home, &client);
    for _ in 0..3 {
        works(&mut client);
    }
    let output = home.run(&["quota", "reset", "nobody"]);
    assert_eq!(output.code, Some(64), "{output:?}");
    assert!(output.stderr.contains("nothing is counted for the client \"nobody\""), "{output:?}");
}

#[test]
fn a_write_that_is_replayed_gets_its_result_and_costs_nothing() {
    let home = Home::new();
    home.configure("read_only = false\n[limits]\nqueries_per_day = 3\nrows_per_day = 1\n");
    let mut client = named(&home, "editor");
    let answer = client.query("create table t (x)");
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    // It exceeds the rows, and has taken effect: its result is no error.
    let answer = client.query("insert into t values (1), (2), (3) returning x");
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    let text = refusal(&client.query("select 1"));
    assert!(text.contains("3 of 1 rows"), "{text}");
    // What is no limit's business goes on.
    assert!(client.request("tools/list", &json!({}))["result"]["tools"].is_array());
}

#[test]
fn a_write_whose_answer_was_on_its_way_is_answered_past_the_limit() {
    let home = Home::new();
    // What the client has sent by then, the write included.
    let all = WIDE + 1;
    home.configure(&format!("read_only = false\n[limits]\nqueries_per_day = {all}\n"));
    let answer = named(&home, "maker").query("create table t (x)");
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    let (mut deaf, insert) = stuck(&home, "insert into t values ('once')");
    written_down(&home, "deaf", "queries_per_day", all);
    home.kill_gateway();
    deaf.listen();
    let answer = deaf.answer(&insert);
    assert_eq!(tool_text(&answer), "1 row changed", "{answer}");
    let text = refusal(&deaf.query("select count(*) from t"));
    assert!(text.contains(&format!("{all} of {all} queries")), "{text}");
    // What was replayed is not counted twice.
    assert_eq!(used(&home, "deaf", "queries_per_day"), Some(all));
}

/// The texts of a result, the first of which is the answer itself.
fn notes(answer: &Value) -> Vec<String> {
    let content = answer["result"]["content"].as_array().expect("a result");
    content.iter().skip(1).filter_map(|part| part["text"].as_str().map(str::to_owned)).collect()
}

/// The log messages that came.
fn log_messages(client: &Client) -> Vec<Value> {
    let messages = client.unclaimed().iter().filter(|message| message["method"] == "notifications/message");
    messages.map(|message| message["params"].clone()).collect()
}

const NEARLY: &str = "Limit nearly reached: 4 of 5 requests of the client ";

#[test]
fn a_client_without_log_messages_is_told_once_in_a_result_that_a_limit_is_nearly_reached() {
    let home = Home::new();
    home.configure("[limits]\nrequests_per_day = 5\nglobal_queries_per_hour = 5\n");
    let mut client = named(&home, "editor");
    for _ in 0..3 {
        assert!(notes(&client.query("select 1")).is_empty());
    }
    let answer = client.query("select 1");
    let note = notes(&answer).join("\n");
    assert!(note.contains(NEARLY) && note.contains("(80%, limits.requests_per_day)"), "{answer}");
    assert!(note.contains("4 of 5 queries of all clients together"), "{answer}");
    assert!(notes(&client.query("select 1")).is_empty(), "it is told once");
    refusal(&client.query("select 1"));
    assert!(log_messages(&client).is_empty());
}

#[test]
fn a_client_that_asked_for_log_messages_is_told_by_one_also_after_the_death_of_a_gateway() {
    let home = Home::new();
    home.configure("[limits]\nrequests_per_day = 5\n");
    let mut client = home.client();
    let opened = client.initialize_as("editor", REVISION);
    assert!(opened["result"]["capabilities"]["logging"].is_object(), "{opened}");
    let set = client.request("logging/setLevel", &json!({"level": "loud"}));
    assert_eq!(set["error"]["code"], -32602, "{set}");
    let set = client.request("logging/setLevel", &json!({"level": "info"}));
    assert_eq!(set["result"], json!({}), "{set}");
    for _ in 0..3 {
        works(&mut client);
    }
    written_down(&home, "editor", "requests_per_day", 3);
    kill_idle(&home, &client);
    let answer = client.query("select 1");
    assert!(notes(&answer).is_empty(), "{answer}");
    let messages = log_messages(&client);
    assert_eq!((&messages[0]["level"], &messages[0]["logger"]), (&json!("warning"), &json!("snowgate")));
    assert!(messages[0]["data"].as_str().is_some_and(|text| text.starts_with(NEARLY)), "{messages:?}");
    assert_eq!(messages.len(), 1);
    // One that wants errors alone is told in the result.
    let mut other = named(&home, "other");
    other.request("logging/setLevel", &json!({"level": "error"}));
    let answers: Vec<Value> = (0..4).map(|_| other.query("select 1")).collect();
    assert_eq!(notes(&answers[3]).len(), 1, "{answers:?}");
}

#[test]
fn a_stateless_client_says_with_each_request_whether_it_takes_log_messages() {
    let home = Home::new();
    home.configure("[limits]\nqueries_per_minute = 1\n");
    let with_level = |level: Option<&str>, name: &str| {
        let mut client = home.client();
        let mut params =
            stateless_as(name, json!({"name": "execute_query", "arguments": {"query": "select 1"}}));
        if let Some(level) = level {
            params["_meta"]["io.modelcontextprotocol/logLevel"] = json!(level);
        }
        let answer = client.request("tools/call", &params);
        let set = client.request("logging/setLevel", &stateless_as(name, json!({"level": "info"})));
        assert_eq!(set["error"]["code"], -32601, "{set}");
        (notes(&answer).len(), log_messages(&client).len())
    };
    assert_eq!(with_level(None, "first"), (1, 0));
    assert_eq!(with_level(Some("warning"), "second"), (0, 1));
    assert_eq!(with_level(Some("error"), "third"), (1, 0));
}

#[test]
fn the_session_of_a_client_that_was_idle_for_the_longest_time_makes_room_and_comes_back_when_it_is_used() {
    let home = Home::new();
    home.configure("[limits]\nsessions_per_client_max = 2\n");
    let mut other = named(&home, "other");
    let (mut first, mut second) = (named(&home, "editor"), named(&home, "editor"));
    first.call("set_context", &json!({"database": "TWO"}));
    works(&mut second);
    let mut third = named(&home, "editor");
    let is_open = |pid: u32| move |sessions: &[Value]| sessions.iter().any(|session| session["pid"] == pid);
    let (one, two, three) = (first.pid(), second.pid(), third.pid());
    home.sessions_until("the oldest idle one is closed", |sessions| !is_open(one)(sessions));
    works(&mut third);
    works(&mut other);
    let answer = first.query("select 1");
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    let note = notes(&answer).join("\n");
    assert!(note.contains("more than 2 sessions (limits.sessions_per_client_max = 2)"), "{answer}");
    let info = first.call("session_info", &json!({}));
    assert_eq!(info["result"]["structuredContent"]["context"]["database"], "TWO", "{info}");
    // It takes the place of the one that is idle for the longest time now, and of no other.
    home.sessions_until("another one is closed", |sessions| !is_open(two)(sessions));
    let open = home.sessions();
    assert!(is_open(one)(&open) && is_open(three)(&open), "{open:?}");
    assert_eq!(used(&home, "editor", "sessions_per_client_max"), Some(2));
}

#[test]
fn where_no_session_of_a_client_is_idle_a_further_one_is_refused_until_one_is() {
    let home = Home::new();
    home.configure("[limits]\nsessions_per_client_max = 1\n");
    let mut busy = named(&home, "editor");
    let running = busy.send_query(ENDLESS);
    home.sessions_until("it runs", |sessions| sessions.iter().any(|session| session["running"] == 1));
    let mut newcomer = home.client();
    let opened = newcomer.initialize_as("editor", REVISION);
    let message = error_text(&opened, -32603);
    assert!(
        message.contains("limits.sessions_per_client_max = 1") && message.contains("is idle"),
        "{message}"
    );
    let text = refusal(&newcomer.query("select 1"));
    assert!(text.contains("1 sessions of the client `editor`"), "{text}");
    works(&mut named(&home, "other"));
    busy.notify("notifications/cancelled", &json!({"requestId": running}));
    until("there is room", || newcomer.query("select 1")["result"]["isError"] == false);
}

#[test]
fn limits_that_are_not_set_are_not_shown_and_those_that_are_say_what_is_left() {
    let home = Home::new();
    let mut client = named(&home, "editor");
    works(&mut client);
    let output = home.run(&["quota"]);
    assert!(output.stdout.starts_with("no limit was used yet; docs/limits.md"), "{output:?}");
    home.stop();
    home.configure("[limits]\nqueries_per_hour = 10\n");
    works(&mut client);
    let output = home.run(&["quota", "show"]);
    let line = output.stdout.lines().nth(1).expect("a line").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(line.starts_with("editor limits.queries_per_hour 1 of 10 9 now; all of it in "), "{output:?}");
    home.stop();
    let output = home.run(&["quota", "--json"]);
    assert_eq!((output.code, &output.json()["running"]), (Some(3), &json!(false)));
}
