//! Sessions: coming back, going.

use super::*;

#[tokio::test]
async fn a_session_comes_back_with_its_secret_only() {
    let fixture = fixture().await;
    let mine = record("s", "A", alive());
    register(&fixture.store, mine.clone()).await;
    let store = fixture.reopened().await;
    let found = store.find(&mine.key).await.unwrap();
    assert_eq!(found, SessionLookup::Found { counts: mine.counts, started_ms: 5, attached: true });
    let guess = SessionKey { secret: "guess".to_owned(), ..mine.key.clone() };
    assert_eq!(store.find(&guess).await, Ok(SessionLookup::ForeignSecret));
    let other = SessionKey { id: "t".to_owned(), ..mine.key };
    assert_eq!(store.find(&other).await, Ok(SessionLookup::Unknown));
}

#[tokio::test]
async fn a_session_whose_journal_was_removed_says_so_until_it_is_written_down_again() {
    let Fixture { store, folder: _folder } = fixture().await;
    let mine = record("s", "A", alive());
    register(&store, mine.clone()).await;
    assert!(begin(&store, "s", 1).await);
    store.detach("s", snapshot("A")).await.unwrap();
    assert!(!has(&store, "s", 1).await);
    let is_attached = async |store: &StateStore| match store.find(&mine.key).await.unwrap() {
        SessionLookup::Found { attached, .. } => attached,
        other => panic!("{other:?}"),
    };
    assert!(!is_attached(&store).await && !is_attached(&store).await);
    let mut rows = vec![("s".to_owned(), snapshot("A"))];
    let before = rows.clone();
    assert_eq!(store.persist(move || before.clone()).await, Ok(vec![]));
    assert!(!is_attached(&store).await, "it has not said that it is back");
    rows[0].1.returned = Some(alive());
    assert_eq!(store.persist(move || rows.clone()).await, Ok(vec![]));
    assert!(is_attached(&store).await);
}

#[tokio::test]
async fn a_session_that_the_file_does_not_have_is_named() {
    let Fixture { store, folder: _folder } = fixture().await;
    register(&store, record("here", "A", alive())).await;
    let rows = || ["here", "not here"].map(|id| (id.to_owned(), snapshot("B"))).to_vec();
    assert_eq!(store.persist(rows).await, Ok(vec![1]));
}

#[tokio::test]
async fn sessions_that_no_client_comes_back_for_are_removed_in_time() {
    let Fixture { store, folder: _folder } = fixture().await;
    for (id, shim) in [("here", alive()), ("gone", dead()), ("connected", dead())] {
        register(&store, record(id, "A", shim)).await;
        assert!(begin(&store, id, 1).await);
    }
    let is_connected = connected(&["connected"]);
    assert_eq!(sweep(&store, &is_connected, TTL_MS).await, 0);
    for (id, is_kept) in [("here", true), ("gone", false), ("connected", true)] {
        assert_eq!(has(&store, id, 1).await, is_kept, "{id}");
    }
    assert_eq!(sweep(&store, &is_connected, 0).await, 1);
    let key = |id: &str| record(id, "A", None).key;
    assert_eq!(store.find(&key("gone")).await, Ok(SessionLookup::Unknown));
    assert!(matches!(store.find(&key("here")).await, Ok(SessionLookup::Found { .. })));
}

#[tokio::test]
async fn what_no_process_can_be_looked_at_for_is_kept_for_a_day_at_least() {
    const HOUR_MS: i64 = 3600 * 1000;
    let fixture = fixture().await;
    let (store, nobody) = (&fixture.store, connected(&[]));
    register(store, record("unseen", "A", None)).await;
    for id in ["unseen", "orphan"] {
        assert!(begin(store, id, 1).await);
    }
    let age = |ms: i64| {
        let other = fixture.other_program();
        other.execute("UPDATE session SET seen_ms = ?1", [now_ms() - ms]).unwrap();
        other.execute("UPDATE journal SET started_ms = ?1", [now_ms() - ms]).unwrap();
    };
    age(23 * HOUR_MS);
    assert_eq!(sweep(store, &nobody, TTL_MS).await, 0);
    assert!(has(store, "unseen", 1).await && has(store, "orphan", 1).await);
    age(25 * HOUR_MS);
    assert_eq!(sweep(store, &nobody, 48 * HOUR_MS).await, 0, "`ttl_minutes` may be longer than a day");
    assert!(has(store, "unseen", 1).await && has(store, "orphan", 1).await);
    assert_eq!(sweep(store, &nobody, TTL_MS).await, 1);
    assert!(!has(store, "unseen", 1).await && !has(store, "orphan", 1).await);
}

#[tokio::test]
async fn a_build_makes_room_for_another_once_in_a_while() {
    let Fixture { store, folder: _folder } = fixture().await;
    let hour = Duration::from_secs(3600);
    assert_eq!(store.yields_to("9.0.0", hour).await, Ok(true));
    assert_eq!(store.yields_to("9.0.0", hour).await, Ok(false));
    assert_eq!(store.yields_to("9.0.1", hour).await, Ok(true));
    assert_eq!(store.yields_to("9.0.0", Duration::ZERO).await, Ok(true));
}
