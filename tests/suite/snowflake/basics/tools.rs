//! Every tool, and the context that it works in.

use serde_json::json;

use super::*;

#[test]
fn a_qualified_name_is_taken_apart_where_there_is_no_such_table() {
    let (_warehouse, home) = start();
    let mut client = client(&home);
    for table in [
        "public.orders",
        "sales.public.orders",
        "SALES.PUBLIC.\"ORDERS\"",
        "STAGING.\"Mixed Case\".\"odd \"\"name\"\"\"",
        "staging.log",
    ] {
        let answer = client.call("describe_table", &json!({"table": table}));
        assert!(tool_text(&answer).starts_with("column|type"), "{table}: {answer}");
    }
    let answer = client.call("describe_table", &json!({"table": "public.nosuch"}));
    let text = tool_text(&answer);
    assert!(
        is_error(&answer) && text.contains("nosuch in schema public, and as nosuch in database public"),
        "{text}"
    );
}

#[test]
fn every_tool_answers() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    assert_eq!(query(&mut client, "SELECT 1 AS N"), "N\n1\n(1 row)");
    let databases = client.call("list_databases", &json!({}));
    assert!(
        tool_text(&databases).contains("SALES") && tool_text(&databases).contains("STAGING"),
        "{databases}"
    );
    let schemas = client.call("list_schemas", &json!({"database": "sales"}));
    assert!(tool_text(&schemas).contains("ARCHIVE"), "{schemas}");
    let tables =
        client.call("list_tables", &json!({"database": "SALES", "schema": "PUBLIC", "like": "cust%"}));
    assert!(tool_text(&tables).contains("CUSTOMERS") && !tool_text(&tables).contains("ORDERS"), "{tables}");
    let odd = client.call("list_tables", &json!({"database": "STAGING", "schema": "\"Mixed Case\""}));
    assert!(tool_text(&odd).contains("odd \"name\""), "{odd}");
    let views = client.call("list_views", &json!({"database": "SALES"}));
    assert!(tool_text(&views).contains("BIG_ORDERS"), "{views}");
    let table = client.call("describe_table", &json!({"table": "ORDERS"}));
    assert!(tool_text(&table).starts_with("column"), "{table}");
    let view = client
        .call("describe_view", &json!({"database": "SALES", "schema": "PUBLIC", "view_name": "BIG_ORDERS"}));
    assert!(tool_text(&view).to_lowercase().contains("select"), "{view}");
    let rows = client.call(
        "query_view",
        &json!({"database": "SALES", "schema": "PUBLIC", "view_name": "BIG_ORDERS", "limit": 1}),
    );
    assert!(tool_text(&rows).contains("(1 row"), "{rows}");
    let here = client.call("list_tables", &json!({}));
    assert!(tool_text(&here).contains("CUSTOMERS") && !tool_text(&here).contains("LOG"), "{here}");
    let elsewhere = client.call("describe_table", &json!({"database": "STAGING", "table": "log"}));
    assert!(tool_text(&elsewhere).contains("KEY"), "{elsewhere}");
    let info = client.call("session_info", &json!({}));
    let info = &info["result"]["structuredContent"];
    assert_eq!((&info["backend"], &info["context"]), (&json!("snowflake"), &context("SALES", "PUBLIC")));
    // No warehouse was woken for what is metadata.
    warehouse.seen(|seen| {
        for query in &seen.queries {
            let needs_one = query.sql.starts_with("SELECT") && query.sql.contains(" FROM ");
            assert_eq!(query.warehouse.is_some(), needs_one, "{}", query.sql);
        }
    });
    assert_eq!(warehouse.seen(|seen| seen.log_ins.len()), 1);
}

#[test]
fn sessions_share_connections_and_not_contexts() {
    let (warehouse, home) = start();
    let mut clients = [client(&home), client(&home), client(&home)];
    let places = [("SALES", "PUBLIC"), ("SALES", "ARCHIVE"), ("STAGING", "PUBLIC")];
    for (client, (database, schema)) in clients.iter_mut().zip(places) {
        let now = set_context(client, &json!({"database": database, "schema": schema}));
        assert_eq!(now, context(database, schema));
    }
    let sql = "SELECT current_database() AS D, current_schema() AS S";
    for _ in 0..3 {
        for (client, (database, schema)) in clients.iter_mut().zip(places) {
            let text = query(client, sql);
            assert!(text.contains(database) && text.contains(schema), "{text}");
        }
    }
    // A connection that is in a session's context already is better than one that must be switched.
    assert!((1..=3).contains(&warehouse.seen(|seen| seen.log_ins.len())));
}

