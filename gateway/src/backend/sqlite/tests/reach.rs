//! Files that are locked, broken or of another encoding: what does not use them neither waits nor fails.

use super::*;
use crate::os::test_support::file_name;

/// Short enough that whoever waits for a lock is told that it is busy.
const SHORT: Duration = Duration::from_millis(50);

fn locked(fixture: &Fixture, name: &str) -> rusqlite::Connection {
    let other = rusqlite::Connection::open(fixture.path(name)).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    other
}

/// With `a.db`, whose name sorts before the others'.
fn with_a() -> Fixture {
    let fixture = Fixture::shop();
    fixture.file("a.db", "CREATE TABLE t(x)");
    fixture
}

fn tables(database: &str) -> Catalog {
    Catalog::Tables { database: Some(database.into()), schema: None, like: None }
}

#[tokio::test]
async fn a_locked_or_broken_context_harms_only_what_uses_it() {
    for is_broken in [false, true] {
        let fixture = with_a();
        if is_broken {
            std::fs::write(fixture.path("a.db"), "Dear SQLite, ".repeat(100)).unwrap();
        }
        let lock = (!is_broken).then(|| locked(&fixture, "a.db"));
        // The patience of the fixture is that of the test: nobody waits for the lock.
        let mut client = fixture.client("a").await;
        assert_eq!(flat(&client.catalog(tables("shop")).await.unwrap()), "shop|main|Items|NULL");
        assert_eq!(
            client.text("SELECT count(*) FROM shop.items JOIN crm.people AS p ON p.id = owner").await,
            "3"
        );
        assert_eq!(client.text("SELECT a.name FROM shop.items AS a WHERE a.id = 1").await.as_str(), "pen");
        let error = client.error("SELECT nme FROM shop.items").await;
        assert!(error.message.starts_with("no such column: nme"), "{error}");
        let error = client.error("SELECT * FROM shop.nosuch").await;
        assert!(error.message.starts_with("no such table: shop.nosuch"), "{error}");
        drop(lock);
    }
}

#[tokio::test]
async fn what_uses_a_locked_or_broken_file_is_told() {
    let mut fixture = with_a();
    fixture.settings.busy_timeout = SHORT;
    let lock = locked(&fixture, "a.db");
    let mut client = fixture.client("a").await;
    for sql in [
        "SELECT 1",
        "SELECT * FROM t",
        "SELECT * FROM shop.items, t",
        "SELECT count(*) FROM shop.items, items",
        "SELECT * FROM shop.items, sqlite_schema",
        "SELECT * FROM shop.items, pragma_table_info('t')",
        "SELECT * FROM shop.items, main.t",
    ] {
        assert_eq!(client.error(sql).await.kind, ErrorKind::Busy, "{sql}");
    }
    client.context.database = Some("shop".into());
    assert_eq!(client.error("SELECT * FROM a.t").await.kind, ErrorKind::Busy);
    assert_eq!(client.text("SELECT a.name FROM items AS a WHERE id = 1").await, "pen");
    drop(lock);
    assert_eq!(client.text("SELECT count(*) FROM a.t").await, "0");
}

#[tokio::test]
async fn nothing_is_written_to_a_database_that_stands_in_for_the_context_s() {
    let mut fixture = with_a().writable();
    fixture.settings.busy_timeout = SHORT;
    let lock = locked(&fixture, "a.db");
    let mut client = fixture.client("a").await;
    for sql in [
        "CREATE TABLE copy AS SELECT * FROM crm.people",
        "CREATE VIEW v AS SELECT * FROM crm.people",
        "DELETE FROM people WHERE id IN (SELECT id FROM crm.people)",
        "INSERT INTO items SELECT * FROM shop.items",
        "SELECT count(*) FROM people, crm.people",
        "SELECT count(*) FROM people_2, crm.people",
        "DROP TABLE people -- crm.people",
        "CREATE INDEX i ON people(id) -- crm.people",
    ] {
        assert!(client.sql(sql).await.is_err(), "{sql}");
    }
    assert_eq!(client.text("SELECT count(*) FROM crm.people, shop.items").await, "6");
    assert_eq!(client.text("SELECT count(*) FROM crm.sqlite_schema").await, "1");
    let written = client.sql("DELETE FROM crm.people WHERE id = 1").await.unwrap();
    assert_eq!(written.affected, Some(1));
    drop(lock);
}

#[tokio::test]
async fn the_default_is_the_first_database_that_can_be_read() {
    let fixture = with_a();
    let default =
        async |backend: &SqliteBackend| backend.resolve(&Context::default()).await.unwrap().database.unwrap();
    let lock = locked(&fixture, "a.db");
    assert_eq!(default(&fixture.open()).await, "crm");
    drop(lock);
    assert_eq!(default(&fixture.open()).await, "a");
    std::fs::write(fixture.path("a.db"), "<!DOCTYPE html>").unwrap();
    let backend = fixture.open();
    assert_eq!(default(&backend).await, "crm");
    let problem = backend.status().problem.unwrap();
    assert!(problem.contains("no SQLite file, but an HTML page"), "{problem}");
}

fn utf16(fixture: &Fixture) {
    fixture
        .file("wide.db", "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t(x); INSERT INTO t VALUES ('Grüße')");
}

