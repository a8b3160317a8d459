//! Calls whose statements take longer than they do: answered with a handle, gone on with, found again.

use std::time::Duration;

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, patience, stateless, tool_text, until};

/// How long a call may take, in milliseconds.
const WITHIN_MS: u64 = 200;

fn home() -> Home {
    let home = Home::new();
    home.configure(&format!("read_only = false\n[limits]\nanswer_within_ms = {WITHIN_MS}\n"));
    home
}

fn ready(home: &Home) -> Client {
    let mut client = home.client();
    client.initialize();
    client
}

/// A read of some seconds.
const SLOW: &str = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 6000001) \
                    select i % 3 as k, count(*) as c from n group by k order by k";
const SLOW_ROWS: &str = "k|c\n0|2000000\n1|2000001\n2|2000000\n(3 rows)";

/// The handle of a call that is still at work.
#[track_caller]
fn handle(answer: &Value) -> String {
    let meta = &answer["result"]["_meta"]["snowgate/result"];
    assert_eq!(meta["running"], true, "{answer}");
    assert!(tool_text(answer).contains("Do not send the statement again"), "{answer}");
    meta["handle"].as_str().expect("a handle").to_owned()
}

fn is_running(answer: &Value) -> bool {
    answer["result"]["_meta"]["snowgate/result"]["running"] == true
}

/// Waits on until the statement has ended.
fn ended(client: &mut Client, handle: &str) -> Value {
    let mut answer = client.call("get_result", &json!({"handle": handle}));
    until("the statement has ended", || {
        if is_running(&answer) {
            answer = client.call("get_result", &json!({"handle": handle}));
        }
        !is_running(&answer)
    });
    answer
}

#[test]
fn a_long_read_is_answered_in_time_and_its_rows_come_once_also_over_a_killed_gateway() {
    let home = home();
    let mut client = ready(&home);
    let read = handle(&client.query(SLOW));
    assert_eq!(home.status().expect("a gateway")["results"]["running"], 1);
    home.kill_gateway();
    assert_eq!(tool_text(&ended(&mut client, &read)), SLOW_ROWS);
    assert_eq!(tool_text(&ended(&mut client, &read)), SLOW_ROWS, "the same again, without a run");
    let again = handle(&client.query(SLOW));
    assert_eq!(home.run(&["restart"]).code, Some(0));
    assert_eq!(tool_text(&ended(&mut client, &again)), SLOW_ROWS);
}

#[test]
fn a_long_write_takes_effect_once_whatever_becomes_of_its_gateway() {
    let home = home();
    let mut client = ready(&home);
    client.query("create table written (tag text)");
    let write = |tag: &str| {
        format!(
            "insert into written with recursive n(i) as (select 1 union all select i + 1 from n where i < 6000000) \
             select '{tag}' from n where i = 6000000"
        )
    };
    for (tag, is_killed) in [("whole", false), ("killed", true)] {
        let handle = handle(&client.query(&write(tag)));
        if is_killed {
            home.kill_gateway();
        }
        let answer = ended(&mut client, &handle);
        let count = client.query(&format!("select count(*) from written where tag = '{tag}'"));
        let rows = tool_text(&count).lines().nth(1).map(str::to_owned);
        match tool_text(&answer) {
            "1 row changed" => assert_eq!(rows.as_deref(), Some("1"), "{tag}"),
            told => {
                assert!(is_killed && told.contains("outcome unknown"), "{told}");
                assert!(matches!(rows.as_deref(), Some("0" | "1")), "{rows:?}");
            }
        }
    }
}

#[test]
fn a_statement_is_stopped_by_its_handle_and_with_its_client() {
    let home = home();
    let mut client = ready(&home);
    let endless = handle(
        &client
            .query("with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"),
    );
    let answer = client.call("cancel_query", &json!({"handle": endless}));
    assert!(tool_text(&answer).contains("is stopped"), "{answer}");
    let told = client.call("get_result", &json!({"handle": endless}));
    assert_eq!(told["result"]["isError"], true, "{told}");
    assert!(tool_text(&told).starts_with("Cancelled"), "{told}");
    let answer = client.call("cancel_query", &json!({"handle": endless}));
    assert!(tool_text(&answer).contains("has ended"), "{answer}");

    let mut other = ready(&home);
    handle(
        &other
            .query("with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"),
    );
    other.leave();
    until("its statement is stopped", || {
        home.status().is_some_and(|status| status["results"]["running"] == 0)
    });
    let running = home.status().expect("a gateway");
    assert_eq!(running["connections_open"], running["connections_idle"], "{running}");
}

