//! Rows over plain HTTP in the form that `Accept` asks for.

use serde_json::{Value, json};
use snowgate_tests::{HttpConnection, HttpGateway, HttpResponse};

use crate::rest::{CALL, writable};

fn ask(connection: &mut HttpConnection, accept: &str, arguments: &Value) -> HttpResponse {
    let body = json!({"name": "execute_query", "arguments": arguments, "_client_id": "a"});
    connection.post(CALL, &[("Accept", accept)], &body)
}

const VALUES: &str =
    "select 1 as id, 'a,\"b\"' as t, null as n, 2.5 as r, 9223372036854775807 as big, x'00ff' as b
                      union all select 2, '', null, 1e300, -1, x''";

#[test]
fn rows_come_as_json_with_their_types() {
    let gateway = HttpGateway::new();
    let mut connection = gateway.connect();
    let answer = ask(&mut connection, "application/json", &json!({"query": VALUES}));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let result = answer.json()["result"].clone();
    assert_eq!(
        result["rows"],
        json!([[1, "a,\"b\"", null, 2.5, "9223372036854775807", "00FF"], [2, "", null, 1e300, -1, ""]])
    );
    let columns: Vec<(&str, &str)> = result["columns"]
        .as_array()
        .expect("columns")
        .iter()
        .map(|column| (column["name"].as_str().unwrap(), column["type"].as_str().unwrap_or("?")))
        .collect();
    assert_eq!(
        columns,
        [("id", "integer"), ("t", "text"), ("n", "?"), ("r", "real"), ("big", "integer"), ("b", "blob")]
    );
    assert_eq!((&result["row_count"], &result["truncated"]), (&json!(2), &json!(false)));
    assert_eq!(result["content"][0]["text"], "(2 rows)");
    let envelope = json!({"jsonrpc": "2.0", "id": 5, "method": "execute_query", "params": {"query": VALUES}});
    let enveloped = connection.post(CALL, &[("Accept", "application/json")], &envelope).json();
    assert_eq!((&enveloped["id"], &enveloped["result"]["rows"]), (&json!(5), &result["rows"]));
}

#[test]
fn rows_come_as_csv_and_as_lines_of_json() {
    let gateway = HttpGateway::new();
    let mut connection = gateway.connect();
    let csv = ask(&mut connection, "text/csv", &json!({"query": VALUES}));
    assert!(csv.header("content-type").is_some_and(|kind| kind.starts_with("text/csv")), "{csv:?}");
    assert_eq!(
        csv.text(),
        "id,t,n,r,big,b\r\n1,\"a,\"\"b\"\"\",,2.5,9223372036854775807,00FF\r\n2,\"\",,1e300,-1,\"\"\r\n"
    );
    assert_eq!((csv.header("snowgate-rows"), csv.header("snowgate-truncated")), (Some("2"), Some("false")));
    let lines =
        ask(&mut connection, "application/x-ndjson", &json!({"query": "select 1 as a, 2 as a, null as b"}));
    assert_eq!(lines.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(lines.text(), "{\"a\":1,\"a_2\":2,\"b\":null}\n");
    let none = ask(&mut connection, "text/csv", &json!({"query": "select 1 as a where 0"}));
    assert_eq!(none.text(), "a\r\n");
}

#[test]
fn what_is_missing_is_said_in_every_form() {
    let gateway = HttpGateway::new();
    let mut connection = gateway.connect();
    let many = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 10) select i from n";
    let arguments = json!({"query": many, "limit": 4});
    let result = ask(&mut connection, "application/json", &arguments).json()["result"].clone();
    assert_eq!(
        (&result["row_count"], &result["truncated"], &result["more_rows"]),
        (&json!(4), &json!(true), &json!(6))
    );
    for accept in ["text/csv", "application/x-ndjson"] {
        let cut = ask(&mut connection, accept, &arguments);
        assert_eq!(cut.header("snowgate-truncated"), Some("true"), "{accept}");
        assert_eq!((cut.header("snowgate-rows"), cut.header("snowgate-more-rows")), (Some("4"), Some("6")));
        assert!(cut.header("snowgate-note").is_some_and(|note| note.contains("more: get_result")), "{cut:?}");
    }
}

