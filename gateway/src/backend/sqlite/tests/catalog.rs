//! The metadata questions.

use super::*;
use crate::backend::{Cut, ErrorKind, Relation, RelationKind};

fn relation(database: Option<&str>, name: &str) -> Relation {
    Relation { database: database.map(Into::into), schema: None, name: name.into() }
}

fn tables(database: Option<&str>, like: Option<&str>) -> Catalog {
    Catalog::Tables { database: database.map(Into::into), schema: None, like: like.map(Into::into) }
}

fn describe(kind: RelationKind, name: &str) -> Catalog {
    Catalog::Describe { kind, relation: relation(None, name) }
}

async fn shop() -> Client {
    Fixture::shop().client("shop").await
}

async fn answer(client: &mut Client, catalog: Catalog) -> (String, String) {
    let completion = client.catalog(catalog).await.unwrap();
    (completion.rows.columns().join(","), flat(&completion))
}

#[tokio::test]
async fn databases_and_schemas_are_listed() {
    let fixture = Fixture::shop();
    let mut client = fixture.client("shop").await;
    let (columns, rows) = answer(&mut client, Catalog::Databases).await;
    assert_eq!(columns, "name,kind,comment");
    let crm = fixture.path("crm.db");
    assert!(rows.starts_with(&format!("crm|folder|file {};shop|folder|", crm.display())), "{rows}");
    let schemas = answer(&mut client, Catalog::Schemas { database: Some("CRM".into()) }).await;
    assert_eq!(schemas, ("database,name".into(), "crm|main".into()));
    let schemas = answer(&mut client, Catalog::Schemas { database: None }).await;
    assert_eq!(schemas.1, "shop|main");
    let error = client.catalog(Catalog::Schemas { database: Some("sop".into()) }).await.unwrap_err();
    assert_eq!(error.next_step.unwrap(), "did you mean shop? databases: crm, shop");
}

#[tokio::test]
async fn tables_are_listed_with_and_without_estimates() {
    let fixture = Fixture::shop();
    fixture.file(
        "shop.db",
        "CREATE TABLE a_b(x); CREATE TABLE aXb(x); ANALYZE; CREATE VIRTUAL TABLE notes USING fts5(t)",
    );
    let mut client = fixture.client("shop").await;
    let expected = "shop|main|a_b|NULL;shop|main|aXb|NULL;shop|main|Items|3;shop|main|notes|NULL";
    assert_eq!(
        answer(&mut client, tables(None, None)).await,
        ("database,schema,name,rows".into(), expected.into())
    );
    assert_eq!(answer(&mut client, tables(Some("crm"), None)).await.1, "crm|main|people|NULL");
    assert_eq!(answer(&mut client, tables(None, Some("ITEM%"))).await.1, "shop|main|Items|3");
    assert_eq!(answer(&mut client, tables(None, Some("a\\_b"))).await.1, "shop|main|a_b|NULL");
    assert_eq!(
        answer(&mut client, tables(None, Some("a_b"))).await.1,
        "shop|main|a_b|NULL;shop|main|aXb|NULL"
    );
    assert_eq!(answer(&mut client, tables(None, Some("%' OR 1=1 --"))).await.1, "");
    assert_eq!(answer(&mut client, tables(None, Some("x\\"))).await.1, "");
}

#[tokio::test]
async fn views_and_their_definitions_are_listed() {
    let mut client = shop().await;
    let views = |database: &str| Catalog::Views { database: database.into(), schema: Some("MAIN".into()) };
    assert_eq!(
        answer(&mut client, views("SHOP")).await,
        ("database,schema,name".into(), "shop|main|Cheap".into())
    );
    assert_eq!(answer(&mut client, views("crm")).await.1, "");
    let (columns, text) = answer(&mut client, Catalog::Definition(relation(Some("shop"), "cheap"))).await;
    assert_eq!(columns, "definition");
    assert_eq!(text, "CREATE VIEW Cheap AS SELECT name FROM Items WHERE price < 3");
    let error = client.catalog(Catalog::Definition(relation(None, "items"))).await.unwrap_err();
    assert_eq!(error.message, "Items is a table, not a view");
    let error = client.catalog(Catalog::Views { database: "shop".into(), schema: Some("x".into()) }).await;
    assert_eq!(error.unwrap_err().message, "no such schema: x");
}

