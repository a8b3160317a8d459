//! What statements may cost, by EXPLAIN.

use warehouse::{Endpoint, Fault, PlanFigures, Strike};

use super::*;

const GB: u64 = 1_000_000_000;

fn guarded(more: &str) -> (Warehouse, Home) {
    let warehouse = Warehouse::start();
    let home = home_with(
        &warehouse,
        &format!("[profiles.default]\nmax_bytes_scanned = {GB}\nmax_partitions = 100\n{more}"),
    );
    (warehouse, home)
}

fn figures(partitions: u64, bytes: u64) -> PlanFigures {
    PlanFigures { partitions_total: 1_000, partitions_assigned: partitions, bytes_assigned: bytes }
}

/// The statements that came, but for those that a session begins with.
fn statements(warehouse: &Warehouse, containing: &str) -> Vec<String> {
    warehouse.seen(|seen| {
        let sql = seen.queries.iter().map(|query| query.sql.clone());
        sql.filter(|sql| sql.contains(containing)).collect()
    })
}

#[test]
fn what_scans_too_much_is_never_sent() {
    let (warehouse, home) = guarded("");
    let mut client = client(&home);
    warehouse.set_plan(figures(340, 12_300_000_000));
    let select = "SELECT * FROM SALES.PUBLIC.ORDERS";
    let insert = format!("INSERT INTO {LOG} VALUES ('a')");
    for sql in [select, &insert] {
        let text = error(&mut client, sql);
        assert!(
            text.contains(
                "not run: it would scan about 12.3 GB in 340 of 1,000 micro-partitions, and `max_bytes_scanned` of the profile \
                 `default` is 1 GB"
            ),
            "{text}"
        );
        assert!(text.contains("LIMIT does not make it cheaper"), "{text}");
        assert_eq!(statements(&warehouse, sql), [format!("EXPLAIN USING JSON\n{sql}")]);
    }
    warehouse.set_plan(figures(101, GB));
    assert!(error(&mut client, select).contains("`max_partitions` of the profile `default` is 100"));
    warehouse.set_plan(figures(100, GB));
    query(&mut client, select);
    query(&mut client, &insert);
    assert_eq!(warehouse.count_key(LOG, "a"), 1);
    assert_eq!(statements(&warehouse, select).len(), 4, "each was explained, and one run");
}

#[test]
fn metadata_and_what_scans_nothing_is_not_explained() {
    let (warehouse, home) = guarded("");
    let mut client = client(&home);
    warehouse.set_plan(figures(340, 12_300_000_000));
    for sql in [
        "SHOW TABLES IN SCHEMA STAGING.PUBLIC",
        "CREATE TABLE STAGING.PUBLIC.MADE (X INT)",
        "BEGIN",
        "ROLLBACK",
    ] {
        query(&mut client, sql);
    }
    client.call("list_tables", &json!({"database": "STAGING", "schema": "PUBLIC"}));
    assert_eq!(statements(&warehouse, "EXPLAIN"), [""; 0]);
    let view = client
        .call("query_view", &json!({"database": "SALES", "view_name": "BIG_ORDERS", "schema": "PUBLIC"}));
    assert!(is_error(&view), "{view}");
    assert!(statements(&warehouse, "BIG_ORDERS").iter().all(|sql| sql.starts_with("EXPLAIN")));
}

#[test]
fn a_session_that_is_lost_in_between_is_asked_again_and_the_write_runs_once() {
    let (warehouse, home) = guarded("");
    let mut client = client(&home);
    query(&mut client, "SELECT 1 AS X");
    for number in 0..2 {
        warehouse.fault(Endpoint::Submit, Strike::Nth(number + 1), Fault::EndSession);
        query(&mut client, &format!("INSERT INTO {LOG} VALUES ('lost {number}')"));
        assert_eq!(warehouse.count_key(LOG, &format!("lost {number}")), 1);
        warehouse.clear_faults();
    }
}

#[test]
fn what_cannot_be_explained_runs_or_is_refused() {
    for (more, runs) in [("", true), ("cost_unknown = 'refuse'\n", false)] {
        let (warehouse, home) = guarded(more);
        let mut client = client(&home);
        // The stand-in does not know the statement: so says its own error, or the guard.
        let text =
            error(&mut client, "MERGE INTO STAGING.PUBLIC.LOG USING X ON 1 = 1 WHEN MATCHED THEN DELETE");
        assert_eq!(text.starts_with("SQL error"), runs, "{text}");
        assert_eq!(statements(&warehouse, "MERGE").len(), if runs { 2 } else { 1 });
    }
}
