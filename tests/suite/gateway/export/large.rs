//! A large export: exact, and at constant memory.

use snowgate_tests::{peak_kb, reset_peak};

use super::*;

/// How many rows.
const ROWS_VARIABLE: &str = "SNOWGATE_TEST_EXPORT_ROWS";
const ROWS: u64 = 200_000;
/// What memory may grow by, in kB.
const GROWTH_MAX_KB: u64 = 64 * 1024;

#[test]
fn a_large_result_is_written_whole_at_constant_memory() {
    let rows = std::env::var(ROWS_VARIABLE).map_or(ROWS, |text| text.parse().expect("a number of rows"));
    let home = home_with("", "");
    let mut client = client(&home);
    exported(&export(&mut client, &rows_query(10), "warm.csv"));
    for format in ["csv", "jsonl"] {
        let pid = home.gateway_pid();
        reset_peak(pid);
        let before_kb = peak_kb(pid);
        let arguments = json!({"query": rows_query(rows), "name": format!("large.{format}")});
        let began = std::time::Instant::now();
        let id = client.send_call("export_result", &arguments);
        let answer = client.answer_within(std::time::Duration::from_secs(290), &id);
        let growth_kb = peak_kb(pid).saturating_sub(before_kb);
        let done = exported(&answer);
        println!(
            "{rows} rows, {} bytes as {format} in {:?}, the gateway grew by {growth_kb} kB",
            done["bytes"],
            began.elapsed()
        );
        holds(&done, format, rows);
        assert!(growth_kb < GROWTH_MAX_KB, "{growth_kb} kB");
    }
}
