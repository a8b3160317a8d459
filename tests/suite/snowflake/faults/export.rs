//! `export_result` in front of a warehouse: large, in order, and also where its download is cut off.
//! `SNOWGATE_TEST_EXPORT_ROWS=1000000` makes the large one that large.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use snowgate_tests::{peak_kb, reset_peak, until};
use warehouse::Gate;

use super::*;

/// How many rows.
const ROWS_VARIABLE: &str = "SNOWGATE_TEST_EXPORT_ROWS";
const ROWS: u64 = 100_000;
/// What memory may grow by, in kB.
const GROWTH_MAX_KB: u64 = 64 * 1024;

fn exporting(warehouse: &Warehouse) -> (Home, PathBuf) {
    let home = Home::bare();
    let key = secrets::private_key().display().to_string();
    let exports = home.path().join("exports");
    home.configure_account(
        warehouse,
        &format!("private_key_file = {key:?}\nread_only = false\n"),
        &format!("[profiles.default]\nexport_folder = '{}'\n", exports.display()),
    );
    (home, exports)
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Whether the file has the rows 0 to `rows`, in order and no other.
#[track_caller]
fn has_rows(done: &Value, rows: u64) {
    assert_eq!(done["rows"], rows, "{done}");
    let path = done["path"].as_str().expect("a path");
    let file = BufReader::new(fs::File::open(path).expect("the file"));
    let mut next = 0;
    for line in file.lines().skip(1) {
        let line = line.expect("a line");
        let number: u64 = line.split(',').next().unwrap_or_default().parse().expect("a number");
        assert_eq!(number, next);
        next += 1;
    }
    assert_eq!(next, rows);
}

#[track_caller]
fn exported(answer: &Value) -> Value {
    assert!(!is_error(answer), "{answer}");
    answer["result"]["structuredContent"].clone()
}

#[test]
fn a_large_result_is_written_in_order_at_constant_memory() {
    let rows = std::env::var(ROWS_VARIABLE).map_or(ROWS, |text| text.parse().expect("a number of rows"));
    let warehouse = Warehouse::start();
    let (home, exports) = exporting(&warehouse);
    let mut client = client(&home);
    works_again(&mut client);
    let pid = home.gateway_pid();
    reset_peak(pid);
    let before_kb = peak_kb(pid);
    let sql = format!(
        "SELECT * FROM TABLE(GENERATOR(rowcount => {rows}, chunks => {}, text => 100))",
        (rows / 10_000).max(1)
    );
    let id = client.send_call("export_result", &json!({"query": sql, "name": "a.csv"}));
    let answer = client.answer_within(Duration::from_secs(280), &id);
    let growth_kb = peak_kb(pid).saturating_sub(before_kb);
    let done = exported(&answer);
    println!("{rows} rows, {} bytes, the gateway grew by {growth_kb} kB", done["bytes"]);
    has_rows(&done, rows);
    assert!(growth_kb < GROWTH_MAX_KB, "{growth_kb} kB");
    assert_eq!(names_in(&exports), ["a.csv"]);
}

#[test]
fn links_that_expire_meanwhile_and_answers_that_are_cut_off_lose_no_row() {
    let warehouse = Warehouse::start();
    let (home, exports) = exporting(&warehouse);
    let mut client = client(&home);
    let sql = "SELECT * FROM TABLE(GENERATOR(rowcount => 5000, chunks => 10, text => 10))";
    let gate = Gate::new();
    warehouse.fault(Endpoint::Chunk, Strike::Nth(2), Fault::Hold(gate.clone()));
    let id = client.send_call("export_result", &json!({"query": sql, "name": "a.csv"}));
    gate.until_arrived(1);
    warehouse.expire_links();
    gate.open();
    has_rows(&exported(&client.answer(&id)), 5_000);
    warehouse.clear_faults();
    assert_eq!(names_in(&exports), ["a.csv"]);
}

#[test]
fn a_download_that_hangs_can_be_cancelled_and_leaves_nothing() {
    let warehouse = Warehouse::start();
    let (home, exports) = exporting(&warehouse);
    let mut client = client(&home);
    let gate = Gate::new();
    warehouse.fault(Endpoint::Chunk, Strike::Nth(2), Fault::Hold(gate.clone()));
    let sql = "SELECT * FROM TABLE(GENERATOR(rowcount => 5000, chunks => 10, text => 10))";
    let id = client.send_call("export_result", &json!({"query": sql, "name": "a.csv"}));
    gate.until_arrived(1);
    until("the export has begun", || !names_in(&exports).is_empty());
    client.notify("notifications/cancelled", &json!({"requestId": id}));
    until("nothing of it is left", || names_in(&exports).is_empty());
    gate.open();
    works_again(&mut client);
}

#[test]
fn only_a_query_is_sent() {
    let warehouse = Warehouse::start();
    let (home, exports) = exporting(&warehouse);
    let mut client = client(&home);
    works_again(&mut client);
    let before = warehouse.seen(|seen| seen.queries.len());
    for sql in [
        insert("1").as_str(),
        "CALL p()",
        "PUT file:///etc/passwd @s",
        "GET @s file:///tmp",
        "COPY INTO @s FROM t",
        "CREATE TABLE t AS SELECT 1",
        "USE DATABASE d",
        "GRANT ROLE a TO USER b",
        "BEGIN",
        "SELECT 1; DELETE FROM t",
    ] {
        let answer = client.call("export_result", &json!({"query": sql, "name": "a.csv"}));
        assert!(is_error(&answer), "{sql}: {answer}");
    }
    assert_eq!(warehouse.seen(|seen| seen.queries.len()), before, "none was sent");
    assert_eq!(names_in(&exports), [""; 0]);
}

#[test]
fn a_handle_is_exported_by_the_id_of_its_query_and_nothing_runs_again() {
    let warehouse = Warehouse::start();
    let (home, exports) = exporting(&warehouse);
    let mut client = client(&home);
    let sql = "SELECT * FROM TABLE(GENERATOR(rowcount => 5000, chunks => 10, text => 10))";
    let answer = client.query(sql);
    let handle = answer["result"]["_meta"]["snowgate/result"]["handle"].clone();
    assert!(handle.is_string(), "{answer}");
    has_rows(&exported(&client.call("export_result", &json!({"handle": handle, "name": "a.csv"}))), 5_000);
    assert_eq!(submissions(&warehouse, sql), (1, 1));
    assert_eq!(names_in(&exports), ["a.csv"]);
}