#[test]
fn a_database_brings_its_own_schema_and_not_that_of_another_session() {
    let warehouse = Warehouse::start();
    let home = Home::of_warehouse(&warehouse);
    let text = std::fs::read_to_string(home.config_file()).unwrap()
        + "[pool]\nconnections_min = 1\nconnections_max = 1\n";
    std::fs::write(home.config_file(), text).unwrap();
    let (mut first, mut second) = (client(&home), client(&home));
    set_context(&mut first, &json!({"database": "SALES", "schema": "ARCHIVE"}));
    assert!(query(&mut first, "SELECT current_schema() AS S").contains("ARCHIVE"));
    let here = json!({"query": "SELECT current_schema() AS S", "database": "SALES"});
    assert!(result(&second.call("execute_query", &here)).contains("PUBLIC"));
    assert!(query(&mut first, "SELECT current_schema() AS S").contains("ARCHIVE"));
    assert_eq!(set_context(&mut second, &json!({"database": "SALES"})), context("SALES", "PUBLIC"));
}

#[test]
fn a_context_that_is_not_there_is_an_error_and_changes_nothing() {
    let (_warehouse, home) = start();
    let mut client = client(&home);
    for wanted in [json!({"database": "NOWHERE"}), json!({"role": "NOBODY"}), json!({"warehouse": "NONE"})] {
        let answer = client.call("set_context", &wanted);
        assert!(is_error(&answer) && tool_text(&answer).contains("code "), "{answer}");
    }
    assert!(query(&mut client, "SELECT current_database() AS D").contains("SALES"));
}

#[test]
fn a_database_brings_its_schema_and_a_quoted_name_stays_as_it_is() {
    let (_warehouse, home) = start();
    let mut client = client(&home);
    assert_eq!(set_context(&mut client, &json!({"database": "staging"})), context("STAGING", "PUBLIC"));
    let quoted = json!({"schema": "\"Mixed Case\""});
    assert_eq!(set_context(&mut client, &quoted), context("STAGING", "\"Mixed Case\""));
    assert!(query(&mut client, "SELECT current_schema() AS S").contains("Mixed Case"));
    home.kill_gateway();
    assert!(query(&mut client, "SELECT current_schema() AS S").contains("Mixed Case"));
}

#[test]
fn what_would_stay_with_the_connection_is_refused_before_it_is_sent() {
    let (warehouse, home) = start();
    let text = std::fs::read_to_string(home.config_file()).unwrap();
    let relaxed = "[profiles.default]\nisolation = \"relaxed\"\n";
    std::fs::write(home.config_file(), text + relaxed).unwrap();
    let mut client = client(&home);
    for (sql, next_step) in [
        ("BEGIN", "use_transaction"),
        ("ALTER SESSION SET TIMEZONE = 'UTC'", ""),
        ("CREATE TEMPORARY TABLE t (x int)", "isolation"),
        ("SELECT 1 ->> BEGIN", "by itself"),
        ("SELECT * FROM TABLE(RESULT_SCAN(LAST_QUERY_ID()))", "query id"),
        ("-- nothing", "SQL statement"),
        ("PUT file:///etc/passwd @s", "Snowflake's own tools"),
        ("GET @s file:///tmp", "Snowflake's own tools"),
    ] {
        let answer = client.query(sql);
        assert!(is_error(&answer) && tool_text(&answer).starts_with("Refused: "), "{sql}: {answer}");
        assert!(tool_text(&answer).contains(next_step), "{sql}: {answer}");
        assert_eq!(warehouse.seen(|seen| seen.queries_of(sql).len()), 0, "{sql}");
    }
}

