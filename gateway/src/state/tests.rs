//! The state file, through its store.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use snowgate_link::hello::SessionKey;

use super::*;
use crate::backend::Context;

const TTL_MS: i64 = 60_000;

struct Fixture {
    folder: tempfile::TempDir,
    store: StateStore,
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let store = StateStore::open(folder.path());
    assert_eq!(store.problem(), None);
    Fixture { folder, store }
}

impl Fixture {
    /// As a gateway does that starts after this one was killed.
    fn reopened(&self) -> StateStore {
        StateStore::open(self.folder.path())
    }

    fn aside(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap().flatten();
        let is_aside = |path: &PathBuf| path.to_string_lossy().contains(".aside-");
        entries.map(|entry| entry.path()).filter(is_aside).collect()
    }
}

/// A process that is gone, and one that is not.
fn dead() -> Option<ShimProcess> {
    Some(ShimProcess { pid: std::process::id(), born: 1 })
}

fn alive() -> Option<ShimProcess> {
    ShimProcess::running(std::process::id())
}

fn record(id: &str, database: &str, shim: Option<ShimProcess>) -> SessionRecord {
    SessionRecord {
        key: SessionKey { id: id.to_owned(), secret: format!("secret of {id}") },
        name: None,
        identity: Identity {
            uid: 1,
            parent_exe: Some("/bin/editor".to_owned()),
            cwd: Some("/work".to_owned()),
            client: Some("editor".to_owned()),
            profile: "default".to_owned(),
        },
        shim,
        context: context(database),
        counts: Counts { requests: 1, rows: 2, bytes: 3, errors: 4 },
        started_ms: 5,
    }
}

fn context(database: &str) -> Context {
    Context { database: Some(database.to_owned()), ..Context::default() }
}

fn snapshot(database: &str) -> SessionSnapshot {
    SessionSnapshot { context: context(database), ..SessionSnapshot::default() }
}

/// The context that a session `id` without one of its own finds.
fn found(store: &StateStore, id: &str) -> Option<Context> {
    store.register(&record(id, "FRESH", alive()), true, TTL_MS).unwrap().inherited
}

#[test]
fn what_was_begun_and_what_was_finished_survives() {
    let fixture = fixture();
    let (one, two) = (Digest::of("one"), Digest::of("two"));
    fixture.store.begin("s", 1, one, None).unwrap();
    fixture.store.begin("s", 2, two, Some("01b")).unwrap();
    fixture.store.finish("s", 1, "{}", 100).unwrap();
    let store = fixture.reopened();
    assert_eq!(store.id(), fixture.store.id());
    let entry = store.entry("s", 1).unwrap().unwrap();
    assert_eq!((entry.digest, entry.query_id, entry.result.as_deref()), (one, None, Some("{}")));
    let entry = store.entry("s", 2).unwrap().unwrap();
    assert_eq!((entry.digest, entry.query_id.as_deref(), entry.result), (two, Some("01b"), None));
    assert_eq!(store.entry("s", 3), Ok(None));
    assert_eq!(store.entry("another", 1), Ok(None));
}

#[test]
fn a_query_s_name_is_kept_with_its_statement_or_alone() {
    let (fixture, digest) = (fixture(), Digest::of("x"));
    fixture.store.begin("s", 1, digest, None).unwrap();
    fixture.store.record_query_id("s", 1, digest, "01-a").unwrap();
    fixture.store.record_query_id("s", 2, digest, "01-b").unwrap();
    let next = fixture.reopened();
    let (write, read) = (next.entry("s", 1).unwrap().unwrap(), next.entry("s", 2).unwrap().unwrap());
    assert_eq!((write.query_id.as_deref(), write.is_read), (Some("01-a"), false));
    assert_eq!((read.query_id.as_deref(), read.is_read), (Some("01-b"), true));
    next.finish("s", 1, "done", 10).unwrap();
    next.forget("s", 2).unwrap();
    assert_eq!(next.entry("s", 1).unwrap().unwrap().result.as_deref(), Some("done"));
    assert_eq!(next.entry("s", 2).unwrap(), None);
}

