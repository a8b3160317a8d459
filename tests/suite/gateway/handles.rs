//! Result handles: what a result does not show is read by page, each row once and in order, by its own session alone.

use std::path::PathBuf;

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, tool_text};

const ROWS: u64 = 20_000;

fn ready(home: &Home) -> Client {
    let mut client = home.client();
    client.initialize();
    client
}

fn numbers(count: u64) -> String {
    format!(
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < {count}) select i, 'row ' || i as name from n"
    )
}

/// The handle that a result names.
#[track_caller]
fn handle(answer: &Value) -> String {
    let handle = answer["result"]["_meta"]["snowgate/result"]["handle"].as_str();
    handle.unwrap_or_else(|| panic!("no handle: {answer}")).to_owned()
}

/// Rows of a page: their first values.
#[track_caller]
fn page(client: &mut Client, arguments: &Value) -> Vec<u64> {
    let answer = client.call("get_result", arguments);
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    let lines = tool_text(&answer).lines().filter(|line| !line.starts_with('(')).skip(1);
    lines.map(|line| line.split('|').next().unwrap_or_default().parse().expect("a number")).collect()
}

/// The folders and files of results.
fn files(home: &Home) -> Vec<PathBuf> {
    let results =
        home.files().into_iter().filter(|file| file.components().any(|part| part.as_os_str() == "results"));
    results.collect()
}

#[track_caller]
fn refused(answer: &Value) -> String {
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    tool_text(answer).to_owned()
}

#[test]
fn pages_have_each_row_once_and_in_order_while_the_table_changes_and_gateways_die() {
    let home = Home::new();
    home.configure("read_only = false\n");
    let mut client = ready(&home);
    client.query("create table many (i integer primary key, name text)");
    client.query(&format!("insert into many {}", numbers(ROWS)));
    let first = client.call("execute_query", &json!({"query": "select * from many order by i", "limit": 10}));
    let text = tool_text(&first);
    assert!(text.starts_with(&format!("(10 of {ROWS} rows; more: get_result")), "{text}");
    assert!(
        text.contains(&format!("summary of all {ROWS} rows:\ncolumn|type|NULL|distinct|min|max\ni|")),
        "{text}"
    );
    let handle = handle(&first);
    let (mut seen, mut step) = (10, 0);
    while seen < ROWS {
        step += 1;
        match step {
            2 => _ = client.query("delete from many where i % 2 = 0"),
            4 => _ = home.kill_gateway(),
            6 => assert_eq!(home.run(&["restart"]).code, Some(0)),
            8 => _ = client.query("drop table many"),
            _ => {}
        }
        let rows = page(&mut client, &json!({"handle": handle, "offset": seen, "limit": 2_000}));
        assert!(rows.iter().copied().eq(seen + 1..=seen + rows.len() as u64), "behind {seen}: {rows:?}");
        assert!(!rows.is_empty(), "behind {seen}");
        seen += rows.len() as u64;
    }
    assert_eq!(seen, ROWS);
    assert_eq!(
        page(&mut client, &json!({"handle": handle, "page": 3, "limit": 5, "columns": "I"})),
        [11, 12, 13, 14, 15]
    );
    let behind = client.call("get_result", &json!({"handle": handle, "offset": ROWS}));
    assert_eq!(tool_text(&behind), format!("(no rows behind row {ROWS} of {ROWS})"));
}

#[test]
fn a_handle_is_its_session_s_alone() {
    let home = Home::new();
    let (mut one, mut other) = (ready(&home), ready(&home));
    let handle = handle(&one.query(&numbers(500)));
    for client in [&mut other] {
        for name in [handle.as_str(), "rzzzzzzzz", "", "../../state", "r\u{0}", &"r".repeat(10_000)] {
            let told = refused(&client.call("get_result", &json!({"handle": name})));
            assert!(!told.contains("row 1"), "{told}");
            refused(&client.call("cancel_query", &json!({"handle": name})));
        }
    }
    assert_eq!(
        page(&mut one, &json!({"handle": handle, "limit": 3})),
        [101, 102, 103],
        "behind what was shown"
    );
}

#[test]
fn what_a_profile_no_longer_allows_is_not_shown_from_a_handle() {
    let home = Home::new();
    home.configure("read_only = false\n");
    let mut client = ready(&home);
    client.query(&format!("create table many as {}", numbers(500)));
    let handle = handle(&client.query("select * from many order by i"));
    page(&mut client, &json!({"handle": handle, "columns": "i"}));
    home.configure("read_only = false\n[profiles.default]\ndenied_tables = [\"other\", \"*.*.many\"]\n");
    assert_eq!(home.run(&["reload"]).code, Some(0));
    let told = refused(&client.call("get_result", &json!({"handle": handle})));
    assert!(told.contains("allowed something else") && told.contains("run the query again"), "{told}");
    home.configure("read_only = false\n[profiles.default]\nrows_max = 500\n");
    assert_eq!(home.run(&["reload"]).code, Some(0));
    page(&mut client, &json!({"handle": handle, "columns": "i"}));
}

