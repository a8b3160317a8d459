//! Files: what is refused at the start, what comes and goes while the gateway runs.

use super::*;

#[test]
fn a_missing_configured_file_is_an_error_with_its_setting() {
    let mut fixture = Fixture::new();
    fixture.settings.databases.insert("sales".into(), fixture.path("missing"));
    let error = fixture.open_error();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    let start = format!(
        "sqlite.databases.sales: cannot open database sales ({}):",
        fixture.path("missing").display()
    );
    assert!(error.message.starts_with(&start), "{error}");
    assert!(error.next_step.unwrap().contains("sqlite.databases.sales in config.toml"));
    assert!(!fixture.path("missing").exists(), "no file is made");
}

#[test]
fn a_configured_file_that_is_not_a_database_is_an_error_with_its_setting() {
    let mut fixture = Fixture::new();
    std::fs::write(fixture.path("letter.txt"), "Dear SQLite, ".repeat(100)).unwrap();
    fixture.settings.databases.insert("sales".into(), fixture.path("letter.txt"));
    let error = fixture.open_error();
    assert!(error.message.ends_with("file is not a database"), "{error}");
    assert_eq!(error.code.as_deref(), Some("SQLITE_NOTADB (26)"));
}

#[tokio::test]
async fn a_file_in_the_folder_that_is_not_a_database_affects_no_other() {
    let fixture = Fixture::shop();
    std::fs::write(fixture.path("letter.db"), "Dear SQLite, ".repeat(100)).unwrap();
    let mut client = fixture.client("shop").await;
    let error = client.error("SELECT * FROM letter.t").await;
    assert!(error.message.starts_with("cannot open database letter ("), "{error}");
    assert_eq!(client.text("SELECT count(*) FROM items").await, "3");
    client.context.database = Some("letter".into());
    assert_eq!(client.error("SELECT 1").await.kind, ErrorKind::Unavailable);
    client.context.database = Some("shop".into());
    assert_eq!(client.text("SELECT count(*) FROM items").await, "3");
}

#[tokio::test]
async fn configured_files_can_be_in_any_folder() {
    let mut fixture = Fixture::shop();
    let elsewhere = tempfile::tempdir().unwrap();
    let path = elsewhere.path().join("far away.data");
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE t AS SELECT 6 AS x").unwrap();
    fixture.settings.databases.insert("far".into(), path);
    let mut client = fixture.client("shop").await;
    assert_eq!(client.text("SELECT x FROM far.t").await, "6");
    assert!(flat(&client.catalog(Catalog::Databases).await.unwrap()).contains("far|config|file "));
}

#[tokio::test]
async fn files_can_be_added_removed_and_replaced_while_the_gateway_runs() {
    let fixture = Fixture::shop();
    let mut client = fixture.client("shop").await;
    assert!(client.error("SELECT * FROM late.t").await.message.starts_with("no such table: late.t"));
    fixture.file("late.db", "CREATE TABLE t AS SELECT 1 AS x");
    assert_eq!(client.text("SELECT x FROM late.t").await, "1");
    fixture.file("new", "CREATE TABLE t AS SELECT 2 AS x");
    std::fs::rename(fixture.path("new"), fixture.path("late.db")).unwrap();
    assert_eq!(client.text("SELECT x FROM late.t").await, "2");
    client.context.database = Some("late".into());
    assert_eq!(client.text("SELECT x FROM t").await, "2");
    fixture.file("new", "CREATE TABLE t AS SELECT 3 AS x");
    std::fs::rename(fixture.path("new"), fixture.path("late.db")).unwrap();
    assert_eq!(client.text("SELECT x FROM t").await, "3");
    std::fs::remove_file(fixture.path("late.db")).unwrap();
    assert_eq!(client.error("SELECT x FROM t").await.message, "no such database: late");
}

#[tokio::test]
async fn reading_does_not_change_a_file() {
    let fixture = Fixture::shop();
    let before = std::fs::read(fixture.path("shop.db")).unwrap();
    let mut client = fixture.client("shop").await;
    client.text("SELECT count(*) FROM items, crm.people").await;
    assert_eq!(std::fs::read(fixture.path("shop.db")).unwrap(), before);
    assert!(!fixture.path("shop.db-wal").exists());
}

#[tokio::test]
async fn writable_files_are_in_wal_mode() {
    let mut client = Fixture::shop().writable().client("shop").await;
    assert_eq!(client.text("PRAGMA journal_mode").await, "wal");
    assert_eq!(client.text("PRAGMA crm.journal_mode").await, "wal");
}

#[tokio::test]
async fn a_file_in_wal_mode_is_read_including_its_log() {
    let fixture = Fixture::shop();
    let writer = rusqlite::Connection::open(fixture.path("shop.db")).unwrap();
    writer.execute_batch("PRAGMA journal_mode = wal; DELETE FROM items WHERE id = 1").unwrap();
    let mut client = fixture.client("shop").await;
    assert_eq!(client.text("SELECT count(*) FROM items").await, "2");
    writer.execute_batch("DELETE FROM items").unwrap();
    assert_eq!(client.text("SELECT count(*) FROM items").await, "0");
}

#[test]
fn locked_files_do_not_delay_the_start() {
    let mut fixture = Fixture::shop().writable();
    fixture.settings.busy_timeout = Duration::from_secs(3600);
    for name in ["sales", "books"] {
        fixture.file(name, "CREATE TABLE t(x)");
        fixture.settings.databases.insert(name.into(), fixture.path(name));
    }
    let locks: Vec<rusqlite::Connection> = ["sales", "books", "shop.db", "crm.db"]
        .iter()
        .map(|name| {
            let other = rusqlite::Connection::open(fixture.path(name)).unwrap();
            other.execute_batch("BEGIN EXCLUSIVE").unwrap();
            other
        })
        .collect();
    let started = std::time::Instant::now();
    fixture.open();
    assert!(started.elapsed() < PATIENCE, "the locks are not waited for");
    drop(locks);
}

#[cfg(unix)]
#[test]
fn a_missing_folder_is_created_only_for_its_owner() {
    use std::os::unix::fs::PermissionsExt;
    let mut fixture = Fixture::new();
    fixture.settings.folder = fixture.path("deep/er");
    fixture.open();
    let mode = std::fs::metadata(fixture.path("deep/er")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn a_folder_that_cannot_be_created_is_an_error_with_its_setting() {
    let mut fixture = Fixture::new();
    std::fs::write(fixture.path("file"), "").unwrap();
    fixture.settings.folder = fixture.path("file/folder");
    assert!(fixture.open_error().next_step.unwrap().contains("sqlite.folder"));
}
