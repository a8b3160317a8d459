//! Who gets the next connection: queues, positions, the lane for short requests, caps.

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, tool_text, until};

/// A gateway with `lines` of configuration.
fn home(lines: &str) -> Home {
    let home = Home::new();
    home.configure(lines);
    home
}

fn named(home: &Home, name: &str) -> Client {
    let mut client = home.client();
    client.initialize_as(name, "2025-11-25");
    client
}

fn allocator(home: &Home) -> Value {
    home.status().expect("a gateway")["allocator"].clone()
}

/// Waits until so many requests run and wait.
fn until_used(home: &Home, running: u64, waiting: u64) {
    until("the queue is as expected", || {
        let now = allocator(home);
        now["running"] == running && now["waiting"] == waiting
    });
}

fn cancel(client: &mut Client, id: &Value) {
    client.notify("notifications/cancelled", &json!({"requestId": id}));
}

/// A call that wants to be told about its progress.
fn send_watched(client: &mut Client, token: &str, sql: &str) -> Value {
    client.send(
        "tools/call",
        &json!({"name": "execute_query", "arguments": {"query": sql}, "_meta": {"progressToken": token}}),
    )
}

#[test]
fn a_full_queue_refuses_at_once_and_other_clients_are_untouched() {
    let home = home("[pool]\nconnections_max = 1\n[allocator]\nqueue_max = 2\n");
    let mut hog = named(&home, "hog");
    let running = hog.send_endless_query();
    until_used(&home, 1, 0);
    let _waiting = [hog.send_endless_query(), hog.send_endless_query()];
    until_used(&home, 1, 2);
    let refused = hog.query("select 1");
    let text = tool_text(&refused);
    assert_eq!(refused["result"]["isError"], true, "{refused}");
    assert!(text.contains("2 requests of this client wait") && text.contains("`queue_max`"), "{text}");
    assert!(text.contains("try again in about"), "{text}");
    let mut small = named(&home, "small");
    let asked = small.send_query("select 7 as seven");
    until_used(&home, 1, 3);
    // Behind two others in a row, in front of them by what it has had.
    cancel(&mut hog, &running);
    assert!(tool_text(&small.answer(&asked)).contains('7'));
    assert_eq!(allocator(&home)["refused"], 1);
}

#[test]
fn a_client_with_many_requests_is_behind_one_that_has_had_nothing() {
    let home = home("[pool]\nconnections_max = 2\n");
    let (mut hog, mut small) = (named(&home, "hog"), named(&home, "small"));
    let running: Vec<Value> = (0..12).map(|_| hog.send_endless_query()).collect();
    until_used(&home, 2, 10);
    for (turn, id) in (0..5).zip(&running) {
        let asked = small.send_query("select 7 as seven");
        until_used(&home, 2, 11 - turn);
        // One slot comes free each time, and the small one's wait ends, whatever else waits.
        cancel(&mut hog, id);
        assert!(tool_text(&small.answer(&asked)).contains('7'));
    }
    let flows = allocator(&home)["flows"].clone();
    assert!(flows.as_array().is_some_and(|flows| flows.iter().any(|flow| flow["flow"] == "hog")), "{flows}");
    assert!(allocator(&home)["lag_to_bound"].as_f64().is_some_and(|ratio| ratio <= 1.0));
}

#[test]
fn one_that_waits_is_told_its_place_and_nothing_behind_its_answer() {
    let home = home("[pool]\nconnections_max = 1\n");
    let mut hog = named(&home, "hog");
    let running = hog.send_endless_query();
    until_used(&home, 1, 0);
    let _next = hog.send_endless_query();
    let mut small = named(&home, "small");
    let asked = send_watched(&mut small, "mine", "select 7 as seven");
    let told = small.next_message();
    assert_eq!(told["method"], "notifications/progress", "{told}");
    assert_eq!(told["params"]["progressToken"], "mine", "{told}");
    let message = told["params"]["message"].as_str().unwrap_or_default();
    assert!(message.starts_with("waiting for a connection: number 1 of 2"), "{message}");
    let waiting = allocator(&home)["requests"].clone();
    assert!(waiting.as_array().is_some_and(|requests| requests.len() == 2), "{waiting}");
    cancel(&mut hog, &running);
    assert!(tool_text(&small.answer(&asked)).contains('7'));
    small.close_stdin();
    let behind = small.rest();
    assert!(behind.is_empty(), "{behind:?}");
}

#[test]
fn tools_that_list_run_in_a_lane_of_their_own() {
    let home = home("[pool]\nconnections_max = 4\n");
    let mut hog = named(&home, "hog");
    for _ in 0..8 {
        hog.send_endless_query();
    }
    until_used(&home, 3, 5);
    let mut small = named(&home, "small");
    for client in [&mut small, &mut hog] {
        for tool in ["list_databases", "list_tables"] {
            let answer = client.call(tool, &json!({}));
            assert_ne!(answer["result"]["isError"], true, "{answer}");
        }
    }
    let now = allocator(&home);
    assert_eq!((&now["lane_slots"], &now["running"]), (&json!(1), &json!(3)), "{now}");
}

