//! Writing, transactions, and several connections at once.

use super::*;

async fn in_transaction(
    client: &mut Client,
    sql: &str,
    transaction: Transaction,
) -> Result<Completion, BackendError> {
    client.run(statement(sql, transaction), CAPS).await
}

const COUNT: &str = "SELECT count(*) FROM items";

#[tokio::test]
async fn the_result_of_a_write_has_the_number_of_changed_rows() {
    let mut client = Fixture::shop().writable().client("shop").await;
    for (sql, affected) in [
        ("INSERT INTO items(name) VALUES ('a'), ('b')", 2),
        ("UPDATE items SET price = 1 WHERE id < 3", 2),
        ("CREATE TABLE u(x)", 0),
        ("DELETE FROM items WHERE id = 99", 0),
        ("DELETE FROM items", 5),
        ("DROP TABLE u", 0),
    ] {
        assert_eq!(client.sql(sql).await.unwrap().affected, Some(affected), "{sql}");
    }
}

#[tokio::test]
async fn transactions_commit_and_roll_back() {
    let fixture = Fixture::shop().writable();
    let mut client = fixture.client("shop").await;
    let done =
        in_transaction(&mut client, "DELETE FROM items WHERE id = 1", Transaction::Commit).await.unwrap();
    assert_eq!(done.affected, Some(1));
    let dry =
        in_transaction(&mut client, "DELETE FROM items RETURNING id", Transaction::Rollback).await.unwrap();
    assert_eq!((flat(&dry), dry.affected), ("2;3".into(), Some(2)));
    assert_eq!(client.text(COUNT).await, "2");
    let read = in_transaction(&mut client, COUNT, Transaction::Commit).await.unwrap();
    assert_eq!(flat(&read), "2");
    in_transaction(&mut client, "CREATE TABLE crm.u(x)", Transaction::Rollback).await.unwrap();
    assert!(client.sql("SELECT * FROM crm.u").await.is_err());
}

#[tokio::test]
async fn after_an_error_no_transaction_is_open() {
    let mut client = Fixture::shop().writable().client("shop").await;
    for sql in [
        "INSERT INTO items(id, name) VALUES (9, 'x'), (1, 'twice')",
        "INSERT OR ROLLBACK INTO items(id, name) VALUES (9, 'x'), (1, 'twice')",
        "INSERT INTO items(id, name) VALUES (9, NULL)",
        "COMMIT",
        "SELECT * FROM missing",
    ] {
        assert!(in_transaction(&mut client, sql, Transaction::Commit).await.is_err(), "{sql}");
        in_transaction(&mut client, COUNT, Transaction::Commit).await.unwrap();
        assert_eq!(client.text(COUNT).await, "3", "{sql}");
    }
    let error = client.error("INSERT INTO items(id, name) VALUES (1, 'twice')").await;
    assert_eq!(error.code.as_deref(), Some("SQLITE_CONSTRAINT_PRIMARYKEY (1555)"));
    assert_eq!(error.message, "UNIQUE constraint failed: Items.id");
}

#[tokio::test]
async fn the_gate_is_asked_before_anything_changes_and_only_then() {
    let fixture = Fixture::shop().writable();
    fixture.file("shop.db", "ANALYZE");
    let mut client = fixture.client("shop").await;
    for sql in [
        "DELETE FROM items",
        "-- a comment\nWITH x AS (SELECT 1) DELETE FROM items RETURNING id",
        "INSERT INTO items(name) VALUES ('x')",
        "CREATE TABLE u(x)",
        "DELETE FROM sqlite_stat1 RETURNING tbl",
    ] {
        for transaction in [Transaction::None, Transaction::Commit] {
            let error = client.run_gated(sql, transaction).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::OutcomeUnknown, "{sql}: {error}");
        }
    }
    let dry = client.run_gated("DELETE FROM items", Transaction::Rollback).await.unwrap();
    assert_eq!(dry.affected, Some(3));
    for sql in [
        COUNT,
        "-- a comment\nWITH x AS (SELECT 3 AS n) SELECT n FROM x",
        "SELECT (SELECT user_version + 3 FROM pragma_user_version)",
    ] {
        for transaction in [Transaction::None, Transaction::Commit] {
            assert_eq!(flat(&client.run_gated(sql, transaction).await.unwrap()), "3", "{sql}");
        }
    }
    client.run_gated("PRAGMA integrity_check", Transaction::None).await.unwrap();
    client.run_gated("EXPLAIN DELETE FROM items", Transaction::None).await.unwrap();
}

