//! What no client should send: answered as JSON-RPC says, or refused by name, and the session goes on.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, TOOLS, error_text, request_line, tool_text};

/// The shim's bound on one line.
const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;

const PARSE_ERROR: i32 = -32700;
const INVALID_REQUEST: i32 = -32600;
const METHOD_NOT_FOUND: i32 = -32601;
const INVALID_PARAMS: i32 = -32602;

fn ready(home: &Home) -> Client {
    let mut client = home.client();
    client.initialize();
    client
}

/// The next message must be an error of this code under this id, with these words; then the session must go
/// on.
#[track_caller]
fn refused(client: &mut Client, id: &Value, code: i32, words: &[&str]) {
    let answer = client.next_message();
    let message = error_text(&answer, code);
    for word in words {
        assert!(message.contains(word), "no {word:?} in {message:?}");
    }
    assert_eq!(answer.get("id"), Some(id), "{answer}");
    goes_on(client);
}

/// A request is answered, and nothing else comes.
#[track_caller]
fn goes_on(client: &mut Client) {
    let answer = client.query("select 41 + 1 as answer");
    assert_eq!(tool_text(&answer), "answer\n42\n(1 row)");
    assert!(client.unclaimed().is_empty(), "messages that answer nothing: {:?}", client.unclaimed());
}

#[test]
fn what_is_not_json_gets_a_parse_error_without_an_id() {
    let home = Home::new();
    let mut client = ready(&home);
    for line in ["hello", "{", r#"{"jsonrpc":"2.0","id":7,"method":"ping""#, "{}\u{feff}", "{}{}"] {
        client.line(line);
        refused(&mut client, &Value::Null, PARSE_ERROR, &["not JSON"]);
    }
}

