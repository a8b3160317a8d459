//! What statements may cost, on SQLite.

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, tool_text};

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