#[test]
fn nothing_is_begun_twice_unless_it_is_forgotten() {
    let Fixture { store, .. } = fixture();
    store.begin("s", 1, Digest::of("x"), None).unwrap();
    assert!(store.begin("s", 1, Digest::of("x"), None).is_err());
    store.forget("s", 1).unwrap();
    store.begin("s", 1, Digest::of("x"), None).unwrap();
}

#[test]
fn the_journal_is_bounded_by_what_was_finished_last_not_by_numbers() {
    let Fixture { store, .. } = fixture();
    // The first request runs for long, and is finished last.
    for request in 0..500 {
        store.begin("s", request, Digest::of("x"), None).unwrap();
    }
    for request in (0..500).rev() {
        store.finish("s", request, "{}", 100).unwrap();
    }
    for request in 0..100 {
        assert!(store.entry("s", request).unwrap().is_some(), "{request} may be asked for");
    }
    let kept = (0..500).filter(|&request| store.entry("s", request).unwrap().is_some()).count();
    assert!((100..200).contains(&kept), "{kept} entries are kept");
}

#[test]
fn a_session_comes_back_with_its_secret_only() {
    let fixture = fixture();
    let mine = record("s", "A", alive());
    fixture.store.register(&mine, true, TTL_MS).unwrap();
    let store = fixture.reopened();
    let found = store.resume(&mine.key, alive()).unwrap();
    assert_eq!(found, SessionLookup::Found { counts: mine.counts, started_ms: 5, attached: true });
    let guess = SessionKey { secret: "guess".to_owned(), ..mine.key.clone() };
    assert_eq!(store.resume(&guess, alive()), Ok(SessionLookup::ForeignSecret));
    let other = SessionKey { id: "t".to_owned(), ..mine.key };
    assert_eq!(store.resume(&other, alive()), Ok(SessionLookup::Unknown));
}

#[test]
fn a_session_whose_journal_was_removed_says_so_when_it_comes_back() {
    let Fixture { store, .. } = fixture();
    let mine = record("s", "A", alive());
    store.register(&mine, true, TTL_MS).unwrap();
    store.begin("s", 1, Digest::of("x"), None).unwrap();
    store.detach("s", &snapshot("A")).unwrap();
    assert_eq!(store.entry("s", 1), Ok(None));
    let found = store.resume(&mine.key, alive()).unwrap();
    assert!(matches!(found, SessionLookup::Found { attached: false, .. }), "{found:?}");
}

#[test]
fn the_next_shim_of_a_client_follows_the_last_that_has_gone() {
    let Fixture { store, .. } = fixture();
    let gone = record("gone", "GONE", alive());
    store.register(&gone, true, TTL_MS).unwrap();
    assert_eq!(found(&store, "beside"), None, "the other one is still there");
    store.detach("gone", &snapshot("LATER")).unwrap();
    assert_eq!(found(&store, "next"), Some(context("LATER")));
    assert_eq!(found(&store, "one more"), None, "one session follows, not two");
}

#[test]
fn a_shim_that_was_killed_with_its_gateway_has_gone() {
    let fixture = fixture();
    fixture.store.register(&record("killed", "KILLED", dead()), true, TTL_MS).unwrap();
    assert_eq!(found(&fixture.reopened(), "next"), Some(context("KILLED")));
}

#[test]
fn a_session_of_another_client_or_one_that_is_too_old_is_not_followed() {
    let Fixture { store, .. } = fixture();
    store.register(&record("gone", "GONE", dead()), true, TTL_MS).unwrap();
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
        assert_eq!(store.register(&other, true, TTL_MS).unwrap().inherited, None, "{other:?}");
    }
    let late = record("late", "LATE", alive());
    assert_eq!(store.register(&late, true, -1).unwrap().inherited, None, "too old");
    let resumed = record("resumed", "RESUMED", alive());
    assert_eq!(store.register(&resumed, false, TTL_MS).unwrap().inherited, None, "it has a context");
    assert_eq!(found(&store, "next"), Some(context("GONE")));
}

