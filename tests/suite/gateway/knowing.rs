//! Knowing the data: resources and completion, search, details of a table, plans.

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, stateless, tool_text};

/// Some tables in two databases, and a client that knows nothing of the rest: it may not see `ONE.secret` nor `UNSEEN`.
fn ready(home: &Home) -> Client {
    home.configure(
        "read_only = false\n\n[profiles.narrow]\nmatch = [{ client = \"narrow\" }]\n\
         denied_tables = [\"ONE.main.secret\"]\ndenied_databases = [\"UNSEEN\"]\n",
    );
    home.add_database("UNSEEN");
    let mut client = home.client();
    client.initialize();
    for (database, sql) in [
        ("ONE", "create table orders (id integer primary key, customer text not null, total real)"),
        ("ONE", "create table \"odd / name%\" (a)"),
        ("ONE", "create table secret (hush text)"),
        ("ONE", "create table notes (id integer, about text references secret(hush))"),
        ("ONE", "create view order_totals as select customer, sum(total) as total from orders group by 1"),
        ("TWO", "create table orders_archive (id integer, customer text)"),
        ("UNSEEN", "create table orders_hidden (hush text)"),
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
    values.iter().map(|value| value.as_str().expect("a text").to_owned()).collect()
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
    assert_eq!(completed(&mut client, "database", "", &json!({})), ["ONE", "TWO", "UNSEEN"]);
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
        ["snowgate://ONE/main/secret", "snowgate://one/MAIN/SECRET", "snowgate://UNSEEN/main/orders_hidden"]
    {
        let answer = client.request("resources/read", &json!({ "uri": uri }));
        assert!(answer["error"]["code"].is_i64() && !answer.to_string().contains("hush"), "{answer}");
    }
    let notes = client.request("resources/read", &json!({"uri": "snowgate://ONE/main/notes"}));
    assert!(notes["result"]["contents"][0]["text"].as_str().unwrap().contains("about|"), "{notes}");
    assert!(!notes.to_string().contains("secret"), "{notes}");
    let denied =
        client.request("completion/complete", &completion("table", "", &json!({"database": "UNSEEN"})));
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

/// The lines of a search, without its header and what is said behind them.
#[track_caller]
fn found(client: &mut Client, arguments: &Value) -> Vec<String> {
    let answer = client.call("search_objects", arguments);
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    let lines = tool_text(&answer).lines().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines[0], "kind|object|detail", "{lines:?}");
    lines.into_iter().skip(1).filter(|line| !line.starts_with('(')).collect()
}

#[test]
fn one_search_finds_objects_of_all_kinds_in_all_databases() {
    let home = Home::new();
    let mut client = ready(&home);
    assert_eq!(
        found(&mut client, &json!({"pattern": "order"})),
        [
            "table|ONE.orders|",
            "table|TWO.orders_archive|",
            "table|UNSEEN.orders_hidden|",
            "view|ONE.order_totals|",
        ]
    );
    assert_eq!(
        found(&mut client, &json!({"pattern": "customer", "kinds": "columns"})),
        [
            "column|ONE.order_totals.customer|TEXT",
            "column|ONE.orders.customer|TEXT",
            "column|TWO.orders_archive.customer|TEXT",
        ]
    );
    assert_eq!(found(&mut client, &json!({"pattern": "T%O", "kinds": "database"})), ["database|TWO|"]);
    let odd = found(&mut client, &json!({"pattern": "name%", "kinds": "table", "database": "ONE"}));
    assert_eq!(odd, [""; 0], "a pattern with % is a whole name");
    let odd = found(&mut client, &json!({"pattern": "odd", "database": "ONE"}));
    assert_eq!(odd, ["table|ONE.\"odd / name%\"|"]);
    client.query("insert into orders values (1, 'a', 1), (2, 'b', 2)");
    client.query("analyze");
    let counted = found(&mut client, &json!({"pattern": "orders", "database": "ONE", "kinds": "table"}));
    assert_eq!(counted, ["table|ONE.orders|2 rows"]);
}

#[test]
fn a_search_is_bounded_and_says_what_was_left_out() {
    let home = Home::new();
    let mut client = ready(&home);
    let answer = client.call("search_objects", &json!({"pattern": "order", "limit": 2}));
    assert!(tool_text(&answer).contains("2 more rows cut: raise `limit`, or narrow `pattern`"), "{answer}");
    std::fs::write(home.databases().join("BAD.db"), "this is no database, but long enough to be read as one")
        .unwrap();
    let answer = client.call("search_objects", &json!({"pattern": "order"}));
    assert!(tool_text(&answer).contains("not searched: BAD"), "{answer}");
    for (arguments, words) in [
        (json!({"pattern": "x", "kinds": "index"}), "`kinds` are database"),
        (json!({"pattern": "x".repeat(200)}), "`pattern` has 120 bytes at most"),
        (json!({"pattern": "x", "limit": 0}), "`limit` is a whole number"),
        (json!({"pattern": "x", "database": "NONE"}), "NONE"),
    ] {
        let answer = client.call("search_objects", &arguments);
        assert!(answer["result"]["isError"] == true && tool_text(&answer).contains(words), "{answer}");
    }
}

#[test]
fn what_a_profile_denies_is_not_found() {
    let home = Home::new();
    ready(&home);
    std::fs::write(home.databases().join("BAD.db"), "this is no database, but long enough to be read as one")
        .unwrap();
    let mut client = narrow(&home);
    for pattern in ["%", "s", "hush", "hidden", "order"] {
        let answer = client.call("search_objects", &json!({ "pattern": pattern, "limit": 500 }));
        let text = tool_text(&answer);
        for denied in ["ONE.secret", "UNSEEN", "hush"] {
            assert!(!text.contains(denied), "{pattern}: {text}");
        }
    }
    assert!(found(&mut client, &json!({"pattern": "orders"})).contains(&"table|ONE.orders|".to_owned()));
    let denied = client.call("search_objects", &json!({"pattern": "%", "database": "UNSEEN"}));
    assert_eq!(denied["result"]["isError"], true, "{denied}");
}

#[test]
fn a_role_finds_what_it_may_list() {
    let home = Home::new();
    ready(&home).leave();
    home.configure(
        "[roles.looks]\npermissions = [\"read_views\"]\n[profiles.default]\naccess_role = \"looks\"\n",
    );
    home.stop();
    let mut client = home.client();
    client.initialize();
    let answer = client.call("search_objects", &json!({"pattern": "customer"}));
    let text = tool_text(&answer);
    assert!(text.contains("column|ONE.order_totals.customer") && !text.contains("ONE.orders"), "{text}");
    assert!(
        text.contains("not looked for, as your role does not permit it: database, schema, table"),
        "{text}"
    );
    let refused = client.call("describe_table", &json!({"table": "orders", "database": "ONE"}));
    assert!(tool_text(&refused).contains("permission"), "{refused}");
}

#[test]
fn a_table_is_described_with_its_keys_and_on_request_its_values() {
    let home = Home::new();
    let mut client = ready(&home);
    for sql in [
        "create table parts (id integer primary key, sku text not null unique, place text, size real, \
         order_id integer references orders(id), raw blob, unique (place, size))",
        "insert into orders values (1, 'Ada', 1.5)",
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 200) insert into parts \
         select i, 'sku-' || i, case when i % 2 then 'north' end, i / 4.0, 1, x'00ff' from n",
    ] {
        let made = client.query(sql);
        assert_eq!(made["result"]["isError"], false, "{made}");
    }
    let plain = client.call("describe_table", &json!({"table": "parts"}));
    let plain = tool_text(&plain);
    assert!(plain.starts_with("column|type|nullable|default|key\nid|INTEGER|NO||PRIMARY KEY\n"), "{plain}");
    assert!(plain.contains("order_id|INTEGER|YES||REFERENCES orders(id)"), "{plain}");
    assert!(plain.contains("unique (place, size)") && plain.contains("(sku)"), "{plain}");
    let detailed = client.call("describe_table", &json!({"table": "parts", "detail": true}));
    let text = tool_text(&detailed);
    assert!(text.starts_with("column|type|nullable|default|key|nulls|min|max|values\n"), "{text}");
    assert!(text.contains("id|INTEGER|NO||PRIMARY KEY|0%|1|200|1, 2, 3\n"), "{text}");
    assert!(text.contains("place|TEXT|YES|||50%|north|north|north\n"), "{text}");
    assert!(text.contains("raw|BLOB|YES|||0%|||2 bytes\n"), "{text}");
    assert!(text.contains("values: of all 200 rows"), "{text}");
    let empty = client.call("describe_table", &json!({"table": "TWO.orders_archive", "detail": true}));
    assert!(tool_text(&empty).contains("values: of all 0 rows"), "{empty}");
    let view = client.call("describe_table", &json!({"table": "order_totals", "detail": true}));
    assert!(tool_text(&view).contains("|Ada|Ada|Ada"), "{view}");
}

