//! What stands in the file: its views, triggers and checks do what they do elsewhere, and cannot reach outside.

use super::*;
use crate::backend::{Relation, RelationKind};

const STATUS: &str = "CREATE TABLE tasks(id INTEGER PRIMARY KEY, name TEXT, status TEXT CHECK (status IN (\"active\", \"done\")),
        label TEXT AS (name || \" (\" || status || \")\"));
     CREATE INDEX open_tasks ON tasks(name) WHERE status = \"active\";
     INSERT INTO tasks(name, status) VALUES ('dig', 'active'), ('eat', 'done');
     CREATE VIEW active AS SELECT id, name, label FROM tasks WHERE status = \"active\";
     CREATE VIEW busy AS SELECT a.name, \"yes\" AS answer FROM active AS a;
     CREATE TABLE log(text);
     CREATE TRIGGER logged AFTER UPDATE ON tasks WHEN new.status = \"done\" BEGIN
        INSERT INTO log VALUES (\"done: \" || new.name); END;";

const NOTES: &str = "CREATE VIRTUAL TABLE notes USING fts5(t);
     INSERT INTO notes VALUES ('blue ink'), ('red ink');
     CREATE VIRTUAL TABLE old USING fts4(t);
     INSERT INTO old VALUES ('blue ink'), ('red ink');
     CREATE VIRTUAL TABLE boxes USING rtree(id, a, b); INSERT INTO boxes VALUES (1, 2, 3);
     CREATE VIEW blue AS SELECT snippet(notes, 0, '<', '>', '', 5) AS s, highlight(notes, 0, '*', '*') AS h,
        bm25(notes) < 0 AS r FROM notes WHERE notes MATCH 'blue';
     CREATE VIEW old_blue AS SELECT snippet(old, '<', '>') AS s, offsets(old) AS o, length(matchinfo(old)) AS m
        FROM old WHERE old MATCH 'blue';
     CREATE VIEW boxed AS SELECT id FROM boxes WHERE a > 1;
     CREATE VIEW columns AS SELECT m.name AS t, c.name AS c FROM sqlite_schema AS m, pragma_table_info(m.name) AS c
        WHERE m.name = 'notes';
     CREATE VIEW parts AS SELECT value FROM json_each('[1, 2]');
     CREATE TABLE found(s);
     CREATE TABLE asked(q);
     CREATE TRIGGER finds AFTER INSERT ON asked BEGIN
        INSERT INTO found SELECT snippet(notes, 0, '<', '>', '', 5) FROM notes WHERE notes MATCH new.q; END;
     CREATE TABLE doc(id INTEGER PRIMARY KEY, body);
     CREATE VIRTUAL TABLE doc_fts USING fts5(body, content='doc', content_rowid='id');
     CREATE TRIGGER doc_in AFTER INSERT ON doc BEGIN INSERT INTO doc_fts(rowid, body) VALUES (new.id, new.body); END;
     CREATE TRIGGER doc_out AFTER DELETE ON doc BEGIN
        INSERT INTO doc_fts(doc_fts, rowid, body) VALUES ('delete', old.id, old.body); END;";

fn of(sql: &str) -> Fixture {
    let fixture = Fixture::new();
    // As the sqlite3 shell makes them.
    let connection = rusqlite::Connection::open(fixture.path("app.db")).unwrap();
    super::super::compile::allow_texts(&connection, true).unwrap();
    connection.execute_batch(sql).unwrap();
    fixture
}

#[tokio::test]
async fn double_quoted_texts_in_views_and_triggers_are_texts() {
    for fixture in [of(STATUS), of(STATUS).writable()] {
        let mut client = fixture.client("app").await;
        for (sql, expected) in [
            ("SELECT * FROM active", "1|dig|dig (active)"),
            ("SELECT \"name\" FROM \"active\" WHERE \"id\" = 1", "dig"),
            ("SELECT name, answer FROM busy", "dig|yes"),
            ("SELECT \"a\".\"name\" FROM busy AS \"a\", active", "dig"),
        ] {
            assert_eq!(client.text(sql).await, expected, "{sql}");
        }
        let view = Relation { database: None, schema: None, name: "busy".into() };
        assert_eq!(flat(&client.catalog(Catalog::Rows(view.clone())).await.unwrap()), "dig|yes");
        let described = Catalog::Describe { kind: RelationKind::View, relation: view };
        assert_eq!(client.catalog(described).await.unwrap().rows.row_count(), 2);
    }
    let mut client = of(STATUS).writable().client("app").await;
    for (sql, log) in [
        ("UPDATE tasks SET status = 'done' WHERE id = 1", "done: dig"),
        ("UPDATE \"tasks\" SET \"status\" = 'done' WHERE \"id\" = 2", "done: dig;done: eat"),
    ] {
        assert_eq!(client.sql(sql).await.unwrap().affected, Some(1), "{sql}");
        assert_eq!(client.text("SELECT * FROM log").await, log);
    }
    let error = client.error("INSERT INTO tasks(status) VALUES ('lost')").await;
    assert!(error.message.starts_with("CHECK constraint failed"), "{error}");
}

#[tokio::test]
async fn tables_with_double_quoted_texts_can_be_altered() {
    let mut client = of(STATUS).writable().client("app").await;
    for sql in [
        "ALTER TABLE tasks ADD COLUMN note TEXT",
        "ALTER TABLE tasks ADD COLUMN \"due day\" TEXT",
        "ALTER TABLE tasks RENAME COLUMN note TO remark",
        "ALTER TABLE tasks RENAME TO jobs",
        "ALTER TABLE jobs DROP COLUMN remark",
        "ALTER TABLE jobs RENAME COLUMN \"due day\" TO \"due\"",
    ] {
        client.sql(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    assert_eq!(client.text("SELECT id, due FROM jobs WHERE status = 'active'").await, "1|NULL");
    assert_eq!(client.text("SELECT name FROM active").await, "dig");
}

#[tokio::test]
async fn a_clients_own_misspelled_name_stays_an_error() {
    for fixture in [of(STATUS), of(STATUS).writable()] {
        let mut client = fixture.client("app").await;
        let should = "should this be a string literal in single-quotes?";
        for (sql, column) in [
            ("SELECT * FROM tasks WHERE \"statuz\" = 1", 27),
            ("SELECT * FROM active WHERE \"statuz\" = 1", 28),
            ("SELECT \"statuz\" FROM busy", 8),
            ("SELECT \"name\",\n \"statuz\" FROM active", 2),
            ("WITH a AS (SELECT * FROM active) SELECT (SELECT \"statuz\") FROM a", 49),
        ] {
            let error = client.error(sql).await;
            let line = sql.lines().count();
            let expected = format!("no such column: \"statuz\" - {should} (line {line}, column {column})");
            assert_eq!(error.message, expected, "{sql}");
            assert!(error.next_step.is_some(), "{sql}: {error}");
        }
        // The same name as a text in the file, and in the client's text.
        let error = client.error("SELECT \"active\" FROM active").await;
        assert!(error.message.starts_with("no such column: \"active\" - "), "{error}");
    }
    let mut client = of(STATUS).writable().client("app").await;
    for sql in [
        "UPDATE tasks SET status = \"done\"",
        "INSERT INTO tasks(name) VALUES (\"x\")",
        "DELETE FROM tasks WHERE name = \"dig\"",
        "CREATE INDEX i ON tasks(name) WHERE status = \"done\"",
        "CREATE TABLE u(x CHECK (x IN (\"a\", \"b\")))",
        "CREATE TABLE u AS SELECT \"statuz\" FROM active",
        "CREATE VIEW v AS SELECT * FROM tasks WHERE \"statuz\" = 1",
        "CREATE VIEW v(a) AS SELECT \"statuz\" FROM busy",
    ] {
        let error = client.error(sql).await;
        assert!(error.message.contains("no such column: \""), "{sql}: {error}");
    }
    assert_eq!(client.text("SELECT count(*), sum(status = 'active') FROM tasks").await, "2|1");
}

#[tokio::test]
async fn what_a_client_defines_is_kept_as_it_wrote_it() {
    let mut client = of(STATUS).writable().client("app").await;
    for sql in [
        "CREATE TABLE \"my table\"(\"a b\" TEXT, \"c`d\" INT)",
        "CREATE VIEW \"my view\" AS SELECT \"a b\" FROM \"my table\"",
        "CREATE INDEX \"my index\" ON \"my table\"(\"a b\")",
        "CREATE VIEW early AS SELECT \"x\" FROM not_yet",
    ] {
        client.sql(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let kept = format!("SELECT count(*) FROM sqlite_schema WHERE sql = '{sql}'");
        assert_eq!(client.text(&kept).await, "1", "{sql}");
    }
}

#[tokio::test]
async fn columns_are_named_as_the_client_wrote_them() {
    let mut client = of(STATUS).client("app").await;
    for (sql, names) in [
        ("SELECT count(\"id\"), \"name\" FROM active", "count(\"id\"),name"),
        ("SELECT * FROM (SELECT max(\"id\") FROM tasks)", "max(\"id\")"),
        ("SELECT \"max(\"\"id\"\")\" FROM (SELECT max(\"id\") FROM tasks)", "max(\"id\")"),
    ] {
        assert_eq!(client.sql(sql).await.unwrap().rows.columns().join(","), names, "{sql}");
    }
}

#[tokio::test]
async fn errors_quote_the_clients_text() {
    let mut client = of(STATUS).client("app").await;
    let error = client.error("SELECT \"a\" \"b\" \"c\" FROM tasks").await;
    assert_eq!(error.message, "near \"\"c\"\": syntax error (line 1, column 16)");
}

#[tokio::test]
async fn full_text_search_and_pragmas_work_in_views() {
    for fixture in [of(NOTES), of(NOTES).writable()] {
        let mut client = fixture.client("app").await;
        for (sql, expected) in [
            ("SELECT * FROM blue", "<blue> ink|*blue* ink|1"),
            ("SELECT * FROM \"old_blue\"", "<blue> ink|0 0 0 4|20"),
            ("SELECT * FROM boxed", "1"),
            ("SELECT * FROM columns", "notes|t"),
            ("SELECT * FROM parts", "1;2"),
        ] {
            assert_eq!(client.text(sql).await, expected, "{sql}");
        }
    }
}

#[tokio::test]
async fn full_text_search_works_in_triggers() {
    let mut client = of(NOTES).writable().client("app").await;
    client.sql("INSERT INTO asked VALUES ('red')").await.unwrap();
    assert_eq!(client.text("SELECT * FROM found").await, "<red> ink");
    client.sql("INSERT INTO doc VALUES (1, 'green tea'), (2, 'black tea')").await.unwrap();
    client.sql("DELETE FROM doc WHERE id = 1").await.unwrap();
    assert_eq!(client.text("SELECT rowid FROM doc_fts WHERE doc_fts MATCH 'tea'").await, "2");
}

#[tokio::test]
async fn a_search_index_over_a_view_with_texts_can_be_read() {
    let fixture = of(&format!(
        "{STATUS} CREATE VIRTUAL TABLE found USING fts5(name, content='active', content_rowid='id');
         INSERT INTO found(found) VALUES ('rebuild');"
    ));
    let mut client = fixture.client("app").await;
    for sql in [
        "SELECT name FROM found WHERE found MATCH 'dig'",
        "SELECT \"name\" FROM \"found\" WHERE \"found\" MATCH 'dig'",
    ] {
        assert_eq!(client.text(sql).await, "dig", "{sql}");
    }
}

/// Functions that SQLite calls neither harmless in a file's schema nor forbidden there. Those of a new version
/// of SQLite have to be looked at before they are added here: views may use them.
const TRUSTED: [&str; 12] = [
    "bm25",
    "fts5",
    "fts5_get_locale",
    "highlight",
    "match",
    "matchinfo",
    "offsets",
    "optimize",
    "rtreecheck",
    "rtreedepth",
    "rtreenode",
    "snippet",
];

/// The same of modules: views and triggers may use their tables, dbstat's aside, which is forbidden there.
const MODULES: [&str; 9] =
    ["dbstat", "fts3", "fts3tokenize", "fts4", "fts4aux", "fts5", "fts5vocab", "rtree", "rtree_i32"];

#[tokio::test]
async fn everything_that_views_may_use_is_known() {
    let mut client = Fixture::shop().client("shop").await;
    for (sql, known) in [
        (
            "SELECT DISTINCT name FROM pragma_function_list WHERE flags & 0x280000 = 0 ORDER BY name",
            &TRUSTED[..],
        ),
        (
            "SELECT name FROM pragma_module_list WHERE name NOT LIKE 'pragma%' AND name NOT LIKE 'json%' ORDER BY name",
            &MODULES,
        ),
    ] {
        assert_eq!(client.text(sql).await.split(';').collect::<Vec<_>>(), known);
    }
}

#[tokio::test]
async fn a_hostile_file_cannot_reach_outside() {
    let fixture = of("CREATE TABLE t(x); INSERT INTO t VALUES (1); CREATE VIRTUAL TABLE old USING fts4(x);
         INSERT INTO old VALUES ('a'); CREATE VIRTUAL TABLE notes USING fts5(x);
         CREATE VIEW loads AS SELECT load_extension('x') FROM t;
         CREATE VIEW tokenizes AS SELECT fts3_tokenizer('simple') FROM t;
         CREATE VIEW writes AS SELECT writefile('x', 'y') FROM t;
         CREATE VIEW reads AS SELECT readfile('/etc/passwd') FROM t;
         CREATE VIEW edits AS SELECT edit(x) FROM t;
         CREATE VIEW pages AS SELECT * FROM dbstat;
         CREATE VIEW counts AS SELECT changes() FROM t;
         CREATE VIEW totals AS SELECT total_changes() FROM t;
         CREATE VIEW last AS SELECT last_insert_rowid() FROM t;
         CREATE VIEW merges AS SELECT optimize(old) FROM old;
         CREATE VIEW sets AS SELECT * FROM pragma_user_version(7);
         CREATE VIEW sets_mode AS SELECT * FROM pragma_journal_mode('off');
         CREATE VIEW opens AS SELECT * FROM pragma_writable_schema(1);
         CREATE VIEW tunes AS SELECT * FROM pragma_optimize;
         CREATE VIEW hard AS SELECT * FROM pragma_hard_heap_limit(1);
         CREATE TRIGGER loads_too AFTER INSERT ON t BEGIN SELECT load_extension('x'); END;
         CREATE TABLE u(x);
         CREATE TRIGGER sets_too AFTER INSERT ON u BEGIN SELECT * FROM pragma_writable_schema(1); END;
         CREATE TABLE w(x);
         CREATE TRIGGER schema_too AFTER INSERT ON w BEGIN DELETE FROM sqlite_schema; END;
         CREATE TABLE s(x);
         CREATE TRIGGER shadow_too AFTER INSERT ON s BEGIN DELETE FROM notes_config; END;");
    let (reading, writing) = (of(""), of("").writable());
    for copy in [&reading, &writing] {
        std::fs::copy(fixture.path("app.db"), copy.path("app.db")).unwrap();
    }
    for fixture in [reading, writing] {
        let mut client = fixture.client("app").await;
        for view in [
            "loads",
            "tokenizes",
            "writes",
            "reads",
            "edits",
            "pages",
            "counts",
            "totals",
            "last",
            "merges",
            "sets",
            "sets_mode",
            "opens",
            "tunes",
            "hard",
        ] {
            let error = client.sql(&format!("SELECT * FROM {view}")).await.map(|rows| flat(&rows));
            assert!(error.is_err(), "{view}: {error:?}");
        }
        for sql in [
            "INSERT INTO t VALUES (2)",
            "INSERT INTO u VALUES (2)",
            "INSERT INTO w VALUES (2)",
            "INSERT INTO s VALUES (2)",
        ] {
            assert!(client.sql(sql).await.is_err(), "{sql}");
        }
        assert_eq!(client.text("SELECT count(*), (SELECT count(*) FROM u) FROM t").await, "1|0");
        assert_eq!(client.text("PRAGMA user_version").await, "0");
        assert!(client.catalog(Catalog::Views { database: "app".into(), schema: None }).await.is_ok());
    }
}

#[tokio::test]
async fn a_file_cannot_write_where_clients_may_only_read() {
    let mut client = of(&format!(
        "{NOTES} CREATE VIEW v AS SELECT 1 AS x; CREATE TRIGGER i INSTEAD OF INSERT ON v BEGIN
         INSERT INTO notes(notes) VALUES ('optimize'); DELETE FROM doc; END;"
    ))
    .client("app")
    .await;
    for sql in [
        "INSERT INTO v VALUES (1)",
        "INSERT INTO notes(notes) VALUES ('rebuild')",
        "SELECT optimize(old) FROM old",
    ] {
        let error = client.error(sql).await;
        assert_eq!(error.kind, ErrorKind::Refused, "{sql}: {error}");
    }
}

#[tokio::test]
async fn a_hostile_check_or_default_is_never_computed() {
    for column in ["CHECK (load_extension('x'))", "DEFAULT (load_extension('x'))", "AS (load_extension('x'))"]
    {
        let fixture = of("CREATE TABLE t(y, x); INSERT INTO t(y) VALUES (1)").writable();
        let connection = rusqlite::Connection::open(fixture.path("app.db")).unwrap();
        connection.execute_batch("PRAGMA writable_schema = 1").unwrap();
        let sql = "UPDATE sqlite_schema SET sql = 'CREATE TABLE t(y, x ' || ?1 || ')'";
        connection.execute(sql, [column]).unwrap();
        drop(connection);
        let mut client = fixture.client("app").await;
        let error = match client.sql("INSERT INTO t(y) VALUES (2)").await {
            Ok(_) => client.error("SELECT x FROM t").await,
            Err(error) => error,
        };
        assert!(error.message.contains("load_extension()"), "{column}: {error}");
    }
}

#[tokio::test]
async fn a_broken_view_spoils_nothing_else() {
    let mut client = of("CREATE TABLE t(x); CREATE VIEW fine AS SELECT x FROM t; CREATE TABLE gone(y);
         CREATE VIEW broken AS SELECT y FROM gone; CREATE VIEW upon AS SELECT * FROM broken;
         CREATE VIEW odd AS SELECT no_such(x) FROM t; DROP TABLE gone;")
    .client("app")
    .await;
    let relation = |name: &str| Relation { database: Some("app".into()), schema: None, name: name.into() };
    let views = Catalog::Views { database: "app".into(), schema: None };
    assert_eq!(client.catalog(views).await.unwrap().rows.row_count(), 4);
    let tables = Catalog::Tables { database: None, schema: None, like: None };
    assert_eq!(flat(&client.catalog(tables).await.unwrap()), "app|main|t|NULL");
    for (view, why) in [
        ("broken", "no such table: app.gone"),
        ("upon", "no such table: app.gone"),
        ("odd", "no such function: no_such"),
    ] {
        let described = Catalog::Describe { kind: RelationKind::View, relation: relation(view) };
        let error = client.catalog(described).await.unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Statement, why), "{view}");
        let defined = client.catalog(Catalog::Definition(relation(view))).await.unwrap();
        assert!(flat(&defined).starts_with("CREATE VIEW"), "{view}");
        // As for a statement.
        let hint = client.error(&format!("SELECT * FROM {view}")).await.next_step.unwrap();
        assert!(hint.contains("no longer works; describe_view shows"), "{hint}");
        for catalog in [
            Catalog::Rows(relation(view)),
            Catalog::Describe { kind: RelationKind::Table, relation: relation(view) },
        ] {
            assert_eq!(client.catalog(catalog).await.unwrap_err().next_step.as_ref(), Some(&hint), "{view}");
        }
    }
    let described = Catalog::Describe { kind: RelationKind::View, relation: relation("fine") };
    assert_eq!(client.catalog(described).await.unwrap().rows.row_count(), 1);
    let error = client.error("SELECT * FROM upon").await;
    assert_eq!(error.message, "no such table: app.gone");
    let next_step = error.next_step.unwrap();
    assert!(next_step.starts_with("the view broken no longer works; describe_view shows"), "{next_step}");
    // A misspelled name beside it is the client's own.
    let next_step = client.error("SELECT * FROM uponn").await.next_step.unwrap();
    assert!(next_step.starts_with("did you mean upon? "), "{next_step}");
}

#[tokio::test]
async fn a_column_that_a_view_lost_is_hinted_at() {
    let mut client = of("CREATE TABLE items(id, price); CREATE VIEW v AS SELECT id, price FROM items;
         PRAGMA legacy_alter_table = 1; ALTER TABLE items RENAME TO old_items; CREATE TABLE items(id, prices);")
    .client("app")
    .await;
    let error = client.error("SELECT * FROM v").await;
    assert_eq!(error.message, "no such column: price");
    let next_step = error.next_step.unwrap();
    assert!(
        next_step.starts_with("the view v no longer works; ") && next_step.contains("did you mean price"),
        "{next_step}"
    );
}

#[tokio::test]
async fn a_table_with_another_programs_order_or_function_can_be_read() {
    let fixture = Fixture::new();
    let connection = rusqlite::Connection::open(fixture.path("app.db")).unwrap();
    let flags = rusqlite::functions::FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("own", 1, flags, |context| context.get::<i64>(0)).unwrap();
    connection
        .execute_batch("CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, twice AS (own(id))); CREATE INDEX by_name ON t(name); CREATE VIEW sorted AS SELECT name FROM t ORDER BY name; INSERT INTO t VALUES (1, 'a'), (2, 'B')")
        .unwrap();
    connection
        .execute_batch("PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = replace(sql, 'TEXT', 'TEXT COLLATE LOCALIZED')")
        .unwrap();
    drop(connection);
    let mut client = fixture.client("app").await;
    for (sql, expected) in [
        ("SELECT id, name FROM t", "1|a;2|B"),
        ("SELECT name FROM t WHERE id = 2", "B"),
        ("SELECT count(*) FROM t NOT INDEXED", "2"),
        ("SELECT id FROM t WHERE name COLLATE NOCASE = 'b'", "2"),
        ("SELECT id FROM t ORDER BY name COLLATE NOCASE DESC", "2;1"),
    ] {
        assert_eq!(client.text(sql).await, expected, "{sql}");
    }
    for sql in
        ["SELECT id FROM t WHERE name = 'a'", "SELECT id FROM t ORDER BY name", "SELECT count(*) FROM t"]
    {
        let error = client.error(sql).await;
        assert!(error.message.contains("no such collation sequence: LOCALIZED"), "{sql}: {error}");
        assert!(error.next_step.unwrap().contains("not in this engine; name another"), "{sql}");
    }
    let relation = |name: &str| Relation { database: Some("app".into()), schema: None, name: name.into() };
    let described = Catalog::Describe { kind: RelationKind::View, relation: relation("sorted") };
    for catalog in [described, Catalog::Rows(relation("sorted"))] {
        let error = client.catalog(catalog).await.unwrap_err();
        assert!(error.message.contains("no such collation sequence: LOCALIZED"), "{error}");
        assert!(error.next_step.unwrap().contains("not in this engine; name another"));
    }
    let error = client.error("SELECT * FROM t").await;
    assert!(error.message.contains("unknown function: own()"), "{error}");
    let rows = client.catalog(Catalog::Rows(relation("t"))).await.unwrap_err();
    assert!(rows.next_step.unwrap().contains("leave out the columns"));
    assert!(error.next_step.unwrap().contains("leave out the columns"));
}