#[tokio::test]
async fn tables_and_views_are_described() {
    let fixture = Fixture::shop();
    fixture.file(
        "shop.db",
        "CREATE TABLE parts(item REFERENCES Items(id), no INT, both AS (no || item), PRIMARY KEY (item, no)) WITHOUT ROWID",
    );
    let mut client = fixture.client("shop").await;
    let (columns, rows) = answer(&mut client, describe(RelationKind::Table, "ITEMS")).await;
    assert_eq!(columns, "column,type,nullable,default,key");
    assert_eq!(
        rows,
        "id|INTEGER|NO|NULL|PRIMARY KEY;name|TEXT|NO|NULL|NULL;owner|INT|YES|NULL|NULL;price|REAL|YES|1.5|NULL"
    );
    let (_, rows) = answer(&mut client, describe(RelationKind::Table, "parts")).await;
    assert_eq!(
        rows,
        "item||NO|NULL|PRIMARY KEY (1), REFERENCES Items(id);no|INT|NO|NULL|PRIMARY KEY (2);both||YES|NULL|NULL"
    );
    for kind in [RelationKind::View, RelationKind::Table] {
        assert_eq!(answer(&mut client, describe(kind, "cheap")).await.1, "name|TEXT|YES|NULL|NULL");
    }
    let error = client.catalog(describe(RelationKind::View, "items")).await.unwrap_err();
    assert_eq!(error.next_step.unwrap(), "describe_table shows its columns");
}

#[tokio::test]
async fn a_primary_key_may_hold_null_unless_sqlite_forbids_it() {
    let fixture = Fixture::shop();
    fixture.file(
        "shop.db",
        "CREATE TABLE a(x TEXT PRIMARY KEY); CREATE TABLE b(x INTEGER PRIMARY KEY);
         CREATE TABLE c(x TEXT PRIMARY KEY) WITHOUT ROWID; CREATE TABLE d(x TEXT PRIMARY KEY) STRICT;
         CREATE TABLE e(x INTEGER PRIMARY KEY DESC); CREATE TABLE f(x INT PRIMARY KEY NOT NULL);
         CREATE TABLE g(x, y NOT NULL, PRIMARY KEY (x, y)); CREATE TABLE h(x BIGINT PRIMARY KEY);",
    );
    let mut client = fixture.client("shop").await;
    for (table, nullable) in [
        ("a", "YES"),
        ("b", "NO"),
        ("c", "NO"),
        ("d", "NO"),
        ("e", "YES"),
        ("f", "NO"),
        ("g", "YES"),
        ("h", "YES"),
    ] {
        let rows = client.catalog(describe(RelationKind::Table, table)).await.unwrap();
        assert_eq!(rows.rows.to_rows()[0][2].as_deref(), Some(nullable), "{table}");
    }
}

#[tokio::test]
async fn rows_of_a_view_are_capped() {
    let mut client = shop().await;
    assert_eq!(
        answer(&mut client, Catalog::Rows(relation(None, "CHEAP"))).await,
        ("name".into(), "pen".into())
    );
    let all = client.catalog(Catalog::Rows(relation(Some("crm"), "people"))).await.unwrap();
    assert_eq!(flat(&all), "1|Ann;2|Bo");
    let caps = Caps { rows_max: 1, ..CAPS };
    let cut = client.run(Operation::Catalog(Catalog::Rows(relation(None, "items"))), caps).await.unwrap();
    assert_eq!((cut.rows.row_count(), cut.rows.cut()), (1, Cut::Rows(2)));
}

#[tokio::test]
async fn unknown_and_hostile_names_are_errors() {
    let mut client = shop().await;
    let error = client.catalog(describe(RelationKind::Table, "itms")).await.unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ErrorKind::Statement, "no such table or view: shop.itms")
    );
    assert!(error.next_step.unwrap().starts_with("did you mean Items? "));
    for name in ["items\"; DROP TABLE items; --", "sqlite_schema", "", "items'"] {
        assert!(client.catalog(Catalog::Rows(relation(None, name))).await.is_err(), "{name}");
    }
}
