//! A file that another program holds, and a thread that has too much to do.

use super::*;
use crate::state::jobs::ASK_TIMEOUT;

/// The file, held by another program until what is returned is dropped.
fn hold(fixture: &Fixture) -> rusqlite::Connection {
    let other = fixture.other_program();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

#[tokio::test]
async fn changes_of_a_held_file_are_refused_together_and_reads_pass_them() {
    let fixture = fixture().await;
    let other = hold(&fixture);
    let Fixture { store, folder: _folder } = fixture;
    let (store, asked) = (Arc::new(store), Instant::now());
    let mut writes = tokio::task::JoinSet::new();
    for request in 1..=6 {
        let store = Arc::clone(&store);
        writes.spawn(async move { store.begin("s", request, Digest::of("x"), None, None, None).await });
    }
    for _ in 0..50 {
        assert!(!has(&store, "s", 1).await);
    }
    assert!(!writes.is_empty() && writes.try_join_next().is_none(), "reads do not wait for writes");
    while let Some(refused) = writes.join_next().await {
        let error = refused.unwrap().unwrap_err();
        assert!(error.is_busy() && error.to_string().contains("locked"), "{error}");
    }
    println!("6 writes were refused after {:?}", asked.elapsed());
    // One after the other, it would be six times as long.
    assert!(asked.elapsed() < ASK_TIMEOUT * 3, "{:?}", asked.elapsed());
    assert!(store.problem().unwrap().contains("could not be had"), "{:?}", store.problem());
    drop(other);
    // What was refused is not done later.
    let begun = store.begin("s", 7, Digest::of("x"), None, None, None).await;
    assert!(begun.is_ok(), "{:?}", begun.err());
    // The thread says so once it has answered, and before it answers the next.
    assert!(store.drain().await && store.problem().is_none());
    for request in 1..=6 {
        assert!(!has(&store, "s", request).await, "{request}");
    }
}

#[tokio::test]
async fn a_file_that_is_held_can_be_opened_and_read() {
    let fixture = fixture().await;
    assert!(begin(&fixture.store, "s", 1).await);
    let _other = hold(&fixture);
    let next = fixture.reopened().await;
    assert!(next.id().is_some() && next.id() == fixture.store.id() && has(&next, "s", 1).await);
    assert_eq!(next.problem(), None);
}

#[tokio::test]
async fn a_change_waits_for_a_file_that_is_held_for_a_moment() {
    let fixture = fixture().await;
    let other = hold(&fixture);
    let release = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(other);
    };
    let (may_run, ()) = tokio::join!(begin(&fixture.store, "s", 1), release);
    assert!(may_run);
}

#[tokio::test]
async fn a_change_that_nobody_waits_for_is_not_made_when_the_file_is_free() {
    let fixture = fixture().await;
    let other = hold(&fixture);
    let asking = fixture.store.begin("s", 1, Digest::of("x"), None, None, None);
    assert!(tokio::time::timeout(Duration::from_millis(20), asking).await.is_err());
    drop(other);
    assert!(fixture.store.drain().await && !has(&fixture.store, "s", 1).await);
}

#[tokio::test]
async fn what_must_be_written_is_written_whoever_waits_for_it() {
    let fixture = fixture().await;
    assert!(begin(&fixture.store, "s", 1).await);
    let other = hold(&fixture);
    let finishing = fixture.store.finish("s", 1, "{}".to_owned(), 10);
    assert!(tokio::time::timeout(Duration::from_millis(20), finishing).await.is_err());
    drop(other);
    assert!(fixture.store.drain().await, "shutting down waits for it");
    assert_eq!(fixture.store.entry("s", 1).await.unwrap().unwrap().result.as_deref(), Some("{}"));
}

#[tokio::test]
async fn more_requests_than_there_are_places_are_refused_with_the_number() {
    let fixture = fixture().await;
    let take = || super::super::jobs::Place::take(&fixture.store.waiting, REQUESTS_MAX);
    let places: Vec<_> = std::iter::from_fn(take).collect();
    let error = fixture.store.entry("s", 1).await.unwrap_err();
    assert!(error.is_busy() && error.to_string().contains("16384 requests wait"), "{error}");
    drop(places);
    assert!(!has(&fixture.store, "s", 1).await);
}

#[tokio::test]
async fn a_panic_costs_one_request_its_answer_and_nothing_else() {
    let Fixture { store, folder: _folder } = fixture().await;
    let id = store.id();
    let asked = store.ask(Ask::READ, |_| -> rusqlite::Result<()> { panic!("a mistake") }).await;
    assert!(asked.unwrap_err().to_string().contains("internal error"));
    assert!(begin(&store, "s", 1).await && store.id() == id);
}

/// What SQLite says when it gets no memory.
fn out_of_memory() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_NOMEM), None)
}

#[tokio::test]
async fn what_lacks_memory_is_done_with_the_reserve_or_when_others_have_given_some_back() {
    let Fixture { store, folder: _folder } = fixture().await;
    for failures in [1, 4] {
        let mut attempts = 0;
        let run = move |access: &mut Access<'_>| {
            attempts += 1;
            access.connection.execute("INSERT INTO meta VALUES (?1, '')", [failures])?;
            if attempts <= failures { Err(out_of_memory()) } else { Ok(attempts) }
        };
        assert_eq!(store.ask(Ask::OF_CALLER, run).await, Ok(failures + 1));
    }
    assert!(begin(&store, "s", 1).await && store.problem().is_none());
}

#[tokio::test]
async fn what_undoes_a_change_waits_longer_than_others_and_not_beyond_the_end() {
    let fixture = fixture().await;
    let path = fixture.store.path().to_owned();
    let begun = fixture.store.begin("s", 1, Digest::of("x"), None, None, None).await.unwrap();
    let other = hold(&fixture);
    drop(begun);
    assert!(!fixture.store.drain().await, "the file is known to be held from here on");
    assert!(has(&fixture.store, "s", 1).await);
    drop(other);
    assert!(fixture.store.drain().await && !has(&fixture.store, "s", 1).await);
    let begun = fixture.store.begin("s", 2, Digest::of("x"), None, None, None).await.unwrap();
    let other = hold(&fixture);
    drop((begun, fixture.store));
    drop(other);
    let next = rusqlite::Connection::open(path).unwrap();
    let left: u32 = next.query_row("SELECT count(*) FROM journal", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 1, "a replay is told that its outcome is unknown");
}
