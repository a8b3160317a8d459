//! State on a connection of a session's own: transactions, temporary objects, and how they end.

use super::*;
use crate::backend::{HELD_NAMES_MAX, Held, StatementGate};
use sql_gate::Object;

/// A gate that lets nothing be written.
#[derive(Debug)]
struct NoWrites;

impl StatementGate for NoWrites {
    fn looks_at_names(&self) -> bool {
        false
    }

    fn objection_to_writes(&self) -> Option<BackendError> {
        Some(BackendError::new(ErrorKind::Refused, "the profile lets it write nothing (`statements`)"))
    }

    fn admit<'a>(&'a self, _: &'a [Object]) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(ready(Ok(())))
    }
}

/// A client whose connection is its own.
struct Owner(Client);

impl Owner {
    async fn run(&mut self, sql: &str) -> Result<Completion, BackendError> {
        self.run_as("own", sql, TestJournal::Accepts).await
    }

    async fn run_as(
        &mut self,
        session: &str,
        sql: &str,
        journal: TestJournal,
    ) -> Result<Completion, BackendError> {
        let operation = statement(sql, Transaction::None);
        let mut request = request(self.0.context.clone(), operation, CAPS, journal);
        request.ownership = Ownership::Owned;
        request.origin.session = session.into();
        self.0.request(request).await
    }

