//! What a client's statement may not do, whether or not files are writable.

use super::*;

async fn refused(client: &mut Client, sql: &str) -> String {
    let error = client.error(sql).await;
    assert_eq!(error.kind, ErrorKind::Refused, "{sql}: {error}");
    assert!(error.next_step.is_some(), "{sql}: {error}");
    error.message
}

#[tokio::test]
async fn a_refusal_names_what_is_refused_and_why() {
    let shared = "connections are shared, so it would affect other sessions";
    let state =
        "it leaves state on the connection, which sessions share: the session's isolation level is `relaxed`";
    let connection = "it shows the state of a connection shared by several sessions";
    for fixture in [Fixture::shop(), Fixture::shop().writable()] {
        let mut client = fixture.client("shop").await;
        for (sql, what, why) in [
            ("ATTACH '/etc/passwd' AS x", "ATTACH", "it could open any file"),
            ("ATTACH '/etc/' || 'passwd' AS x", "ATTACH", "it could open any file"),
            ("DETACH crm", "DETACH", shared),
            ("BEGIN", "BEGIN", state),
            ("BEGIN EXCLUSIVE", "BEGIN", state),
            ("COMMIT", "COMMIT", state),
            ("END", "COMMIT", state),
            ("ROLLBACK", "ROLLBACK", state),
            ("SAVEPOINT a", "SAVEPOINT", state),
            ("RELEASE a", "SAVEPOINT", state),
            ("CREATE TEMP TABLE t(x)", "CREATE TEMP TABLE", state),
            ("CREATE TABLE temp.t(x)", "CREATE TEMP TABLE", state),
            ("CREATE VIEW temp.v AS SELECT 1", "CREATE TEMP VIEW", state),
            ("CREATE TEMP TABLE t AS SELECT * FROM items", "CREATE TEMP TABLE", state),
            ("CREATE TEMP VIEW v AS SELECT 1", "CREATE TEMP VIEW", state),
            ("CREATE VIRTUAL TABLE temp.v USING fts5(x)", "CREATE TEMP VIRTUAL TABLE", state),
            (
                "SELECT load_extension('x')",
                "the function load_extension()",
                "it reaches outside the database",
            ),
            ("SELECT Changes()", "the function changes()", connection),
            ("SELECT last_insert_rowid()", "the function last_insert_rowid()", connection),
            ("SELECT 1 WHERE total_changes() > 0", "the function total_changes()", connection),
            ("PRAGMA writable_schema = 1", "PRAGMA writable_schema", "only pragmas that read are allowed"),
            ("PRAGMA optimize", "PRAGMA optimize", "only pragmas that read are allowed"),
            ("PRAGMA query_only = 0", "setting PRAGMA query_only", shared),
            ("PRAGMA journal_mode = DELETE", "setting PRAGMA journal_mode", shared),
            ("PRAGMA main.user_version = 7", "setting PRAGMA user_version", shared),
            ("PRAGMA hard_heap_limit = 0", "PRAGMA hard_heap_limit", "only pragmas that read are allowed"),
        ] {
            assert_eq!(refused(&mut client, sql).await, format!("{what} is refused: {why}"), "{sql}");
        }
        assert_eq!(client.text("SELECT count(*) FROM items").await, "3");
    }
}

#[tokio::test]
async fn a_temporary_trigger_is_refused() {
    let mut client = Fixture::shop().writable().client("shop").await;
    let sql = "CREATE TEMP TRIGGER x AFTER INSERT ON items BEGIN DELETE FROM items; END";
    assert!(refused(&mut client, sql).await.starts_with("CREATE TEMP TRIGGER"));
}

#[tokio::test]
async fn vacuum_is_refused_in_every_form() {
    let fixture = Fixture::shop().writable();
    let mut client = fixture.client("shop").await;
    let copy = fixture.path("copy.db");
    for sql in ["VACUUM".into(), "VACUUM crm".into(), format!("VACUUM INTO '{}'", copy.display())] {
        assert_eq!(
            refused(&mut client, &sql).await,
            "VACUUM is refused: it rewrites the whole file, or writes a new one"
        );
    }
    assert!(!copy.exists());
    assert_eq!(client.text("SELECT count(*) FROM items").await, "3");
}

#[tokio::test]
async fn the_same_rules_apply_to_pragma_functions() {
    let mut client = Fixture::shop().client("shop").await;
    assert_eq!(client.text("SELECT name FROM pragma_table_info('people', 'crm')").await, "id;name");
    assert_eq!(client.text("SELECT * FROM pragma_journal_mode").await, "delete");
    assert!(client.sql("SELECT * FROM pragma_optimize").await.is_err());
}

#[tokio::test]
async fn reading_pragmas_work() {
    let mut client = Fixture::shop().client("shop").await;
    for (sql, expected) in [
        ("PRAGMA user_version", "0"),
        ("PRAGMA journal_mode", "delete"),
        ("PRAGMA encoding", "UTF-8"),
        ("PRAGMA integrity_check", "ok"),
        ("PRAGMA quick_check(1)", "ok"),
        ("PRAGMA crm.page_size", "4096"),
        ("PRAGMA foreign_key_list(items)", ""),
    ] {
        assert_eq!(client.text(sql).await, expected, "{sql}");
    }
    assert_eq!(client.rows("PRAGMA table_info(items)").await.len(), 4);
    assert!(!client.rows("PRAGMA compile_options").await.is_empty());
}

