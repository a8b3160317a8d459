//! Knowing the data: search, details of a table, semantic views, plans, resources.

use serde_json::json;

use super::*;

/// A profile that may not see `ARCHIVE`, the customers, nor `STAGING`, for the client `narrow`.
const NARROW: &str = "\n[profiles.narrow]\nmatch = [{ client = 'narrow' }]\ndenied_schemas = ['SALES.ARCHIVE']\n\
                      denied_tables = ['SALES.PUBLIC.CUSTOMERS', 'SALES.PUBLIC.ORDER_METRICS']\ndenied_databases = ['STAGING']\n";

/// The texts of the statements that the warehouse has seen.
fn seen(warehouse: &Warehouse) -> Vec<String> {
    warehouse.seen(|seen| seen.queries.iter().map(|query| query.sql.clone()).collect())
}

#[test]
fn one_search_is_a_statement_a_kind_and_needs_no_warehouse() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    let answer = client.call("search_objects", &json!({"pattern": "order"}));
    let expected = "kind|object|detail\ntable|SALES.PUBLIC.ORDERS|2 rows; one row an order\n\
                    table|SALES.ARCHIVE.ORDERS_2019|2 rows; one row an order\n\
                    view|SALES.PUBLIC.BIG_ORDERS|one row an order";
    let text = tool_text(&answer);
    assert!(expected.lines().all(|line| text.contains(line)), "{text}");
    let columns =
        client.call("search_objects", &json!({"pattern": "amount", "kinds": "column", "database": "sales"}));
    assert!(tool_text(&columns).contains("column|SALES.PUBLIC.ORDERS.AMOUNT|NUMBER(12,2)\n"), "{columns}");
    let odd = client.call("search_objects", &json!({"pattern": "odd", "kinds": "table"}));
    assert!(tool_text(&odd).contains("table|STAGING.\"Mixed Case\".\"odd \"\"name\"\"\"|1 rows"), "{odd}");
    let statements: Vec<String> =
        seen(&warehouse).into_iter().filter(|sql| sql.starts_with("SHOW")).collect();
    assert!(statements.len() <= 6, "{statements:?}");
    warehouse.seen(|seen| assert!(seen.queries.iter().all(|query| query.warehouse.is_none())));
    // The second time it is known.
    client.call("search_objects", &json!({"pattern": "order"}));
    assert_eq!(seen(&warehouse).iter().filter(|sql| sql.starts_with("SHOW")).count(), statements.len());
}

#[test]
fn a_table_is_described_with_comments_keys_and_on_request_its_values() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    let answer = client.call("describe_table", &json!({"table": "ORDERS"}));
    let text = tool_text(&answer);
    assert!(
        text.starts_with("column|type|nullable|default|key|comment\nID|NUMBER(38,0)|N||PRIMARY KEY|\n"),
        "{text}"
    );
    assert!(text.contains("CUSTOMER|VARCHAR(16777216)|Y|||who ordered\n"), "{text}");
    for line in
        ["comment: one row an order", "about 2 rows", "foreign key CUSTOMER -> SALES.PUBLIC.CUSTOMERS(NAME)"]
    {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert_eq!(
        seen(&warehouse).iter().filter(|sql| !sql.starts_with("USE")).count(),
        3,
        "{:?}",
        seen(&warehouse)
    );
    let detailed = client.call("describe_table", &json!({"table": "ORDERS", "detail": true}));
    let text = tool_text(&detailed);
    assert!(text.contains("|nulls|min|max|values\n"), "{text}");
    assert!(text.contains("|who ordered|0%|Ada|Zo\u{eb}|Ada, Zo\u{eb}\n"), "{text}");
    assert!(text.contains("values: of all 2 rows"), "{text}");
    let types = client.call("describe_table", &json!({"table": "TYPES", "detail": true}));
    assert!(tool_text(&types).contains("WHOLE|NUMBER(38,0)|Y|||33%|"), "{types}");
    let read = client.request("resources/read", &json!({"uri": "snowgate://SALES/PUBLIC/ORDERS"}));
    assert!(read["result"]["contents"][0]["text"].as_str().unwrap().contains("who ordered"), "{read}");
    let odd = client.request(
        "resources/read",
        &json!({"uri": "snowgate://STAGING/%22Mixed%20Case%22/%22odd%20%22%22name%22%22%22"}),
    );
    assert!(odd["result"]["contents"][0]["text"].as_str().unwrap().contains("a b|VARCHAR"), "{odd}");
}

