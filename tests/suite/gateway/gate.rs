//! The tables of attempts and innocent statements of `sql-gate`, through shim and gateway: what a profile refuses and
//! what it lets pass, on SQLite.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rusqlite::Connection;
use serde_json::json;
use snowgate_tests::{Client, Home, tool_text};
use toml::{Table, Value};

const ATTEMPTS: &str = include_str!("../../../gateway/crates/sql-gate/tests/data/sqlite-attempts.toml");
const INNOCENTS: &str = include_str!("../../../gateway/crates/sql-gate/tests/data/sqlite-innocents.toml");

/// The databases that the tables are about.
const DATABASES: [(&str, &str); 2] = [
    (
        "A",
        "create table orders (id integer primary key, customer_id, total, status, at, note, items);
         create table customers (id integer primary key, name, region);
         create table secret (id integer primary key, amount);
         create table \"odd name\" (x);
         create view v_orders as select * from orders;
         create view v_secret as select amount from secret;
         insert into orders values (1, 1, 9.5, 'open', '2024-01-05', null, '[{\"sku\": \"a\", \"qty\": 2}]'),
             (2, 1, 20, 'closed', '2024-02-01', 'x', '[]');
         insert into customers values (1, 'Ann', 'north');
         insert into secret values (1, 42);",
    ),
    ("B", "create table t (id integer primary key); insert into t values (7);"),
];

/// A home with the databases and, as profiles, the policies of `tables`.
fn home_of(tables: &Table) -> Home {
    let home = Home::new();
    for (name, sql) in DATABASES {
        home.add_database(name);
        let file = Connection::open(home.databases().join(format!("{name}.db"))).expect("a database");
        file.execute_batch(sql).expect("its tables");
    }
    let mut config = "read_only = false\n".to_owned();
    for (name, policy) in tables["policies"].as_table().expect("policies") {
        let settings = toml::to_string(policy).expect("settings");
        let _ = write!(config, "[profiles.{name}]\n{settings}");
    }
    home.configure(&config);
    home
}

/// One session for each policy, begun when first asked for.
struct Sessions<'h> {
    home: &'h Home,
    clients: BTreeMap<String, Client>,
}

impl Sessions<'_> {
    /// Runs `sql` in `database`; returns whether it failed, and the text.
    fn run(&mut self, policy: &str, database: &str, sql: &str) -> (bool, String) {
        let client = self.clients.entry(policy.to_owned()).or_insert_with(|| {
            let mut client = self.home.launch().arg(format!("--profile={policy}")).start();
            client.initialize();
            client
        });
        let answer = client.call("execute_query", &json!({"query": sql, "database": database}));
        (answer["result"]["isError"] != false, tool_text(&answer).to_owned())
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(texts) => texts.iter().map(|text| text.as_str().expect("a text").to_owned()).collect(),
        one => vec![one.as_str().expect("a text").to_owned()],
    }
}

/// Each case of `tables`: its group's policies, or `defaults`, its context, itself.
fn cases<'t>(tables: &'t Table, defaults: &[&str]) -> Vec<(Vec<String>, &'t str, &'t Value, &'t Value)> {
    let mut cases = Vec::new();
    for group in tables["group"].as_array().expect("groups") {
        let policies = match group.get("policy") {
            Some(policies) => texts(policies),
            None => defaults.iter().map(|&name| name.to_owned()).collect(),
        };
        for case in group["cases"].as_array().expect("cases") {
            cases.push((policies.clone(), group["context"].as_str().expect("a database"), group, case));
        }
    }
    cases
}

/// Makes the attempts against policies with lists of names, or those without; returns how many.
fn attempt(with_lists: bool) -> usize {
    let tables: Table = toml::from_str(ATTEMPTS).expect("a table");
    let home = home_of(&tables);
    let mut sessions = Sessions { home: &home, clients: BTreeMap::new() };
    let has_lists = |policy: &str| {
        tables["policies"][policy].as_table().expect("a policy").keys().any(|setting| setting != "statements")
    };
    let (mut count, mut wrong) = (0, String::new());
    for (policies, database, group, case) in cases(&tables, &["read-only"]) {
        let text = |key: &str| case.get(key).and_then(Value::as_str);
        let sql = text("sql").or_else(|| case.as_str()).expect("a statement");
        let reason = text("refused_as").or_else(|| group.get("refused_as")?.as_str()).expect("a reason");
        for policy in policies.iter().filter(|policy| has_lists(policy) == with_lists) {
            if let Some(before) = text("before") {
                sessions.run(policy, database, before);
            }
            let (is_refused, message) = sessions.run(policy, database, sql);
            count += 1;
            let says = reason == "always" || message.to_lowercase().contains(&reason.to_lowercase());
            if !is_refused || !says {
                let _ = writeln!(wrong, "{policy}: {sql}\n    {message}");
            }
        }
    }
    assert_eq!(wrong, "");
    for (name, _) in DATABASES {
        let file = Connection::open(home.databases().join(format!("{name}.db"))).expect("a database");
        let objects = file.query_row("select count(*) from sqlite_master", [], |row| row.get::<_, i64>(0));
        assert_eq!(objects.expect("a count"), if name == "A" { 6 } else { 1 }, "made or dropped in {name}");
    }
    count
}

#[test]
fn statements_of_classes_that_a_profile_does_not_allow_are_refused() {
    assert!(attempt(false) >= 80);
}

#[test]
fn what_the_lists_of_a_profile_deny_is_refused_however_it_is_written() {
    assert!(attempt(true) >= 60);
}

#[test]
fn innocent_statements_pass() {
    let tables: Table = toml::from_str(INNOCENTS).unwrap();
    let home = home_of(&tables);
    let mut sessions = Sessions { home: &home, clients: BTreeMap::new() };
    let (mut count, mut wrong) = (0, String::new());
    for (policies, database, _, case) in cases(&tables, &["read-only", "denied-table", "some-tables"]) {
        for policy in &policies {
            let (is_refused, message) = sessions.run(policy, database, case.as_str().unwrap());
            count += 1;
            if is_refused {
                let _ = writeln!(wrong, "{policy}: {case}\n    {message}");
            }
        }
    }
    assert!(count >= 120, "{count} innocent statements");
    assert_eq!(wrong, "");
}
