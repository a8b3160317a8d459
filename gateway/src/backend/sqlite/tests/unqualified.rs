//! Unqualified names of a client's text in statements that use other databases, too.

use super::*;

/// With `shop.db` and `crm.db`, where `people` has a view, a trigger, a table of its own name's column and an
/// index.
fn with_views() -> Fixture {
    let fixture = Fixture::shop().writable();
    fixture.file(
        "crm.db",
        "CREATE TABLE log(what TEXT, people INT);
         CREATE VIEW open AS SELECT name FROM people WHERE id > 0;
         CREATE VIEW counted AS SELECT count(*) AS n FROM people;
         CREATE VIEW nested AS WITH c AS (SELECT * FROM open) SELECT c.name FROM c, people AS p WHERE p.id = 1;
         CREATE INDEX by_id ON people(id);
         CREATE TRIGGER logged AFTER DELETE ON people BEGIN
           INSERT INTO log SELECT old.name, (SELECT count(*) FROM people); END;
         CREATE VIRTUAL TABLE notes USING fts5(body); INSERT INTO notes VALUES ('red pen')",
    );
    fixture
}

#[tokio::test]
async fn a_qualified_name_does_not_let_the_same_name_pass_without_its_database() {
    let mut client = with_views().client("shop").await;
    for sql in [
        "DELETE FROM people WHERE id IN (SELECT id FROM crm.people)",
        "DELETE FROM 'people' WHERE id IN (SELECT id FROM crm.people)",
        "DELETE FROM [PEOPLE] WHERE id IN (SELECT id FROM \"CRM\".\"People\")",
        "DELETE FROM `people` AS crm WHERE crm.id IN (SELECT id FROM crm.people)",
        "DELETE FROM \u{feff}people WHERE id IN (SELECT id FROM crm.people)",
        "UPDATE people SET name = 'x' FROM crm.people AS p WHERE p.id = people.id",
        "UPDATE OR IGNORE people SET name = (SELECT max(name) FROM crm.people)",
        "UPDATE items SET name = people.name FROM people, crm.people AS p WHERE p.id = people.id",
        "INSERT INTO people SELECT * FROM crm.people",
        "REPLACE INTO people SELECT * FROM crm.people RETURNING id",
        "INSERT INTO items SELECT id, name, 1, 1 FROM people WHERE id IN (SELECT id FROM crm.people)",
        "INSERT INTO items(id, name) VALUES (9, 'x') RETURNING (SELECT name FROM people), (SELECT 1 FROM crm.people)",
        "WITH c AS (SELECT id FROM crm.people) DELETE FROM people WHERE id IN c",
        "CREATE TABLE copy AS SELECT people.* FROM people, crm.people AS p",
        "DROP TABLE people -- crm.people",
        "EXPLAIN DELETE FROM people WHERE id IN (SELECT id FROM crm.people)",
        "ALTER TABLE people ADD COLUMN x CHECK (crm.people > 1)",
        "SELECT p.name FROM crm.people AS p, people",
        "SELECT count(*) FROM people JOIN crm.people AS p",
        "SELECT 1 FROM crm.people AS p WHERE (p.id, p.name) IN people",
        "SELECT 1 FROM crm.people AS p WHERE EXISTS (SELECT 1 FROM (people))",
        "WITH people AS (SELECT * FROM people), c AS (SELECT 1 FROM crm.people) SELECT * FROM people, c",
        "SELECT o.name FROM open, crm.open AS o",
        "SELECT n.body FROM notes('pen'), crm.notes AS n",
    ] {
        let error = client.error(sql).await;
        assert!(
            error.message.contains("no such table") || error.message.contains("circular reference"),
            "{sql}: {error}"
        );
    }
    assert_eq!(client.text("SELECT count(*), sum(name = 'x') FROM crm.people").await, "2|0");
    assert_eq!(client.text("SELECT count(*) FROM items").await, "3");
    let error = client.error("DELETE FROM people WHERE id IN (SELECT id FROM crm.people)").await;
    assert_eq!(error.message, "no such table: people (not in the current database, but in crm)");
    assert_eq!(error.next_step.unwrap(), "write crm.people, or make crm the current database");
}

#[tokio::test]
async fn what_a_text_calls_by_a_tables_name_is_not_that_table() {
    let mut client = with_views().client("shop").await;
    for (sql, rows) in [
        ("SELECT people.name FROM crm.people AS people ORDER BY 1", "Ann;Bo"),
        ("SELECT people.name FROM crm.people people WHERE people.id = 1", "Ann"),
        ("WITH people AS (SELECT 7 AS x) SELECT x FROM people, crm.people WHERE id = 1", "7"),
        ("SELECT count(*) FROM crm.log, crm.people WHERE log.people IS NULL OR people IS NULL", "0"),
        ("SELECT 'people', p.name AS people FROM crm.people p WHERE id = 2", "people|Bo"),
        ("SELECT body FROM crm.notes WHERE notes MATCH 'pen'", "red pen"),
        ("SELECT id FROM crm.people WHERE people.name = 'Bo'", "2"),
    ] {
        assert_eq!(client.text(sql).await, rows, "{sql}");
    }
    client.text("INSERT INTO crm.notes(notes) VALUES ('optimize')").await;
    client.text("CREATE INDEX crm.by_name ON people(name)").await;
    client.text("CREATE TRIGGER crm.t AFTER INSERT ON people BEGIN DELETE FROM log; END").await;
    client.text("CREATE VIEW crm.seen AS SELECT \"name\" FROM people").await;
    assert_eq!(client.text("SELECT count(*) FROM crm.seen AS people").await, "2");
    client.text("DELETE FROM crm.people WHERE people.id = 1").await;
    assert_eq!(client.text("SELECT what, people FROM crm.log").await, "Ann|1");
    assert_eq!(client.text("SELECT count(*) FROM temp.sqlite_schema, crm.people AS people").await, "0");
}