#[test]
fn semantic_views_are_listed_described_and_queried() {
    let (_warehouse, home) = start();
    let mut client = client(&home);
    let listed = client.request("tools/list", &json!({}));
    assert!(listed.to_string().contains("describe_semantic_view"), "{listed}");
    let views = client.call("list_semantic_views", &json!({}));
    assert!(tool_text(&views).contains("SALES|PUBLIC|ORDER_METRICS|orders by customer"), "{views}");
    let view = client.call("describe_semantic_view", &json!({"view_name": "order_metrics"}));
    let text = tool_text(&view);
    assert!(text.contains("metric|ORDERS.TOTAL|NUMBER(24,2)|SUM(orders.amount)"), "{text}");
    let example = text.lines().find_map(|line| line.strip_prefix("query: ")).expect(text);
    assert_eq!(
        example,
        "SELECT * FROM SEMANTIC_VIEW(SALES.PUBLIC.ORDER_METRICS DIMENSIONS ORDERS.CUSTOMER METRICS ORDERS.TOTAL)"
    );
    assert_eq!(query(&mut client, example), "CUSTOMER|TOTAL\nAda|120.50\n(1 row)");
    let qualified =
        client.call("describe_semantic_view", &json!({"view_name": "sales.public.order_metrics"}));
    assert!(!is_error(&qualified), "{qualified}");
    let none = client.call("describe_semantic_view", &json!({"view_name": "nosuch"}));
    assert!(is_error(&none), "{none}");
}

#[test]
fn a_plan_is_a_tree_with_its_figures_and_nothing_runs() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    let answer = client.call("explain_query", &json!({"query": "select ID from ORDERS where ID = '1'"}));
    assert_eq!(
        tool_text(&answer),
        "Result [ORDERS.ID]\n  Filter [ORDERS.ID > 1]\n    TableScan SALES.PUBLIC.ORDERS [ID]: 1 kB in 1 of 1 \
         micro-partitions\n(scans 1 kB in 1 of 1 micro-partitions, at most; not run)"
    );
    let insert = client
        .call("explain_query", &json!({"query": "insert into LOG values ('x')", "database": "STAGING"}));
    assert!(!is_error(&insert), "{insert}");
    assert!(seen(&warehouse).iter().all(|sql| !sql.to_lowercase().starts_with("insert")), "it is not run");
    for sql in ["show tables", "select 1; select 2", "use database STAGING", "call p()", ""] {
        assert!(is_error(&client.call("explain_query", &json!({ "query": sql }))), "{sql}");
    }
}

#[test]
fn what_a_profile_denies_is_in_no_answer() {
    let warehouse = Warehouse::start();
    let home = Home::bare();
    let key = warehouse::secrets::private_key();
    home.configure_account(
        &warehouse,
        &format!("private_key_file = {:?}\nread_only = false\n", key.display().to_string()),
        NARROW,
    );
    let mut client = home.client();
    client.initialize_as("narrow", "2025-11-25");
    let template = json!({"type": "ref/resource", "uri": "snowgate://{database}/{schema}/{table}"});
    let complete = |argument: &str, given: &Value| json!({"ref": template, "argument": {"name": argument, "value": ""}, "context": {"arguments": given}});
    let answers = [
        client.call("search_objects", &json!({"pattern": "%", "limit": 500})),
        client.call("search_objects", &json!({"pattern": "name", "limit": 500})),
        client.call("describe_table", &json!({"table": "ORDERS"})),
        client.call("list_semantic_views", &json!({})),
        client.request("completion/complete", &complete("database", &json!({}))),
        client.request("completion/complete", &complete("schema", &json!({"database": "SALES"}))),
        client.request("completion/complete", &complete("table", &json!({"database": "SALES"}))),
    ];
    for answer in &answers {
        assert!(answer["error"].is_null() && !is_error(answer), "{answer}");
        for denied in ["CUSTOMERS", "ARCHIVE", "ORDERS_2019", "STAGING", "ORDER_METRICS"] {
            assert!(!answer.to_string().contains(denied), "{denied}: {answer}");
        }
    }
    assert!(answers[0].to_string().contains("SALES.PUBLIC.ORDERS.AMOUNT"), "{}", answers[0]);
    for (tool, arguments) in [
        ("describe_table", json!({"table": "CUSTOMERS", "detail": true})),
        ("describe_semantic_view", json!({"view_name": "ORDER_METRICS"})),
        ("explain_query", json!({"query": "select NAME from CUSTOMERS"})),
        ("explain_query", json!({"query": "select * from ORDERS", "database": "STAGING"})),
        ("search_objects", json!({"pattern": "%", "database": "STAGING"})),
        (
            "execute_query",
            json!({"query": "select * from semantic_view(ORDER_METRICS metrics ORDERS.TOTAL)"}),
        ),
    ] {
        let answer = client.call(tool, &arguments);
        assert!(is_error(&answer), "{tool} {arguments}: {answer}");
    }
    let read = client.request("resources/read", &json!({"uri": "snowgate://SALES/PUBLIC/CUSTOMERS"}));
    assert!(read["error"]["code"].is_i64(), "{read}");
    for sql in seen(&warehouse) {
        assert!(!sql.contains("\"CUSTOMERS\"") && !sql.contains("STAGING"), "{sql}");
    }
}
