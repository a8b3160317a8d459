//! What the gate is asked about, and attempts to get past it.

use super::*;
use crate::backend::{RowFilter, StatementGate};
use sql_gate::{Dialect, NameContext, NameRules, Object};

/// A gate with lists of names, for the context of the database `shop`.
#[derive(Clone, Debug)]
struct Lists(Arc<NameRules>);

impl Lists {
    fn of(setting: &'static str, patterns: &[&str]) -> Self {
        let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        Self(Arc::new(NameRules::new(&[(setting, &patterns)], Dialect::Sqlite).unwrap()))
    }

    fn denying(patterns: &[&str]) -> Self {
        Self::of("denied_tables", patterns)
    }

    fn context() -> NameContext {
        NameContext { database: Some("shop".into()), schema: Some("main".into()) }
    }
}

impl StatementGate for Lists {
    fn looks_at_names(&self) -> bool {
        true
    }

    fn admit<'a>(&'a self, objects: &'a [Object]) -> BoxFuture<'a, Result<(), BackendError>> {
        let denial = objects.iter().find_map(|object| self.0.check(object, &Self::context()).err());
        let error = |denial: sql_gate::Denial| {
            BackendError::new(ErrorKind::Refused, format!("denied: {} by {}", denial.object, denial.setting))
        };
        Box::pin(ready(denial.map_or(Ok(()), |denial| Err(error(denial)))))
    }
}

impl RowFilter for Lists {
    fn keeps(&self, columns: &[String], row: &[Option<&str>]) -> bool {
        let at = columns.iter().position(|column| column == "name").unwrap();
        !row[at].is_some_and(|name| name.eq_ignore_ascii_case("secret"))
    }
}

/// A gate that waits for somebody, without lists of names.
#[derive(Debug)]
struct Asks;

impl StatementGate for Asks {
    fn looks_at_names(&self) -> bool {
        false
    }

    fn is_asked(&self) -> bool {
        true
    }

    fn admit<'a>(&'a self, objects: &'a [Object]) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move {
            tokio::time::timeout(PATIENCE, tokio::time::sleep(Duration::from_millis(1))).await.unwrap();
            match objects {
                [one] if one.name.to_string().ends_with(".people") => {
                    Err(BackendError::new(ErrorKind::Refused, "not today"))
                }
                _ => Ok(()),
            }
        })
    }
}

#[tokio::test]
async fn a_gate_may_wait_and_is_told_the_objects_without_lists_too() {
    let mut client = fixture().client("shop").await;
    for (sql, passes) in
        [("SELECT * FROM items", true), ("SELECT 1 FROM crm.people", false), ("PRAGMA table_list", true)]
    {
        let mut request =
            request(client.context.clone(), statement(sql, Transaction::None), CAPS, TestJournal::Accepts);
        request.gate = Arc::new(Asks);
        let done = client.request(request).await;
        assert_eq!(done.is_ok(), passes, "{sql}: {:?}", done.err());
    }
}

/// With a table `secret` and what reads it, in both files.
fn fixture() -> Fixture {
    let fixture = Fixture::shop().writable();
    for file in ["shop.db", "crm.db"] {
        fixture.file(
            file,
            "CREATE TABLE secret(a, b); INSERT INTO secret VALUES (1, 2); CREATE TABLE copy(a, b);
             CREATE INDEX by_a ON secret(a);
             CREATE VIEW open_view AS SELECT a FROM secret; CREATE VIEW outer_view AS SELECT * FROM open_view;
             CREATE TABLE logged(x); CREATE TRIGGER logs AFTER INSERT ON logged BEGIN INSERT INTO secret VALUES (new.x, 0); END;
             CREATE TABLE parent(id INTEGER PRIMARY KEY); INSERT INTO parent VALUES (1);
             CREATE TABLE child(p REFERENCES parent ON DELETE CASCADE);
             CREATE VIRTUAL TABLE notes USING fts5(t); INSERT INTO notes VALUES ('blue ink');",
        );
    }
    fixture
}

