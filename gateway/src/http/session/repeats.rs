//! Requests that are sent again.
//!
//! | the same key comes | while the first runs | later |
//! |---|---|---|
//! | with the same method and params | waits for the first one's end, then as later | if the journal has the first: it is that one, and gets its result; else it runs |
//! | with others, an `Idempotency-Key` | refused | refused, as long as the journal has the first |
//! | with others, a JSON-RPC id | as the intake has it: refused, the id is in use | another request |
//!
//! So a read runs again, and a write never does. Whether an answer has reached its client is not known (it may be in a buffer of a
//! connection that is cut), so a JSON-RPC id stays a key, and a result that is given again says so: the protocol has ids used
//! once in a session.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::state::Digest;

/// What makes a request that is sent again the same request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Idempotency {
    /// `Idempotency-Key`: for as long as the journal has the statement's result.
    Key(String),
    /// The JSON-RPC id in a session of its own: the same.
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
        format!("{kind}#{}", Digest::of(key).in_full())
    }
}

/// Keys that are remembered, at most; then the state file is always asked.
const JOURNALED_MAX: usize = 1_024;

/// Which keys the journal may have: so that the state file is not asked about each request.
#[derive(Debug)]
pub(super) struct JournaledKeys {
    keys: HashSet<String>,
    /// Whether it may have others.
    has_others: bool,
}

impl JournaledKeys {
    /// Those of a session; `has_others`: an earlier gateway had it.
    pub(super) fn new(has_others: bool) -> Self {
        Self { keys: HashSet::new(), has_others }
    }

    /// Whether the journal may have `key`.
    pub(super) fn may_have(&self, key: &str) -> bool {
        self.has_others || self.keys.contains(key)
    }

    /// The journal has `key`.
    pub(super) fn insert(&mut self, key: &str) {
        if self.has_others || self.keys.len() < JOURNALED_MAX {
            if !self.has_others {
                self.keys.insert(key.to_owned());
            }
        } else {
            (self.has_others, self.keys) = (true, HashSet::new());
        }
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
    fn a_key_that_the_journal_has_is_never_missed() {
        let mut keys = JournaledKeys::new(false);
        assert!(!keys.may_have("rpc:0"));
        for number in 0..2 * JOURNALED_MAX {
            keys.insert(&format!("rpc:{number}"));
            assert!(keys.may_have(&format!("rpc:{}", number / 2)) && keys.keys.len() <= JOURNALED_MAX);
        }
        assert!(JournaledKeys::new(true).may_have("rpc:0"));
    }

    #[test]
    fn a_long_key_is_kept_by_its_digest() {
        let long = |end: &str| Idempotency::Key(format!("{}{end}", "x".repeat(400))).text();
        assert!(long("a").len() < 80 && long("a") != long("b"));
        assert_ne!(Idempotency::Key("1".into()).text(), Idempotency::Rpc("1".into()).text());
    }
}
