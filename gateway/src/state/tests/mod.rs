//! The state file, through its store.

mod busy;
mod files;
mod journal;
mod remembered;
mod sessions;
mod space;

use std::sync::Arc;
use std::sync::mpsc::channel;

use snowgate_link::hello::SessionKey;
use tokio::runtime::Handle;

use super::*;
use crate::backend::{Context, Place};

const TTL_MS: i64 = 60_000;

/// Keeps a paused clock from running ahead while the thread of the file, which the runtime knows nothing of,
/// is at work.
pub(super) fn hold_clock() -> Sender<()> {
    let (release, released) = channel();
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn_blocking(move || released.recv());
    }
    release
}

struct Fixture {
    store: StateStore,
    folder: tempfile::TempDir,
}

async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let store = StateStore::open(folder.path()).await;
    assert_eq!(store.problem(), None);
    Fixture { store, folder }
}

impl Fixture {
    /// As a gateway does that starts after this one was killed.
    async fn reopened(&self) -> StateStore {
        StateStore::open(self.folder.path()).await
    }

    /// Another program's connection to the file.
    fn other_program(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.store.path()).unwrap()
    }
}

/// Writes down that a request is about to run; returns whether it may.
async fn begin(store: &StateStore, session: &str, request: u64) -> bool {
    match store.begin(session, request, Digest::of("x"), None, None, None).await.unwrap() {
        Begin::Begun(begun) => {
            begun.keep();
            true
        }
        Begin::Conflict(_) => false,
    }
}

async fn finish(store: &StateStore, session: &str, request: u64, result: &str, keep: usize) {
    store.finish(session, request, result.to_owned(), keep).await.unwrap();
}

async fn has(store: &StateStore, session: &str, request: u64) -> bool {
    store.entry(session, request).await.unwrap().is_some()
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
            key: None,
        },
        shim,
        context: context(database),
        counts: Counts { requests: 1, rows: 2, bytes: 3, errors: 4 },
        started_ms: 5,
    }
}

fn context(database: &str) -> KeptContext {
    let context = Context { database: Some(database.to_owned()), ..Context::default() };
    KeptContext { context, at: Some(here("here")), is_set: Some(true), is_inherited: false }
}

fn here(name: &str) -> Place {
    Place::from(format!("fake:{name}"))
}

fn snapshot(database: &str) -> SessionSnapshot {
    SessionSnapshot { context: context(database), ..SessionSnapshot::default() }
}

/// The sessions of these ids have connections.
fn connected(ids: &[&str]) -> IsConnected {
    let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    Arc::new(move |id| ids.iter().any(|connected| connected == id))
}

/// Registers a session of a new client; returns the context that it begins in if one is remembered.
async fn register_within(store: &StateStore, record: SessionRecord, ttl_ms: i64) -> Option<KeptContext> {
    let identity = key_of(&record);
    store.register(record, identity, ttl_ms).await.unwrap().inherited
}

async fn register(store: &StateStore, record: SessionRecord) -> Option<KeptContext> {
    register_within(store, record, TTL_MS).await
}

fn key_of(record: &SessionRecord) -> Option<IdentityKey> {
    IdentityKey::of(&record.identity, record.name.as_deref(), record.context.at.as_ref().unwrap())
}

/// The session of this record, which is registered, sets the context of the record.
async fn set(store: &StateStore, record: &SessionRecord) {
    let remember = key_of(record).map(Remember::now);
    let snapshot =
        SessionSnapshot { context: record.context.clone(), remember, ..SessionSnapshot::default() };
    let rows = vec![(record.key.id.clone(), snapshot)];
    store.persist(move || rows.clone()).await.unwrap();
}

/// The context that a session `id` without one of its own finds.
async fn found(store: &StateStore, id: &str) -> Option<KeptContext> {
    register(store, record(id, "FRESH", alive())).await
}

/// Sweeps as the keeper does.
async fn sweep(store: &StateStore, connected: &IsConnected, ttl_ms: i64) -> usize {
    let mut gone = store.absent(connected).await.unwrap();
    gone.retain(|(_, shim)| !shim.is_alive());
    store.detach_gone(&gone, connected).await.unwrap();
    let removed = store.remove_expired(connected, ttl_ms).await.unwrap();
    store.forget_unused(ttl_ms).await.unwrap();
    removed
}