#[test]
fn files_of_rows_are_private_and_bounded() {
    let home = Home::new();
    home.configure("[results]\nhandles_max = 2\nresult_bytes_max = 300000\n");
    let mut client = ready(&home);
    let handles: Vec<String> = (0..3).map(|_| handle(&client.query(&numbers(1_000)))).collect();
    refused(&client.call("get_result", &json!({"handle": handles[0]})));
    assert_eq!(page(&mut client, &json!({"handle": handles[2], "limit": 1})), [101]);
    let large = client.query(&numbers(200_000));
    let text = tool_text(&large).to_owned();
    assert!(text.contains("rows are kept, because it would take more than"), "{text}");
    assert!(text.contains("`results.result_bytes_max`"), "{text}");
    let status = home.status().expect("a gateway");
    assert_eq!(status["results"]["handles"], 2, "{status}");
    assert!(status["results"]["bytes"].as_u64().is_some_and(|bytes| bytes > 10_000), "{status}");
    #[cfg(unix)]
    for file in files(&home) {
        use std::os::unix::fs::PermissionsExt as _;
        // What is being written has its name for a moment only.
        let Ok(found) = std::fs::metadata(&file) else { continue };
        let mode = found.permissions().mode() & 0o777;
        assert_eq!(mode, if file.is_dir() { 0o700 } else { 0o600 }, "{}", file.display());
    }
}

#[test]
fn where_get_result_is_not_offered_nothing_is_kept() {
    let home = Home::new();
    home.configure("[profiles.default]\ntools = [\"execute_query\"]\n");
    let mut client = ready(&home);
    let answer = client.query(&numbers(500));
    assert_eq!(answer["result"].get("_meta"), None, "{answer}");
    assert!(tool_text(&answer).contains("400 more rows cut: raise `limit`"), "{answer}");
    assert_eq!(files(&home).iter().filter(|file| home.path().join(file).is_file()).count(), 0);
}

#[test]
fn values_that_are_not_shown_whole_are_whole_in_a_page() {
    let home = Home::new();
    let mut client = ready(&home);
    let sql = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 200) \
               select i, zeroblob(80) as b, null as e, 'a|b' || char(10) || 'NULL' as t, i / 3.0 as r from n";
    let handle = handle(&client.query(sql));
    let answer = client.call("get_result", &json!({"handle": handle, "offset": 0, "limit": 1}));
    let line = tool_text(&answer).lines().nth(1).expect("a row").to_owned();
    let zeros = format!("X'{}'", "00".repeat(80));
    assert_eq!(line, format!("1|{zeros}|NULL|a\\|b\\nNULL|0.3333333333333333"));
}

#[test]
fn an_endless_result_is_read_for_a_bounded_time_and_says_so() {
    let home = Home::new();
    home.configure("[results]\nread_ms_max = 300\nresult_bytes_max = 1000000000000\n");
    let mut client = ready(&home);
    let endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select i from n";
    let answer = client.query(endless);
    let text = tool_text(&answer);
    assert!(
        text.contains(
            "rows are kept, because further ones did not come within 300ms (`results.read_ms_max`)"
        ),
        "{text}"
    );
    assert_eq!(answer["result"]["_meta"]["snowgate/result"]["complete"], false, "{answer}");
    assert_eq!(page(&mut client, &json!({"handle": handle(&answer), "limit": 2})), [101, 102]);
}

#[test]
fn columns_that_a_result_has_no_room_for_are_read_by_its_handle() {
    let home = Home::new();
    home.configure("[limits]\nbytes_max = 4096\n");
    let mut client = ready(&home);
    let columns: Vec<String> = (0..400).map(|at| format!("'value {at}' as column_{at}")).collect();
    let handle = handle(&client.query(&format!("select {}", columns.join(", "))));
    let asked = json!({"handle": handle, "columns": "column_399, column_0"});
    let page = client.call("get_result", &asked);
    assert_eq!(tool_text(&page), "column_399|column_0\nvalue 399|value 0\n(rows 1-1 of 1)");
    let all = client.call("get_result", &json!({"handle": handle, "columns": " , "}));
    assert!(tool_text(&all).starts_with("column_0|column_1|"), "no name is every column: {all}");
}

#[test]
fn a_page_says_what_its_rows_are_not_and_finds_each_column() {
    let home = Home::new();
    let mut client = ready(&home);
    let rows = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 9) \
                select i, cast(x'61ff' as text) as t, i * 2 as t, i * 3 as \"x,y\" from n";
    let handle = handle(&client.call("execute_query", &json!({"query": rows, "limit": 1})));
    let read = |client: &mut Client, columns: &str| {
        let asked = json!({"handle": handle, "offset": 1, "limit": 2, "columns": columns});
        tool_text(&client.call("get_result", &asked)).to_owned()
    };
    let text = read(&mut client, "t");
    assert!(text.contains("2 values have bytes that are not UTF-8"), "{text}");
    let text = read(&mut client, "t_2, \"x,y\"");
    assert!(text.starts_with("t|x,y\n4|6\n6|9\n"), "{text}");
    let arguments = json!({"handle": handle, "wait_ms": "soon"});
    assert!(refused(&client.call("get_result", &arguments)).contains("wait_ms"));
}
