//! Requests that are sent again.
//!
//! | the same key comes | while the first runs | later |
//! |---|---|---|
//! | with the same method and params | waits for the first one's end, then as later | if the journal has the first: it is that one, and gets its result; else it runs |
//! | with others, an `Idempotency-Key` | refused | refused, as long as the journal has the first |
//! | with others, a JSON-RPC id | as the intake has it: refused, the id is in use | another request |
//!
//! So a read runs again, and a write never does. A JSON-RPC id is a key only until its answer was delivered: clients use ids
//! anew.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::state::Digest;

/// What makes a request that is sent again the same request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Idempotency {
    /// `Idempotency-Key`: for as long as the journal has the statement's result.
    Key(String),
    /// The JSON-RPC id in a session of its own: until its answer was delivered.
    Rpc(String),
}

impl Idempotency {
    /// The key with its kind, as the state file has it. A long one by its digest.
    pub(super) fn text(&self) -> String {
        const BYTES_MAX: usize = 255;
        let (kind, key) = match self {
            Self::Key(key) => ("key", key),
            Self::Rpc(id) => ("rpc", id),
        };
        if key.len() <= BYTES_MAX {
            return format!("{kind}:{key}");
        }
        format!("{kind}#{}", Digest::of(key).short())
    }
}

/// The requests with a key that run.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    running: Mutex<HashMap<String, Running>>,
}

#[derive(Debug)]
struct Running {
    digest: Digest,
    /// Closed when it has ended.
    ended: watch::Receiver<()>,
}

/// What is known of a key.
pub(super) enum Seen {
    /// It is the first one that runs now; until this is dropped, others wait for it.
    First(RunningKey),
    /// One runs with the same key and the same text; returns when it has ended.
    Same(watch::Receiver<()>),
    /// One runs with the same key and another text.
    Other,
}

/// A request with a key, until it has ended.
#[derive(Debug)]
pub(super) struct RunningKey {
    repeats: Arc<Repeats>,
    key: String,
    _ended: watch::Sender<()>,
}

impl Repeats {
    /// A request comes with `key`.
    pub(super) fn look(self: &Arc<Self>, key: &str, digest: Digest) -> Seen {
        let mut running = self.lock();
        match running.get(key) {
            Some(known) if known.digest == digest => Seen::Same(known.ended.clone()),
            Some(_) => Seen::Other,
            None => {
                let (sender, ended) = watch::channel(());
                running.insert(key.to_owned(), Running { digest, ended });
                Seen::First(RunningKey { repeats: Arc::clone(self), key: key.to_owned(), _ended: sender })
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for RunningKey {
    fn drop(&mut self) {
        self.repeats.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_comes_again_waits_for_the_first_one() {
        let (repeats, digest) = (Arc::new(Repeats::default()), Digest::of("a"));
        let Seen::First(first) = repeats.look("key:1", digest) else { panic!() };
        assert!(matches!(repeats.look("key:1", Digest::of("b")), Seen::Other));
        let Seen::Same(mut ended) = repeats.look("key:1", digest) else { panic!() };
        assert!(matches!(repeats.look("rpc:1", digest), Seen::First(_)));
        drop(first);
        assert!(ended.changed().await.is_err());
        assert!(matches!(repeats.look("key:1", digest), Seen::First(_)));
    }

    #[test]
    fn a_long_key_is_kept_by_its_digest() {
        let long = |end: &str| Idempotency::Key(format!("{}{end}", "x".repeat(400))).text();
        assert!(long("a").len() < 40 && long("a") != long("b"));
        assert_ne!(Idempotency::Key("1".into()).text(), Idempotency::Rpc("1".into()).text());
    }
}
