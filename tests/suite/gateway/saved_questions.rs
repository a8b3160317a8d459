//! Saved questions: tools from the configuration, whose arguments are bound and never a part of the text.

use serde_json::{Value, json};
use snowgate_tests::{Client, HOSTILE_TEXTS, Home, HttpConnection, tool_text, until};

use super::rest::{call, writable};

/// Questions about a table of notes.
const QUESTIONS: &str = r#"
[queries.find_note]
sql = "select name, body from notes where name = :name -- :name"
description = "The note of a name."
[queries.find_note.parameters.name]
type = "text"

[queries.echo]
sql = "select hex(:value) as h, typeof(:value) as t"
description = "What is bound."
[queries.echo.parameters.value]
type = "text"

[queries.add_note]
sql = "insert into notes values (:name, :body)"
description = "Add a note."
[queries.add_note.parameters.name]
type = "text"
[queries.add_note.parameters.body]
type = "text"
default = "empty"

[queries.typed]
sql = "select typeof(:n) as n, typeof(:x) as x, :b as b, :d as d, :at as at, :mood as mood"
description = "One of each type."
[queries.typed.parameters.n]
type = "integer"
[queries.typed.parameters.x]
type = "number"
[queries.typed.parameters.b]
type = "boolean"
default = false
[queries.typed.parameters.d]
type = "date"
required = false
[queries.typed.parameters.at]
type = "timestamp"
default = 2026-01-31T09:30:00
[queries.typed.parameters.mood]
type = "text"
values = ["good", "bad"]
default = "good"
"#;

fn home(more: &str) -> Home {
    let home = Home::new();
    home.configure(&format!("read_only = false\n{more}{QUESTIONS}"));
    home
}

fn client(home: &Home) -> Client {
    let mut client = home.client();
    client.initialize();
    client
}

#[track_caller]
fn succeeds(answer: &Value) -> &str {
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    tool_text(answer)
}

#[track_caller]
fn refused(answer: &Value) -> &str {
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    tool_text(answer)
}

/// The names of the tools in the answer to `tools/list`.
fn tools(client: &mut Client) -> Vec<String> {
    let answer = client.request("tools/list", &json!({}));
    let tools = answer["result"]["tools"].as_array().expect("tools").iter();
    tools.map(|tool| tool["name"].as_str().expect("a name").to_owned()).collect()
}

/// All that there is: the schema, and every row.
fn everything(client: &mut Client) -> String {
    let schema = client.query("select type, name, sql from sqlite_schema order by name");
    let rows = client.query("select count(*), coalesce(sum(length(name) + length(body)), 0) from notes");
    format!("{}\n{}", succeeds(&schema), succeeds(&rows))
}

fn with_notes(home: &Home) -> Client {
    let mut client = client(home);
    succeeds(&client.query("create table notes (name text, body text)"));
    succeeds(&client.query("insert into notes values ('plain', 'kept'), ('other', 'kept')"));
    client
}

#[test]
fn an_argument_is_compared_as_a_value_whatever_is_in_it_and_changes_nothing() {
    assert!(HOSTILE_TEXTS.len() >= 50, "{}", HOSTILE_TEXTS.len());
    let home = home("");
    let mut client = with_notes(&home);
    let before = everything(&mut client);
    for text in HOSTILE_TEXTS {
        let found = client.call("find_note", &json!({"name": text}));
        assert_eq!(succeeds(&found), "name|body\n(0 rows)", "{text:?}");
        let hex: String = text.bytes().map(|byte| format!("{byte:02X}")).collect();
        let echoed = client.call("echo", &json!({"value": text}));
        assert_eq!(succeeds(&echoed), format!("h|t\n{hex}|text\n(1 row)"), "{text:?}");
    }
    assert_eq!(everything(&mut client), before);
    // As a row each is found by itself, and by no other.
    for text in HOSTILE_TEXTS {
        assert_eq!(succeeds(&client.call("add_note", &json!({"name": text, "body": text}))), "1 row changed");
    }
    for text in HOSTILE_TEXTS {
        let found = client.call("find_note", &json!({"name": text}));
        assert!(succeeds(&found).ends_with("(1 row)"), "{text:?}: {found}");
    }
    let kept = client.query("select count(*) as n, sum(body = 'kept') as kept from notes");
    assert_eq!(succeeds(&kept), format!("n|kept\n{}|2\n(1 row)", HOSTILE_TEXTS.len() + 2));
    let schema = client.query("select count(*) as n from sqlite_schema");
    assert_eq!(succeeds(&schema), "n\n1\n(1 row)");
}

