//! `snowgate queries` and what `status` says of statements: those that differ in literals alone are one.

use serde_json::{Value, json};
use snowgate_tests::{Home, until};

fn failed(answer: &Value) {
    assert_eq!(answer["result"]["isError"], true, "{answer}");
}

fn worked(answer: &Value) {
    assert_eq!(answer["result"]["isError"], false, "{answer}");
}

#[test]
fn statements_are_counted_without_their_literals() {
    let home = Home::new();
    home.configure("read_only = false\n[queries]\nslow_ms = 1\n");
    let mut client = home.client();
    client.initialize();
    worked(&client.query("create table t (a, b)"));
    for number in 0..5 {
        worked(&client.query(&format!("insert into t values ({number}, 'hunter{number}')")));
        worked(&client.query(&format!("SELECT a FROM t where b = 'hunter{number}' -- hunter")));
    }
    failed(&client.query("select nothing from t where b = 'hunter2'"));
    failed(&client.query("select a from t where b = 'it's hunter2'"));
    let asked = home.run(&["queries", "--json", "--sort", "count", "--minutes"]).json();
    let top = asked["queries"]["top"].as_array().expect("a list").clone();
    let of = |pattern: &str| {
        top.iter()
            .find(|one| one["pattern"] == pattern)
            .unwrap_or_else(|| panic!("{pattern}: {asked}"))
            .clone()
    };
    let insert = of("INSERT INTO t VALUES (?, ?)");
    assert_eq!(
        (&insert["count"], &insert["rows"], &insert["class"]),
        (&json!(5), &json!(5), &json!("write"))
    );
    let select = of("SELECT a FROM t WHERE b = ?");
    assert_eq!((&select["count"], &select["errors"], &select["rows"]), (&json!(5), &json!(0), &json!(5)));
    assert!(select["max_ms"].as_f64() >= select["p95_ms"].as_f64(), "{select}");
    assert!(top[0]["count"].as_u64() >= top[1]["count"].as_u64(), "{asked}");
    let calls: u64 =
        asked["minutes"].as_array().expect("a list").iter().filter_map(|one| one["calls"].as_u64()).sum();
    assert_eq!(calls, 13, "{asked}");

    let shown = home.run(&["queries"]);
    assert!(shown.stdout.contains("INSERT INTO t VALUES (?, ?)"), "{}", shown.stdout);
    let status = home.run(&["status"]);
    assert!(
        status.stdout.contains("\nslowest ") && status.stdout.contains("13 since the start"),
        "{}",
        status.stdout
    );
    for text in [asked.to_string(), shown.stdout, status.stdout, home.run(&["top", "--json"]).stdout] {
        assert!(!text.contains("hunter"), "{text}");
    }
}

#[test]
fn an_unknown_column_is_named_with_those_that_there_are() {
    let home = Home::new();
    let wrong = home.run(&["queries", "--sort", "speed"]);
    assert_eq!(wrong.code, Some(64));
    for word in ["speed", "total", "p95", "errors", "last"] {
        assert!(wrong.stderr.contains(word), "{}", wrong.stderr);
    }
    assert_eq!(home.run(&["queries"]).code, Some(3));
}

#[test]
fn a_call_under_way_says_what_it_does() {
    let home = Home::new();
    home.configure("[pool]\nconnections_max = 1\n");
    let long =
        "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n where i < 0";
    let (mut one, mut other) = (home.client(), home.client());
    one.initialize();
    other.initialize();
    one.send_call("execute_query", &json!({"query": long}));
    let phases = |phase: &str| {
        home.sessions()
            .iter()
            .flat_map(|session| session["calls"].as_array().cloned().unwrap_or_default())
            .filter(|call| call["phase"] == phase && call["tool"] == "execute_query")
            .count()
    };
    until("it runs", || phases("running") == 1);
    other.send_call("execute_query", &json!({"query": "select 5 + 6"}));
    until("the other one waits", || phases("waiting") == 1);
    let patterns: Vec<String> = home
        .sessions()
        .iter()
        .flat_map(|one| one["calls"].as_array().cloned().unwrap_or_default())
        .filter_map(|call| call["pattern"].as_str().map(str::to_owned))
        .collect();
    assert!(patterns.contains(&"SELECT ? + ?".to_owned()), "{patterns:?}");
}
