//! Files: what is refused at the start, what comes and goes while the gateway runs.

use super::*;

#[tokio::test]
async fn a_configured_file_that_cannot_be_opened_stops_no_other() {
    let mut fixture = Fixture::shop();
    std::fs::write(fixture.path("letter.txt"), "Dear SQLite, ".repeat(100)).unwrap();
    fixture.settings.databases.insert("a_letter".into(), fixture.path("letter.txt"));
    fixture.settings.databases.insert("a_missing".into(), fixture.path("missing"));
    let backend = fixture.open();
    let context = backend.resolve(&Context::default()).await.unwrap();
    assert_eq!(context.database.as_deref(), Some("crm"), "the first that can be read");
    let problem = backend.status().problem.unwrap();
    let mut client = client(&backend, "shop").await;
    assert_eq!(client.text("SELECT count(*) FROM items").await, "3");
    let listed = flat(&client.catalog(Catalog::Databases).await.unwrap());
    for text in [&problem, &listed] {
        assert!(text.contains("it is no SQLite file, but a text file (file is not a database)"), "{text}");
        assert!(
            text.contains("cannot open database a_missing (") && text.contains("does not exist"),
            "{text}"
        );
    }
    assert!(listed.contains(";a_letter|unreadable|"), "{listed}");
    let error = client.error("SELECT * FROM a_letter.t").await;
    assert_eq!(error.code.as_deref(), Some("SQLITE_NOTADB (26)"));
    assert!(!fixture.path("missing").exists(), "no file is made");
    std::fs::remove_file(fixture.path("letter.txt")).unwrap();
    fixture.file("letter.txt", "CREATE TABLE t AS SELECT 1 AS x");
    assert_eq!(client.text("SELECT * FROM a_letter.t").await, "1");
    assert!(!backend.status().problem.unwrap().contains("a_letter"), "it is well now");
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

// SQLite opens a file so that Windows neither replaces nor removes it.
#[cfg(unix)]
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
async fn a_writable_file_is_in_wal_mode_from_its_first_write() {
    let mut client = Fixture::shop().writable().client("shop").await;
    client.text("SELECT count(*) FROM items, crm.people").await;
    client.run(statement("DELETE FROM items", Transaction::Rollback), CAPS).await.unwrap();
    assert_eq!(client.text("PRAGMA journal_mode").await, "delete");
    client.sql("INSERT INTO items SELECT 7, name, 1, 2 FROM crm.people WHERE id = 1").await.unwrap();
    assert_eq!(client.text("PRAGMA journal_mode").await, "wal");
    assert_eq!(client.text("PRAGMA crm.journal_mode").await, "delete", "it was only read");
    client.sql("UPDATE crm.people SET name = 'x'").await.unwrap();
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

#[test]
fn a_missing_folder_is_created_only_for_its_owner() {
    let mut fixture = Fixture::new();
    fixture.settings.folder = fixture.path("deep/er");
    fixture.open();
    assert_eq!(crate::os::FileAccess::at(&fixture.path("deep/er")).unwrap().mode, 0o700);
}

#[tokio::test]
async fn a_folder_that_is_missing_is_an_error_of_the_calls_and_found_when_it_is_there() {
    let mut fixture = Fixture::new();
    fixture.settings.creates_folder = false;
    fixture.settings.folder = fixture.path("later");
    let backend = fixture.open();
    let context = backend.resolve(&Context::default()).await.unwrap();
    assert_eq!(context, Context::default());
    let mut client = Client { context, ..client(&backend, "").await };
    for _ in 0..2 {
        let error = client.error("SELECT 1").await;
        assert!(error.message.contains("later (sqlite.folder) does not exist"), "{error}");
        assert!(error.next_step.unwrap().contains("(mkdir "));
    }
    assert!(client.catalog(tables(None)).await.unwrap_err().message.contains("does not exist"));
    let listed = flat(&client.catalog(Catalog::Databases).await.unwrap());
    assert!(listed.starts_with("NULL|problem|there is no database: "), "{listed}");
    assert!(backend.status().problem.unwrap().contains("does not exist"));
    std::fs::create_dir(fixture.path("later")).unwrap();
    assert!(client.error("SELECT 1").await.message.contains("has no SQLite file"));
    fixture.file("later/one.db", "CREATE TABLE t AS SELECT 5 AS x");
    assert_eq!(client.text("SELECT x FROM t").await, "5");
    assert_eq!(backend.completed(&client.context).database.as_deref(), Some("one"));
    assert_eq!(backend.status().problem, None);
}

fn tables(database: Option<&str>) -> Catalog {
    Catalog::Tables { database: database.map(Into::into), schema: None, like: None }
}
