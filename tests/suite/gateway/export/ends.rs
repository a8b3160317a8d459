//! Exports that do not end: cancelled, killed with their gateway, too large, and on a disk that is full.

use snowgate_tests::until;

use super::*;

/// One that takes a while.
const MANY: u64 = 200_000;

#[test]
fn a_cancelled_export_leaves_nothing() {
    let home = home_with("", "");
    let mut client = client(&home);
    let id = client.send_call("export_result", &json!({"query": rows_query(100_000_000), "name": "a.csv"}));
    until("the export has begun", || !names_in(&folder(&home)).is_empty());
    client.notify("notifications/cancelled", &json!({"requestId": id}));
    until("nothing of it is left", || names_in(&folder(&home)).is_empty());
    holds(&exported(&export(&mut client, &rows_query(10), "a.csv")), "csv", 10);
}

#[test]
fn a_statement_that_fails_midway_leaves_nothing() {
    let home = home_with("", "");
    let mut client = client(&home);
    let sql = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 50000) \
               select i, abs(case when i = 40000 then -9223372036854775807 - 1 else i end) as a from n";
    refused(&export(&mut client, sql, "a.csv"));
    assert_eq!(names_in(&folder(&home)), [""; 0]);
}

#[test]
fn a_killed_gateway_leaves_nothing_below_the_name_and_the_next_one_writes_it_whole() {
    let home = home_with("", "");
    let mut client = client(&home);
    let id = client.send_call("export_result", &json!({"query": rows_query(MANY), "name": "a.csv"}));
    until("the export has begun", || !names_in(&folder(&home)).is_empty());
    home.kill_gateway();
    assert!(!folder(&home).join("a.csv").exists(), "{:?}", names_in(&folder(&home)));
    // The shim asks the next gateway.
    holds(&exported(&client.answer(&id)), "csv", MANY);
    assert_eq!(names_in(&folder(&home)), ["a.csv"], "what the killed one left is gone");
}

#[test]
fn what_a_killed_gateway_left_goes_with_the_next_export() {
    let home = home_with("", "");
    let mut gone = client(&home);
    gone.send_call("export_result", &json!({"query": rows_query(100_000_000), "name": "a.csv"}));
    until("the export has begun", || !names_in(&folder(&home)).is_empty());
    // Its client first: else it would have the next gateway run it again.
    snowgate_tests::kill(gone.pid());
    home.kill_gateway();
    let left = names_in(&folder(&home));
    assert!(left.iter().all(|name| name.starts_with(".a.csv.")), "{left:?}");
    holds(&exported(&export(&mut client(&home), &rows_query(10), "b.csv")), "csv", 10);
    assert_eq!(names_in(&folder(&home)), ["b.csv"]);
}

#[test]
fn an_export_over_its_bound_fails_and_leaves_nothing() {
    let home = home_with("", "[limits]\nexport_bytes_max = 1_000_000\n");
    let mut client = client(&home);
    let text = refused(&export(&mut client, &rows_query(MANY), "a.csv"));
    assert!(text.contains("limits.export_bytes_max") && text.contains("1000000 bytes"), "{text}");
    assert_eq!(names_in(&folder(&home)), [""; 0]);
    holds(&exported(&export(&mut client, &rows_query(10_000), "a.csv")), "csv", 10_000);
}

#[test]
fn a_disk_that_fills_up_ends_an_export_and_leaves_no_half_file() {
    let mut home = home_with("", "");
    // Of a small disk a twentieth stays free.
    if home.mount("out/exports", 80 << 20).is_err() {
        return println!("not tested: this user may not mount");
    }
    let mut client = client(&home);
    let wide = |rows: u64| {
        format!(
            "with recursive n(i) as (select 1 union all select i + 1 from n where i < {rows}) \
             select i, printf('%.*c', 100000, 'x') as t from n"
        )
    };
    let text = refused(&export(&mut client, &wide(1_000), "a.csv"));
    assert!(text.contains("4 MiB left") && text.contains("nothing of the file is left"), "{text}");
    assert_eq!(names_in(&folder(&home)), [""; 0]);
    assert_eq!(exported(&export(&mut client, &wide(100), "b.csv"))["rows"], 100);
    let full = home.disk().expect("a disk").fill().expect("filling it");
    let text = refused(&export(&mut client, "select 1 as a", "c.csv"));
    assert!(text.contains("4 MiB left"), "{text}");
    drop(full);
    assert_eq!(names_in(&folder(&home)), ["b.csv"]);
    exported(&export(&mut client, "select 1 as a", "c.csv"));
}
