//! What a statement may cost, by its plan and the sizes of real tables.

use super::*;
use crate::backend::{CostBounds, CostGuard, Estimate, Relation};

/// `big` has 5,000 rows, `small` 10, `deleted` 3 with row ids up to 4,000; `of_big` is a view.
fn fixture() -> Fixture {
    let fixture = Fixture::new().writable();
    fixture.file(
        "shop.db",
        "CREATE TABLE big(id INTEGER PRIMARY KEY, a, b); CREATE INDEX by_a ON big(a);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
           INSERT INTO big SELECT i, i % 10, i FROM n;
         CREATE TABLE small(x); INSERT INTO small SELECT a FROM big LIMIT 10;
         CREATE TABLE keyed(k PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO keyed SELECT id, b FROM big;
         CREATE TABLE \"odd USING name\"(x); INSERT INTO \"odd USING name\" SELECT id FROM big;
         CREATE VIEW of_big AS SELECT o.b AS c FROM big AS o WHERE o.b > 1;",
    );
    fixture.file("crm.db", "CREATE TABLE big(x); INSERT INTO big VALUES (1), (2)");
    fixture
}

fn bounded(client: &Client, operation: Operation, rows: u64, journal: TestJournal) -> Request {
    let bounds = CostBounds { profile: Arc::from("p"), rows: Some(rows), ..CostBounds::default() };
    let cost = Some(Arc::new(CostGuard::new(bounds)));
    Request { cost, ..request(client.context.clone(), operation, CAPS, journal) }
}

/// What is said of `sql`, which runs or not.
async fn estimate(client: &mut Client, sql: &str) -> Estimate {
    let request = bounded(client, statement(sql, Transaction::Rollback), u64::MAX, TestJournal::Accepts);
    let cost = request.cost.clone().unwrap();
    client.request(request).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    cost.estimate().expect("an estimate")
}

#[tokio::test]
async fn a_list_that_a_search_looks_for_counts_by_its_entries() {
    let mut client = fixture().client("shop").await;
    for (sql, least) in [
        ("SELECT count(*) FROM small, big WHERE big.id IN (SELECT b FROM big)", 10 * 5_000),
        ("SELECT count(*) FROM small, keyed WHERE keyed.k IN (SELECT id FROM big)", 10 * 5_000),
    ] {
        let found = estimate(&mut client, sql).await;
        assert!(found.is_at_least || found.rows >= Some(least), "{sql}: {found:?}");
    }
}

#[tokio::test]
async fn figures_are_those_of_the_tables_that_the_text_names() {
    let mut client = fixture().client("shop").await;
    for (sql, rows) in [
        ("SELECT * FROM big", 5_000),
        ("SELECT * FROM big AS o", 5_000),
        ("SELECT * FROM BIG o", 5_000),
        ("SELECT * FROM shop.big", 5_000),
        ("SELECT * FROM \"big\" AS \"an o\"", 5_000),
        ("SELECT * FROM crm.big", 2),
        ("SELECT * FROM crm.big AS c", 2),
        ("SELECT * FROM \"odd USING name\" AS z", 5_000),
        ("SELECT * FROM of_big", 5_000),
        ("SELECT * FROM of_big AS v LIMIT 1", 5_000),
        ("SELECT * FROM big LIMIT 7", 7),
        ("SELECT max(id) FROM big", 1),
        ("SELECT max(o.ID) FROM big AS o", 1),
        ("SELECT max(b) FROM big", 5_000),
        ("SELECT * FROM small AS one, small AS two, small AS three", 10 + 100 + 1_000),
        ("SELECT * FROM big WHERE id = 3", 1),
        ("SELECT * FROM keyed WHERE k = 3", 1),
        ("SELECT * FROM big WHERE a = 3", 10),
        ("DELETE FROM big WHERE b = 1", 5_000),
        ("INSERT INTO small SELECT a FROM big", 5_000),
        ("INSERT INTO small VALUES (1)", 0),
        ("CREATE TABLE copy AS SELECT * FROM big", 5_000),
        ("PRAGMA table_info(big)", 0),
        ("DROP TABLE small", 0),
    ] {
        let found = estimate(&mut client, sql).await;
        let expected = Estimate { rows: Some(rows), ..Estimate::default() };
        assert_eq!(found, expected, "{sql}");
    }
    let unknown = estimate(&mut client, "SELECT * FROM keyed").await;
    assert!(unknown.is_at_least, "{unknown:?}");
}

#[tokio::test]
async fn what_analyze_counted_counts_and_row_ids_with_gaps_do_not_exceed_the_file() {
    let fixture = fixture();
    fixture
        .file("shop.db", "CREATE TABLE gaps(x); INSERT INTO gaps(rowid) VALUES (1), (9000000000000000000)");
    let mut client = fixture.client("shop").await;
    let gaps = estimate(&mut client, "SELECT * FROM gaps").await.rows.unwrap();
    assert!(gaps < 1_000_000, "{gaps}");
    client.sql("ANALYZE").await.unwrap();
    for (sql, rows) in
        [("SELECT * FROM gaps", 2), ("SELECT * FROM keyed", 5_000), ("SELECT * FROM big WHERE a = 1", 500)]
    {
        let found = estimate(&mut client, sql).await;
        assert_eq!((found.rows, found.is_at_least), (Some(rows), false), "{sql}");
    }
}

#[tokio::test]
async fn what_is_over_the_bound_does_not_run_and_is_not_in_the_journal() {
    let mut client = fixture().client("shop").await;
    for sql in
        ["SELECT * FROM big, small", "DELETE FROM big WHERE b > 0", "INSERT INTO small SELECT a FROM big"]
    {
        for transaction in [Transaction::None, Transaction::Commit] {
            let request = bounded(&client, statement(sql, transaction), 100, TestJournal::Refuses);
            let error = client.request(request).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Refused, "{sql}: {error}");
            assert!(error.message.contains("`max_rows_estimated` of the profile `p` is 100"), "{error}");
            assert!(error.estimate.is_some() && error.next_step.is_some_and(|next| next.contains("ANALYZE")));
        }
    }
    assert_eq!(client.text("SELECT count(*) FROM big").await, "5000");
    let view = Relation { database: None, schema: None, name: "of_big".into() };
    let rows = Operation::Catalog(Catalog::Rows(view));
    let refused = client.request(bounded(&client, rows.clone(), 4_999, TestJournal::Accepts)).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::Refused);
    assert!(client.request(bounded(&client, rows, 5_000, TestJournal::Accepts)).await.is_ok());
}