#[tokio::test]
async fn rows_cut_from_a_result_are_still_written_and_counted() {
    let mut client = Fixture::shop().writable().client("shop").await;
    let sql = "INSERT INTO items(name) VALUES ('a'), ('b'), ('c') RETURNING name";
    let done = client.run(statement(sql, Transaction::None), Caps { rows_max: 1, ..CAPS }).await.unwrap();
    assert_eq!((flat(&done), done.affected), ("a".into(), Some(3)));
    assert_eq!(client.text(COUNT).await, "6");
}

#[tokio::test]
async fn a_trigger_may_use_the_row_id_of_its_own_insert() {
    let fixture = Fixture::shop().writable();
    fixture.file("shop.db", "CREATE TABLE log(id); CREATE TRIGGER logged AFTER INSERT ON items BEGIN INSERT INTO log VALUES (last_insert_rowid()); END");
    let mut client = fixture.client("shop").await;
    client.sql("INSERT INTO items(name) VALUES ('x')").await.unwrap();
    assert_eq!(client.text("SELECT count(*) FROM log").await, "1");
}

#[tokio::test]
async fn read_only_transactions_run_reads() {
    let mut client = Fixture::shop().client("shop").await;
    for transaction in [Transaction::Commit, Transaction::Rollback] {
        assert_eq!(flat(&in_transaction(&mut client, COUNT, transaction).await.unwrap()), "3");
        let error = in_transaction(&mut client, "DELETE FROM items", transaction).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Refused);
    }
}

#[tokio::test]
async fn foreign_keys_are_enforced_in_attached_databases_too() {
    let fixture = Fixture::shop().writable();
    fixture.file("crm.db", "CREATE TABLE a(id INTEGER PRIMARY KEY); CREATE TABLE b(a REFERENCES a ON DELETE CASCADE); INSERT INTO a VALUES (1)");
    let mut client = fixture.client("shop").await;
    assert_eq!(client.sql("INSERT INTO crm.b VALUES (1)").await.unwrap().affected, Some(1));
    let error = client.error("INSERT INTO crm.b VALUES (2)").await;
    assert_eq!(error.code.as_deref(), Some("SQLITE_CONSTRAINT_FOREIGNKEY (787)"));
    client.sql("DELETE FROM crm.a").await.unwrap();
    assert_eq!(client.text("SELECT count(*) FROM crm.b").await, "0");
}