#[test]
fn json_that_is_too_deep_or_odd_is_refused() {
    let home = Home::new();
    let mut client = ready(&home);
    let nested = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    client.line(&format!(r#"{{"jsonrpc":"2.0","id":7,"method":"ping","params":{{"x":{nested}}}}}"#));
    refused(&mut client, &json!(7), INVALID_PARAMS, &["params of ping"]);
    client.line(r#"{"jsonrpc":"2.0","id":7,"method":"pi\ud800ng"}"#);
    refused(&mut client, &Value::Null, PARSE_ERROR, &["not JSON"]);
}

#[test]
fn arguments_that_cannot_be_read_are_the_tools_to_answer() {
    let home = Home::new();
    let mut client = ready(&home);
    for (arguments, words) in [
        (r#"{"query":"select 1","limit":1e400}"#, "`limit` cannot be read: number out of range"),
        (r#"{"query":"select \ud800"}"#, "`query` cannot be read"),
        (r#"{"query":"select 1","database":"\udc00x"}"#, "`database` cannot be read"),
        (r#"{"query":"select 1","use_transaction":-1e999}"#, "`use_transaction` cannot be read"),
    ] {
        client.line(&format!(
            r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"execute_query","arguments":{arguments}}}}}"#
        ));
        let answer = client.next_message();
        assert_eq!((&answer["id"], &answer["result"]["isError"]), (&json!(7), &json!(true)), "{answer}");
        let text = tool_text(&answer);
        assert!(text.contains(words) && text.contains("query (string, required)"), "{text}");
        goes_on(&mut client);
    }
    client
        .line(r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"\ud800","arguments":{}}}"#);
    refused(&mut client, &json!(7), INVALID_PARAMS, &["params of tools/call", "`name`"]);
}

#[test]
fn bytes_that_are_not_utf8_get_a_parse_error() {
    let home = Home::new();
    let mut client = ready(&home);
    client.write(b"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"pi\xffng\"}\n");
    refused(&mut client, &Value::Null, PARSE_ERROR, &["not UTF-8", "byte 36"]);
    client.write(b"\xff\xfe\x00\n");
    refused(&mut client, &Value::Null, PARSE_ERROR, &["not UTF-8", "byte 0"]);
}

#[test]
fn json_that_is_no_message_is_an_invalid_request() {
    let home = Home::new();
    let mut client = ready(&home);
    for line in ["7", "\"ping\"", "null", "{}", r#"{"id":null}"#] {
        client.line(line);
        refused(&mut client, &Value::Null, INVALID_REQUEST, &["Invalid request"]);
    }
    client.line(r#"{"jsonrpc":"1.0","id":"x","method":"ping"}"#);
    refused(&mut client, &json!("x"), INVALID_REQUEST, &["jsonrpc"]);
    client.line(r#"{"jsonrpc":"2.0","id":"y"}"#);
    refused(&mut client, &json!("y"), INVALID_REQUEST, &["method"]);
}

#[test]
fn a_batch_is_refused_by_name() {
    let home = Home::new();
    let mut client = ready(&home);
    client.line(r#"[{"jsonrpc":"2.0","id":7,"method":"ping"},{"jsonrpc":"2.0","id":8,"method":"ping"}]"#);
    refused(&mut client, &Value::Null, INVALID_REQUEST, &["batches are not supported"]);
    client.line("[]");
    refused(&mut client, &Value::Null, INVALID_REQUEST, &["batches are not supported"]);
}

#[test]
fn ids_that_are_none_are_refused() {
    let home = Home::new();
    let mut client = ready(&home);
    for id in ["null", "1.5", "true", "[1]", "{}", "99999999999999999999999"] {
        client.line(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#));
        refused(&mut client, &Value::Null, INVALID_REQUEST, &["`id` must be a string or an integer"]);
    }
}

#[test]
fn every_sound_id_comes_back_as_it_was() {
    let home = Home::new();
    let mut client = ready(&home);
    for id in [json!(0), json!(-1), json!(i64::MAX), json!(""), json!("a\"b\\c\u{e4}"), json!("7")] {
        client.write(request_line(&id, "ping", &json!({})).as_bytes());
        assert_eq!(client.answer(&id)["result"], json!({}));
    }
    goes_on(&mut client);
}

#[test]
fn a_second_request_under_an_id_in_use_is_refused_and_the_first_is_answered() {
    let home = Home::new();
    let mut client = ready(&home);
    let first = client.send_endless_query();
    client.write(request_line(&first, "ping", &json!({})).as_bytes());
    let refusal = client.answer(&Value::Null);
    let message = error_text(&refusal, INVALID_REQUEST);
    assert!(message.contains(&format!("id {first} is in use")), "{message}");
    client.notify("notifications/cancelled", &json!({"requestId": first}));
    goes_on(&mut client);
    // Free again.
    client.write(request_line(&first, "ping", &json!({})).as_bytes());
    assert_eq!(client.answer(&first)["result"], json!({}));
    goes_on(&mut client);
}

#[test]
fn an_unknown_method_is_named() {
    let home = Home::new();
    let mut client = ready(&home);
    let answer = client.request("tools/destroy", &json!({}));
    assert!(error_text(&answer, METHOD_NOT_FOUND).contains("tools/destroy"), "{answer}");
    client.notify("notifications/unheard_of", &json!({"x": 1}));
    goes_on(&mut client);
}

#[test]
fn an_unknown_tool_is_named_with_the_nearest() {
    let home = Home::new();
    let mut client = ready(&home);
    let answer = client.call("execute_querry", &json!({}));
    let message = error_text(&answer, INVALID_PARAMS);
    assert!(
        message.contains("execute_querry") && message.contains("did you mean execute_query?"),
        "{message}"
    );
    goes_on(&mut client);
}

#[test]
fn wrong_arguments_are_results_that_say_what_is_taken() {
    let home = Home::new();
    let mut client = ready(&home);
    for (arguments, words) in [
        (json!({}), ["execute_query", "query"]),
        (json!({"query": 7}), ["execute_query", "string"]),
        (json!({"query": "select 1", "limti": 5}), ["execute_query", "limti"]),
        (json!({"query": "select 1", "dry_run": true}), ["dry_run", "auto_commit"]),
        (json!({"query": "select 1", "sql": "select 2"}), ["`query`", "`sql`"]),
        (json!({"query": "select 1", "limit": 0}), ["from 1 to 10000", "; 0 was given"]),
        (json!({"query": "select 1", "limit": -5}), ["from 1 to 10000", "; -5 was given"]),
        (json!({"query": "select 1", "limit": 1.5}), ["from 1 to 10000", "; 1.5 was given"]),
        (json!({"query": "select 1", "limit": "all"}), ["from 1 to 10000", "; \"all\" was given"]),
    ] {
        let answer = client.call("execute_query", &arguments);
        assert_eq!(answer["result"]["isError"], true, "{answer}");
        let message = tool_text(&answer);
        assert!(message.starts_with("Invalid arguments for execute_query: "), "{message}");
        assert!(words.iter().all(|word| message.contains(word)), "{arguments}: {message}");
    }
    for (tool, arguments, words) in [
        ("set_context", json!({}), ["name a role", "database"]),
        ("set_context", Value::Null, ["name a role", "database"]),
        ("set_context", json!({"database": "", "schema": null}), ["name a role", "database"]),
        ("set_context", json!({"databse": "two"}), ["`databse`", "did you mean `database`?"]),
        ("set_context", json!({"foo": "two"}), ["`foo`", "it takes"]),
        ("set_context", json!({"database": ["two"]}), ["`database` must be a string", "a list was given"]),
        ("set_context", json!({"database": "x".repeat(300)}), ["at most 255", "`database`"]),
        ("describe_table", Value::Null, ["`table` is missing", "required"]),
        ("describe_table", json!({"table": ""}), ["`table` is missing", "required"]),
        ("describe_view", json!({"database": "one"}), ["`view_name` is missing", "required"]),
        ("list_views", json!({"schema": "main"}), ["`database` is missing", "required"]),
        (
            "query_view",
            json!({"database": "one", "view_name": "v", "limit": 10_001}),
            ["from 1 to 10000", "10001"],
        ),
        ("execute_query", json!({"query": "select 1", "auto_commit": "maybe"}), ["a boolean", "\"maybe\""]),
        ("execute_query", json!({"query": null}), ["`query` is missing", "required"]),
    ] {
        let answer = client.call(tool, &arguments);
        assert_eq!(answer["result"]["isError"], true, "{answer}");
        let message = tool_text(&answer);
        assert!(message.starts_with(&format!("Invalid arguments for {tool}: ")), "{message}");
        let said =
            words.iter().all(|word| message.contains(word) || message.contains(&word.replace('`', "")));
        assert!(said, "{arguments}: {message}");
    }
    for params in [json!({"name": 7}), json!([]), json!({}), json!({"name": "session_info", "arguments": 7})]
    {
        let answer = client.request("tools/call", &params);
        error_text(&answer, INVALID_PARAMS);
    }
    goes_on(&mut client);
}

#[test]
fn arguments_that_can_be_read_are_read() {
    let home = Home::new();
    home.configure("read_only = false\n");
    let mut client = ready(&home);
    client.query("create table t (i)");
    for arguments in [
        json!({"sql": "select 1 as one"}),
        json!({"statement": "select 1 as one", "db": "two", "Limit": "5", "reason": "to see"}),
        json!({"query": "select 1 as one", "database": "", "schema": null, "limit": null, "max_rows": 5.0}),
        json!({"query": "select 1 as one", "useTransaction": "true", "autoCommit": "FALSE"}),
    ] {
        assert_eq!(tool_text(&client.call("execute_query", &arguments)), "one\n1\n(1 row)", "{arguments}");
    }
    for arguments in [json!({"table": "t"}), json!({"view_name": "t"}), json!({"name": "t", "verbose": 1})] {
        let described = client.call("describe_table", &arguments);
        assert!(tool_text(&described).starts_with("column|type"), "{arguments}: {described}");
    }
    let empty = json!({"database": "", "schema": "", "like": "", "cursor": "", "foo": 1});
    assert!(tool_text(&client.call("list_tables", &empty)).contains("|t|"), "absent, all of it");
    let moved = client.call("set_context", &json!({"database": "one", "reason": "to see", "foo": [1]}));
    assert_eq!(moved["result"]["isError"], false, "{moved}");
    let rows = client.call("query_view", &json!({"db": "one", "table": "t"}));
    assert_eq!(tool_text(&rows), "i\n(0 rows)");
    let dry = client.call("execute_query", &json!({"sql": "insert into t values (1)", "autocommit": false}));
    assert!(tool_text(&dry).starts_with("1 row changed, and rolled back"), "{dry}");
    let dry = json!({"query": "insert into t values (1) returning i", "auto_commit": false});
    let dry = client.call("execute_query", &dry);
    assert!(tool_text(&dry).contains("1 row changed, and rolled back"), "{dry}");
    assert_eq!(tool_text(&client.query("select count(*) as n from t")), "n\n0\n(1 row)");
}

#[test]
fn a_database_that_there_is_not_is_named_with_those_there_are() {
    let home = Home::new();
    home.configure("read_only = false\n");
    let mut client = ready(&home);
    client.query("create table nation (i)");
    for sql in [
        "select * from nosuch.nation",
        "insert into nosuch.nation values (1)",
        "create table nosuch.x (i)",
        "select * from \"nosuch\".nation",
    ] {
        let answer = client.query(sql);
        let text = tool_text(&answer);
        assert!(text.contains("no such database: nosuch"), "{sql}: {text}");
        assert!(
            text.contains("databases: ONE, TWO") && !text.contains("did you mean nation"),
            "{sql}: {text}"
        );
    }
    assert!(tool_text(&client.query("select * from TWO.nosuch")).contains("no such table"));
    for (tool, arguments) in [
        ("list_tables", json!({"database": "nosuch"})),
        ("query_view", json!({"database": "nosuch", "view_name": "v"})),
        ("execute_query", json!({"query": "select 1", "database": "nosuch"})),
        ("set_context", json!({"database": "nosuch"})),
    ] {
        let answer = client.call(tool, &arguments);
        assert!(tool_text(&answer).contains("databases: ONE, TWO"), "{tool}: {answer}");
    }
}

#[test]
fn a_notification_first_changes_nothing() {
    let home = Home::new();
    let mut client = home.client();
    client.notify("notifications/initialized", &json!({}));
    client.notify("notifications/cancelled", &json!({"requestId": 1}));
    client.initialize();
    goes_on(&mut client);
}

#[test]
fn a_request_before_initialize_is_answered() {
    let home = Home::new();
    let mut client = home.client();
    assert_eq!(client.request("ping", &json!({}))["result"], json!({}));
    let tools = client.request("tools/list", &json!({}));
    assert_eq!(tools["result"]["tools"].as_array().map(Vec::len), Some(TOOLS), "{tools}");
    client.initialize();
    goes_on(&mut client);
}

#[test]
fn a_late_answer_to_nothing_is_ignored() {
    let home = Home::new();
    let mut client = ready(&home);
    client.line(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    client.line(r#"{"jsonrpc":"2.0","id":0,"error":{"code":1,"message":"no"}}"#);
    goes_on(&mut client);
}

/// A `ping` of exactly `bytes` bytes, its id at the front or at the end.
fn long_ping(id: &str, bytes: usize, id_at_the_end: bool) -> String {
    let (front, back) = if id_at_the_end {
        (
            r#"{"jsonrpc":"2.0","method":"ping","params":{"id":666,"x":""#.to_owned(),
            format!(r#""}},"id":{id}}}"#),
        )
    } else {
        (
            format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping","params":{{"id":666,"x":""#),
            r#""}}"#.to_owned(),
        )
    };
    format!("{front}{}{back}", "x".repeat(bytes - front.len() - back.len()))
}

#[test]
fn a_line_of_seventeen_megabytes_is_refused_under_its_id() {
    let home = Home::new();
    let mut client = ready(&home);
    for id_at_the_end in [false, true] {
        for id in [json!(77), json!("a long one")] {
            client.line(&long_ping(&id.to_string(), 17_000_000, id_at_the_end));
            refused(&mut client, &id, INVALID_REQUEST, &["17000000 bytes", &LINE_BYTES_MAX.to_string()]);
        }
    }
    client.line(&"x".repeat(17_000_000));
    refused(&mut client, &Value::Null, INVALID_REQUEST, &["17000000 bytes"]);
}

#[test]
fn the_longest_line_allowed_is_served_and_one_byte_more_is_not() {
    let home = Home::new();
    let mut client = ready(&home);
    client.line(&long_ping("70", LINE_BYTES_MAX, false));
    assert_eq!(client.answer(&json!(70))["result"], json!({}));
    client.line(&long_ping("71", LINE_BYTES_MAX + 1, true));
    refused(&mut client, &json!(71), INVALID_REQUEST, &["16777217 bytes"]);
}

#[test]
fn empty_lines_and_carriage_returns_are_no_messages() {
    let home = Home::new();
    let mut client = home.client();
    client.write(b"\n\r\n   \n\t\r\n");
    client.write(b"{\"jsonrpc\":\"2.0\",\"id\":50,\"method\":\"ping\"}\r\n");
    assert_eq!(client.answer(&json!(50))["result"], json!({}));
    client.initialize();
    goes_on(&mut client);
}

#[test]
fn a_line_in_pieces_is_one_line() {
    let home = Home::new();
    let mut client = ready(&home);
    for byte in request_line(&json!("slow"), "ping", &json!({})).as_bytes() {
        client.write(&[*byte]);
    }
    assert_eq!(client.answer(&json!("slow"))["result"], json!({}));
    goes_on(&mut client);
}

#[test]
fn a_last_line_without_a_newline_is_answered() {
    let home = Home::new();
    let mut client = ready(&home);
    client.write(request_line(&json!("last"), "ping", &json!({})).trim_end().as_bytes());
    client.close_stdin();
    let rest = client.rest();
    assert_eq!(rest, [json!({"jsonrpc": "2.0", "id": "last", "result": {}})]);
    assert!(client.wait().success());
}

#[test]
fn three_hundred_requests_at_once_are_each_answered_once() {
    let home = Home::new();
    let mut client = ready(&home);
    let mut all = String::new();
    for id in 0..300 {
        let arguments = json!({"query": format!("select {id} as id")});
        let params = json!({"name": "execute_query", "arguments": arguments});
        all.push_str(&request_line(&json!(format!("q{id}")), "tools/call", &params));
    }
    client.write(all.as_bytes());
    let mut answered = BTreeMap::new();
    for _ in 0..300 {
        let answer = client.next_message();
        let id = answer["id"].as_str().expect("an id").to_owned();
        assert_eq!(tool_text(&answer), format!("id\n{}\n(1 row)", id.trim_start_matches('q')));
        *answered.entry(id).or_insert(0) += 1;
    }
    assert_eq!(answered.len(), 300, "{answered:?}");
    goes_on(&mut client);
}
