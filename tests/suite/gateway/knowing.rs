//! Knowing the data: resources and completion, search, details of a table, plans.

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, stateless, tool_text};

/// Some tables in two databases, and a client that knows nothing of the rest: it may not see `ONE.secret` nor `HIDDEN`.
fn ready(home: &Home) -> Client {
    home.configure(
        "read_only = false\n\n[profiles.narrow]\nmatch = [{ client = \"narrow\" }]\n\
         denied_tables = [\"ONE.main.secret\"]\ndenied_databases = [\"HIDDEN\"]\n",
    );
    home.add_database("HIDDEN");
    let mut client = home.client();
    client.initialize();
    for (database, sql) in [
        ("ONE", "create table orders (id integer primary key, customer text not null, total real)"),
        ("ONE", "create table \"odd / name%\" (a)"),
        ("ONE", "create table secret (hush text)"),
        ("ONE", "create view order_totals as select customer, sum(total) as total from orders group by 1"),
        ("TWO", "create table orders_archive (id integer, customer text)"),
        ("HIDDEN", "create table orders_hidden (hush text)"),
    ] {
        let made = client.call("execute_query", &json!({"query": sql, "database": database}));
        assert_eq!(made["result"]["isError"], false, "{made}");
    }
    client
}

/// A client with the narrow profile.
fn narrow(home: &Home) -> Client {
    let mut client = home.client();
    client.initialize_as("narrow", "2025-11-25");
    client
}

fn completion(argument: &str, value: &str, given: &Value) -> Value {
    json!({
        "ref": {"type": "ref/resource", "uri": "snowgate://{database}/{schema}/{table}"},
        "argument": {"name": argument, "value": value}, "context": {"arguments": given},
    })
}