#[test]
fn what_is_no_value_of_its_type_is_refused_by_the_name_of_its_parameter() {
    let home = home("");
    let mut client = with_notes(&home);
    let before = everything(&mut client);
    for text in ["a\0b", "'; DROP TABLE notes\0", &"x".repeat(65_537)] {
        let text = refused(&client.call("find_note", &json!({"name": text}))).to_owned();
        assert!(text.starts_with("Invalid arguments for find_note: `name` must be a text"), "{text}");
        assert!(text.len() < 500, "{text}");
    }
    for (argument, value) in [
        ("n", json!("1 or 1=1")),
        ("n", json!("1; drop table notes")),
        ("n", json!(1.5)),
        ("n", json!("9223372036854775808")),
        ("n", json!([1])),
        ("x", json!("1e999")),
        ("x", json!("nan")),
        ("x", json!("1'--")),
        ("b", json!("1 or 1")),
        ("b", json!(2)),
        ("d", json!("2026-02-30")),
        ("d", json!("2026-01-31' --")),
        ("at", json!("2026-01-31T24:00:00")),
        ("at", json!("2026-01-31T09:30:00Z")),
        ("mood", json!("good' or '1'='1")),
        ("mood", json!("Good")),
    ] {
        let mut arguments = json!({"n": 1, "x": 1});
        arguments[argument] = value.clone();
        let text = refused(&client.call("typed", &arguments)).to_owned();
        assert!(
            text.contains(&format!("`{argument}` must be ")) && text.contains("it takes n (integer"),
            "{text}"
        );
    }
    let missing = client.call("typed", &json!({"n": 1}));
    assert!(refused(&missing).contains("`x` is missing"), "{missing}");
    assert_eq!(everything(&mut client), before);
    let typed = client.call("typed", &json!({"n": "7", "x": 2.5, "b": true, "d": "2024-02-29"}));
    assert_eq!(
        succeeds(&typed),
        "n|x|b|d|at|mood\ninteger|real|1|2024-02-29|2026-01-31 09:30:00|good\n(1 row)"
    );
    let absent = client.call("typed", &json!({"n": 7, "x": 2, "d": null, "at": ""}));
    assert_eq!(
        succeeds(&absent),
        "n|x|b|d|at|mood\ninteger|integer|0|NULL|2026-01-31 09:30:00|good\n(1 row)"
    );
}

#[test]
fn a_profile_can_offer_saved_questions_and_nothing_else() {
    let home = home(
        "[profiles.asker]\ntools = ['find_note', 'add_note']\nstatements = ['read']\n\
         [profiles.guest]\naccess_role = 'guest'\n",
    );
    let mut admin = with_notes(&home);
    assert!(tools(&mut admin).ends_with(&["add_note", "echo", "find_note", "typed"].map(str::to_owned)));
    let mut asker = home.launch().arg("--profile").arg("asker").start();
    asker.initialize();
    assert_eq!(tools(&mut asker), ["find_note"], "one that writes is refused anyway");
    let listed = asker.request("tools/list", &json!({}))["result"]["tools"][0].clone();
    assert_eq!(
        listed["inputSchema"],
        json!({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]})
    );
    assert_eq!(listed["annotations"]["readOnlyHint"], true, "{listed}");
    assert_eq!(
        (&listed["title"], &listed["description"]),
        (&json!("Find note"), &json!("The note of a name."))
    );
    let found = asker.call("find_note", &json!({"name": "plain"}));
    assert_eq!(succeeds(&found), "name|body\nplain|kept\n(1 row)");
    assert!(refused(&asker.query("select 1 as n")).contains("the tool execute_query is not offered"));
    assert!(refused(&asker.call("add_note", &json!({"name": "x"}))).contains("`statements`"));
    let unknown = asker.call("echo", &json!({"value": "x"}));
    assert!(
        unknown["error"]["message"].as_str().is_some_and(|text| text.contains("Unknown tool")),
        "{unknown}"
    );
    let near = asker.call("find_notes", &json!({}));
    assert!(
        near["error"]["message"].as_str().is_some_and(|text| text.contains("did you mean find_note?")),
        "{near}"
    );
    // A role without `execute_queries` permits none.
    let mut guest = home.launch().arg("--profile").arg("guest").start();
    guest.initialize();
    assert!(!tools(&mut guest).contains(&"find_note".to_owned()));
    assert!(guest.call("find_note", &json!({"name": "plain"}))["error"].is_object());
    assert_eq!(succeeds(&admin.query("select count(*) as n from notes")), "n\n2\n(1 row)");
}