#[test]
fn a_name_belongs_to_one_session_at_a_time_of_any_client() {
    let Fixture { store, .. } = fixture();
    let named = |id: &str, database: &str, shim| SessionRecord {
        name: Some("nightly".to_owned()),
        ..record(id, database, shim)
    };
    store.register(&named("one", "ONE", alive()), true, TTL_MS).unwrap();
    assert_eq!(store.register(&named("two", "TWO", alive()), true, TTL_MS).unwrap().inherited, None);
    store.detach("two", &snapshot("TWO")).unwrap();
    assert_eq!(found(&store, "plain"), None, "what was left under a name is found under a name only");
    store.detach("one", &snapshot("ONE")).unwrap();
    let mut three = named("three", "THREE", alive());
    three.identity.cwd = Some("/elsewhere".to_owned());
    assert_eq!(store.register(&three, true, TTL_MS).unwrap().inherited, Some(context("ONE")));
}

#[test]
fn a_session_left_before_another_one_that_is_still_there_began_is_not_followed() {
    let Fixture { store, .. } = fixture();
    let began = |ms_from_now: i64| now_ms() + ms_from_now;
    store.register(&record("old", "OLD", dead()), true, TTL_MS).unwrap();
    let later = SessionRecord { started_ms: began(1000), ..record("later", "LATER", alive()) };
    store.register(&later, false, TTL_MS).unwrap();
    assert_eq!(found(&store, "next"), None, "what was left is not the latest");
    // Two at once, as of two windows, and one of them is closed.
    let earlier = SessionRecord { started_ms: began(-1000), ..later.clone() };
    store.register(&earlier, false, TTL_MS).unwrap();
    store.detach("next", &snapshot("CLOSED")).unwrap();
    assert_eq!(found(&store, "again"), Some(context("CLOSED")));
}

#[test]
fn two_gateways_that_overlap_wait_for_each_other() {
    let fixture = fixture();
    let other = fixture.reopened();
    let write = |store: &StateStore, session: &str| {
        for request in 0..300 {
            store.begin(session, request, Digest::of("x"), None).unwrap();
            store.finish(session, request, "{}", 100).unwrap();
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| write(&other, "other"));
        write(&fixture.store, "this");
    });
}

#[test]
fn a_session_that_the_file_does_not_have_is_named() {
    let Fixture { store, .. } = fixture();
    store.register(&record("here", "A", alive()), true, TTL_MS).unwrap();
    let rows = ["here", "not here"].map(|id| (id, snapshot("B")));
    assert_eq!(store.persist(rows.into_iter()), Ok(vec![1]));
}

#[test]
fn a_file_that_was_removed_is_made_anew() {
    let Fixture { store, folder: _folder } = fixture();
    let before = store.id();
    store.reopen_if_replaced();
    assert_eq!(store.id(), before);
    std::fs::remove_file(store.path()).unwrap();
    store.reopen_if_replaced();
    assert_ne!(store.id(), before);
    store.begin("s", 1, Digest::of("x"), None).unwrap();
}

#[test]
fn sessions_that_no_client_comes_back_for_are_removed_in_time() {
    let Fixture { store, .. } = fixture();
    for (id, shim) in [("here", alive()), ("gone", dead()), ("connected", dead())] {
        store.register(&record(id, "A", shim), false, TTL_MS).unwrap();
        store.begin(id, 1, Digest::of("x"), None).unwrap();
    }
    let connected = HashSet::from(["connected".to_owned()]);
    assert_eq!(store.sweep(&connected, TTL_MS), Ok(0));
    let has_journal = |id| store.entry(id, 1).unwrap().is_some();
    assert_eq!(["here", "gone", "connected"].map(has_journal), [true, false, true]);
    assert_eq!(store.sweep(&connected, 0), Ok(1));
    let key = |id: &str| record(id, "A", None).key;
    assert_eq!(store.resume(&key("gone"), alive()), Ok(SessionLookup::Unknown));
    assert!(matches!(store.resume(&key("here"), alive()), Ok(SessionLookup::Found { .. })));
}