#[test]
fn a_statement_that_fails_late_says_so_to_the_one_who_comes_back() {
    let home = home();
    let mut client = ready(&home);
    let sql = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 4000000) \
               select json_extract(case when max(i) > 5 then 'no json' end, '$.a') from n";
    let handle = handle(&client.query(sql));
    let answer = ended(&mut client, &handle);
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    assert!(tool_text(&answer).contains("malformed JSON"), "{answer}");
}

#[test]
fn a_large_result_of_a_long_statement_is_paged_by_the_same_handle() {
    let home = Home::new();
    home.configure(&format!("[limits]\nanswer_within_ms = {WITHIN_MS}\n[results]\nread_ms_max = 600000\n"));
    let mut client = ready(&home);
    let sql = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000000) \
               select i from n order by -i";
    let handle = handle(&client.query(sql));
    let answer = ended(&mut client, &handle);
    assert!(
        tool_text(&answer)
            .starts_with(&format!("(100 of 2000000 rows; more: get_result {{\"handle\":\"{handle}\"")),
        "{answer}"
    );
    let page = client.call("get_result", &json!({"handle": handle, "offset": 1_999_999}));
    assert_eq!(tool_text(&page), "i\n1\n(rows 2000000-2000000 of 2000000)");
}

#[test]
fn several_requests_for_a_call_of_a_killed_gateway_send_it_again_once() {
    let home = home();
    let mut client = ready(&home);
    let read = handle(&client.query(SLOW));
    home.kill_gateway();
    let ids: Vec<Value> =
        (0..4).map(|_| client.send_call("get_result", &json!({"handle": read, "wait_ms": 1}))).collect();
    for id in ids {
        let answer = client.answer(&id);
        assert!(is_running(&answer), "{answer}");
    }
    assert_eq!(home.status().expect("a gateway")["results"]["running"], 1);
    assert_eq!(tool_text(&ended(&mut client, &read)), SLOW_ROWS);
}

#[test]
fn a_call_that_cannot_be_written_down_is_waited_for_and_its_rows_are_those_of_one_that_has_ended() {
    let home = Home::new();
    home.configure(&format!(
        "[limits]\nanswer_within_ms = {WITHIN_MS}\n[results]\nread_ms_max = 600000\nhandles_max = 1\n"
    ));
    let mut client = ready(&home);
    // As long as this one runs there is no room for another.
    let first = handle(
        &client
            .query("with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"),
    );
    let sql = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000000) \
               select i from n order by -i";
    let id = client.send_query(sql);
    until("it has waited as long as it may", || {
        home.log().contains("a long call cannot be written down: it is waited for")
    });
    let stopped = client.call("cancel_query", &json!({"handle": first}));
    assert!(tool_text(&stopped).contains("is stopped"), "{stopped}");
    let answer = client.answer(&id);
    let rows = answer["result"]["_meta"]["snowgate/result"]["handle"].as_str().expect("a handle");
    let page = client.call("get_result", &json!({"handle": rows, "offset": 1_999_999}));
    assert_eq!(tool_text(&page), "i\n1\n(rows 2000000-2000000 of 2000000)", "nothing ran again");
}

#[test]
fn a_client_whose_long_calls_take_all_its_places_waits_for_them_and_stops_them() {
    let home = Home::new();
    home.configure(&format!("[limits]\nanswer_within_ms = {WITHIN_MS}\nconcurrent_max = 1\n"));
    let mut client = ready(&home);
    let endless = handle(
        &client
            .query("with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"),
    );
    assert!(tool_text(&client.query("select 1")).contains("concurrent_max = 1"));
    let waits = client.call("get_result", &json!({"handle": endless, "wait_ms": 1}));
    assert!(is_running(&waits), "{waits}");
    let stopped = client.call("cancel_query", &json!({"handle": endless}));
    assert!(tool_text(&stopped).contains("is stopped"), "{stopped}");
}

