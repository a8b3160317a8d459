//! Contexts, and statements across databases.

use super::*;

#[tokio::test]
async fn a_join_across_databases_works() {
    let mut client = Fixture::shop().client("shop").await;
    let sql = "SELECT p.name, count(*) FROM items JOIN CRM.people AS p ON p.id = owner GROUP BY 1 ORDER BY 1";
    assert_eq!(client.text(sql).await, "Ann|2;Bo|1");
    assert_eq!(client.text("SELECT count(*) FROM Shop.items, \"main\".items").await, "9");
}

#[tokio::test]
async fn unqualified_names_refer_to_the_contexts_database() {
    let fixture = Fixture::shop();
    let mut client = fixture.client("shop").await;
    assert_eq!(client.text("SELECT count(*) FROM items").await, "3");
    client.context.database = Some("CRM".into());
    assert_eq!(client.text("SELECT count(*) FROM people").await, "2");
    assert!(client.error("SELECT * FROM items").await.message.starts_with("no such table: items"));
    client.context.database = Some("shop".into());
    assert_eq!(client.text("SELECT count(*) FROM main.items").await, "3");
}

#[tokio::test]
async fn unqualified_names_never_refer_to_an_attached_database() {
    let mut client = Fixture::shop().client("shop").await;
    client.text("SELECT count(*) FROM crm.people").await;
    for sql in [
        "SELECT * FROM people",
        "SELECT * FROM people /* crm */",
        "SELECT 'crm', count(*) FROM people",
        "SELECT (SELECT 1 FROM people) FROM items AS crm",
    ] {
        let error = client.error(sql).await;
        assert!(error.message.starts_with("no such table: people"), "{sql}: {error}");
        assert_eq!(error.kind, ErrorKind::Statement);
    }
    let cte = "WITH people AS (SELECT * FROM crm.people) SELECT count(*) FROM people, items";
    assert_eq!(client.text(cte).await, "6");
    let error = client.error("SELECT crm.name FROM people AS crm").await;
    assert_eq!(error.next_step.unwrap(), "write crm.people, or make crm the current database");
}

#[tokio::test]
async fn a_broken_database_affects_only_statements_that_name_it() {
    let fixture = Fixture::shop();
    std::fs::write(fixture.path("items.db"), "Dear SQLite, ".repeat(100)).unwrap();
    let mut client = fixture.client("shop").await;
    assert_eq!(client.text("SELECT count(*), 'items' FROM items").await, "3|items");
    for sql in [
        "SELECT * FROM items.t",
        "PRAGMA items.user_version",
        "SELECT * FROM pragma_table_info('t', 'items')",
    ] {
        let error = client.error(sql).await;
        assert!(error.message.starts_with("cannot open database items ("), "{sql}: {error}");
    }
    assert_eq!(client.rows("PRAGMA table_info(items)").await.len(), 4);
}

#[tokio::test]
async fn unqualified_writes_go_to_the_contexts_database() {
    let fixture = Fixture::shop().writable();
    fixture.file("crm.db", "CREATE INDEX by_name ON people(name)");
    let mut client = fixture.client("shop").await;
    for sql in [
        "DELETE FROM people WHERE 'crm' = 'crm'",
        "UPDATE people SET name = 'crm'",
        "INSERT INTO people VALUES (3, 'crm')",
        "DROP TABLE people -- no mention: \n",
        "ALTER TABLE people RENAME TO crm",
        "CREATE TRIGGER crm BEFORE DELETE ON people BEGIN SELECT 1; END",
        "CREATE INDEX crm ON people(id)",
    ] {
        let error = client.error(sql).await;
        assert!(error.message.contains("no such table: "), "{sql}: {error}");
    }
    assert_eq!(client.text("SELECT count(*) FROM crm.people").await, "2");
    assert_eq!(client.sql("DELETE FROM crm.people WHERE id = 1").await.unwrap().affected, Some(1));
}

#[tokio::test]
async fn more_databases_than_can_be_attached_can_be_used_a_few_at_a_time() {
    let fixture = Fixture::new();
    for number in 0..25 {
        fixture.file(&format!("db{number:02}.db"), &format!("CREATE TABLE t AS SELECT {number} AS x"));
    }
    let mut client = fixture.client("db00").await;
    for number in 0..25 {
        assert_eq!(client.text(&format!("SELECT x FROM db{number:02}.t")).await, number.to_string());
    }
    let sum = |count: usize| {
        let parts: Vec<String> = (1..=count).map(|number| format!("SELECT x FROM db{number:02}.t")).collect();
        format!("SELECT sum(x) FROM ({})", parts.join(" UNION ALL "))
    };
    assert_eq!(client.text(&sum(10)).await, "55");
    assert_eq!(client.text(&sum(11)).await, "66", "the context's is not needed");
    let error = client.error(&sum(12)).await;
    assert!(error.message.starts_with("the statement uses 12 databases"), "{error}");
    assert_eq!(client.text(&sum(2)).await, "3");
}

#[tokio::test]
async fn quoted_names_with_spaces_and_dots_work() {
    let fixture = Fixture::shop();
    fixture.file("my sales.2024.db", "CREATE TABLE t AS SELECT 4 AS x");
    let mut client = fixture.client("shop").await;
    assert_eq!(client.text("SELECT x FROM \"My Sales.2024\".t").await, "4");
    client.context.database = Some("my sales.2024".into());
    assert_eq!(client.text("SELECT x FROM [my sales.2024].t").await, "4");
}

#[tokio::test]
async fn three_part_names_and_unknown_schemas_are_explained() {
    let mut client = Fixture::shop().client("shop").await;
    let error = client.error("SELECT * FROM shop.main.items").await;
    assert!(error.next_step.unwrap().contains("write database.table"));
    client.context.schema = Some("PUBLIC".into());
    assert_eq!(client.error("SELECT 1").await.message, "no such schema: PUBLIC");
}

#[tokio::test]
async fn for_misspelled_names_similar_ones_are_suggested() {
    let mut client = Fixture::shop().client("shop").await;
    let error = client.error("SELECT * FROM itmes").await;
    assert_eq!(error.code.as_deref(), Some("SQLITE_ERROR (1)"));
    assert!(error.next_step.unwrap().starts_with("did you mean Items?"));
    let error = client.error("SELECT nme FROM items").await;
    assert!(error.next_step.unwrap().starts_with("did you mean name?"));
    let error = client.error("SELECT \"nme\" FROM items").await;
    assert!(error.message.starts_with("no such column: "), "no string in disguise: {error}");
}

#[tokio::test]
async fn contexts_are_completed_with_defaults() {
    let fixture = Fixture::shop();
    let backend = fixture.open();
    let wanted = Context { database: Some("SHOP".into()), warehouse: Some("w".into()), ..Context::default() };
    let context = backend.resolve(&wanted).await.unwrap();
    assert_eq!((context.database.as_deref(), context.warehouse.as_deref()), (Some("shop"), Some("w")));
}
