//! What statements may cost, on SQLite.

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, stateless, tool_text};

/// A home with a table `big` of 5,000 rows and a view of it; `profile` are lines of the default profile.
fn home(profile: &str) -> Home {
    let home = Home::new();
    home.configure(&format!("read_only = false\n[profiles.default]\n{profile}"));
    let connection = rusqlite::Connection::open(home.databases().join("ONE.db")).expect("the file");
    connection
        .execute_batch(
            "CREATE TABLE big(id INTEGER PRIMARY KEY, a);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO big SELECT i, i FROM n;
             CREATE TABLE log(x); CREATE VIEW all_of_it AS SELECT * FROM big;",
        )
        .expect("the tables");
    home
}

fn ready(home: &Home) -> Client {
    let mut client = home.client();
    client.initialize();
    client
}

fn is_error(answer: &Value) -> bool {
    answer["result"]["isError"] == true
}

#[test]
fn what_visits_too_many_rows_is_refused_with_the_figure_and_what_to_do() {
    let home = home("max_rows_estimated = 1000\n");
    let mut client = ready(&home);
    for sql in
        ["select count(*) from big", "delete from big where a > 0", "insert into log select a from big"]
    {
        let answer = client.query(sql);
        let text = tool_text(&answer);
        assert!(is_error(&answer), "{sql}: {answer}");
        assert!(
            text.starts_with(
                "Refused: not run: its plan visits about 5,000 rows, and `max_rows_estimated` of the profile `default` is 1,000"
            ),
            "{text}"
        );
        assert!(
            text.contains("\nNext step: add a filter") && text.contains("[profiles.default] raised"),
            "{text}"
        );
    }
    let view = client.call("query_view", &json!({"database": "ONE", "view_name": "all_of_it"}));
    assert!(is_error(&view) && tool_text(&view).contains("5,000 rows"), "{view}");
    for sql in [
        "select * from big where id = 7",
        "select * from big limit 10",
        "select max(id) from big",
        "insert into log values (1)",
        "explain query plan select * from big",
        "begin",
        "insert into log values (2)",
        "commit",
    ] {
        let answer = client.query(sql);
        assert!(!is_error(&answer), "{sql}: {answer}");
    }
    assert!(tool_text(&client.query("select * from log")).ends_with("(2 rows)"), "nothing else was run");
    let tables = client.call("list_tables", &json!({}));
    assert!(!is_error(&tables), "{tables}");
    assert_eq!(
        home.log_lines("request").iter().filter(|line| line["estimate"] == "about 5,000 rows").count(),
        4
    );
}

#[test]
fn other_profiles_have_no_bound_and_a_killed_gateway_s_next_one_has_the_same() {
    let home = home("[profiles.small]\nmax_rows_estimated = 1000\n");
    let mut all = ready(&home);
    let mut small = home.launch().arg("--profile").arg("small").start();
    small.initialize();
    for _ in 0..2 {
        assert!(!is_error(&all.query("select count(*) from big")));
        assert!(is_error(&small.query("select count(*) from big")));
        home.kill_gateway();
    }
    let explained = home.run(&["config", "explain", "--profile", "small"]).stdout;
    assert!(explained.contains("max_rows_estimated"), "{explained}");
}

#[test]
fn what_has_no_figure_runs_unless_the_profile_refuses_it() {
    let recursive = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 9) select count(*) as c from n";
    let home = home("max_rows_estimated = 1000\n");
    assert!(!is_error(&ready(&home).query(recursive)));
    home.configure("[profiles.default]\nmax_rows_estimated = 1000\ncost_unknown = 'refuse'\n");
    home.stop();
    let answer = ready(&home).query(recursive);
    assert!(is_error(&answer) && tool_text(&answer).contains("`cost_unknown`"), "{answer}");
}