#[tokio::test]
async fn read_only_refuses_writes_and_names_the_setting() {
    let fixture = Fixture::shop();
    fixture.file("shop.db", "CREATE INDEX by_name ON Items(name)");
    let mut client = fixture.client("shop").await;
    for (sql, what) in [
        ("INSERT INTO items(name) VALUES ('x')", "INSERT INTO items"),
        ("insert into crm.people values (3, 'x') returning *", "INSERT INTO people"),
        ("UPDATE items SET price = 0", "UPDATE Items"),
        ("DELETE FROM items", "DELETE FROM Items"),
        ("WITH x AS (SELECT 1) DELETE FROM items", "DELETE FROM Items"),
        ("CREATE TABLE u(x)", "CREATE TABLE u"),
        ("CREATE TABLE u AS SELECT 1", "CREATE TABLE u"),
        ("CREATE INDEX i ON items(name)", "CREATE INDEX i"),
        ("CREATE VIEW v AS SELECT 1", "CREATE VIEW v"),
        ("DROP TABLE items", "DROP TABLE Items"),
        ("DROP VIEW cheap", "DROP VIEW Cheap"),
        ("ALTER TABLE items ADD COLUMN z", "ALTER TABLE Items"),
        ("ALTER TABLE items RENAME TO things", "ALTER TABLE Items"),
    ] {
        let error = client.error(sql).await;
        let message = format!("{what} is refused: it writes, and the databases are read-only");
        assert_eq!(
            (error.message.to_lowercase(), error.kind),
            (message.to_lowercase(), ErrorKind::Refused),
            "{sql}"
        );
        let next = error.next_step.unwrap();
        assert_eq!(next, "to allow writes, set read_only = false under [sqlite] in config.toml");
    }
    for sql in ["ANALYZE", "REINDEX", "CREATE VIRTUAL TABLE v USING fts5(x)"] {
        let error = client.error(sql).await;
        assert!(error.message.contains("databases are read-only"), "{sql}: {error}");
    }
    let explained = client.sql("EXPLAIN DELETE FROM items").await.unwrap();
    assert_eq!(explained.affected, None);
    assert_eq!(client.rows("EXPLAIN QUERY PLAN DELETE FROM items WHERE price > 1").await.len(), 1);
    assert_eq!(client.text("SELECT count(*) FROM items").await, "3");
}

#[tokio::test]
async fn the_schema_table_cannot_be_written() {
    let mut client = Fixture::shop().writable().client("shop").await;
    for sql in ["UPDATE sqlite_schema SET sql = ''", "DELETE FROM sqlite_schema", "DROP TABLE sqlite_schema"]
    {
        assert!(client.sql(sql).await.is_err(), "{sql}");
    }
}

#[tokio::test]
async fn only_one_statement_per_call_is_accepted() {
    let mut client = Fixture::shop().writable().client("shop").await;
    for sql in
        ["SELECT 1; SELECT 2", "DELETE FROM items; DELETE FROM items", "SELECT 1; SELEC 2", "SELECT 1; x"]
    {
        let message = refused(&mut client, sql).await;
        assert_eq!(message, "only one statement per call: the text contains more than one", "{sql}");
    }
    assert_eq!(client.text("SELECT count(*) FROM items; -- that was all\n ;").await, "3");
}

#[tokio::test]
async fn texts_without_a_statement_or_with_parameters_are_errors() {
    let mut client = Fixture::shop().client("shop").await;
    for sql in ["", "  \n", "-- nothing", "/* nothing */ ;", ";"] {
        assert_eq!(client.error(sql).await.message, "the statement is empty", "{sql:?}");
    }
    for sql in ["SELECT ?", "SELECT :a", "SELECT * FROM items WHERE id = $1"] {
        assert_eq!(client.error(sql).await.message, "the statement has parameters", "{sql}");
    }
    assert_eq!(
        client.error("SELECT 1\0; DROP TABLE x").await.message,
        "the statement contains a NUL character"
    );
    let long = format!("SELECT '{}'", "x".repeat(2 << 20));
    assert_eq!(client.error(&long).await.code.unwrap(), "SQLITE_TOOBIG (18)");
}

#[tokio::test]
async fn virtual_tables_can_be_read_when_read_only() {
    let fixture = Fixture::shop();
    fixture.file(
        "crm.db",
        "CREATE VIRTUAL TABLE notes USING fts5(t); INSERT INTO notes VALUES ('blue ink'), ('red ink');
         CREATE VIRTUAL TABLE boxes USING rtree(id, a, b); INSERT INTO boxes VALUES (1, 2, 3);",
    );
    let mut client = fixture.client("shop").await;
    for _ in 0..2 {
        assert_eq!(client.text("SELECT t FROM crm.notes WHERE notes MATCH 'blue'").await, "blue ink");
        assert_eq!(client.text("SELECT id FROM crm.boxes WHERE a > 1").await, "1");
        client.context.database = Some("crm".into());
    }
}
