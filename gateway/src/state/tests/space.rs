//! What the journal holds, and what the file takes.

use super::*;
use crate::state::results::{RESULTS_BYTES_MAX, SESSION_RESULTS_BYTES_MAX};

/// A result of `bytes`, as the tools write it.
fn result(bytes: usize, is_error: bool) -> String {
    let frame = format!(r#"{{"content":[{{"type":"text","text":""}}],"isError":{is_error}}}"#);
    frame.replacen(r#""text":"""#, &format!(r#""text":"{}""#, "x".repeat(bytes - frame.len())), 1)
}

fn number(connection: &rusqlite::Connection, sql: &str) -> u64 {
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

fn bytes_held(fixture: &Fixture) -> u64 {
    number(&fixture.other_program(), "SELECT coalesce(sum(octet_length(result)), 0) FROM journal")
}

#[tokio::test]
async fn a_session_keeps_its_newest_results_within_its_share() {
    const WRITES: u64 = 150;
    let fixture = fixture().await;
    let store = &fixture.store;
    for request in 0..WRITES {
        assert!(begin(store, "s", request).await);
        finish(store, "s", request, &result(15_500, request % 2 == 1), 1000).await;
    }
    assert!(bytes_held(&fixture) <= SESSION_RESULTS_BYTES_MAX);
    let kept = async |request| store.entry("s", request).await.unwrap().unwrap().result.unwrap();
    assert_eq!((kept(0).await.as_str(), kept(1).await.as_str()), (RAN, FAILED), "that they ran stays");
    for request in WRITES - 40..WRITES {
        assert_eq!(kept(request).await.len(), 15_500, "{request}");
    }
    // Counted anew by the next gateway.
    let next = fixture.reopened().await;
    for request in WRITES..WRITES + 40 {
        assert!(begin(&next, "s", request).await);
        finish(&next, "s", request, &result(15_500, false), 1000).await;
    }
    assert!(bytes_held(&fixture) <= SESSION_RESULTS_BYTES_MAX);
}

#[tokio::test]
async fn all_sessions_together_keep_a_bounded_number_of_bytes_and_a_new_one_has_its_share() {
    let fixture = fixture().await;
    // As by an older build, which had no bound.
    let other = fixture.other_program();
    other
        .execute_batch(
            "BEGIN;
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000)
            INSERT INTO journal SELECT 'old' || (i % 10), i, x'00', 1, NULL, i, hex(zeroblob(7750)) FROM n;
            COMMIT",
        )
        .unwrap();
    drop(other);
    let store = fixture.reopened().await;
    assert!(bytes_held(&fixture) > RESULTS_BYTES_MAX);
    store.give_back_space().await.unwrap();
    assert!(bytes_held(&fixture) <= RESULTS_BYTES_MAX);
    for request in 0..50 {
        assert!(begin(&store, "new", request).await);
        finish(&store, "new", request, &result(15_500, false), 100).await;
        assert!(bytes_held(&fixture) <= RESULTS_BYTES_MAX);
        let entry = store.entry("new", request).await.unwrap().unwrap();
        assert_eq!(entry.result.unwrap().len(), 15_500, "{request}");
    }
}

/// Fills the file with the results of sessions that go; returns how many pages it has then.
async fn fill(fixture: &Fixture, store: &StateStore) -> u64 {
    for session in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        register(store, record(session, "A", dead())).await;
        for request in 0..60 {
            assert!(begin(store, session, request).await);
            finish(store, session, request, &result(15_500, false), 100).await;
        }
    }
    let pages = number(&fixture.other_program(), "PRAGMA page_count");
    assert_eq!(sweep(store, &connected(&[]), TTL_MS).await, 0);
    pages
}

#[tokio::test]
async fn space_that_is_not_needed_is_given_back() {
    let fixture = fixture().await;
    let full = fill(&fixture, &fixture.store).await;
    assert!(fixture.store.give_back_space().await.unwrap());
    let pages = number(&fixture.other_program(), "PRAGMA page_count");
    assert!(pages < 400 && full > 1900, "{full} pages, then {pages}");
    let bytes = std::fs::metadata(fixture.store.path()).unwrap().len();
    assert!(bytes < 2 << 20, "{bytes} bytes");
    assert!(!fixture.store.give_back_space().await.unwrap(), "some free pages stay for the next writes");
    assert!(begin(&fixture.store, "s", 1).await);
}

#[tokio::test]
async fn a_file_of_an_older_build_is_converted_once_it_has_much_free_space() {
    let Fixture { store, folder } = fixture().await;
    let path = store.path().to_owned();
    drop(store);
    let older = rusqlite::Connection::open(&path).unwrap();
    older
        .execute_batch(
            "PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = NONE; VACUUM;
            CREATE INDEX session_identity ON session (cwd, client, profile); DROP INDEX session_detached_ms",
        )
        .unwrap();
    assert_eq!(number(&older, "PRAGMA auto_vacuum"), 0);
    drop(older);
    let fixture = Fixture { store: StateStore::open(folder.path()).await, folder };
    let id = fixture.store.id();
    let full = fill(&fixture, &fixture.store).await;
    assert!(fixture.store.give_back_space().await.unwrap());
    let other = fixture.other_program();
    assert_eq!(number(&other, "PRAGMA auto_vacuum"), 2);
    let pages = number(&other, "PRAGMA page_count");
    assert!(pages < 400 && full > 1900, "{full} pages, then {pages}");
    assert_eq!(number(&other, "SELECT count(*) FROM session"), 8);
    let indexes =
        "SELECT count(*) FROM sqlite_schema WHERE name IN ('session_detached_ms', 'session_identity')";
    assert_eq!(number(&other, indexes), 1);
    drop(other);
    assert!(id.is_some() && fixture.reopened().await.id() == id);
}