#[test]
fn values_are_read_like_a_query_and_only_where_rows_may_be_read() {
    let home = Home::new();
    ready(&home);
    let mut client = narrow(&home);
    let denied =
        client.call("describe_table", &json!({"table": "secret", "database": "ONE", "detail": true}));
    assert!(denied["result"]["isError"] == true && !denied.to_string().contains("hush"), "{denied}");
    client.leave();
    home.configure("[profiles.default]\ntools = [\"describe_table\"]\n");
    home.stop();
    let mut client = home.client();
    client.initialize();
    let refused =
        client.call("describe_table", &json!({"table": "orders", "database": "ONE", "detail": true}));
    assert!(tool_text(&refused).contains("`detail` reads rows"), "{refused}");
    client.leave();
    home.configure("[profiles.default]\nmax_rows_estimated = 1\n");
    home.stop();
    let mut client = home.client();
    client.initialize();
    let bounded =
        client.call("describe_table", &json!({"table": "orders", "database": "ONE", "detail": true}));
    assert_eq!(bounded["result"]["isError"], false, "{bounded}");
}

#[test]
fn a_plan_is_a_tree_with_an_estimate_and_nothing_runs() {
    let home = Home::new();
    let mut client = ready(&home);
    client.query(
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 500) insert into orders \
         select i, 'c', i from n",
    );
    let answer = client.call("explain_query", &json!({"query": "select * from orders where total > 3"}));
    assert_eq!(tool_text(&answer), "SCAN orders\n(visits about 500 rows; not run)", "{answer}");
    let answer =
        client.call("explain_query", &json!({"query": "-- a comment\ndelete from orders where id = 7;"}));
    assert!(
        tool_text(&answer).starts_with("SEARCH orders USING INTEGER PRIMARY KEY (rowid=?)\n"),
        "{answer}"
    );
    assert_eq!(tool_text(&client.query("select count(*) from orders")), "count(*)\n500\n(1 row)");
    assert_eq!(home.writes_under_way(), 0);
    for (sql, words) in [
        ("select * from nosuch", "no such table: nosuch"),
        ("pragma user_version = 7", "have a plan"),
        ("begin", "have a plan"),
        ("explain select 1", "have a plan"),
        ("select 1; delete from orders", "one statement"),
        ("attach 'x.db' as x", "have a plan"),
    ] {
        let answer = client.call("explain_query", &json!({ "query": sql }));
        assert!(answer["result"]["isError"] == true && tool_text(&answer).contains(words), "{sql}: {answer}");
    }
    let semantic = client.call("list_semantic_views", &json!({}));
    assert!(tool_text(&semantic).contains("this connection is SQLite"), "{semantic}");
    assert!(!client.request("tools/list", &json!({})).to_string().contains("semantic"));
}