#[tokio::test]
async fn names_within_expressions_and_subqueries_with_names_are_the_contexts_too() {
    let mut client = Fixture::shop().client("shop").await;
    for sql in [
        "WITH c AS (SELECT name FROM people) SELECT c.name FROM c, crm.people AS p",
        "WITH c AS (SELECT name FROM people) SELECT c.name FROM c, items AS crm WHERE crm.id = 1",
        "SELECT s.name FROM (SELECT name FROM people) AS s, crm.people AS p",
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + id FROM c, people WHERE n < 9) \
         SELECT * FROM c, crm.people",
        "SELECT (SELECT count(*) FROM people) FROM crm.people",
        "SELECT count(*) FROM (SELECT 1 FROM crm.people), people",
    ] {
        let error = client.error(sql).await;
        assert!(error.message.starts_with("no such table: people (not in"), "{sql}: {error}");
    }
    assert_eq!(client.text("WITH c AS (SELECT name FROM crm.people) SELECT max(c.name) FROM c").await, "Bo");
}

#[tokio::test]
async fn views_and_triggers_of_another_database_find_what_is_theirs() {
    let fixture = with_views();
    let mut client = fixture.client("shop").await;
    for sql in ["SELECT * FROM crm.open", "SELECT open.name FROM crm.open AS open ORDER BY 1"] {
        assert_eq!(client.text(sql).await, "Ann;Bo", "{sql}");
    }
    assert_eq!(client.text("SELECT n FROM crm.counted").await, "2");
    assert_eq!(client.text("SELECT count(*) FROM crm.open").await, "2");
    assert_eq!(client.text("SELECT count(*) FROM crm.nested, items").await, "6");
    assert!(
        client.error("SELECT * FROM crm.open, people").await.message.starts_with("no such table: people (")
    );
    assert_eq!(client.sql("DELETE FROM crm.people WHERE id = 1").await.unwrap().affected, Some(1));
    assert_eq!(client.text("SELECT * FROM crm.log").await, "Ann|1");
    let rows = Catalog::Rows(crate::backend::Relation {
        database: Some("crm".into()),
        schema: None,
        name: "open".into(),
    });
    assert_eq!(flat(&client.catalog(rows).await.unwrap()), "Bo");
    // The context's table of the same name is none of the view's.
    fixture.file("shop.db", "CREATE TABLE people(id INT, name TEXT)");
    assert_eq!(client.text("SELECT name FROM crm.open").await, "Bo");
    assert_eq!(client.text("SELECT count(*) FROM people").await, "0");
    assert_eq!(client.text("SELECT count(*) FROM people, crm.people AS p").await, "0");
}

#[tokio::test]
async fn the_connections_state_cannot_be_read_under_the_name_of_an_alias() {
    let mut client = with_views().client("shop").await;
    for sql in [
        "WITH c AS (SELECT last_insert_rowid() AS x) INSERT INTO items(name) SELECT x FROM c",
        "INSERT INTO items(name) SELECT s.x FROM (SELECT total_changes() AS x) AS s",
        "INSERT INTO items(name) SELECT s.x FROM (SELECT \"CHANGES\"() AS x) AS s",
        "UPDATE items SET name = s.x FROM (SELECT changes ( ) AS x) AS s",
    ] {
        let error = client.error(sql).await;
        assert_eq!(error.kind, ErrorKind::Refused, "{sql}: {error}");
    }
}

#[tokio::test]
async fn a_pragmas_function_finds_another_databases_table_only_by_its_database() {
    let mut client = with_views().client("shop").await;
    let error = client.error("SELECT p.name FROM crm.people, pragma_table_info('People') AS p").await;
    assert!(error.message.starts_with("no such table: People (not in"), "{error}");
    assert!(error.next_step.unwrap().contains("pragma_table_info(name, 'crm')"));
    let sql = "SELECT group_concat(p.name) FROM crm.sqlite_schema AS m, pragma_table_info(m.name, 'crm') AS p \
               WHERE m.name = 'people'";
    assert_eq!(client.text(sql).await, "id,name");
    let sql = "SELECT count(*) FROM pragma_table_info('items') AS p, crm.people WHERE people.id = 1";
    assert_eq!(client.text(sql).await, "4");
}