#[test]
fn what_a_profile_denies_stays_denied_through_a_saved_question() {
    let home = home(
        "[profiles.default]\ndenied_tables = ['secrets']\n[queries.peek]\nsql = 'select * from secrets where id = :id'\ndescription = 'x'\n[queries.peek.parameters.id]\ntype = 'integer'\n[profiles.maker]\n",
    );
    let mut maker = home.launch().arg("--profile").arg("maker").start();
    maker.initialize();
    succeeds(&maker.query("create table secrets (id, word)"));
    succeeds(&maker.query("insert into secrets values (1, 'hush')"));
    assert_eq!(succeeds(&maker.call("peek", &json!({"id": 1}))), "id|word\n1|hush\n(1 row)");
    let mut client = client(&home);
    let denied = client.call("peek", &json!({"id": 1}));
    assert!(refused(&denied).contains("denied_tables"), "{denied}");
}

#[test]
fn a_reload_applies_and_tells_clients_that_their_tools_are_others() {
    let home = home("");
    let mut client = with_notes(&home);
    let pid = home.gateway_pid();
    home.configure(
        "read_only = false\n[queries.count_notes]\nsql = 'select count(*) as n from notes'\ndescription = 'How many.'\n",
    );
    let done = home.run(&["reload", "--json"]).json();
    assert_eq!(done["needs_restart"], json!([]), "{done}");
    let changed = client.next_message();
    assert_eq!(changed["method"], "notifications/tools/list_changed");
    assert_eq!(tools(&mut client).last().map(String::as_str), Some("count_notes"));
    assert_eq!(succeeds(&client.call("count_notes", &json!({}))), "n\n2\n(1 row)");
    assert!(client.call("find_note", &json!({"name": "plain"}))["error"].is_object());
    home.configure(
        "read_only = false\n[queries.count_notes]\nsql = 'select :n'\ndescription = 'How many.'\n",
    );
    let wrong = home.run(&["reload", "--json"]);
    assert_eq!(wrong.code, Some(78), "{wrong:?}");
    assert!(wrong.stdout.contains("queries.count_notes.sql"), "{wrong:?}");
    assert_eq!(succeeds(&client.call("count_notes", &json!({}))), "n\n2\n(1 row)");
    assert_eq!(home.gateway_pid(), pid);
}

/// A write whose client does not read, so that the gateway's answer never arrives: `name` called with `arguments`.
fn stuck(home: &Home, name: &str, arguments: &Value) -> (Client, Value) {
    let mut deaf = home.launch().deaf().start();
    deaf.send("initialize", &json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "deaf", "version": "1"}}));
    deaf.notify("notifications/initialized", &json!({}));
    let wide = json!({"query": "with recursive n(i) as (select 1 union all select i + 1 from n limit 1000) select hex(zeroblob(450)) as x from n"});
    const WIDE: u64 = 20;
    for _ in 0..WIDE {
        deaf.send_call("execute_query", &wide);
    }
    let has_asked = |asked: u64| {
        home.sessions_until("it is done", |sessions| {
            let mine = sessions.iter().find(|session| session["client"] == "deaf");
            mine.is_some_and(|mine| mine["requests"] == asked && mine["running"] == 0)
        });
    };
    has_asked(1 + WIDE);
    let id = deaf.send_call(name, arguments);
    has_asked(2 + WIDE);
    (deaf, id)
}

#[test]
fn a_write_whose_answer_was_on_its_way_is_answered_once_also_where_the_question_has_changed_or_is_gone() {
    for after in [
        QUESTIONS,
        &QUESTIONS
            .replace(":body)", "'other')")
            .replace("[queries.add_note.parameters.body]\ntype = \"text\"\ndefault = \"empty\"\n", ""),
        "",
    ] {
        let home = home("");
        drop(with_notes(&home));
        let (mut deaf, id) = stuck(&home, "add_note", &json!({"name": "once", "body": "first"}));
        home.configure(&format!("read_only = false\n{after}"));
        home.kill_gateway();
        deaf.listen();
        assert_eq!(succeeds(&deaf.answer(&id)), "1 row changed");
        let mut witness = client(&home);
        let count = witness.query("select count(*) as n, max(body) as body from notes where name = 'once'");
        assert_eq!(succeeds(&count), "n|body\n1|first\n(1 row)");
    }
}

#[test]
fn identical_reads_with_other_values_share_no_run() {
    let home = home(
        "[profiles.default]\nisolation = 'relaxed'\n[queries.slow]\nsql = 'select :value as v, count(*) as n from (with recursive n(i) as (select 1 union all select i + 1 from n limit 300000) select i from n)'\ndescription = 'x'\n[queries.slow.parameters.value]\ntype = 'integer'\n",
    );
    let mut client = client(&home);
    let ids: Vec<Value> =
        (0..8).map(|value| client.send_call("slow", &json!({"value": value % 4}))).collect();
    for (value, id) in ids.iter().enumerate() {
        let answer = client.answer(id);
        assert_eq!(succeeds(&answer), format!("v|n\n{}|300000\n(1 row)", value % 4));
    }
}