#[test]
fn a_program_gets_more_than_a_model_and_never_more_than_is_set() {
    let wide = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000)
                select i, printf('%0500d', i) as t from n";
    let arguments = json!({"query": wide, "limit": 2000});
    let gateway = HttpGateway::new();
    let mut connection = gateway.connect();
    let text = ask(&mut connection, "*/*", &arguments);
    assert!(text.body.len() < 100_000, "{}", text.body.len());
    let lines = ask(&mut connection, "application/x-ndjson", &arguments);
    assert_eq!(lines.header("snowgate-truncated"), Some("false"), "{:?}", lines.headers);
    assert_eq!(lines.header("transfer-encoding"), Some("chunked"), "it is written in pieces");
    let rows: Vec<Value> =
        lines.text().lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    assert_eq!((rows.len(), &rows[1999]["i"]), (2000, &json!(2000)));
    let json = ask(&mut connection, "application/json", &arguments).json();
    assert_eq!(json["result"]["rows"].as_array().map(Vec::len), Some(2000));
    drop(gateway);
    let gateway = writable("[limits]\nrow_bytes_max = 4096\n");
    let cut = ask(&mut gateway.connect(), "text/csv", &arguments);
    assert_eq!(cut.header("snowgate-truncated"), Some("true"));
    assert!(cut.body.len() < 6_000, "{}", cut.body.len());
}

#[test]
fn what_has_no_rows_is_a_result_whatever_is_asked_for() {
    let gateway = writable("");
    let mut connection = gateway.connect();
    for accept in ["text/csv", "application/x-ndjson", "application/json"] {
        ask(&mut connection, "*/*", &json!({"query": "create table if not exists t (x)"}));
        let changed = ask(&mut connection, accept, &json!({"query": "insert into t values (1), (2)"}));
        assert_eq!(changed.header("content-type"), Some("application/json"), "{accept}");
        assert_eq!(changed.json()["result"]["rows_changed"], 2, "{accept}: {}", changed.text());
        let body = json!({"name": "session_info", "_client_id": "a"});
        let info = connection.post(CALL, &[("Accept", accept)], &body).json();
        assert!(info["result"]["structuredContent"]["context"].is_object(), "{accept}: {info}");
    }
    let wrong = ask(&mut connection, "text/csv", &json!({"query": "selct"}));
    assert_eq!((wrong.status, wrong.header("content-type")), (422, Some("application/json")));
}

#[test]
fn a_view_is_described_with_its_definition() {
    let gateway = writable("");
    let mut connection = gateway.connect();
    ask(&mut connection, "*/*", &json!({"query": "create view v as select 1 as a"}));
    let body = json!({"name": "describe_view", "arguments": {"database": "ONE", "view_name": "v"}});
    let described = connection.post(CALL, &[("Accept", "application/json")], &body).json();
    assert!(
        described["result"]["definition"]
            .as_str()
            .is_some_and(|sql| sql.to_lowercase().contains("create view v")),
        "{described}"
    );
    assert_eq!(described["result"]["rows"][0][0], "a");
}

#[test]
fn a_repeated_write_has_the_first_ones_rows_in_whatever_form_it_asks_for() {
    let gateway = writable("");
    let mut connection = gateway.connect();
    ask(&mut connection, "*/*", &json!({"query": "create table t (x)"}));
    let insert = json!({"name": "execute_query", "_client_id": "a",
        "arguments": {"query": "insert into t values (1), (2) returning x"}});
    let mut send =
        |accept: &str| connection.post(CALL, &[("Accept", accept), ("Idempotency-Key", "k")], &insert);
    assert_eq!(send("text/csv").text(), "x\r\n1\r\n2\r\n");
    assert_eq!(send("application/x-ndjson").text(), "{\"x\":1}\n{\"x\":2}\n");
    assert_eq!(send("application/json").json()["result"]["rows"], json!([[1], [2]]));
    // It was not run for text: it says so as JSON.
    assert_eq!(send("*/*").json()["result"]["rows"], json!([[1], [2]]));
    let count = ask(&mut connection, "text/csv", &json!({"query": "select count(*) as n from t"}));
    assert_eq!(count.text(), "n\r\n2\r\n");
}