#[test]
fn a_build_makes_room_for_another_once_in_a_while() {
    let Fixture { store, .. } = fixture();
    let hour = Duration::from_secs(3600);
    assert_eq!(store.yields_to("9.0.0", hour), Ok(true));
    assert_eq!(store.yields_to("9.0.0", hour), Ok(false));
    assert_eq!(store.yields_to("9.0.1", hour), Ok(true));
    assert_eq!(store.yields_to("9.0.0", Duration::ZERO), Ok(true));
}

#[test]
fn what_is_of_no_use_is_set_aside_and_kept() {
    for damage in ["no database at all, but text", ""] {
        let fixture = fixture();
        let (path, id) = (fixture.store.path().to_owned(), fixture.store.id());
        drop(fixture.store);
        if damage.is_empty() {
            // In the middle, where a later gateway would stumble over it.
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[4096..8192].fill(0xff);
            std::fs::write(&path, bytes).unwrap();
        } else {
            std::fs::write(&path, damage).unwrap();
        }
        let store = StateStore::open(fixture.folder.path());
        assert!(store.problem().unwrap().contains("it was set aside as "), "{:?}", store.problem());
        assert_ne!(store.id(), id);
        store.begin("s", 1, Digest::of("x"), None).unwrap();
        let folder = fixture.folder;
        let fixture = Fixture { folder, store };
        assert!(!fixture.aside().is_empty());
    }
}

#[test]
fn a_file_of_another_layout_is_set_aside() {
    let fixture = fixture();
    let path = fixture.store.path().to_owned();
    drop(fixture.store);
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let store = StateStore::open(fixture.folder.path());
    assert!(store.problem().unwrap().contains("layout 99"), "{:?}", store.problem());
}

#[test]
fn a_folder_or_a_link_in_its_place_is_set_aside_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let precious = folder.path().join("precious");
    std::fs::write(&precious, "precious").unwrap();
    std::os::unix::fs::symlink(&precious, folder.path().join(FILE)).unwrap();
    let store = StateStore::open(folder.path());
    assert!(store.problem().unwrap().contains("set aside"));
    store.begin("s", 1, Digest::of("x"), None).unwrap();
    assert_eq!(std::fs::read_to_string(precious).unwrap(), "precious");
}

#[test]
fn files_set_aside_do_not_pile_up() {
    let Fixture { folder, store } = fixture();
    let path = store.path().to_owned();
    drop(store);
    for _ in 0..9 {
        std::fs::write(&path, "rubbish, again and again").unwrap();
        StateStore::open(folder.path()).begin("s", 1, Digest::of("x"), None).unwrap();
        // Each has the time in its name.
        std::thread::sleep(Duration::from_millis(2));
    }
    let fixture = Fixture { store: StateStore::open(folder.path()), folder };
    assert_eq!(fixture.aside().len(), 5, "{:?}", fixture.aside());
}

#[test]
fn without_a_folder_there_is_no_state_until_there_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("state");
    std::fs::write(&place, "a file, where the folder should be").unwrap();
    let store = StateStore::open(&place);
    assert!(store.problem().is_some());
    let error = store.begin("s", 1, Digest::of("x"), None).unwrap_err().to_string();
    assert!(error.contains("state.db"), "{error}");
    std::fs::remove_file(&place).unwrap();
    let begun = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        store.begin("s", 1, Digest::of("x"), None).is_ok()
    });
    assert!(begun && store.problem().is_none());
}

#[test]
fn the_file_is_its_owner_s_alone_and_holds_no_secret() {
    use std::os::unix::fs::PermissionsExt;
    let Fixture { store, folder } = fixture();
    store.register(&record("s", "A", alive()), true, TTL_MS).unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap().flatten() {
        let bytes = std::fs::read(entry.path()).unwrap();
        assert!(!bytes.windows(9).any(|window| window == b"secret of"), "{:?}", entry.path());
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.path());
    }
}