#[test]
fn the_trail_and_the_logs_have_the_name_and_the_text_but_no_value() {
    let home = home("[audit]\nstatement_text = true\n");
    let mut client = with_notes(&home);
    succeeds(&client.call("find_note", &json!({"name": "confidential"})));
    let trail = || home.run(&["audit", "search", "--tool", "find_note", "--json"]).stdout;
    until("the trail has it", || trail().contains("find_note"));
    let found = trail();
    assert!(found.contains(":name") && !found.contains("confidential"), "{found}");
    let access = home.run(&["logs", "--stream", "access", "--json"]);
    assert!(!access.stdout.contains("confidential"), "{access:?}");
}

#[test]
fn a_config_check_prepares_each_question() {
    let home = home("");
    drop(with_notes(&home));
    let checked = home.run(&["config", "check"]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(checked.stdout.contains("saved questions prepared: 4"), "{checked:?}");
    for (from, to, words) in [
        (
            "from notes where",
            "from nots where",
            &["queries.find_note.sql", "no such table: nots", "hint: "][..],
        ),
        ("name = :name --", "nme = :name --", &["queries.find_note.sql", "no such column: nme"]),
        (
            "hex(:value) as h",
            "hex(:valu) as h",
            &["queries.echo.sql", ":valu is not declared", "did you mean :value?"],
        ),
        ("hex(:value) as h", "hex(?) as h", &["queries.echo.sql", "? cannot be bound"]),
        ("(:name, :body)", "(:name, 'x')", &["queries.add_note.parameters.body", "no :body"]),
        ("values (:name, :body)", "values (:name, :body); select 1", &["queries.add_note.sql", "statement"]),
        (
            "select hex(:value)",
            "begin; select hex(:value)",
            &["queries.echo.sql", "BEGIN begins or ends a transaction"],
        ),
        ("queries.echo]", "queries.execute_query]", &["`execute_query` is the name of a built-in tool"]),
        ("queries.echo]", "queries.Echo]", &["1 to 48 of a-z"]),
        ("default = false", "default = 'perhaps'", &["queries.typed.parameters.b.default", "true or false"]),
        (
            "default = \"good\"",
            "default = \"great\"",
            &["queries.typed.parameters.mood.default", "one of good, bad"],
        ),
        (
            "description = \"What is bound.\"",
            "",
            &["queries.echo.description", "the question has no `description`"],
        ),
        (
            "description = \"What is bound.\"",
            "description = \"x\"\nprofile = \"defualt\"",
            &["there is no profile \"defualt\"", "did you mean \"default\"?"],
        ),
    ] {
        let text = QUESTIONS.replacen(from, to, 1);
        assert_ne!(text, QUESTIONS, "{from}");
        home.configure(&format!("read_only = false\n{text}"));
        let checked = home.run(&["config", "check"]);
        assert_eq!(checked.code, Some(78), "{to}: {checked:?}");
        assert!(words.iter().all(|word| checked.stderr.contains(word)), "{to}: {checked:?}");
    }
}

#[test]
fn a_saved_question_is_asked_over_plain_http_too() {
    let gateway = writable(QUESTIONS);
    let mut connection = gateway.connect();
    let listed = gateway.get("/mcp/tools").json()["tools"].to_string();
    assert!(listed.contains("\"find_note\""), "{listed}");
    let made = call(
        &mut connection,
        "a",
        "execute_query",
        &json!({"query": "create table notes (name text, body text)"}),
    );
    assert_eq!(made.status, 200, "{}", made.text());
    let rows = |connection: &mut HttpConnection, tool: &str, arguments: &Value| {
        let response = call(connection, "a", tool, arguments);
        (response.status, response.json())
    };
    for text in HOSTILE_TEXTS {
        assert_eq!(rows(&mut connection, "add_note", &json!({"name": text})).0, 200, "{text:?}");
        let (status, found) = rows(&mut connection, "find_note", &json!({"name": text}));
        assert_eq!(status, 200, "{found}");
        assert!(found.to_string().contains("1 row"), "{text:?}: {found}");
    }
    let (status, wrong) = rows(&mut connection, "typed", &json!({"n": "1;--", "x": 1}));
    assert!(status >= 400 || wrong["result"]["isError"] == true, "{status} {wrong}");
    assert!(wrong.to_string().contains("`n` must be a whole number"), "{wrong}");
    let (status, unknown) = rows(&mut connection, "find_notes", &json!({"name": "x"}));
    assert_eq!(status, 404, "{unknown}");
    assert!(unknown.to_string().contains("did you mean find_note?"), "{unknown}");
}
