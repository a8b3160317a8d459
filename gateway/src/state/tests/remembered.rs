//! Remembered contexts: of the identity, the last that was set, for as long as it is used.

use super::*;

#[tokio::test]
async fn every_new_session_begins_in_the_last_context_that_was_set_whoever_is_still_there() {
    let Fixture { store, folder: _folder } = fixture().await;
    let one = record("one", "ONE", alive());
    assert_eq!(register(&store, one.clone()).await, None);
    assert_eq!(found(&store, "early").await, None, "nothing was set yet");
    set(&store, &one).await;
    for id in ["two", "three"] {
        assert_eq!(found(&store, id).await, Some(context("ONE")), "{id}: a copy for each");
    }
    let two = record("two", "TWO", alive());
    set(&store, &two).await;
    assert_eq!(found(&store, "four").await, Some(context("TWO")), "the last one that was set");
}

#[tokio::test]
async fn a_session_that_set_nothing_neither_overwrites_nor_ends_it() {
    let Fixture { store, folder: _folder } = fixture().await;
    let one = record("one", "ONE", dead());
    register(&store, one.clone()).await;
    set(&store, &one).await;
    let profile_s = KeptContext { is_set: Some(false), ..context("PROFILE") };
    register(&store, SessionRecord { context: profile_s.clone(), ..record("idle", "PROFILE", alive()) })
        .await;
    let idle = SessionSnapshot { context: profile_s, ..SessionSnapshot::default() };
    let rows = vec![("idle".to_owned(), idle.clone())];
    store.persist(move || rows.clone()).await.unwrap();
    store.detach("idle", idle).await.unwrap();
    store.detach("one", snapshot("ONE")).await.unwrap();
    let nobody = connected(&[]);
    // The sessions' rows go first.
    store.remove_expired(&nobody, 0).await.unwrap();
    assert_eq!(store.find(&one.key).await, Ok(SessionLookup::Unknown));
    assert_eq!(found(&store, "next").await, Some(context("ONE")));
}

#[tokio::test]
async fn it_is_of_one_user_application_folder_client_profile_and_connection() {
    let fixture = fixture().await;
    let one = record("one", "ONE", dead());
    register(&fixture.store, one.clone()).await;
    set(&fixture.store, &one).await;
    let change: [fn(&mut SessionRecord); 7] = [
        |record| record.identity.uid = 2,
        |record| record.identity.parent_exe = None,
        |record| record.identity.cwd = Some("/elsewhere".to_owned()),
        |record| record.identity.client = Some("another".to_owned()),
        |record| record.identity.profile = "other".to_owned(),
        |record| record.context.at = Some(here("there")),
        |record| record.name = Some("nightly".to_owned()),
    ];
    for (at, change) in change.iter().enumerate() {
        let mut other = record(&format!("other {at}"), "OTHER", alive());
        change(&mut other);
        assert_eq!(register(&fixture.store, other.clone()).await, None, "{other:?}");
        set(&fixture.store, &other).await;
    }
    assert_eq!(found(&fixture.reopened().await, "next").await, Some(context("ONE")), "others change nothing");
}

#[tokio::test]
async fn a_name_is_an_identity_for_any_client_and_two_at_once() {
    let Fixture { store, folder: _folder } = fixture().await;
    let named = |id: &str, database: &str| SessionRecord {
        name: Some("nightly".to_owned()),
        ..record(id, database, alive())
    };
    let mut one = named("one", "ONE");
    one.identity.client = Some("mcp".to_owned());
    register(&store, one.clone()).await;
    set(&store, &one).await;
    for id in ["two", "three"] {
        let mut next = named(id, "FRESH");
        next.identity.cwd = Some("/elsewhere".to_owned());
        assert_eq!(register(&store, next).await, Some(context("ONE")), "{id}");
    }
    assert_eq!(found(&store, "plain").await, None, "it has no name");
    assert_eq!(one.name.as_deref(), Some("nightly"));
}

#[tokio::test]
async fn a_client_whose_name_tells_nobody_apart_is_no_identity() {
    let Fixture { store, folder: _folder } = fixture().await;
    for name in [Some("mcp"), Some("Python3"), Some(""), None] {
        let mut one = record("one", "ONE", alive());
        one.identity.client = name.map(str::to_owned);
        assert_eq!(register(&store, one.clone()).await, None, "{name:?}");
        set(&store, &one).await;
        assert_eq!(
            register(&store, SessionRecord { key: record("two", "", None).key, ..one }).await,
            None,
            "{name:?}"
        );
    }
}