#[test]
fn a_profile_can_bound_the_connections_of_each_of_its_clients() {
    let home = home(
        "[pool]\nconnections_max = 3\n[profiles.narrow]\nmatch = [{ client = \"narrow*\" }]\nslots_max = 1\n",
    );
    let mut clients = [named(&home, "narrow-1"), named(&home, "narrow-2"), named(&home, "wide")];
    for client in &mut clients[..2] {
        client.send_endless_query();
        client.send_endless_query();
    }
    until_used(&home, 2, 2);
    assert!(tool_text(&clients[2].query("select 7 as seven")).contains('7'));
    let flows = allocator(&home)["flows"].clone();
    let narrow =
        flows.as_array().and_then(|flows| flows.iter().find(|flow| flow["flow"] == "narrow-1 (narrow)"));
    assert_eq!(narrow.map(|flow| &flow["slots_max"]), Some(&json!(1)), "{flows}");
}

#[test]
fn what_a_client_leaves_behind_in_the_queue_goes_with_it() {
    let home = home("[pool]\nconnections_max = 2\n");
    let mut hog = named(&home, "hog");
    for _ in 0..10 {
        hog.send_endless_query();
    }
    until_used(&home, 2, 8);
    drop(hog);
    until_used(&home, 0, 0);
    assert!(tool_text(&named(&home, "small").query("select 7 as seven")).contains('7'));
}

#[test]
fn a_wait_ends_with_an_error_that_names_the_place_and_the_setting() {
    let home = home("[pool]\nconnections_max = 1\n[allocator]\nmax_wait_ms = 200\n");
    let (mut hog, mut small) = (named(&home, "hog"), named(&home, "small"));
    hog.send_endless_query();
    until_used(&home, 1, 0);
    let answer = small.query("select 1");
    let text = tool_text(&answer);
    assert!(text.contains("number 1 of 1 that wait") && text.contains("`max_wait_ms`"), "{text}");
    assert_eq!(allocator(&home)["timed_out"], 1);
}

#[test]
fn a_call_is_stopped_by_its_number_and_its_session_goes_on() {
    let home = home("[pool]\nconnections_max = 1\n");
    let mut client = named(&home, "busy");
    let (running, waiting) = (client.send_endless_query(), client.send_endless_query());
    until_used(&home, 1, 1);
    let session = home.session_of(client.pid());
    let id = session["id"].as_str().expect("an id").to_owned();
    let numbers: Vec<u64> = session["calls"]
        .as_array()
        .expect("calls")
        .iter()
        .filter_map(|call| call["number"].as_u64())
        .collect();
    assert_eq!(numbers.len(), 2, "{session}");
    for (number, asked) in numbers.iter().rev().zip([&waiting, &running]) {
        let killed = home.run(&["kill", &format!("{}:{number}", &id[..8]), "--json"]).json();
        assert_eq!(killed["requests"], json!([number]), "{killed}");
        let answer = client.answer(asked);
        assert!(tool_text(&answer).contains("`snowgate kill`"), "{answer}");
    }
    until_used(&home, 0, 0);
    assert!(tool_text(&client.query("select 7 as seven")).contains('7'));
    for (target, expected) in [
        (format!("{id}:99999"), "runs no call 99999"),
        ("zzzzzzzz".to_owned(), "there is no session"),
        ("a".to_owned(), "at least 4 characters"),
        (format!("{id}:x"), "no number of a call"),
    ] {
        let output = home.run(&["kill", &target]);
        assert!(output.stderr.contains(expected), "{target}: {}", output.stderr);
    }
}

#[test]
fn all_that_a_session_has_sent_is_stopped_also_what_has_not_started() {
    let home = home("[pool]\nconnections_max = 2\n[gateway]\nsession_requests_max = 2\n");
    let mut client = named(&home, "busy");
    let asked: Vec<Value> = (0..6).map(|_| client.send_endless_query()).collect();
    until_used(&home, 2, 0);
    let id = home.session_of(client.pid())["id"].as_str().expect("an id").to_owned();
    home.run(&["kill", &id]);
    for asked in &asked {
        let answer = client.answer(asked);
        assert!(tool_text(&answer).contains("`snowgate kill`"), "{answer}");
    }
    assert!(tool_text(&client.query("select 7 as seven")).contains('7'));
}

#[test]
fn one_of_two_that_wait_for_the_same_statement_is_stopped_and_told_so() {
    let home = home("[profiles.default]\nisolation = 'relaxed'\n");
    let (mut first, mut second) = (named(&home, "first"), named(&home, "second"));
    let (of_first, of_second) = (first.send_endless_query(), second.send_endless_query());
    until("one has joined the other", || {
        home.status().expect("a gateway")["pool"]["coalesced"] == 1 && allocator(&home)["running"] == 1
    });
    let kill = |client: &Client| {
        let id = home.session_of(client.pid())["id"].as_str().expect("an id").to_owned();
        home.run(&["kill", &id]);
    };
    kill(&first);
    let answer = first.answer(&of_first);
    let text = tool_text(&answer);
    assert!(text.contains("`snowgate kill`") && text.contains("goes on for other sessions"), "{answer}");
    kill(&second);
    let answer = second.answer(&of_second);
    let text = tool_text(&answer);
    assert!(text.contains("`snowgate kill`") && text.contains("its statement was stopped"), "{answer}");
}