#[test]
fn errors_keep_code_state_place_and_query_id() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    let sql = "SELECT fail('002003', '02000', 'no such table: T', 1, 14)";
    let answer = client.query(sql);
    let query_id = warehouse.seen(|seen| seen.queries_of(sql)[0].query_id.clone());
    let text = tool_text(&answer);
    assert!(is_error(&answer) && text.starts_with("SQL error: no such table: T"), "{text}");
    for part in ["line 1", "002003", "SQLSTATE 02000", &query_id] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_query_says_whose_it_is() {
    let (warehouse, home) = start();
    let mut client = home.client();
    client.initialize_as("tagger", "2025-11-25");
    query(&mut client, "SELECT 42 AS N");
    let session = home.session_of(client.pid())["id"].clone();
    let tag = warehouse.seen(|seen| seen.queries_of("SELECT 42 AS N")[0].tag.clone()).expect("a tag");
    let tag: Value = serde_json::from_str(&tag).expect("JSON");
    assert_eq!((&tag["client"], &tag["session"]), (&json!("tagger"), &session), "{tag}");
    let meta = json!({"claudecode/toolUseId": "toolu_01", "sessionID": "select secret",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"});
    let call = json!({"name": "execute_query", "arguments": {"query": "SELECT 43 AS N"}, "_meta": meta});
    client.request("tools/call", &call);
    let tag = warehouse.seen(|seen| seen.queries_of("SELECT 43 AS N")[0].tag.clone()).expect("a tag");
    let tag: Value = serde_json::from_str(&tag).expect("JSON");
    assert_eq!(
        (&tag["tool_use_id"], &tag["traceparent"]),
        (&json!("toolu_01"), &meta["traceparent"]),
        "{tag}"
    );
    assert!(tag.get("client_session").is_none(), "{tag}");
    let parameters = warehouse.seen(|seen| seen.queries_of("SELECT 42 AS N")[0].parameters.clone());
    assert_eq!(parameters["STATEMENT_TIMEOUT_IN_SECONDS"], 300, "{parameters:?}");
    assert_eq!(parameters["MULTI_STATEMENT_COUNT"], 1, "{parameters:?}");
}

#[test]
fn a_gateway_that_only_reads_refuses_what_writes() {
    let warehouse = Warehouse::start();
    let home = Home::of_warehouse(&warehouse);
    let text = std::fs::read_to_string(home.config_file()).unwrap().replace("read_only = false\n", "");
    std::fs::write(home.config_file(), text).unwrap();
    let mut client = client(&home);
    let answer = client.query("INSERT INTO STAGING.PUBLIC.LOG VALUES ('k')");
    assert!(tool_text(&answer).contains("read_only = false under [snowflake]"), "{answer}");
    assert_eq!(warehouse.count_key("STAGING.PUBLIC.LOG", "k"), 0);
}

#[test]
fn a_database_or_schema_that_there_is_not_is_named_with_those_there_are() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    for (sql, names) in [
        ("SELECT * FROM NOSUCH.PUBLIC.ORDERS", "databases that this role sees: SALES, STAGING"),
        ("INSERT INTO NOSUCH.PUBLIC.LOG VALUES ('k')", "databases that this role sees: SALES, STAGING"),
        ("SELECT * FROM STAGING.NOSUCH.LOG", "schemas of STAGING that this role sees: "),
        ("SELECT * FROM NOSUCH.ORDERS", "a name in two parts is schema.table"),
    ] {
        let answer = client.query(sql);
        let text = tool_text(&answer);
        assert!(is_error(&answer) && text.contains("NOSUCH") && text.contains(names), "{sql}: {text}");
        let query_id = warehouse.seen(|seen| seen.queries_of(sql)[0].query_id.clone());
        assert!(text.contains(&query_id), "the statement's own id: {text}");
    }
    let missing = client.query("SELECT * FROM NOSUCH");
    assert!(!tool_text(&missing).contains("role sees"), "{missing}");
}

#[test]
fn a_dry_run_says_that_it_was_rolled_back() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    let dry = json!({"query": "INSERT INTO STAGING.PUBLIC.LOG VALUES ('k')", "auto_commit": false});
    let answer = client.call("execute_query", &dry);
    assert!(!is_error(&answer) && tool_text(&answer).contains("and rolled back because"), "{answer}");
    assert_eq!(warehouse.count_key("STAGING.PUBLIC.LOG", "k"), 0);
    home.log_until("request", 2);
    let line = &home.log_lines("request")[1];
    assert_eq!((&line["class"], &line["outcome"]), (&json!("write"), &json!("ok")), "{line}");
    assert!(line["query_id"].is_string(), "{line}");
}