/// The call as a client of the stateless protocol sends it that can ask its user.
fn asking(query: &str, answer: Option<(&Value, Value)>) -> Value {
    let mut params = stateless(json!({"name": "execute_query", "arguments": {"query": query}}));
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({"elicitation": {}});
    if let Some((asked, answer)) = answer {
        params["requestState"] = asked["result"]["requestState"].clone();
        params["inputResponses"] = json!({"cost": answer});
    }
    params
}

#[test]
fn the_user_is_asked_where_the_client_can_and_the_answer_is_for_that_statement() {
    let home = home("max_rows_estimated = 1000\ncost_guard = 'ask'\n");
    let mut client = home.client();
    let insert = "insert into log select a from big";
    let ask = |client: &mut Client, query: &str| {
        let asked = client.request("tools/call", &asking(query, None));
        assert_eq!(asked["result"]["resultType"], "input_required", "{asked}");
        asked
    };
    let asked = ask(&mut client, insert);
    let question = &asked["result"]["inputRequests"]["cost"];
    assert_eq!(question["method"], "elicitation/create", "{question}");
    let message = question["params"]["message"].as_str().expect("a message");
    assert!(message.contains("5,000 rows") && message.ends_with("Run it anyway?"), "{message}");
    assert_eq!(question["params"]["requestedSchema"]["properties"]["run"]["type"], "boolean", "{question}");
    let yes = json!({"action": "accept", "content": {"run": true}});
    // Another statement is none that was asked about.
    let other =
        client.request("tools/call", &asking("delete from big where a > 0", Some((&asked, yes.clone()))));
    assert_eq!(other["result"]["resultType"], "input_required", "{other}");
    for no in [
        json!({"action": "decline"}),
        json!({"action": "cancel"}),
        json!({"action": "accept", "content": {"run": false}}),
    ] {
        let asked = ask(&mut client, insert);
        let refused = client.request("tools/call", &asking(insert, Some((&asked, no))));
        assert!(is_error(&refused) && tool_text(&refused).contains("5,000 rows"), "{refused}");
    }
    let count = |client: &mut Client| {
        tool_text(&client.request("tools/call", &asking("select count(*) as n from log", None))).to_owned()
    };
    assert_eq!(count(&mut client), "n\n0\n(1 row)");
    let done = client.request("tools/call", &asking(insert, Some((&asked, yes.clone()))));
    assert_eq!(done["result"]["resultType"], "complete", "{done}");
    assert!(!is_error(&done), "{done}");
    let twice = client.request("tools/call", &asking(insert, Some((&asked, yes.clone()))));
    assert_eq!(twice["result"]["resultType"], "input_required", "an answer counts once: {twice}");
    // Over a gateway that was killed, it is asked again.
    let asked = ask(&mut client, "select count(*) from big");
    home.kill_gateway();
    let again =
        client.request("tools/call", &asking("select count(*) from big", Some((&asked, yes.clone()))));
    assert_eq!(again["result"]["resultType"], "input_required", "{again}");
    let done = client.request("tools/call", &asking("select count(*) from big", Some((&again, yes))));
    assert!(tool_text(&done).contains("5000"), "{done}");
}

#[test]
fn clients_that_cannot_ask_are_refused_with_the_figure() {
    let home = home("max_rows_estimated = 1000\ncost_guard = 'ask'\n");
    let mut older = home.client();
    let capable = json!({"elicitation": {}});
    let params = json!({"protocolVersion": "2025-11-25", "capabilities": capable, "clientInfo": {"name": "c", "version": "1"}});
    older.request("initialize", &params);
    older.notify("notifications/initialized", &json!({}));
    let refused = older.query("select count(*) from big");
    assert!(is_error(&refused) && tool_text(&refused).contains("5,000 rows"), "{refused}");
    let mut silent = home.client();
    let call =
        stateless(json!({"name": "execute_query", "arguments": {"query": "select count(*) from big"}}));
    let refused = silent.request("tools/call", &call);
    assert!(is_error(&refused), "{refused}");
}
