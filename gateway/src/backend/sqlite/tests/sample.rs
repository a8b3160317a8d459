//! The sample data.

use super::*;
use crate::backend::{Relation, RelationKind};

const NAME: &str = "SNOWFLAKE_SAMPLE_DATA";

fn empty() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.settings.sample_folder = Some(fixture.path("sample"));
    fixture
}

/// The files of the sample data's folder; the user's folder has none but `sample`.
fn files(fixture: &Fixture) -> Vec<String> {
    names(&fixture.path("sample"))
}

fn names(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn the_eight_tables_exist_with_estimates() {
    let fixture = empty();
    let mut client = fixture.client(NAME).await;
    let rows = [
        ("CUSTOMER", 1500),
        ("LINEITEM", 60175),
        ("NATION", 25),
        ("ORDERS", 15000),
        ("PART", 2000),
        ("PARTSUPP", 8000),
        ("REGION", 5),
        ("SUPPLIER", 100),
    ];
    let listed = client.catalog(Catalog::Tables { database: None, schema: None, like: None }).await.unwrap();
    let expected: Vec<String> =
        rows.iter().map(|(name, count)| format!("{NAME}|main|{name}|{count}")).collect();
    assert_eq!(flat(&listed), expected.join(";"));
    for (name, count) in rows {
        assert_eq!(client.text(&format!("SELECT count(*) FROM {name}")).await, count.to_string());
    }
}

#[tokio::test]
async fn values_are_plausible_and_foreign_keys_hold() {
    let mut client = empty().client(NAME).await;
    let first = "SELECT o_orderkey, o_totalprice, o_orderdate, o_orderstatus FROM orders LIMIT 2";
    assert_eq!(client.text(first).await, "1|172799.49|1996-01-02|O;2|38426.09|1996-12-01|O");
    assert_eq!(client.text("PRAGMA foreign_key_check").await, "");
    assert_eq!(client.text("PRAGMA integrity_check").await, "ok");
    assert_eq!(client.text("SELECT count(*), count(DISTINCT region) FROM revenue_by_nation").await, "25|5");
    assert_eq!(client.text("SELECT count(*), sum(orders) FROM customer_orders").await, "1500|15000");
    let relation = Relation { database: None, schema: None, name: "REVENUE_BY_NATION".into() };
    let described = Catalog::Describe { kind: RelationKind::View, relation };
    assert_eq!(client.catalog(described).await.unwrap().rows.row_count(), 4);
    assert!(flat(&client.catalog(Catalog::Databases).await.unwrap()).contains("|sample|sample data: TPC-H"));
}

#[test]
fn the_sample_data_is_deterministic_and_leaves_no_other_files() {
    let (one, two) = (empty(), empty());
    for fixture in [&one, &two] {
        fixture.open();
        assert_eq!(files(fixture), [".SNOWFLAKE_SAMPLE_DATA.lock", "SNOWFLAKE_SAMPLE_DATA.db"]);
        assert_eq!(names(fixture.dir.path()), ["sample"], "the user's folder stays as it is");
    }
    let read = |fixture: &Fixture| std::fs::read(fixture.path("sample/SNOWFLAKE_SAMPLE_DATA.db")).unwrap();
    assert!(read(&one) == read(&two));
}

#[test]
fn the_leftover_of_a_killed_start_is_replaced() {
    let fixture = empty();
    std::fs::create_dir_all(fixture.path("sample")).unwrap();
    std::fs::write(fixture.path("sample/.SNOWFLAKE_SAMPLE_DATA.unfinished"), "half a datab").unwrap();
    std::fs::write(fixture.path("sample/.SNOWFLAKE_SAMPLE_DATA.lock"), "").unwrap();
    fixture.open();
    assert_eq!(files(&fixture), [".SNOWFLAKE_SAMPLE_DATA.lock", "SNOWFLAKE_SAMPLE_DATA.db"]);
}

#[test]
fn a_second_start_changes_nothing() {
    let fixture = empty();
    fixture.open();
    let made = |fixture: &Fixture| {
        std::fs::metadata(fixture.path("sample/SNOWFLAKE_SAMPLE_DATA.db")).unwrap().modified()
    };
    let before = made(&fixture).unwrap();
    fixture.open();
    assert_eq!(made(&fixture).unwrap(), before);
}

#[test]
fn simultaneous_starts_create_it_once() {
    let fixture = empty();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| fixture.open());
        }
    });
    assert_eq!(files(&fixture), [".SNOWFLAKE_SAMPLE_DATA.lock", "SNOWFLAKE_SAMPLE_DATA.db"]);
}

#[test]
fn an_existing_database_of_that_name_is_not_changed() {
    let fixture = empty();
    fixture.file("snowflake_sample_data.sqlite", "CREATE TABLE mine(x)");
    fixture.open();
    assert_eq!(names(fixture.dir.path()), ["snowflake_sample_data.sqlite"]);
}

#[tokio::test]
async fn the_sample_data_is_served_beside_the_users_databases_and_is_not_the_default() {
    let fixture = empty();
    fixture.file("zoo.db", "CREATE TABLE animals(x)");
    let backend = fixture.open();
    let context = backend.resolve(&Context::default()).await.unwrap();
    assert_eq!(context.database.as_deref(), Some("zoo"));
    let mut client = fixture.client("zoo").await;
    assert_eq!(client.text("SELECT count(*) FROM snowflake_sample_data.nation").await, "25");
    let databases = flat(&client.catalog(Catalog::Databases).await.unwrap());
    assert!(databases.contains("SNOWFLAKE_SAMPLE_DATA|sample|"), "{databases}");
}

#[test]
fn without_the_setting_no_file_is_created() {
    let fixture = Fixture::new();
    fixture.open();
    assert!(files(&fixture).is_empty());
}
