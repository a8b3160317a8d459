//! Sessions: one per shim, what the gateway knows of the client behind it, and the table of all of them.
//!
//! Nothing of one session can be reached through another: the MCP service of a session holds its own [`Session`] and
//! never the [`SessionTable`].

mod table;
mod view;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Instant, SystemTime};

use snowgate_link::hello::{Origin, SessionKey};
pub use table::{SessionGuard, SessionTable, TableError};
use tokio_util::sync::CancellationToken;
pub use view::SessionView;

use crate::backend::Context;

/// A client's name and version are kept up to this many characters.
const IDENTITY_CHARS_MAX: usize = 100;

/// Which of MCP's two ways of talking a client uses, as far as it has shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Era {
    /// It has not said anything yet.
    #[default]
    Unknown,
    /// It opened with `initialize`; the negotiated revision.
    Handshake(String),
    /// It states its revision with every request (2026-07-28 and later).
    Stateless(String),
}

/// The context of a session, or why it has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionContext {
    /// Where statements run.
    pub context: Context,
    /// Set where the context that the session had cannot be restored: then no statement runs, because it would run
    /// somewhere else.
    pub lost: Option<String>,
}

/// What the client has told of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The client's name.
    pub name: Option<String>,
    /// The client's version.
    pub version: Option<String>,
    /// How it talks.
    pub era: Era,
}

/// One shim's session.
#[derive(Debug)]
pub struct Session {
    /// The public id, and the secret that proves a shim's right to it.
    pub key: SessionKey,
    /// Who launched the shim, as the shim says.
    pub origin: Origin,
    /// The peer's user, as the system says.
    pub uid: u32,
    /// The profile's name.
    pub profile: String,
    /// When the session began.
    pub started_at: SystemTime,
    /// Cancelled when the client is gone: everything that runs for it stops.
    pub gone: CancellationToken,
    /// What was counted; written by the transport and by tools.
    pub counters: Counters,
    /// Written by `set_context`, read when a request starts.
    context: RwLock<SessionContext>,
    /// Written by the service when the client names itself.
    client: Mutex<ClientIdentity>,
    /// For `last_activity`: milliseconds after `clock`; written by the transport at every message.
    active_ms: AtomicU64,
    clock: Instant,
}

/// Counters of a session. Each only ever grows, except `running`.
#[derive(Debug, Default)]
pub struct Counters {
    /// Requests taken up.
    pub requests: AtomicU64,
    /// Requests taken up and not answered yet.
    pub running: AtomicUsize,
    /// Rows sent to the client.
    pub rows: AtomicU64,
    /// Bytes of messages sent to the client.
    pub bytes: AtomicU64,
    /// Requests answered with an error of either kind.
    pub errors: AtomicU64,
}

impl Session {
    /// A session that begins now, in `context`.
    pub fn new(key: SessionKey, origin: Origin, uid: u32, profile: String, context: SessionContext) -> Self {
        Self {
            key,
            origin,
            uid,
            profile,
            started_at: SystemTime::now(),
            gone: CancellationToken::new(),
            counters: Counters::default(),
            context: RwLock::new(context),
            client: Mutex::default(),
            active_ms: AtomicU64::new(0),
            clock: Instant::now(),
        }
    }

    /// The context statements of this session run in.
    pub fn context(&self) -> SessionContext {
        self.context.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the context; one that was lost counts no longer.
    pub fn set_context(&self, context: Context) {
        *self.context.write().unwrap_or_else(PoisonError::into_inner) =
            SessionContext { context, lost: None };
    }

    /// What the client has told of itself.
    pub fn client(&self) -> ClientIdentity {
        self.client.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Records what the client tells of itself, cut to what can be shown to people.
    pub fn set_client(&self, mut client: ClientIdentity) {
        client.name = client.name.map(|name| presentable(&name));
        client.version = client.version.map(|version| presentable(&version));
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = client;
    }

    /// Records that the client said something.
    pub fn touch(&self) {
        let elapsed = u64::try_from(self.clock.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.active_ms.store(elapsed, Ordering::Relaxed);
    }

    /// Milliseconds since the client last said something.
    pub fn idle_ms(&self) -> u64 {
        let elapsed = u64::try_from(self.clock.elapsed().as_millis()).unwrap_or(u64::MAX);
        elapsed.saturating_sub(self.active_ms.load(Ordering::Relaxed))
    }
}

/// `text` without control characters, cut to [`IDENTITY_CHARS_MAX`].
fn presentable(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(IDENTITY_CHARS_MAX).collect()
}