#[tokio::test]
async fn what_has_no_figure_runs_or_not_as_the_profile_says() {
    let mut client = fixture().client("shop").await;
    let recursive =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT count(*) FROM n";
    for (refuses_unknown, runs) in [(false, true), (true, false)] {
        let mut request =
            bounded(&client, statement(recursive, Transaction::None), 1_000, TestJournal::Accepts);
        let bounds = CostBounds { rows: Some(1_000), refuses_unknown, ..CostBounds::default() };
        request.cost = Some(Arc::new(CostGuard::new(bounds)));
        assert_eq!(client.request(request).await.is_ok(), runs);
    }
    // What is wrong says so itself.
    let wrong =
        bounded(&client, statement("SELECT * FROM nowhere", Transaction::None), 1, TestJournal::Accepts);
    assert_eq!(client.request(wrong).await.unwrap_err().kind, ErrorKind::Statement);
}

#[tokio::test]
async fn a_session_s_own_tables_and_transaction_count() {
    let mut client = fixture().client("shop").await;
    let run = async |client: &mut Client, sql: &str, rows| {
        let request = bounded(client, statement(sql, Transaction::None), rows, TestJournal::Accepts);
        client.request(Request { ownership: Ownership::Owned, ..request }).await
    };
    run(&mut client, "CREATE TEMPORARY TABLE mine AS SELECT id FROM big", 5_000).await.unwrap();
    assert_eq!(
        run(&mut client, "SELECT * FROM mine AS m", 4_000).await.unwrap_err().kind,
        ErrorKind::Refused
    );
    run(&mut client, "BEGIN", 1).await.unwrap();
    run(&mut client, "INSERT INTO small SELECT id FROM mine WHERE rowid < 3", 2_000).await.unwrap();
    assert!(run(&mut client, "SELECT * FROM big", 10).await.is_err());
    assert_eq!(
        flat(&run(&mut client, "SELECT count(*) FROM small", 100).await.unwrap()),
        "12",
        "it is still open"
    );
    run(&mut client, "ROLLBACK", 1).await.unwrap();
    assert_eq!(flat(&run(&mut client, "SELECT count(*) FROM small", 100).await.unwrap()), "10");
}