async fn run(client: &mut Client, gate: &Lists, sql: &str) -> Result<Completion, BackendError> {
    let mut request =
        request(client.context.clone(), statement(sql, Transaction::None), CAPS, TestJournal::Accepts);
    (request.ownership, request.gate) = (Ownership::Owned, Arc::new(gate.clone()));
    client.request(request).await
}

#[tokio::test]
async fn no_statement_gets_at_a_table_that_is_denied() {
    let mut client = fixture().client("shop").await;
    let gate = Lists::denying(&["secret", "hidden*"]);
    for sql in [
        "CREATE TEMP TABLE mine(a, b)",
        "CREATE TEMP VIEW sly AS SELECT * FROM secret",
        "CREATE TEMP VIEW cheap AS SELECT * FROM secret",
    ] {
        run(&mut client, &gate, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    let mut past = Vec::new();
    for sql in [
        "SELECT * FROM secret",
        "SELECT * FROM SECRET",
        "SELECT * FROM \"secret\" AS s",
        "SELECT * FROM [secret]",
        "SELECT * FROM main.secret",
        "SELECT * FROM shop.secret",
        "SELECT count(*) FROM secret",
        "SELECT count(*) FROM main.secret",
        "SELECT 1 FROM secret",
        "SELECT EXISTS (SELECT 1 FROM secret)",
        "SELECT rowid FROM secret",
        "SELECT (SELECT max(a) FROM secret)",
        "SELECT 1 WHERE (1, 2) IN secret",
        "SELECT * FROM items, secret",
        "SELECT * FROM items JOIN (SELECT a FROM secret) ON 1",
        "SELECT * FROM (SELECT * FROM secret) AS open_view",
        "SELECT * FROM (SELECT * FROM secret) open_view, items",
        "SELECT open_view.a FROM secret AS open_view",
        "WITH open_view AS (SELECT * FROM secret) SELECT * FROM open_view",
        "WITH open_view AS NOT MATERIALIZED (SELECT * FROM secret) SELECT * FROM open_view",
        "WITH open_view(x, y) AS (SELECT * FROM secret) SELECT * FROM open_view",
        "WITH RECURSIVE \"open_view\" AS (SELECT a FROM secret UNION SELECT a + 1 FROM open_view WHERE a < 3) SELECT * FROM open_view",
        "SELECT * FROM (WITH open_view AS (SELECT * FROM secret) SELECT * FROM open_view)",
        "WITH logs AS (SELECT * FROM secret) INSERT INTO logged SELECT a FROM logs",
        "SELECT * FROM items UNION ALL SELECT a, b, 1, 1 FROM secret",
        "SELECT name FROM items WHERE id IN (SELECT a FROM secret)",
        "SELECT name FROM items ORDER BY (SELECT a FROM secret)",
        "VALUES ((SELECT a FROM secret))",
        "SELECT * FROM sly",
        "SELECT * FROM temp.cheap",
        "SELECT * FROM cheap",
        "INSERT INTO copy SELECT * FROM secret",
        "INSERT INTO copy SELECT * FROM main.secret",
        "REPLACE INTO copy SELECT * FROM secret",
        "INSERT INTO mine SELECT * FROM secret",
        "INSERT INTO copy SELECT a, b FROM secret WHERE a > 0 RETURNING *",
        "INSERT INTO copy VALUES (1, 2) RETURNING (SELECT a FROM secret)",
        "INSERT INTO parent VALUES (1) ON CONFLICT (id) DO UPDATE SET id = (SELECT a FROM secret)",
        "CREATE TABLE taken AS SELECT * FROM secret",
        "CREATE TEMP TABLE taken AS SELECT * FROM secret",
        "CREATE VIEW taken AS SELECT * FROM secret",
        "CREATE VIEW shop.taken AS SELECT * FROM \"secret\"",
        "CREATE TRIGGER taken AFTER INSERT ON copy BEGIN UPDATE items SET price = (SELECT a FROM secret); END",
        "CREATE TEMP TRIGGER taken AFTER INSERT ON secret BEGIN INSERT INTO mine VALUES (new.a, 1); END",
        "CREATE TABLE probe(x REFERENCES secret(a))",
        "CREATE INDEX taken ON secret(b)",
        "DROP INDEX by_a",
        "INSERT INTO secret VALUES (1, 2)",
        "UPDATE secret SET a = 1",
        "UPDATE items SET price = secret.a FROM secret",
        "UPDATE items SET price = (SELECT a FROM secret)",
        "DELETE FROM secret",
        "DELETE FROM items WHERE id IN (SELECT a FROM secret)",
        "DROP TABLE secret",
        "ALTER TABLE secret RENAME TO free",
        "ALTER TABLE copy RENAME TO hidden_copy",
        "ALTER TABLE secret ADD COLUMN c",
        "EXPLAIN SELECT * FROM secret",
        "EXPLAIN QUERY PLAN SELECT * FROM secret",
        "PRAGMA table_info(secret)",
        "PRAGMA main.table_xinfo('secret')",
        "PRAGMA index_list(secret)",
        "PRAGMA index_info(by_a)",
        "PRAGMA foreign_key_list(secret)",
        "PRAGMA table_list",
        "PRAGMA table_list(secret)",
        "PRAGMA database_list",
        "PRAGMA integrity_check",
        "PRAGMA quick_check(secret)",
        "PRAGMA foreign_key_check",
        "SELECT * FROM pragma_table_info('secret')",
        "SELECT * FROM pragma_table_info('sec' || 'ret')",
        "SELECT i.name FROM (SELECT 's' || 'ecret' AS t) AS x, pragma_table_xinfo(x.t) AS i",
        "SELECT * FROM pragma_index_info('by_a')",
        "SELECT * FROM pragma_index_info('by' || '_a')",
        "SELECT * FROM pragma_table_list",
        "SELECT * FROM pragma_database_list",
        "SELECT * FROM sqlite_schema",
        "SELECT sql FROM sqlite_master",
        "SELECT count(*) FROM main.sqlite_master",
        "SELECT * FROM crm.sqlite_schema",
        "SELECT * FROM sqlite_temp_schema",
        "SELECT name FROM items WHERE 'secret' IN (SELECT name FROM sqlite_schema)",
        "INSERT INTO copy SELECT name, sql FROM sqlite_schema",
    ] {
        match run(&mut client, &gate, sql).await {
            Err(error) if error.kind == ErrorKind::Refused => {}
            other => past.push(format!("{sql}: {:?}", other.map(|done| flat(&done)))),
        }
    }
    assert!(past.is_empty(), "{past:#?}");
    assert_eq!(client.text("SELECT count(*) FROM copy").await, "0");
}

#[tokio::test]
async fn what_is_not_denied_works_also_where_views_and_triggers_read_what_is() {
    let mut client = fixture().client("shop").await;
    let gate = Lists::denying(&["secret"]);
    for sql in [
        "SELECT * FROM items",
        "SELECT a FROM open_view",
        "SELECT count(*) FROM outer_view",
        "SELECT secret.a FROM open_view AS secret",
        "SELECT 'secret' AS secret FROM items",
        "WITH x AS (SELECT * FROM items) SELECT count(*) FROM x",
        "INSERT INTO logged VALUES (1)",
        "INSERT INTO child VALUES (1)",
        "DELETE FROM parent",
        "INSERT INTO copy VALUES (1, 2)",
        "INSERT INTO copy SELECT * FROM copy",
        "CREATE TABLE fresh(x INTEGER PRIMARY KEY AUTOINCREMENT, y)",
        "CREATE INDEX i ON fresh(y)",
        "INSERT INTO fresh(y) VALUES (1)",
        "ALTER TABLE fresh ADD COLUMN z",
        "ALTER TABLE fresh RENAME COLUMN z TO w",
        "ALTER TABLE fresh RENAME TO newer",
        "ANALYZE newer",
        "DROP TABLE newer",
        "SELECT t FROM notes WHERE notes MATCH 'blue'",
        "INSERT INTO notes VALUES ('red ink')",
        "SELECT * FROM json_each('[1]')",
        "CREATE TEMP TABLE mine AS SELECT * FROM items",
        "INSERT INTO mine SELECT * FROM items",
        "SELECT * FROM mine, crm.people",
        "PRAGMA table_info(items)",
        "PRAGMA user_version",
        "SELECT name FROM pragma_table_info('items')",
        "BEGIN",
        "SELECT * FROM items",
        "COMMIT",
    ] {
        run(&mut client, &gate, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

#[tokio::test]
async fn lists_of_what_is_allowed_and_of_databases_hold_too() {
    let mut client = fixture().client("shop").await;
    let allowed = Lists::of("allowed_tables", &["shop.main.items", "open_view", "notes"]);
    for (sql, passes) in [
        ("SELECT * FROM items", true),
        ("WITH x AS (SELECT * FROM items) SELECT count(*) FROM x", true),
        ("SELECT count(*) FROM open_view", true),
        ("SELECT * FROM notes", true),
        ("SELECT * FROM json_each('[1]')", true),
        ("SELECT 1", true),
        ("SELECT * FROM notes_content", false),
        ("SELECT * FROM outer_view", false),
        ("SELECT * FROM copy", false),
        ("SELECT * FROM crm.people", false),
        ("CREATE TABLE fresh(x)", false),
    ] {
        let done = run(&mut client, &allowed, sql).await;
        assert_eq!(done.is_ok(), passes, "{sql}: {:?}", done.err());
    }
    let denied = Lists::of("denied_databases", &["crm"]);
    for (sql, passes) in [
        ("SELECT * FROM items", true),
        ("SELECT * FROM crm.people", false),
        ("SELECT count(*) FROM Crm.People", false),
        ("INSERT INTO copy SELECT * FROM crm.copy", false),
        ("PRAGMA crm.table_info(people)", false),
        ("SELECT * FROM pragma_table_info('people', 'crm')", false),
        ("CREATE TABLE crm.fresh(x)", false),
    ] {
        let done = run(&mut client, &denied, sql).await;
        assert_eq!(done.is_ok(), passes, "{sql}: {:?}", done.err());
    }
    let shadow = Lists::denying(&["notes"]);
    for sql in ["SELECT * FROM notes", "SELECT * FROM notes_content", "SELECT block FROM notes_data"] {
        assert_eq!(run(&mut client, &shadow, sql).await.unwrap_err().kind, ErrorKind::Refused, "{sql}");
    }
    let view = Lists::denying(&["open_view"]);
    for sql in ["SELECT * FROM open_view", "SELECT count(*) FROM open_view", "SELECT a FROM main.open_view"] {
        assert_eq!(run(&mut client, &view, sql).await.unwrap_err().kind, ErrorKind::Refused, "{sql}");
    }
}

#[tokio::test]
async fn errors_name_nothing_that_is_denied() {
    let mut client = fixture().client("shop").await;
    let gate = Lists::denying(&["secret"]);
    for sql in [
        "SELECT * FROM secre",
        "SELECT bb FROM secret",
        "SELECT * FROM crmm.t",
        "SELECT * FROM people, crm.copy",
    ] {
        let error = run(&mut client, &gate, sql).await.unwrap_err();
        let said = format!("{} {:?}", error.message, error.next_step);
        for name in ["did you mean", "but in crm", "databases: crm", "secret "] {
            assert!(!said.contains(name), "{sql}: {said}");
        }
    }
}

#[tokio::test]
async fn lists_of_objects_are_filtered_before_their_rows_count() {
    let mut client = fixture().client("shop").await;
    let gate = Lists::denying(&["secret"]);
    let catalog = Catalog::Tables { database: None, schema: None, like: None };
    let caps = Caps { rows_max: 100, ..CAPS };
    let whole = client.run(Operation::Catalog(catalog.clone()), caps).await.unwrap();
    let mut request =
        request(client.context.clone(), Operation::Catalog(catalog), caps, TestJournal::Accepts);
    request.row_filter = Some(Arc::new(gate));
    let listed = client.request(request).await.unwrap();
    assert!(flat(&whole).contains("secret") && !flat(&listed).contains("secret"), "{}", flat(&listed));
    assert_eq!(listed.rows.row_count() + 1, whole.rows.row_count());
}
