//! The context that a new session begins in: the last one that was set in a session of the same identity.

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, descriptors, kill, tool_text, until};

fn named(home: &Home, name: &str) -> Client {
    let mut client = home.client();
    client.initialize_as(name, "2025-11-25");
    client
}

fn with_session(home: &Home, session: &str, name: &str) -> Client {
    let mut client = home.launch().arg("--session").arg(session).start();
    client.initialize_as(name, "2025-11-25");
    client
}

#[track_caller]
fn set(client: &mut Client, database: &str) {
    let answer = client.call("set_context", &json!({"database": database}));
    assert_eq!(answer["result"]["structuredContent"]["context"]["database"], database, "{answer}");
}

fn info(client: &mut Client) -> Value {
    client.call("session_info", &json!({}))["result"]["structuredContent"].clone()
}

fn database(client: &mut Client) -> Value {
    info(client)["context"]["database"].clone()
}

/// What the gateway says beside the result.
fn note(answer: &Value) -> Option<&str> {
    answer["result"]["content"][1]["text"].as_str()
}

const WHERE: &str = "select file like '%TWO.db' as is_two from pragma_database_list where seq = 0";

#[test]
fn two_at_once_after_one_that_left_both_begin_in_what_it_set_and_say_so_once() {
    let home = Home::new();
    let mut first = named(&home, "editor");
    set(&mut first, "TWO");
    first.leave();
    let mut both = [named(&home, "editor"), named(&home, "editor")];
    for client in &mut both {
        let answer = client.query(WHERE);
        assert_eq!(tool_text(&answer), "is_two\n1\n(1 row)");
        let said = note(&answer).expect("a note");
        for part in ["database TWO", "set last by this client in this folder", "set_context"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert_eq!(said.lines().count(), 1, "{said}");
        assert_eq!(note(&client.query(WHERE)), None, "said once");
        let session = home.session_of(client.pid());
        assert_eq!(
            (&session["context"]["database"], &session["context_from"]),
            (&json!("TWO"), &json!("inherited"))
        );
        assert_eq!(info(client)["context_from"], "inherited");
    }
    // Sessions that set nothing end nothing, whichever leaves last.
    let [mut one, mut two] = both;
    two.leave();
    one.leave();
    assert_eq!(database(&mut named(&home, "editor")), "TWO");
}

#[test]
fn each_has_a_copy_and_the_next_one_begins_where_it_was_set_last() {
    let home = Home::new();
    home.add_database("THREE");
    let (mut one, mut two) = (named(&home, "editor"), named(&home, "editor"));
    assert_eq!((database(&mut one), database(&mut two)), (json!("ONE"), json!("ONE")));
    set(&mut one, "TWO");
    assert_eq!(database(&mut two), "ONE", "each has its own from its first call on");
    set(&mut two, "THREE");
    assert_eq!(database(&mut one), "TWO");
    assert_eq!(
        (info(&mut one)["context_from"].clone(), info(&mut two)["context_from"].clone()),
        (json!("set"), json!("set"))
    );
    two.leave();
    one.leave();
    assert_eq!(database(&mut named(&home, "editor")), "THREE", "not where the last one left");
    let mut other = named(&home, "other");
    assert_eq!(info(&mut other)["context_from"], "profile");
}

#[test]
fn a_session_name_is_an_identity_for_two_at_once_and_for_clients_without_a_name() {
    let home = Home::new();
    let mut first = with_session(&home, "nightly", "mcp");
    set(&mut first, "TWO");
    for name in ["mcp", "python"] {
        let mut next = with_session(&home, "nightly", name);
        let answer = next.query(WHERE);
        assert_eq!(tool_text(&answer), "is_two\n1\n(1 row)");
        assert!(note(&answer).is_some_and(|note| note.contains("session name `nightly`")), "{answer}");
        assert_eq!(info(&mut next)["session_name"], "nightly");
        assert_eq!(home.session_of(next.pid())["name"], "nightly");
    }
    assert_eq!(database(&mut with_session(&home, "weekly", "mcp")), "ONE");
}

#[test]
fn clients_whose_names_tell_nobody_apart_begin_in_the_profile_s_context() {
    let home = Home::new();
    for name in ["mcp", "MCP", "python", "python3", "node", "mcp-client", "client", "Test", ""] {
        let mut first = named(&home, name);
        set(&mut first, "TWO");
        let mut beside = named(&home, name);
        let answer = beside.query(WHERE);
        assert_eq!((tool_text(&answer), note(&answer)), ("is_two\n0\n(1 row)", None), "{name:?}");
        first.leave();
        beside.leave();
        assert_eq!(database(&mut named(&home, name)), "ONE", "{name:?}");
    }
}

#[test]
fn it_outlives_killed_gateways_restarts_and_sessions_that_are_still_there() {
    let home = Home::new();
    let mut first = named(&home, "editor");
    set(&mut first, "TWO");
    home.kill_gateway();
    let mut second = named(&home, "editor");
    assert_eq!(database(&mut second), "TWO");
    let restarted = home.run(&["restart"]);
    assert_eq!(restarted.code, Some(0), "{restarted:?}");
    assert_eq!(
        (database(&mut first), info(&mut second)["context_from"].clone()),
        (json!("TWO"), json!("inherited"))
    );
    assert_eq!(database(&mut named(&home, "editor")), "TWO");
    for client in [&mut first, &mut second] {
        kill(client.pid());
        client.wait();
    }
    home.kill_gateway();
    assert_eq!(database(&mut named(&home, "editor")), "TWO");
}

#[test]
fn what_is_gone_with_the_next_gateway_is_the_profile_s_where_it_was_inherited_and_refused_where_it_was_set() {
    let home = Home::new();
    let mut first = named(&home, "editor");
    set(&mut first, "TWO");
    let mut second = named(&home, "editor");
    assert_eq!(tool_text(&second.query(WHERE)), "is_two\n1\n(1 row)");
    let file = home.databases().join("TWO.db");
    let aside = home.path().join("TWO.aside");
    // What a shim sends before it notices the end is replayed, and then refused: it has let go of its socket first.
    let open = descriptors(second.pid());
    home.kill_gateway();
    std::fs::rename(&file, &aside).expect("taking the database away");
    until("its shim has noticed", || descriptors(second.pid()) < open);
    let answer = second.query(WHERE);
    assert_eq!(tool_text(&answer), "is_two\n0\n(1 row)");
    assert!(note(&answer).is_some_and(|note| note.contains("database TWO")), "{answer}");
    assert_eq!(
        (note(&second.query(WHERE)), info(&mut second)["context_from"].clone()),
        (None, json!("fallback"))
    );
    let refused = first.query(WHERE);
    assert_eq!(refused["result"]["isError"], true, "{refused}");
    assert!(tool_text(&refused).contains("set_context"), "{refused}");
    // It is looked for again.
    std::fs::rename(&aside, &file).expect("giving the database back");
    assert_eq!(tool_text(&first.query(WHERE)), "is_two\n1\n(1 row)");
    assert_eq!((database(&mut first), info(&mut first).get("context_lost")), (json!("TWO"), None));
}

#[test]
fn a_first_call_that_sets_the_context_says_nothing_of_the_one_before() {
    let home = Home::new();
    let mut first = named(&home, "editor");
    set(&mut first, "TWO");
    let mut second = named(&home, "editor");
    let answer = second.call("set_context", &json!({"database": "ONE"}));
    assert_eq!(answer["result"]["structuredContent"].get("note"), None, "{answer}");
    let answer = second.query(WHERE);
    assert_eq!((tool_text(&answer), note(&answer)), ("is_two\n0\n(1 row)", None));
    assert_eq!(database(&mut named(&home, "editor")), "ONE");
}
