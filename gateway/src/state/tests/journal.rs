//! The journal of writes.

use super::*;

#[tokio::test]
async fn what_was_begun_and_what_was_finished_survives() {
    let fixture = fixture().await;
    let (one, two) = (Digest::of("one"), Digest::of("two"));
    for (request, digest, query_id) in [(1, one, None), (2, two, Some("01b"))] {
        let Begin::Begun(begun) =
            fixture.store.begin("s", request, digest, query_id, None, None).await.unwrap()
        else {
            panic!("it is new")
        };
        begun.keep();
    }
    finish(&fixture.store, "s", 1, "{}", 100).await;
    let store = fixture.reopened().await;
    assert!(store.id().is_some() && store.id() == fixture.store.id());
    let entry = store.entry("s", 1).await.unwrap().unwrap();
    assert_eq!((entry.digest, entry.query_id, entry.result.as_deref()), (one, None, Some("{}")));
    let entry = store.entry("s", 2).await.unwrap().unwrap();
    assert_eq!((entry.digest, entry.query_id.as_deref(), entry.result), (two, Some("01b"), None));
    assert!(!has(&store, "s", 3).await && !has(&store, "another", 1).await);
}

#[tokio::test]
async fn a_query_s_name_is_kept_with_its_statement_or_alone() {
    let (fixture, digest) = (fixture().await, Digest::of("x"));
    assert!(begin(&fixture.store, "s", 1).await);
    fixture.store.record_query_id("s", 1, digest, "01-a").await.unwrap();
    fixture.store.record_query_id("s", 2, digest, "01-b").await.unwrap();
    let next = fixture.reopened().await;
    let write = next.entry("s", 1).await.unwrap().unwrap();
    let read = next.entry("s", 2).await.unwrap().unwrap();
    assert_eq!((write.query_id.as_deref(), write.is_read), (Some("01-a"), false));
    assert_eq!((read.query_id.as_deref(), read.is_read), (Some("01-b"), true));
    finish(&next, "s", 1, "done", 10).await;
    next.forget("s", 2).await.unwrap();
    assert_eq!(next.entry("s", 1).await.unwrap().unwrap().result.as_deref(), Some("done"));
    assert!(!has(&next, "s", 2).await);
}

#[tokio::test]
async fn nothing_is_begun_twice_unless_it_is_forgotten() {
    let Fixture { store, .. } = fixture().await;
    assert!(begin(&store, "s", 1).await);
    store.record_query_id("s", 1, Digest::of("x"), "01-a").await.unwrap();
    match store.begin("s", 1, Digest::of("x"), None, None, None).await.unwrap() {
        Begin::Conflict(entry) => assert_eq!(entry.query_id.as_deref(), Some("01-a")),
        Begin::Begun(_) => panic!("another run may have reached the backend"),
    }
    store.forget("s", 1).await.unwrap();
    assert!(begin(&store, "s", 1).await);
}

#[tokio::test]
async fn a_statement_that_did_not_run_after_all_is_forgotten() {
    let Fixture { store, .. } = fixture().await;
    drop(store.begin("s", 1, Digest::of("x"), None, None, None).await.unwrap());
    assert!(store.drain().await);
    assert!(!has(&store, "s", 1).await);
    // The one who asked is gone before the answer is there, at any moment.
    for request in 2..50 {
        let mut asking = std::pin::pin!(store.begin("s", request, Digest::of("x"), None, None, None));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        // Rarely there is an answer already, which is dropped.
        let _ = asking.as_mut().poll(&mut context);
        std::thread::sleep(Duration::from_micros(10 * request));
    }
    assert!(store.drain().await && store.drain().await);
    for request in 2..50 {
        assert!(!has(&store, "s", request).await, "{request}");
        assert!(begin(&store, "s", request).await);
    }
}

#[tokio::test]
async fn the_journal_is_bounded_by_what_was_finished_last_not_by_numbers() {
    let Fixture { store, .. } = fixture().await;
    // The first request runs for long, and is finished last.
    for request in 0..500 {
        assert!(begin(&store, "s", request).await);
    }
    for request in (0..500).rev() {
        finish(&store, "s", request, "{}", 100).await;
    }
    let mut kept = 0;
    for request in 0..500 {
        let is_kept = has(&store, "s", request).await;
        assert!(is_kept || request >= 100, "{request} may be asked for");
        kept += usize::from(is_kept);
    }
    assert!((100..200).contains(&kept), "{kept} entries are kept");
}

#[tokio::test]
async fn two_gateways_that_overlap_wait_for_each_other() {
    async fn write(store: &StateStore, session: &str) {
        for request in 0..300 {
            assert!(begin(store, session, request).await);
            finish(store, session, request, "{}", 100).await;
        }
    }
    let fixture = fixture().await;
    let other = fixture.reopened().await;
    tokio::join!(write(&other, "other"), write(&fixture.store, "this"));
}