#[tokio::test]
async fn a_utf16_file_works_alone_and_not_across() {
    let fixture = Fixture::shop();
    utf16(&fixture);
    fixture.file("wider.db", "PRAGMA encoding = 'UTF-16be'; CREATE TABLE t(x)");
    let error = fixture.client("wide").await.error("SELECT * FROM t, wider.t AS u").await;
    assert!(error.message.contains("(wide has UTF-16le, wider another one)"), "{error}");
    let mut client = fixture.client("shop").await;
    assert_eq!(client.text("SELECT x, wide.t.x LIKE 'grü%' FROM wide.t").await, "Grüße|1");
    assert_eq!(flat(&client.catalog(tables("wide")).await.unwrap()), "wide|main|t|NULL");
    assert!(client.error("SELECT y FROM wide.t").await.message.starts_with("no such column: y"));
    for sql in [
        "SELECT * FROM items, wide.t",
        "SELECT * FROM shop.items, wide.t",
        "SELECT count(*) FROM wide.t, items",
        "SELECT * FROM crm.people, wide.t",
    ] {
        let error = client.error(sql).await;
        assert!(error.message.contains("different text encodings"), "{sql}: {error}");
        assert!(error.next_step.unwrap().starts_with("call set_context with database wide"), "{sql}");
    }
    assert_eq!(client.text("SELECT wide.name FROM items AS wide WHERE id = 1").await, "pen", "an alias");
    client.context.database = Some("wide".into());
    assert_eq!(client.text("SELECT x FROM t").await, "Grüße");
    assert_eq!(client.text("SELECT name FROM shop.items WHERE id = 1").await, "pen");
}

#[tokio::test]
async fn odd_names_work_in_quotes() {
    let fixture = Fixture::shop();
    // A name that Windows does not allow is another there.
    let odd = file_name("a\"b");
    for name in ["it's.db", "x [2024].db", "main.db", "temp.sqlite", &format!("{odd}.gpkg"), "SHOP.db3"] {
        fixture.file(name, "CREATE TABLE t AS SELECT 4 AS x");
    }
    let mut client = fixture.client("crm").await;
    let quoted = format!("\"{}\"", odd.replace('"', "\"\""));
    for name in ["\"it's\"", "\"x [2024]\"", "\"main.db\"", "\"temp.sqlite\"", &quoted, "\"SHOP\""] {
        assert_eq!(client.text(&format!("SELECT x FROM {name}.t")).await, "4", "{name}");
    }
    let listed = flat(&client.catalog(Catalog::Databases).await.unwrap());
    assert!(listed.contains("; written \"main.db\" in SQL"), "{listed}");
    for name in ["it's", "x [2024]", "main.db", "temp.sqlite", &odd] {
        client.context.database = Some(name.into());
        assert_eq!(client.text("SELECT x FROM t").await, "4", "{name}");
        assert_eq!(client.text("SELECT name FROM crm.people WHERE id = 2").await, "Bo", "{name}");
        assert!(flat(&client.catalog(tables(name)).await.unwrap()).ends_with("|main|t|NULL"), "{name}");
    }
}

#[tokio::test]
async fn a_hot_journal_is_named_with_what_recovers_it() {
    let fixture = Fixture::shop();
    let writer = rusqlite::Connection::open(fixture.path("shop.db")).unwrap();
    writer
        .execute_batch("PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN; CREATE TABLE big(x);")
        .unwrap();
    writer.execute_batch("INSERT INTO big SELECT zeroblob(90000)").unwrap();
    for (from, to) in [("shop.db", "a.db"), ("shop.db-journal", "a.db-journal")] {
        std::fs::copy(fixture.path(from), fixture.path(to)).unwrap();
    }
    drop(writer);
    let mut client = fixture.client("shop").await;
    let error = client.error("SELECT * FROM a.items").await;
    assert!(error.message.contains("middle of a transaction: its hot journal"), "{error}");
    let next_step = error.next_step.unwrap();
    assert!(next_step.contains("sqlite3 ") && next_step.contains("read_only = false"), "{next_step}");
    assert_eq!(client.text("SELECT count(*) FROM items").await, "3");
    let mut writable = fixture.writable().client("a").await;
    assert_eq!(writable.text("SELECT count(*) FROM items").await, "3");
    assert_eq!(client.text("SELECT count(*) FROM a.items").await, "3", "it is recovered");
}

#[tokio::test]
async fn a_value_that_is_too_long_is_cut_and_says_how_long_it_is() {
    let fixture = Fixture::shop();
    fixture.file(
        "shop.db",
        "CREATE TABLE long(id INTEGER PRIMARY KEY, a, b);
         INSERT INTO long VALUES (1, 'short', zeroblob(2)), (2, zeroblob(20000000), 'b'),                                  (3, CAST(hex(zeroblob(5000000)) AS TEXT), 'c');
         CREATE VIEW seen AS SELECT id, a FROM long",
    );
    let mut client = fixture.client("shop").await;
    let cut = |bytes: u64| format!("... ({bytes} bytes; a value over 8 MiB is not read)");
    let all = client.sql("SELECT * FROM long ORDER BY id DESC;").await.unwrap();
    assert_eq!(all.rows.columns(), ["id", "a", "b"]);
    let expected = format!("3|{}|c;2|{}|b;1|short|X'0000'", cut(10_000_000), cut(20_000_000));
    assert_eq!(flat(&all), expected);
    assert_eq!(
        client.text("SELECT l.a FROM long AS l JOIN items USING (id) WHERE b = 'b'").await,
        cut(20_000_000)
    );
    let rows = Catalog::Rows(crate::backend::Relation { database: None, schema: None, name: "seen".into() });
    assert!(flat(&client.catalog(rows).await.unwrap()).contains(&cut(10_000_000)));
    assert_eq!(client.error("SELECT upper(a) FROM long").await.code.as_deref(), Some("SQLITE_TOOBIG (18)"));
}
