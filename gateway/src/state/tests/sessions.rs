//! Sessions: coming back, following one another, going.

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
async fn the_next_shim_of_a_client_follows_the_last_that_has_gone() {
    let Fixture { store, folder: _folder } = fixture().await;
    register(&store, record("gone", "GONE", alive())).await;
    assert_eq!(found(&store, "beside").await, None, "the other one is still there");
    store.detach("gone", snapshot("LATER")).await.unwrap();
    assert_eq!(found(&store, "next").await, Some(context("LATER")));
    assert_eq!(found(&store, "one more").await, None, "one session follows, not two");
}

#[tokio::test]
async fn two_that_choose_the_same_session_do_not_both_get_it() {
    let Fixture { store, folder: _folder } = fixture().await;
    register(&store, record("gone", "GONE", dead())).await;
    let [one, two] = ["one", "two"].map(|id| record(id, "FRESH", alive()));
    let choice = store.candidates(&one).await.unwrap().choose(TTL_MS, &|_| false, &|_| false);
    let first = store.register(one, choice.clone(), connected(&[])).await.unwrap();
    let second = store.register(two, choice, connected(&[])).await.unwrap();
    assert_eq!((first.inherited, second.inherited), (Some(context("GONE")), None));
}

#[tokio::test]
async fn a_session_that_came_back_meanwhile_is_not_followed() {
    let Fixture { store, folder: _folder } = fixture().await;
    register(&store, record("gone", "GONE", dead())).await;
    let next = record("next", "FRESH", alive());
    let choice = store.candidates(&next).await.unwrap().choose(TTL_MS, &|_| false, &|_| false);
    let registered = store.register(next, choice, connected(&["gone"])).await.unwrap();
    assert_eq!(registered.inherited, None);
}

#[tokio::test]
async fn a_shim_that_was_killed_with_its_gateway_has_gone() {
    let fixture = fixture().await;
    register(&fixture.store, record("killed", "KILLED", dead())).await;
    assert_eq!(found(&fixture.reopened().await, "next").await, Some(context("KILLED")));
}

#[tokio::test]
async fn a_session_of_another_client_or_one_that_is_too_old_is_not_followed() {
    let Fixture { store, folder: _folder } = fixture().await;
    register(&store, record("gone", "GONE", dead())).await;
    let change: [fn(&mut Identity); 5] = [
        |identity| identity.uid = 2,
        |identity| identity.parent_exe = None,
        |identity| identity.cwd = Some("/elsewhere".to_owned()),
        |identity| identity.client = None,
        |identity| identity.profile = "other".to_owned(),
    ];
    for (at, change) in change.iter().enumerate() {
        let mut other = record(&format!("other {at}"), "OTHER", alive());
        change(&mut other.identity);
        assert_eq!(register(&store, other.clone()).await, None, "{other:?}");
    }
    let late = record("late", "LATE", alive());
    assert_eq!(register_within(&store, late, -1).await, None, "too old");
    register_alone(&store, record("resumed", "RESUMED", alive())).await;
    assert_eq!(found(&store, "next").await, Some(context("GONE")));
}

#[tokio::test]
async fn a_name_belongs_to_one_session_at_a_time_of_any_client() {
    let Fixture { store, folder: _folder } = fixture().await;
    let named = |id: &str, database: &str, shim| SessionRecord {
        name: Some("nightly".to_owned()),
        ..record(id, database, shim)
    };
    register(&store, named("one", "ONE", alive())).await;
    assert_eq!(register(&store, named("two", "TWO", alive())).await, None);
    store.detach("two", snapshot("TWO")).await.unwrap();
    assert_eq!(found(&store, "plain").await, None, "what was left under a name is found under a name only");
    store.detach("one", snapshot("ONE")).await.unwrap();
    let mut three = named("three", "THREE", alive());
    three.identity.cwd = Some("/elsewhere".to_owned());
    assert_eq!(register(&store, three).await, Some(context("ONE")));
}

#[tokio::test]
async fn a_session_left_before_another_one_that_is_still_there_began_is_not_followed() {
    let Fixture { store, folder: _folder } = fixture().await;
    let began = |ms_from_now: i64| now_ms() + ms_from_now;
    register(&store, record("old", "OLD", dead())).await;
    let later = SessionRecord { started_ms: began(1000), ..record("later", "LATER", alive()) };
    register_alone(&store, later.clone()).await;
    assert_eq!(found(&store, "next").await, None, "what was left is not the latest");
    // Two at once, as of two windows, and one of them is closed.
    let earlier = SessionRecord { started_ms: began(-1000), ..later };
    register_alone(&store, earlier).await;
    store.detach("next", snapshot("CLOSED")).await.unwrap();
    assert_eq!(found(&store, "again").await, Some(context("CLOSED")));
}

/// First calls of many sessions that are all connected: what is looked at does not grow with them.
#[tokio::test]
async fn a_first_call_looks_at_a_bounded_number_of_sessions_and_at_no_process_of_a_connected_one() {
    const SESSIONS: u32 = 2000;
    let everyone: IsConnected = Arc::new(|_| true);
    for is_one_folder in [true, false] {
        let Fixture { store, folder: _folder } = fixture().await;
        let (begun, mut most) = (Instant::now(), 0);
        for number in 0..SESSIONS {
            let mut record = record(&format!("s{number}"), "A", alive());
            record.started_ms = now_ms();
            if !is_one_folder {
                record.identity.cwd = Some(format!("/work/{number}"));
            }
            let candidates = store.candidates(&record).await.unwrap();
            most = most.max(candidates.len());
            let choice = candidates.choose(TTL_MS, &*everyone, &|_| panic!("asked about a process"));
            store.register(record, choice, Arc::clone(&everyone)).await.unwrap();
        }
        let took = begun.elapsed();
        println!("{SESSIONS} first calls, one folder: {is_one_folder}: {took:?}, {most} candidates at most");
        assert!(most <= 16, "{most}");
    }
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
        register_alone(&store, record(id, "A", shim)).await;
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
    register_alone(store, record("unseen", "A", None)).await;
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

#[tokio::test]
async fn a_context_stays_for_the_sessions_of_its_own_connection() {
    let Fixture { store, .. } = fixture().await;
    register(&store, record("gone", "GONE", dead())).await;
    let mut elsewhere = record("elsewhere", "ELSEWHERE", dead());
    elsewhere.context.at = Some(here("there"));
    assert_eq!(register(&store, elsewhere).await, None);
    assert_eq!(found(&store, "next").await, Some(context("GONE")), "the other connection's is the later one");
    let mut back = record("back", "BACK", alive());
    back.context.at = Some(here("there"));
    let left = register(&store, back).await.unwrap();
    assert_eq!(left.context.database.as_deref(), Some("ELSEWHERE"));
}

#[tokio::test]
async fn a_context_of_an_older_build_is_found_and_one_that_nobody_set_is_not() {
    let Fixture { store, .. } = fixture().await;
    let mut old = record("old", "OLD", dead());
    (old.context.at, old.context.is_set) = (None, None);
    register(&store, old.clone()).await;
    assert_eq!(found(&store, "next").await, Some(old.context));
    let Fixture { store, .. } = fixture().await;
    let mut unset = record("unset", "UNSET", dead());
    unset.context.is_set = Some(false);
    register_alone(&store, unset).await;
    assert_eq!(found(&store, "last").await, None, "it is its profile's");
}