    async fn all(&mut self, statements: &[&str]) {
        for sql in statements {
            self.run(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
    }

    async fn text(&mut self, sql: &str) -> String {
        flat(&self.run(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}")))
    }

    async fn error(&mut self, sql: &str) -> BackendError {
        self.run(sql).await.unwrap_err()
    }

    fn held(&self) -> Held {
        self.0.connection.held()
    }

    fn in_context(&mut self, database: &str) {
        self.0.context.database = Some(database.into());
    }
}

async fn owner(fixture: &Fixture, name: &str) -> Owner {
    Owner(fixture.client(name).await)
}

const COUNT: &str = "SELECT count(*) FROM items";

#[tokio::test]
async fn a_transaction_spans_calls_and_ends_as_it_says() {
    let mut owner = owner(&Fixture::shop().writable(), "shop").await;
    for (begin, end, left) in [
        ("BEGIN", "ROLLBACK", "3"),
        ("begin deferred transaction", "END", "2"),
        ("BEGIN IMMEDIATE", "ROLLBACK TRANSACTION", "2"),
        ("BEGIN EXCLUSIVE", "COMMIT", "1"),
        ("SAVEPOINT a", "ROLLBACK", "1"),
        ("SAVEPOINT a", "RELEASE a", "0"),
    ] {
        owner.all(&[begin, "DELETE FROM items WHERE id = (SELECT min(id) FROM items)"]).await;
        assert!(owner.held().transaction, "{begin}");
        owner.all(&[end]).await;
        assert!(owner.held().is_empty(), "{end}");
        assert_eq!(owner.text(COUNT).await, left, "{begin} {end}");
    }
}

#[tokio::test]
async fn savepoints_take_back_a_part() {
    let mut owner = owner(&Fixture::shop().writable(), "shop").await;
    owner
        .all(&[
            "BEGIN",
            "DELETE FROM items WHERE id = 1",
            "SAVEPOINT a",
            "DELETE FROM items",
            "ROLLBACK TO a",
            "RELEASE a",
        ])
        .await;
    assert!(owner.held().transaction);
    owner.all(&["COMMIT"]).await;
    assert_eq!(owner.text(COUNT).await, "2");
}

#[tokio::test]
async fn an_error_in_a_transaction_leaves_it_open_unless_it_says_so() {
    let mut owner = owner(&Fixture::shop().writable(), "shop").await;
    owner.all(&["BEGIN", "DELETE FROM items WHERE id = 1"]).await;
    for sql in [
        "SELECT * FROM missing",
        "SELEC",
        "INSERT INTO items(id, name) VALUES (2, 'twice')",
        "BEGIN",
        "ATTACH 'x' AS y",
    ] {
        let error = owner.error(sql).await;
        assert!(!error.message.contains("rolled back"), "{sql}: {error}");
        assert!(owner.held().transaction, "{sql}");
    }
    let error = owner.error("INSERT OR ROLLBACK INTO items(id, name) VALUES (2, 'twice')").await;
    assert!(error.message.contains("open transaction was rolled back"), "{error}");
    assert!(error.next_step.unwrap().contains("begin the transaction again"));
    assert!(owner.held().is_empty());
    assert_eq!(owner.text(COUNT).await, "3");
    let error = owner.error("COMMIT").await;
    assert!(error.message.contains("no transaction is active"), "{error}");
}

#[tokio::test]
async fn a_cancelled_change_takes_its_transaction_with_it_and_a_read_does_not() {
    let mut owner = owner(&Fixture::shop().writable(), "shop").await;
    owner.all(&["BEGIN", "DELETE FROM items WHERE id = 1"]).await;
    let canceller = owner.0.connection.canceller();
    let cancel = || {
        let canceller = Arc::clone(&canceller);
        async move {
            tokio::task::yield_now().await;
            canceller.cancel();
        }
    };
    let (read, ()) = tokio::join!(owner.run(ENDLESS), cancel());
    assert_eq!(read.unwrap_err().kind, ErrorKind::Cancelled);
    assert!(owner.held().transaction);
    let write = format!("UPDATE items SET price = ({ENDLESS})");
    let (write, ()) = tokio::join!(owner.run(&write), cancel());
    let error = write.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Cancelled);
    // The cancel may have come before the first step.
    assert_eq!(
        error.message.contains("open transaction was rolled back"),
        !owner.held().transaction,
        "{error}"
    );
    owner.0.connection.reset().await.unwrap();
    assert_eq!(owner.text(COUNT).await, "3");
}

#[tokio::test]
async fn temporary_objects_live_on_the_connection_also_of_files_that_are_read_only() {
    for fixture in [Fixture::shop(), Fixture::shop().writable()] {
        let bytes = std::fs::read(fixture.path("shop.db")).unwrap();
        let mut owner = owner(&fixture, "shop").await;
        owner
            .all(&[
                "CREATE TEMP TABLE mine(x, y)",
                "CREATE INDEX temp.by_x ON mine(x)",
                "INSERT INTO mine SELECT id, name FROM items",
                "INSERT INTO temp.mine SELECT value, 'j' FROM json_each('[7,8]')",
                "CREATE TABLE temp.other AS SELECT * FROM crm.people",
                "CREATE TEMP VIEW both AS SELECT x FROM mine UNION ALL SELECT id FROM crm.people",
                "CREATE TEMP TRIGGER after_x AFTER INSERT ON mine BEGIN DELETE FROM other; END",
                "UPDATE mine SET y = upper(y)",
                "DELETE FROM mine WHERE x = 1",
                "ALTER TABLE other ADD COLUMN z",
            ])
            .await;
        assert_eq!(
            owner.text("SELECT count(*) FROM both").await,
            "6",
            "a database that only the view names is there"
        );
        assert_eq!(owner.text("SELECT group_concat(y) FROM mine").await, "INK,MUG,J,J");
        assert_eq!(owner.held().temporary, ["mine", "other", "both", "after_x"]);
        owner.all(&["DROP TRIGGER after_x", "DROP VIEW both", "DROP TABLE temp.other"]).await;
        assert_eq!(owner.held().temporary, ["mine"]);
        owner.all(&["DROP TABLE mine"]).await;
        assert!(owner.held().is_empty());
        assert_eq!(std::fs::read(fixture.path("shop.db")).unwrap(), bytes, "the file is as it was");
    }
}

#[tokio::test]
async fn a_temporary_table_hides_one_of_the_file_and_a_rollback_brings_it_back() {
    let mut owner = owner(&Fixture::shop(), "shop").await;
    owner.all(&["CREATE TEMP TABLE people(x)", "SELECT * FROM crm.people"]).await;
    assert_eq!(owner.text("SELECT count(*) FROM people, crm.people AS p").await, "0");
    owner
        .all(&["CREATE TEMP TABLE items(id)", "BEGIN", "DROP TABLE temp.items", "DROP TABLE temp.people"])
        .await;
    assert!(owner.held().temporary.is_empty());
    assert_eq!(owner.text(COUNT).await, "3");
    owner.all(&["ROLLBACK"]).await;
    assert_eq!(owner.held().temporary, ["people", "items"]);
    assert_eq!(owner.text(COUNT).await, "0");
}

#[tokio::test]
async fn names_that_are_held_are_bounded() {
    let mut owner = owner(&Fixture::shop(), "shop").await;
    for number in 0..HELD_NAMES_MAX + 5 {
        owner.all(&[&format!("CREATE TEMP TABLE t{number}(x)")]).await;
    }
    assert_eq!(owner.held().temporary.len(), HELD_NAMES_MAX);
}

#[tokio::test]
async fn what_is_temporary_writes_no_file_behind_the_read_only_setting() {
    let fixture = Fixture::shop();
    let mut owner = owner(&fixture, "shop").await;
    owner
        .all(&[
            "CREATE TEMP TABLE t(x)",
            "CREATE TEMP TRIGGER sly AFTER INSERT ON t BEGIN DELETE FROM items; END",
        ])
        .await;
    for sql in [
        "INSERT INTO t VALUES (1)",
        "DELETE FROM items",
        "INSERT INTO crm.people VALUES (1, 'x')",
        "DROP VIEW cheap",
    ] {
        let error = owner.error(sql).await;
        assert!(error.message.contains("databases are read-only"), "{sql}: {error}");
    }
    owner.all(&["BEGIN IMMEDIATE"]).await;
    assert!(owner.error("DELETE FROM items").await.message.contains("databases are read-only"));
    owner.all(&["COMMIT"]).await;
    assert_eq!(owner.text(COUNT).await, "3");
}

#[tokio::test]
async fn a_profile_that_may_not_write_writes_nothing_whatever_the_text_was_taken_for() {
    let fixture = Fixture::shop().writable();
    let mut client = fixture.client("shop").await;
    for (sql, refused) in [
        ("DELETE FROM items", true),
        ("WITH x AS (SELECT 1) DELETE FROM items RETURNING id", true),
        ("CREATE TABLE u(x)", true),
        ("ANALYZE", true),
        ("BEGIN IMMEDIATE", true),
        ("CREATE TEMP TABLE t(x)", false),
        ("INSERT INTO t VALUES (1)", false),
        ("CREATE TEMP TRIGGER sly AFTER DELETE ON t BEGIN DELETE FROM items; END", false),
        ("DELETE FROM t", true),
        ("BEGIN", false),
        ("SELECT * FROM items", false),
        ("EXPLAIN DELETE FROM items", false),
        ("COMMIT", false),
    ] {
        let mut request =
            request(client.context.clone(), statement(sql, Transaction::None), CAPS, TestJournal::Accepts);
        (request.ownership, request.gate) = (Ownership::Owned, Arc::new(NoWrites));
        let done = client.request(request).await;
        match done {
            Err(error) if refused => {
                assert!(
                    error.kind == ErrorKind::Refused && error.message.contains("`statements`"),
                    "{sql}: {error}"
                );
            }
            done => assert!(done.is_ok() && !refused, "{sql}: {:?}", done.err()),
        }
    }
    assert_eq!(client.text(COUNT).await, "3");
}

#[tokio::test]
async fn the_journal_is_asked_for_changes_of_files_and_for_the_commit_of_them() {
    let mut owner = owner(&Fixture::shop().writable(), "shop").await;
    for sql in
        ["CREATE TEMP TABLE t(x)", "INSERT INTO t VALUES (1)", "BEGIN", "SELECT * FROM items", "COMMIT"]
    {
        owner.run_as("own", sql, TestJournal::Refuses).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    owner.all(&["BEGIN", "DELETE FROM items WHERE id = 1"]).await;
    for sql in ["DELETE FROM items", "COMMIT"] {
        let error = owner.run_as("own", sql, TestJournal::Refuses).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::OutcomeUnknown, "{sql}");
        assert!(owner.held().transaction, "{sql}");
    }
    owner.run_as("own", "ROLLBACK", TestJournal::Refuses).await.unwrap();
    assert_eq!(owner.text(COUNT).await, "3");
}

#[tokio::test]
async fn a_reset_leaves_nothing() {
    let mut owner = owner(&Fixture::shop().writable(), "shop").await;
    owner.all(&["CREATE TEMP TABLE t(x)", "BEGIN", "DELETE FROM items", "CREATE TABLE u(x)"]).await;
    assert_eq!(owner.held().to_string(), "an open transaction, the temporary object t");
    owner.0.connection.reset().await.unwrap();
    assert!(owner.held().is_empty() && owner.0.connection.is_usable());
    assert_eq!(owner.text(COUNT).await, "3");
    assert!(owner.run("SELECT * FROM t").await.is_err() && owner.run("SELECT * FROM u").await.is_err());
    owner.0.connection.check().await.unwrap();
}

#[tokio::test]
async fn a_connection_tells_the_context_that_it_is_in() {
    let mut owner = owner(&Fixture::shop(), "shop").await;
    assert_eq!(owner.0.connection.context(), None);
    owner.all(&["SELECT * FROM crm.people"]).await;
    assert_eq!(owner.0.connection.context(), Some(owner.0.context.clone()));
    owner.in_context("crm");
    owner.all(&["SELECT * FROM people"]).await;
    assert_eq!(owner.0.connection.context(), Some(owner.0.context.clone()));
}

#[tokio::test]
async fn a_transaction_spans_databases_that_its_statements_name() {
    let fixture = Fixture::shop().writable();
    for number in 0..11 {
        fixture.file(&format!("more{number}.db"), "CREATE TABLE t(x); INSERT INTO t VALUES (1)");
    }
    let mut owner = owner(&fixture, "shop").await;
    owner.all(&["BEGIN", "DELETE FROM items", "INSERT INTO crm.people VALUES (3, 'Cy')"]).await;
    assert_eq!(owner.text("SELECT count(*) FROM crm.people").await, "3");
    // Databases that are only looked at in between come and go.
    owner.all(&["ROLLBACK", "BEGIN"]).await;
    for number in 0..9 {
        owner.all(&[&format!("UPDATE more{number}.t SET x = 2")]).await;
    }
    owner.all(&["INSERT INTO crm.people VALUES (3, 'Cy')"]).await;
    let error = owner.error("SELECT * FROM more9.t").await;
    assert!(error.message.contains("uses 10 databases"), "{error}");
    owner.all(&["COMMIT", "SELECT * FROM more9.t"]).await;
    assert_eq!(owner.text("SELECT count(*) FROM crm.people").await, "3");
    assert_eq!(owner.text("SELECT x FROM more8.t").await, "2");
}

#[tokio::test]
async fn another_context_in_a_transaction_is_never_taken_for_the_first() {
    let fixture = Fixture::shop().writable();
    fixture.file("crm.db", "CREATE TABLE Items(id); CREATE TABLE only(x)");
    let mut owner = owner(&fixture, "shop").await;
    owner.all(&["BEGIN", "DELETE FROM items WHERE id = 1"]).await;
    owner.in_context("crm");
    assert_eq!(owner.text("SELECT count(*) FROM people").await, "2");
    assert_eq!(owner.text("SELECT count(*) FROM crm.items").await, "0");
    assert_eq!(owner.text("SELECT count(*) FROM shop.items").await, "2", "in its transaction");
    for sql in ["SELECT count(*) FROM items", "INSERT INTO items VALUES (9)"] {
        let error = owner.error(sql).await;
        assert!(
            error.message.to_lowercase().starts_with("items is ambiguous: the session's open transaction"),
            "{sql}: {error}"
        );
    }
    for sql in [
        "SELECT count(*) FROM main.items",
        "SELECT * FROM sqlite_schema",
        "SELECT * FROM pragma_table_info('items')",
    ] {
        assert!(owner.error(sql).await.message.contains("not clear here"), "{sql}");
    }
    owner.error("CREATE TABLE fresh(x)").await;
    owner.all(&["CREATE TABLE crm.fresh(x)", "INSERT INTO only VALUES (1)", "ROLLBACK"]).await;
    assert_eq!(owner.text("SELECT count(*) FROM items").await, "0");
    let catalog = Catalog::Tables { database: None, schema: None, like: Some("fresh".into()) };
    assert_eq!(owner.0.catalog(catalog).await.unwrap().rows.row_count(), 0);
}

#[tokio::test]
async fn the_catalog_of_any_database_can_be_read_in_a_transaction() {
    let mut owner = owner(&Fixture::shop().writable(), "shop").await;
    owner.all(&["BEGIN", "CREATE TABLE fresh(x)"]).await;
    let tables =
        |database: &str| Catalog::Tables { database: Some(database.into()), schema: None, like: None };
    let listed = owner.0.catalog(tables("shop")).await.unwrap();
    assert!(flat(&listed).contains("fresh"), "{}", flat(&listed));
    assert!(flat(&owner.0.catalog(tables("crm")).await.unwrap()).contains("people"));
    assert!(owner.held().transaction);
    owner.all(&["COMMIT"]).await;
}

#[tokio::test]
async fn a_session_sees_what_its_own_connection_did_last() {
    let mut owner = owner(&Fixture::shop().writable(), "shop").await;
    owner.all(&["INSERT INTO items(name) VALUES ('a'), ('b')"]).await;
    assert_eq!(owner.text("SELECT changes(), last_insert_rowid()").await, "2|5");
    let other = owner.run_as("other", "SELECT changes(), last_insert_rowid()", TestJournal::Accepts).await;
    assert_eq!(flat(&other.unwrap()), "0|0", "another session does not");
}

#[tokio::test]
async fn a_lock_in_a_transaction_is_an_error_that_leaves_it_open() {
    let mut fixture = Fixture::shop().writable();
    fixture.settings.busy_timeout = Duration::from_millis(1);
    let backend = fixture.open();
    let mut one = Owner(client(&backend, "shop").await);
    let mut two = Owner(client(&backend, "shop").await);
    one.all(&["BEGIN IMMEDIATE", "DELETE FROM items"]).await;
    let error = two.error("DELETE FROM items WHERE id = 1").await;
    assert_eq!(error.kind, ErrorKind::Busy);
    assert!(error.next_step.unwrap().contains("another session of this gateway has a transaction open"));
    two.all(&["BEGIN", "SELECT * FROM items"]).await;
    let error = two.error("DELETE FROM items WHERE id = 1").await;
    assert!(error.next_step.unwrap().contains("transaction is still open"));
    assert!(two.held().transaction);
    one.all(&["COMMIT"]).await;
    let error = two.error("DELETE FROM items WHERE id = 1").await;
    assert!(error.next_step.unwrap().contains("end it with ROLLBACK and begin again"), "a stale snapshot");
    assert_eq!(two.text(COUNT).await, "3", "it reads on as it began");
    two.all(&["ROLLBACK"]).await;
    assert_eq!(two.text(COUNT).await, "0");
}

#[tokio::test]
async fn a_transaction_waits_for_no_turn() {
    let mut fixture = Fixture::shop().writable();
    fixture.settings.busy_timeout = Duration::from_secs(600);
    let backend = fixture.open();
    let (mut one, mut two) = (Owner(client(&backend, "shop").await), client(&backend, "shop").await);
    one.all(&["BEGIN IMMEDIATE"]).await;
    let waits = tokio::spawn(async move {
        two.sql("INSERT INTO items(name) VALUES ('two')").await.unwrap();
        two
    });
    while backend.files.turns.lines_in_use() != 1 {
        tokio::task::yield_now().await;
    }
    one.all(&["INSERT INTO items(name) VALUES ('one')", "COMMIT"]).await;
    let mut two = waits.await.unwrap();
    assert_eq!(two.text("SELECT group_concat(name) FROM items WHERE id > 3").await, "one,two");
}

// SQLite opens a file so that Windows neither replaces nor removes it.
#[cfg(unix)]
#[tokio::test]
async fn a_file_that_is_replaced_takes_what_is_held_with_it() {
    let fixture = Fixture::shop();
    let mut owner = owner(&fixture, "shop").await;
    owner.all(&["CREATE TEMP TABLE t(x)"]).await;
    let new = fixture.path("new");
    rusqlite::Connection::open(&new).unwrap().execute_batch("CREATE TABLE items(id)").unwrap();
    std::fs::rename(&new, fixture.path("shop.db")).unwrap();
    let error = owner.error(COUNT).await;
    assert_eq!(error.kind, ErrorKind::StateLost);
    assert!(owner.held().is_empty() && !owner.0.connection.is_usable());
}

#[tokio::test]
async fn use_transaction_is_refused_in_a_transaction() {
    let mut owner = owner(&Fixture::shop().writable(), "shop").await;
    owner.all(&["BEGIN"]).await;
    for sql in ["DELETE FROM items", "COMMIT"] {
        let mut request =
            request(owner.0.context.clone(), statement(sql, Transaction::Commit), CAPS, TestJournal::Accepts);
        request.ownership = Ownership::Owned;
        let error = owner.0.request(request).await.unwrap_err();
        assert!(error.message.starts_with("use_transaction is refused"), "{sql}: {error}");
    }
    assert!(owner.held().transaction);
}