#[tokio::test]
async fn schema_changes_of_every_kind_work_when_writable() {
    let mut client = Fixture::shop().writable().client("shop").await;
    for sql in [
        "ALTER TABLE items RENAME TO things",
        "ALTER TABLE things RENAME COLUMN owner TO keeper",
        "ALTER TABLE things ADD COLUMN z INT",
        "ALTER TABLE things DROP COLUMN z",
        "CREATE INDEX crm.by_name ON people(name)",
        "CREATE TRIGGER log AFTER INSERT ON things BEGIN UPDATE things SET price = 0 WHERE id = new.id; END",
        "INSERT INTO things(name) VALUES ('x')",
        "ANALYZE",
        "ANALYZE crm",
        "REINDEX",
        "CREATE VIRTUAL TABLE notes USING fts5(t)",
        "INSERT INTO notes VALUES ('blue ink')",
        "DROP TABLE notes",
        "CREATE TABLE crm.more AS SELECT * FROM things",
        "DROP TABLE crm.more",
        "DROP TRIGGER log",
    ] {
        client.sql(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    assert_eq!(client.text("SELECT price FROM things WHERE name = 'x'").await, "0.0");
}

#[tokio::test]
async fn a_lock_held_past_the_time_out_is_reported_as_busy() {
    let mut fixture = Fixture::shop().writable();
    fixture.settings.busy_timeout = Duration::from_millis(1);
    let mut client = fixture.client("shop").await;
    client.text(COUNT).await;
    let other = rusqlite::Connection::open(fixture.path("shop.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for transaction in [Transaction::None, Transaction::Commit] {
        let error = in_transaction(&mut client, "DELETE FROM items", transaction).await.unwrap_err();
        assert_eq!((error.kind, error.code.as_deref()), (ErrorKind::Busy, Some("SQLITE_BUSY (5)")));
    }
    assert_eq!(client.text(COUNT).await, "3", "readers are not held up");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(client.sql("DELETE FROM items").await.unwrap().affected, Some(3));
}

#[tokio::test]
async fn readers_read_while_a_writer_writes() {
    let fixture = Fixture::shop().writable();
    let backend = fixture.open();
    let (mut one, mut two) = (client(&backend, "shop").await, client(&backend, "shop").await);
    let writer = rusqlite::Connection::open(fixture.path("shop.db")).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE; DELETE FROM items").unwrap();
    let (first, second) = tokio::join!(one.text(COUNT), two.text(COUNT));
    assert_eq!((first.as_str(), second.as_str()), ("3", "3"));
    writer.execute_batch("COMMIT").unwrap();
    let (first, second) = tokio::join!(one.text(COUNT), two.text(COUNT));
    assert_eq!((first.as_str(), second.as_str()), ("0", "0"));
}

#[tokio::test]
async fn concurrent_writers_wait_for_each_other() {
    let fixture = Fixture::shop().writable();
    let backend = fixture.open();
    let (mut one, mut two) = (client(&backend, "shop").await, client(&backend, "shop").await);
    let insert = "INSERT INTO items(name) VALUES ('x')";
    for _ in 0..20 {
        let (first, second) = tokio::join!(
            in_transaction(&mut one, insert, Transaction::Commit),
            in_transaction(&mut two, insert, Transaction::Commit),
        );
        assert_eq!((first.unwrap().affected, second.unwrap().affected), (Some(1), Some(1)));
    }
    assert_eq!(one.text(COUNT).await, "43");
}

/// Starts `sql`, and returns when `waiting` wait for their turn.
async fn queued(backend: &SqliteBackend, sql: String, waiting: usize) -> tokio::task::JoinHandle<Client> {
    let mut client = client(backend, "shop").await;
    let running = tokio::spawn(async move {
        client.sql(&sql).await.unwrap();
        client
    });
    while backend.files.turns.waiting() != waiting {
        tokio::task::yield_now().await;
    }
    running
}

#[tokio::test]
async fn writers_of_a_file_write_in_the_order_of_their_arrival() {
    let fixture = Fixture::shop().writable();
    let backend = fixture.open();
    let other = rusqlite::Connection::open(fixture.path("shop.db")).unwrap();
    other.execute_batch("PRAGMA journal_mode = wal; BEGIN IMMEDIATE").unwrap();
    // The first waits for the other program's lock. Names of the file differ, and so does what they do.
    let mut first = client(&backend, "shop").await;
    let running = tokio::spawn(async move { first.sql("INSERT INTO items(name) VALUES ('w0')").await });
    let mut writers = Vec::new();
    while backend.files.turns.lines_in_use() != 1 {
        tokio::task::yield_now().await;
    }
    for number in 1..6 {
        let table = ["items", "shop.items", "SHOP.items"][number % 3];
        let sql = format!("INSERT INTO {table}(name) VALUES ('w{number}')");
        writers.push(queued(&backend, sql, number).await);
    }
    let mut reader = client(&backend, "shop").await;
    assert_eq!(reader.text(COUNT).await, "3", "a reader does not wait");
    other.execute_batch("ROLLBACK").unwrap();
    running.await.unwrap().unwrap();
    for writer in writers {
        writer.await.unwrap();
    }
    let names = "SELECT group_concat(name, ' ' ORDER BY id) FROM items WHERE name LIKE 'w_'";
    assert_eq!(reader.text(names).await, "w0 w1 w2 w3 w4 w5");
}

#[tokio::test]
async fn alter_finds_the_columns_that_another_connection_has_made() {
    let fixture = Fixture::shop().writable();
    let mut client = fixture.client("shop").await;
    client.sql("CREATE TABLE g(a, b)").await.unwrap();
    for number in 0..3 {
        let other = rusqlite::Connection::open(fixture.path("shop.db")).unwrap();
        let (from, to) =
            (if number == 0 { "a".to_owned() } else { format!("d{}", number - 1) }, format!("c{number}"));
        client.sql(&format!("ALTER TABLE g RENAME COLUMN {from} TO {to}")).await.unwrap();
        other.execute_batch(&format!("ALTER TABLE g RENAME COLUMN {to} TO d{number}")).unwrap();
    }
    client.sql("ALTER TABLE shop.g DROP COLUMN d2").await.unwrap();
    client.sql("ALTER TABLE g DROP COLUMN d2").await.unwrap_err();
}