#[tokio::test]
async fn it_goes_once_nobody_used_it_for_long_enough_and_not_while_somebody_does() {
    let fixture = fixture().await;
    let store = &fixture.store;
    let one = record("one", "ONE", alive());
    register(store, one.clone()).await;
    set(store, &one).await;
    let age = |ms: i64| {
        let sql = "UPDATE remembered SET used_ms = ?1";
        fixture.other_program().execute(sql, [now_ms() - ms]).unwrap();
    };
    age(TTL_MS - 1000);
    assert_eq!(found(store, "soon").await, Some(context("ONE")));
    age(TTL_MS * 10);
    store.note_use(&[key_of(&one).unwrap()]).await.unwrap();
    store.forget_unused(TTL_MS).await.unwrap();
    assert_eq!(found(store, "beside").await, Some(context("ONE")), "a session of it is connected");
    age(TTL_MS * 10);
    assert_eq!(found(store, "late").await, None, "too old, whether it was swept or not");
    store.forget_unused(TTL_MS).await.unwrap();
    assert_eq!(register_within(store, record("later", "FRESH", alive()), i64::MAX).await, None, "it is gone");
    set(store, &one).await;
    assert_eq!(
        register_within(store, record("never", "FRESH", alive()), 0).await,
        None,
        "nothing is to be kept"
    );
}

#[tokio::test]
async fn only_so_many_are_kept_and_the_longest_unused_go_first() {
    let fixture = fixture().await;
    let sql = "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 10100)
        INSERT INTO remembered SELECT CAST(i AS BLOB), '{}', ?1 + i, ?1 + i FROM n";
    fixture.other_program().execute(sql, [now_ms() - 20_000]).unwrap();
    fixture.store.forget_unused(TTL_MS).await.unwrap();
    let (count, oldest): (i64, i64) = fixture
        .other_program()
        .query_row(
            "SELECT count(*), min(CAST(CAST(identity AS TEXT) AS INTEGER)) FROM remembered",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert_eq!((count, oldest), (10_000, 101));
}

#[tokio::test]
async fn what_is_written_late_replaces_nothing_that_was_set_later() {
    let Fixture { store, folder: _folder } = fixture().await;
    let [early, late] = ["EARLY", "LATE"].map(|database| record(database, database, alive()));
    let [first, second] = [&early, &late].map(|record| {
        let remember = key_of(record).map(Remember::now);
        SessionSnapshot { context: record.context.clone(), remember, ..SessionSnapshot::default() }
    });
    for (id, snapshot) in [("LATE", second), ("EARLY", first)] {
        let rows = vec![(id.to_owned(), snapshot)];
        store.persist(move || rows.clone()).await.unwrap();
    }
    assert_eq!(found(&store, "next").await, Some(context("LATE")));
}

#[tokio::test]
async fn a_file_of_the_build_before_is_read_with_what_its_sessions_had_set() {
    let fixture = fixture().await;
    let unset = SessionRecord {
        context: KeptContext { is_set: Some(false), ..context("PROFILE") },
        ..record("unset", "PROFILE", dead())
    };
    let taken = SessionRecord { name: Some("nightly/1234".to_owned()), ..record("taken", "TAKEN", alive()) };
    let named = SessionRecord { name: Some("nightly".to_owned()), ..record("named", "NAMED", alive()) };
    for record in [record("old", "OLD", dead()), record("new", "NEW", dead()), unset, taken, named.clone()] {
        register(&fixture.store, record).await;
    }
    let other = fixture.other_program();
    other
        .execute_batch("DROP TABLE remembered; UPDATE session SET seen_ms = seen_ms - 9 WHERE id = 'old'")
        .unwrap();
    let store = fixture.reopened().await;
    assert_eq!(store.problem(), None);
    assert_eq!(found(&store, "next").await, Some(context("NEW")));
    let next = SessionRecord { key: record("next named", "", None).key, ..named };
    assert_eq!(register(&store, next).await, Some(context("NAMED")));
}