#[test]
fn a_client_that_asks_is_told_how_far_a_statement_is() {
    let home = Home::new();
    let mut client = ready(&home);
    let params = json!({
        "name": "execute_query", "arguments": {"query": SLOW.replace("6000001", "60000001")}, "_meta": {"progressToken": "p"},
    });
    let id = client.send("tools/call", &params);
    let told = client.next_message();
    assert_eq!(told["method"], "notifications/progress", "{told}");
    assert_eq!(told["params"]["progressToken"], "p", "{told}");
    assert!(
        told["params"]["message"].as_str().is_some_and(|text| text.starts_with("running for ")),
        "{told}"
    );
    client.notify("notifications/cancelled", &json!({"requestId": id}));
    client.leave();
}

/// Params of a client with tasks.
#[test]
fn a_wait_for_a_statement_ends_when_its_gateway_is_about_to_restart() {
    let home = Home::new();
    // A wait that went on would be cut off by the end of the drain, and be answered by the next gateway.
    home.configure("[limits]\nanswer_within_ms = 5000\n[gateway]\ndrain_timeout_ms = 2000\n");
    let mut client = ready(&home);
    let handle = handle(
        &client
            .query("with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"),
    );
    let wait = client.send("tools/call", &json!({"name": "get_result", "arguments": {"handle": handle}}));
    std::thread::scope(|scope| {
        let restart = scope.spawn(|| home.run(&["restart"]));
        let answer = client.answer(&wait);
        assert!(is_running(&answer), "{answer}");
        assert!(!restart.is_finished(), "the gateway waits for the statement, and not for who waits for it");
    });
}

#[test]
fn a_call_beyond_those_that_may_go_on_gets_its_handle_once_one_has_ended() {
    let home = Home::new();
    home.configure("[limits]\nanswer_within_ms = 100\n");
    let mut client = ready(&home);
    let endless = |at: usize| {
        format!(
            "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) + {at} from n"
        )
    };
    let handles: Vec<String> = (0..16).map(|at| handle(&client.query(&endless(at)))).collect();
    let beyond = client.send_query(&endless(16));
    let stopped = client.call("cancel_query", &json!({"handle": handles[0]}));
    assert!(tool_text(&stopped).contains("is stopped"), "{stopped}");
    assert!(is_running(&client.answer(&beyond)));
}

/// What is told of the next progress: its value, and the text.
fn next_progress(client: &mut Client) -> (f64, String) {
    let told = client.next_message();
    assert_eq!(told["method"], "notifications/progress", "{told}");
    let params = &told["params"];
    (
        params["progress"].as_f64().expect("a number"),
        params["message"].as_str().unwrap_or_default().to_owned(),
    )
}

#[test]
fn progress_grows_over_the_death_of_a_gateway() {
    let home = Home::new();
    home.configure("[limits]\nanswer_within_ms = 0\n");
    let mut client = home.client();
    client.initialize();
    let endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n";
    let params =
        json!({"name": "execute_query", "arguments": {"query": endless}, "_meta": {"progressToken": 1}});
    let call = client.send("tools/call", &params);
    let before = [next_progress(&mut client).0, next_progress(&mut client).0];
    home.kill_gateway();
    let (after, text) = next_progress(&mut client);
    assert!(before[0] < before[1] && before[1] < after, "{before:?} {after}");
    assert!(text.contains("since it was sent again"), "{text}");
    assert!(next_progress(&mut client).0 > after);
    client.notify("notifications/cancelled", &json!({"requestId": call}));
}

fn with_tasks(params: Value) -> Value {
    let mut params = stateless(params);
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"]["extensions"]["io.modelcontextprotocol/tasks"] =
        json!({});
    params
}

