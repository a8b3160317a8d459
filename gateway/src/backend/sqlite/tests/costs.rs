//! What one statement may cost: memory and time where SQLite cannot be interrupted.

use super::*;

async fn capped(client: &mut Client, sql: &str, bytes_max: u64) -> Completion {
    client.run(statement(sql, Transaction::None), Caps { bytes_max, ..CAPS }).await.unwrap()
}

fn bytes(completion: &Completion) -> usize {
    completion.rows.to_rows().iter().flatten().flatten().map(String::len).sum()
}

#[tokio::test]
async fn a_row_with_long_values_uses_no_more_memory_than_the_cap() {
    let mut client = Fixture::shop().client("shop").await;
    let columns = vec!["x"; 30].join(", ");
    let sql = format!(
        "WITH t AS MATERIALIZED (SELECT hex(zeroblob(300000)) AS x) SELECT {columns}, 7, NULL FROM t"
    );
    let result = capped(&mut client, &sql, 1 << 17).await;
    assert!(((1 << 17) - 32 * 30..1 << 17).contains(&bytes(&result)), "{}", bytes(&result));
    assert!(result.rows.bytes() <= 1 << 17, "{}", result.rows.bytes());
    assert_eq!((result.rows.shortened(), result.rows.to_rows()[0].len()), (30, 32));
    let row = &result.rows.to_rows()[0];
    assert!(row[0].as_ref().unwrap().ends_with("000... (600000 bytes)"));
    assert_eq!(row[29].as_deref(), Some("... (600000 bytes)"));
    assert_eq!((row[30].as_deref(), row[31].as_deref()), (Some("7"), None));
}

#[tokio::test]
async fn a_row_that_does_not_fit_is_cut_as_a_whole() {
    let mut client = Fixture::shop().client("shop").await;
    let sql = "SELECT 'first' UNION ALL SELECT hex(zeroblob(3000000)) UNION ALL SELECT 'third'";
    let result = capped(&mut client, sql, 1024).await;
    assert_eq!((flat(&result), result.rows.cut()), ("first".into(), crate::backend::Cut::Rows(2)));
    assert!(result.rows.cut_by_bytes());
    assert_eq!(result.rows.shortened(), 0);
}

#[tokio::test]
async fn a_stored_value_that_is_too_long_is_an_error_where_all_of_it_is_read() {
    let fixture = Fixture::shop();
    fixture.file("shop.db", "CREATE TABLE big AS SELECT 1 AS id, zeroblob(9000000) AS data, 'end' AS name");
    let mut client = fixture.client("shop").await;
    let error = client.error("SELECT substr(data, 1, 5) FROM big").await;
    assert_eq!(error.message, "string or blob too big");
    assert!(error.next_step.unwrap().starts_with("a value or a sorted row is limited to 8 MiB"));
    assert_eq!(client.text("SELECT id, length(data), name FROM big").await, "1|9000000|end");
}

#[tokio::test]
async fn a_file_with_a_very_wide_table_is_read() {
    let fixture = Fixture::shop();
    let columns: Vec<String> = (0..2000).map(|number| format!("c{number}")).collect();
    fixture.file("shop.db", &format!("CREATE TABLE wide({})", columns.join(", ")));
    let mut client = fixture.client("shop").await;
    assert_eq!(client.text("SELECT count(c1999) FROM wide").await, "0");
}

#[tokio::test]
async fn long_patterns_are_refused_because_matching_would_take_minutes() {
    let mut client = Fixture::shop().client("shop").await;
    let sql = "SELECT hex(zeroblob(4000000)) LIKE '%' || hex(zeroblob(200))";
    let error = client.error(sql).await;
    assert!(error.message.contains("pattern too complex"), "{error}");
    assert!(error.next_step.unwrap().contains("instr"));
}