#[test]
fn what_may_not_run_is_not_explained() {
    let home = Home::new();
    ready(&home);
    let mut client = narrow(&home);
    for sql in [
        "select * from secret",
        "select * from ONE.secret",
        "select 1 where exists (select 1 from secret)",
        "delete from secret",
        "select * from UNSEEN.orders_hidden",
    ] {
        let answer = client.call("explain_query", &json!({ "query": sql, "database": "ONE" }));
        assert_eq!(answer["result"]["isError"], true, "{sql}: {answer}");
        assert!(!answer.to_string().contains("hush"), "{sql}: {answer}");
    }
    client.leave();
    home.configure("");
    home.stop();
    let mut client = home.client();
    client.initialize();
    for sql in ["delete from orders", "create table t (a)", "insert into orders (customer) values ('x')"] {
        let answer = client.call("explain_query", &json!({ "query": sql, "database": "ONE" }));
        assert!(tool_text(&answer).contains("read-only"), "{sql}: {answer}");
    }
}

#[test]
fn a_plan_names_nothing_that_lies_behind_a_view_where_names_are_denied() {
    let home = Home::new();
    let mut client = ready(&home);
    for sql in [
        "create index by_hush on secret (hush)",
        "create view hints as select hush as hint from secret where hush > 'a'",
    ] {
        let made = client.call("execute_query", &json!({"query": sql, "database": "ONE"}));
        assert_eq!(made["result"]["isError"], false, "{made}");
    }
    let explained = |client: &mut Client, sql: &str| {
        tool_text(&client.call("explain_query", &json!({"query": sql, "database": "ONE"}))).to_owned()
    };
    let sql = "select o.id, h.hint from hints h join orders o on o.customer = h.hint";
    let all = explained(&mut client, sql);
    assert!(all.contains("secret") && all.contains("by_hush"), "{all}");
    let mut narrow = narrow(&home);
    let few = explained(&mut narrow, sql);
    assert!(!few.contains("secret") && !few.contains("hush") && few.contains("(not shown)"), "{few}");
    assert!(few.contains("SEARCH") || few.contains("SCAN"), "{few}");
    let own = explained(&mut narrow, "select * from orders where id = 7");
    assert!(own.contains("SEARCH orders USING INTEGER PRIMARY KEY (rowid=?)"), "{own}");
}