#[track_caller]
fn completed(client: &mut Client, argument: &str, value: &str, given: &Value) -> Vec<String> {
    let answer = client.request("completion/complete", &completion(argument, value, given));
    let found = &answer["result"]["completion"];
    assert_eq!(found["hasMore"], false, "{answer}");
    let values = found["values"].as_array().unwrap_or_else(|| panic!("{answer}"));
    values.iter().map(|value| value.as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_table_is_read_as_a_resource_in_both_eras() {
    let home = Home::new();
    let mut client = ready(&home);
    let described = client.call("describe_table", &json!({"table": "orders", "database": "ONE"}));
    let described = tool_text(&described).to_owned();
    for is_stateless in [false, true] {
        let of = |params: Value| if is_stateless { stateless(params) } else { params };
        let listed = client.request("resources/list", &of(json!({})));
        assert!(listed["result"]["resources"].is_array(), "{listed}");
        let templates = client.request("resources/templates/list", &of(json!({})));
        let template = &templates["result"]["resourceTemplates"][0];
        assert_eq!(template["uriTemplate"], "snowgate://{database}/{schema}/{table}", "{templates}");
        let read = client.request("resources/read", &of(json!({"uri": "snowgate://ONE/main/orders"})));
        let contents = &read["result"]["contents"][0];
        assert_eq!(contents["text"], described, "{read}");
        assert_eq!(contents["mimeType"], "text/plain");
        for answer in [&listed, &templates, &read] {
            assert_eq!(answer["result"]["ttlMs"].is_u64(), is_stateless, "{answer}");
            assert_eq!(answer["result"]["cacheScope"].is_string(), is_stateless, "{answer}");
        }
        let odd =
            client.request("resources/read", &of(json!({"uri": "snowgate://ONE/main/odd%20%2F%20name%25"})));
        assert!(odd["result"]["contents"][0]["text"].as_str().unwrap().contains("\na|"), "{odd}");
        let code = if is_stateless { -32602 } else { -32002 };
        for uri in [
            "snowgate://ONE/main/none",
            "snowgate://NONE/main/orders",
            "file:///x",
            "",
            "snowgate://ONE/main",
        ] {
            let answer = client.request("resources/read", &of(json!({ "uri": uri })));
            assert_eq!(answer["error"]["code"], code, "{uri}: {answer}");
            assert_eq!(answer["error"]["data"]["uri"], uri, "{answer}");
        }
    }
}

#[test]
fn what_a_server_can_do_is_said_and_wrong_params_are_named() {
    let home = Home::new();
    let mut client = home.client();
    let opened = client.initialize();
    let capabilities = &opened["result"]["capabilities"];
    assert_eq!(capabilities["resources"], json!({"listChanged": true}), "{opened}");
    assert_eq!(capabilities["completions"], json!({}), "{opened}");
    for (method, params, words) in [
        ("resources/read", json!({}), "`uri` is missing"),
        ("resources/read", json!({"uri": 7}), "`uri` must be a string"),
        ("resources/list", json!({"cursor": 7}), "`cursor` must be a string"),
        ("resources/list", json!({"cursor": "x"}), "only one page"),
        ("resources/templates/list", json!({"cursor": "x"}), "only one page"),
        ("completion/complete", json!({}), "`ref` is missing"),
        ("completion/complete", completion("column", "", &json!({})), "database, schema, table"),
        (
            "completion/complete",
            json!({"ref": {"type": "ref/prompt", "name": "x"}, "argument": {"name": "x", "value": ""}}),
            "no prompts",
        ),
    ] {
        for params in [params.clone(), stateless(params)] {
            let answer = client.request(method, &params);
            assert_eq!(answer["error"]["code"], -32602, "{answer}");
            assert!(answer["error"]["message"].as_str().unwrap().contains(words), "{answer}");
        }
    }
}

#[test]
fn names_are_completed_and_what_is_given_before_narrows_them() {
    let home = Home::new();
    let mut client = ready(&home);
    assert_eq!(completed(&mut client, "database", "", &json!({})), ["HIDDEN", "ONE", "TWO"]);
    assert_eq!(completed(&mut client, "database", "o", &json!({})), ["ONE"]);
    assert_eq!(completed(&mut client, "schema", "", &json!({"database": "TWO"})), ["main"]);
    let (one, two) = (json!({"database": "ONE"}), json!({"database": "TWO", "schema": "main"}));
    assert_eq!(
        completed(&mut client, "table", "ORDER", &one),
        ["order_totals", "orders"],
        "tables and views"
    );
    assert_eq!(completed(&mut client, "table", "order", &two), ["orders_archive"]);
    assert_eq!(completed(&mut client, "table", "order_", &one), ["order_totals"], "_ is no wildcard");
    assert_eq!(completed(&mut client, "table", "", &json!({"database": "NONE"})), [""; 0]);
}

#[test]
fn more_values_than_may_be_sent_are_said() {
    let home = Home::new();
    let mut client = ready(&home);
    for at in 0..101 {
        client.query(&format!("create table many_{at} (a)"));
    }
    let answer = client.request("completion/complete", &completion("table", "many", &json!({})));
    let found = &answer["result"]["completion"];
    assert_eq!(
        (found["values"].as_array().unwrap().len(), &found["hasMore"]),
        (100, &json!(true)),
        "{answer}"
    );
    assert_eq!(found["total"], 101);
}

#[test]
fn what_a_profile_denies_is_no_resource_and_no_completion() {
    let home = Home::new();
    ready(&home);
    let mut client = narrow(&home);
    assert_eq!(completed(&mut client, "database", "", &json!({})), ["ONE", "TWO"]);
    assert_eq!(completed(&mut client, "table", "s", &json!({"database": "ONE"})), [""; 0]);
    for uri in
        ["snowgate://ONE/main/secret", "snowgate://one/MAIN/SECRET", "snowgate://HIDDEN/main/orders_hidden"]
    {
        let answer = client.request("resources/read", &json!({ "uri": uri }));
        assert!(answer["error"]["code"].is_i64() && !answer.to_string().contains("hush"), "{answer}");
    }
    let denied =
        client.request("completion/complete", &completion("table", "", &json!({"database": "HIDDEN"})));
    assert!(!denied.to_string().contains("orders_hidden"), "{denied}");
    let whole = client.request("resources/read", &json!({"uri": "snowgate://ONE/main/orders"}));
    assert!(whole["result"]["contents"][0]["text"].as_str().unwrap().contains("customer"), "{whole}");
}

#[test]
fn resources_and_completion_need_the_tools_that_show_the_same() {
    let home = Home::new();
    home.configure("\n[profiles.default]\ntools = [\"execute_query\"]\n");
    let mut client = home.client();
    client.initialize();
    let read = client.request("resources/read", &json!({"uri": "snowgate://ONE/main/x"}));
    assert!(read["error"]["message"].as_str().unwrap().contains("describe_table is not offered"), "{read}");
    let asked = client.request("completion/complete", &completion("table", "", &json!({})));
    assert!(asked["error"]["message"].as_str().unwrap().contains("list_tables is not offered"), "{asked}");
}

#[test]
fn a_read_of_a_resource_counts_as_a_call() {
    let home = Home::new();
    home.configure("\n[profiles.default]\nrequests_per_minute = 2\n");
    let mut client = home.client();
    client.initialize();
    client.request("resources/read", &json!({"uri": "snowgate://ONE/main/none"}));
    client.request("completion/complete", &completion("database", "", &json!({})));
    let third = client.request("resources/read", &json!({"uri": "snowgate://ONE/main/none"}));
    assert!(third["error"]["message"].as_str().unwrap().contains("Limit reached"), "{third}");
}