#[test]
fn a_client_with_tasks_gets_a_task_and_its_result() {
    let home = home();
    let mut client = home.client();
    let call = |sql: &str| with_tasks(json!({"name": "execute_query", "arguments": {"query": sql}}));
    let answer = client.request("tools/call", &call(SLOW));
    assert_eq!(answer["result"]["resultType"], "task", "{answer}");
    assert_eq!(answer["result"]["status"], "working", "{answer}");
    let (id, began) = (answer["result"]["taskId"].clone(), answer["result"]["createdAt"].clone());
    assert!(answer["result"]["ttlMs"].as_u64() > Some(0), "{answer}");
    home.kill_gateway();
    let mut task = Value::Null;
    until("the task is done", || {
        task = client.request("tasks/get", &with_tasks(json!({"taskId": id})));
        task["result"]["status"] != "working"
    });
    assert_eq!(task["result"]["status"], "completed", "{task}");
    assert_eq!(
        (&task["result"]["createdAt"], &task["result"]["ttlMs"]),
        (&began, &answer["result"]["ttlMs"])
    );
    assert_eq!(task["result"]["result"]["content"][0]["text"], SLOW_ROWS, "{task}");

    let endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n";
    let id = client.request("tools/call", &call(endless))["result"]["taskId"].clone();
    let ack = client.request("tasks/cancel", &with_tasks(json!({"taskId": id})));
    assert_eq!(ack["result"]["resultType"], "complete", "{ack}");
    until("the task is cancelled", || {
        task = client.request("tasks/get", &with_tasks(json!({"taskId": id})));
        task["result"]["status"] == "cancelled"
    });
    let other = client.request("tasks/get", &with_tasks(json!({"taskId": "rzzzzzzzz"})));
    assert_eq!(other["error"]["code"], -32602, "{other}");
    let without = client.request("tasks/get", &stateless(json!({"taskId": id})));
    assert!(without["error"]["code"].is_i64(), "{without}");
}

#[test]
fn a_profile_says_how_long_its_clients_wait() {
    let home = Home::new();
    home.configure(
        "[limits]\nanswer_within_ms = 0\n[profiles.hasty]\nmatch = [{ client = \"hasty*\" }]\nanswer_within_ms = 100\n",
    );
    let mut patient = home.client();
    patient.initialize();
    let id = patient.send_query(SLOW);
    let mut hasty = home.client();
    hasty.initialize_as("hasty-client", "2025-11-25");
    let read = handle(&hasty.query(SLOW));
    assert_eq!(tool_text(&patient.answer_within(patience() + Duration::from_secs(60), &id)), SLOW_ROWS);
    assert_eq!(tool_text(&ended(&mut hasty, &read)), SLOW_ROWS);
}

#[test]
fn a_stop_waits_for_a_long_write_as_for_any_other() {
    let home = home();
    let mut client = ready(&home);
    client.query("create table drained (tag text)");
    let write = "insert into drained with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000000) \
                 select 'once' from n where i = 2000000";
    let handle = handle(&client.query(write));
    assert_eq!(home.run(&["restart"]).code, Some(0));
    assert_eq!(tool_text(&ended(&mut client, &handle)), "1 row changed");
    let count = client.query("select count(*) as c from drained");
    assert_eq!(tool_text(&count), "c\n1\n(1 row)");
}

#[test]
fn tasks_are_as_bounded_as_the_tool_that_does_the_same() {
    let home = Home::new();
    home.configure("[profiles.default]\ntools = [\"execute_query\"]\n");
    let mut client = home.client();
    let answer = client.request("tasks/get", &with_tasks(json!({"taskId": "raaaaaaaa"})));
    let told = answer["error"]["message"].as_str().unwrap_or_default();
    assert!(told.contains("get_result is not offered"), "{answer}");
    home.configure("[limits]\nrequests_per_minute = 2\n");
    assert_eq!(home.run(&["reload"]).code, Some(0));
    let told = |client: &mut Client| {
        let answer = client.request("tasks/get", &with_tasks(json!({"taskId": "raaaaaaaa"})));
        answer["error"]["message"].as_str().unwrap_or_default().to_owned()
    };
    until("the limit is reached", || told(&mut client).contains("requests_per_minute"));
}
