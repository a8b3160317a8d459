//! Results: values, caps, counts.

use super::*;
use crate::backend::Cut;

async fn capped(client: &mut Client, sql: &str, caps: Caps) -> Completion {
    client.run(statement(sql, Transaction::None), caps).await.unwrap()
}

#[tokio::test]
async fn values_of_every_type_are_returned() {
    let mut client = Fixture::shop().client("shop").await;
    let text = client.text("SELECT NULL, 9223372036854775807, 1.0, 0.1 + 0.2, 'x|y', x'00ff', ''").await;
    assert_eq!(text, "NULL|9223372036854775807|1.0|0.30000000000000004|x|y|X'00FF'|");
}

#[tokio::test]
async fn an_empty_result_has_columns_and_no_affected_rows() {
    let mut client = Fixture::shop().client("shop").await;
    let none = client.sql("SELECT id, name AS title FROM items WHERE 0").await.unwrap();
    assert_eq!(none.rows.columns(), ["id", "title"]);
    assert_eq!((none.rows.row_count(), none.rows.cut(), none.affected), (0, Cut::Nothing, None));
}

#[tokio::test]
async fn rows_past_the_cap_are_counted() {
    let mut client = Fixture::shop().client("shop").await;
    let caps = Caps { rows_max: 10, ..CAPS };
    let numbers = |count: u64| {
        format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT {count}) SELECT i FROM n"
        )
    };
    for (count, cut) in [(10, Cut::Nothing), (11, Cut::Rows(1)), (5000, Cut::Rows(4990))] {
        let result = capped(&mut client, &numbers(count), caps).await;
        assert_eq!((result.rows.row_count(), result.rows.cut()), (10, cut), "{count}");
    }
    let caps = Caps { count_rows_max: 100, ..caps };
    assert_eq!(capped(&mut client, &numbers(5000), caps).await.rows.cut(), Cut::AtLeast(100));
}

#[tokio::test]
async fn bytes_past_the_cap_are_cut() {
    let mut client = Fixture::shop().client("shop").await;
    let caps = Caps { bytes_max: 15, ..CAPS };
    let result = capped(&mut client, "SELECT name FROM items", caps).await;
    assert_eq!((result.rows.row_count(), result.rows.cut()), (2, Cut::Rows(1)));
    assert!(result.rows.cut_by_bytes());
}

#[tokio::test]
async fn counting_stops_in_time_even_if_no_further_row_arrives() {
    let mut client = Fixture::shop().client("shop").await;
    let caps = Caps { rows_max: 2, count_rows_max: u64::MAX, ..CAPS };
    // Rows without end: some are counted.
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    let result = capped(&mut client, endless, caps).await;
    assert!(matches!(result.rows.cut(), Cut::AtLeast(counted) if counted > 0), "{:?}", result.rows.cut());
    // Two rows, then an endless search for the third.
    let result = capped(&mut client, &format!("{endless} WHERE i < 3"), caps).await;
    assert_eq!((result.rows.row_count(), result.rows.cut()), (2, Cut::AtLeast(0)));
    assert!(client.connection.is_usable());
    assert_eq!(client.text("SELECT 1").await, "1");
}

#[tokio::test]
async fn caps_do_not_limit_what_a_statement_writes() {
    let mut client = Fixture::shop().writable().client("shop").await;
    let caps = Caps { rows_max: 1, bytes_max: 1, count_rows_max: 1 };
    let result = capped(&mut client, "UPDATE items SET price = 9 RETURNING id", caps).await;
    assert_eq!((result.rows.row_count(), result.rows.cut(), result.affected), (1, Cut::AtLeast(1), Some(3)));
    assert_eq!(client.text("SELECT count(*) FROM items WHERE price = 9").await, "3");
}

#[tokio::test]
async fn a_result_that_needs_too_much_memory_is_an_error_and_not_a_crash() {
    let mut client = Fixture::shop().client("shop").await;
    let error = client.error("SELECT length(zeroblob(100000000))").await;
    assert_eq!(error.code.as_deref(), Some("SQLITE_TOOBIG (18)"));
    assert!(client.connection.is_usable());
}
