//! Sessions: one per shim, what the gateway knows of the client behind it, and the table of all of them.
//!
//! Nothing of one session can be reached through another: the MCP service of a session holds its own [`Session`] and
//! never the [`SessionTable`].

mod carried;
mod identity;
mod table;
mod view;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub use carried::{CONTEXT_BYTES_MAX, Carried};
pub use identity::{Identity, ShimProcess};
use snowgate_link::hello::{Origin, SessionKey};
pub use table::{Claim, SessionGuard, SessionTable, TableError};
use tokio_util::sync::CancellationToken;
pub use view::SessionView;

use crate::backend::Context;
use crate::state::{Counts, Record, Standing};

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

/// What is known of a session when its connection opens.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The public id, and the secret that proves a shim's right to it.
    pub key: SessionKey,
    /// Who launched the shim, as the shim says.
    pub origin: Origin,
    /// The peer's user, as the system says.
    pub uid: u32,
    /// The peer's process, where the system tells.
    pub shim: Option<ShimProcess>,
    /// The profile's name.
    pub profile: String,
    /// The name its user gave it.
    pub name: Option<String>,
    /// Whether it had a connection before, to this gateway or another.
    pub is_resumed: bool,
    /// The journal of this gateway, if it has one.
    pub journal: Option<String>,
    /// Whether that journal has everything that a gateway ever ran for the session: then a statement that it does not
    /// have was not run.
    pub journal_is_whole: bool,
    /// Whether it has passed its entrance before.
    pub has_entered: bool,
    /// The digest of the tools that this gateway offers.
    pub tools: String,
    /// The digest of other tools, which the client may have seen.
    pub tools_before: Option<String>,
    /// The protocol revision that the client was told.
    pub revision: Option<String>,
    /// What had been counted before.
    pub counts: Counts,
    /// When it began, in milliseconds since 1970; `None`: now.
    pub started_ms: Option<i64>,
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
    /// The peer's process, where the system tells.
    pub shim: Option<ShimProcess>,
    /// The profile's name.
    pub profile: String,
    /// The name its user gave it.
    pub name: Option<String>,
    /// Whether it had a connection before.
    pub is_resumed: bool,
    /// Whether a statement that the journal does not have was not run.
    pub journal_is_whole: bool,
    /// When the session began.
    pub started_at: SystemTime,
    /// The protocol revision that the client was told before, if it was.
    pub revision: Option<String>,
    /// Set once the session's first call may run, with whatever the client's last session left.
    pub has_entered: AtomicBool,
    /// Set once the state file has the session.
    pub is_kept: AtomicBool,
    /// Set when the client says goodbye.
    pub said_goodbye: AtomicBool,
    /// Set when the context is the one that an earlier session of the client left.
    pub is_inherited: AtomicBool,
    /// Set by the table when a newer connection takes its place.
    is_replaced: AtomicBool,
    /// The requests that were counted when the session was last written down, or a number that never is.
    kept_requests: AtomicU64,
    /// This gateway's journal and tools, for the shim to carry.
    journal: Option<String>,
    tools: String,
    /// Cleared once the client has heard that its tools are others now.
    tools_before: Mutex<Option<String>>,
    /// Cancelled when the client is gone: everything that runs for it stops.
    pub gone: CancellationToken,
    /// What was counted; written by the transport and by tools.
    pub counters: Counters,
    /// Written by `set_context` and by what comes before the first call, read when a request starts.
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

impl From<Counts> for Counters {
    fn from(counts: Counts) -> Self {
        Self {
            requests: counts.requests.into(),
            running: AtomicUsize::new(0),
            rows: counts.rows.into(),
            bytes: counts.bytes.into(),
            errors: counts.errors.into(),
        }
    }
}

impl Counters {
    /// The counters as they stand.
    pub fn counts(&self) -> Counts {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            requests: count(&self.requests),
            rows: count(&self.rows),
            bytes: count(&self.bytes),
            errors: count(&self.errors),
        }
    }
}

impl Session {
    /// A session with a new connection, in `context`.
    pub fn new(opening: Opening, context: SessionContext) -> Self {
        let began = |ms| UNIX_EPOCH + Duration::from_millis(u64::try_from(ms).unwrap_or_default());
        Self {
            key: opening.key,
            origin: opening.origin,
            uid: opening.uid,
            shim: opening.shim,
            profile: opening.profile,
            name: opening.name,
            is_resumed: opening.is_resumed,
            journal_is_whole: opening.journal_is_whole,
            started_at: opening.started_ms.map_or_else(SystemTime::now, began),
            revision: opening.revision,
            has_entered: AtomicBool::new(opening.has_entered),
            is_kept: AtomicBool::new(false),
            said_goodbye: AtomicBool::new(false),
            is_inherited: AtomicBool::new(false),
            is_replaced: AtomicBool::new(false),
            kept_requests: AtomicU64::new(opening.counts.requests),
            journal: opening.journal,
            tools: opening.tools,
            tools_before: Mutex::new(opening.tools_before),
            gone: CancellationToken::new(),
            counters: Counters::from(opening.counts),
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

    /// Goes on in the context that an earlier session of the client left.
    pub fn inherit(&self, context: SessionContext) {
        *self.context.write().unwrap_or_else(PoisonError::into_inner) = context;
        self.is_inherited.store(true, Ordering::Relaxed);
    }

    /// Changes the context; one that was lost counts no longer.
    pub fn set_context(&self, context: Context) {
        *self.context.write().unwrap_or_else(PoisonError::into_inner) =
            SessionContext { context, lost: None };
    }

    /// What the shim is to carry to the next gateway.
    pub fn carried(&self) -> Carried {
        let SessionContext { context, lost } = self.context();
        let revision = match self.client().era {
            Era::Handshake(revision) => Some(revision),
            Era::Stateless(_) | Era::Unknown => self.revision.clone(),
        };
        // Once something is missing, no later gateway can know that nothing is.
        let journal = self.journal.clone().filter(|_| self.journal_is_whole);
        let tools = self.tools_before().unwrap_or_else(|| self.tools.clone());
        let entered = self.has_entered.load(Ordering::Relaxed);
        Carried { context, lost, journal, entered, tools: Some(tools), revision }
    }

    fn tools_before(&self) -> Option<String> {
        self.tools_before.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the client is still to hear that its tools are not those it may have seen.
    pub fn tools_have_changed(&self) -> bool {
        self.tools_before().is_some()
    }

    /// The client has heard it.
    pub fn note_tools_told(&self) {
        *self.tools_before.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whose the session is, as far as the client has told; `client`: what it calls itself.
    pub fn identity(&self, client: Option<String>) -> Identity {
        Identity {
            uid: self.uid,
            parent_exe: self.origin.parent_exe.clone(),
            cwd: self.origin.cwd.clone(),
            client: client.map(|name| presentable(&name)),
            profile: self.profile.clone(),
        }
    }

    /// What the state file is to have of it.
    pub fn record(&self, client: Option<String>) -> Record {
        let since_epoch = self.started_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        Record {
            key: self.key.clone(),
            name: self.name.clone(),
            identity: self.identity(client),
            shim: self.shim,
            context: self.context().context,
            counts: self.counters.counts(),
            started_ms: i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX),
        }
    }

    /// Whether the state file does not have the session as it is.
    pub(crate) fn is_ahead_of_file(&self) -> bool {
        self.kept_requests.load(Ordering::Relaxed) != self.counters.requests.load(Ordering::Relaxed)
    }

    /// The state file has the session as it was when this many requests were counted.
    pub(crate) fn note_kept(&self, requests: u64) {
        self.kept_requests.store(requests, Ordering::Relaxed);
    }

    /// The state file could not be given what it must have: it is tried again.
    pub(crate) fn note_unkept(&self) {
        self.kept_requests.store(u64::MAX, Ordering::Relaxed);
    }

    /// A newer connection of the same shim has taken its place.
    pub(crate) fn replace(&self) {
        self.is_replaced.store(true, Ordering::Relaxed);
        self.gone.cancel();
    }

    /// Whether a newer connection of the same shim has taken its place.
    pub(crate) fn is_replaced(&self) -> bool {
        self.is_replaced.load(Ordering::Relaxed)
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        Standing { context: self.context().context, counts: self.counters.counts(), idle_ms: self.idle_ms() }
    }

    /// Whether nobody will come back for it: the client has said goodbye, or its shim is gone.
    pub fn is_over(&self) -> bool {
        self.said_goodbye.load(Ordering::Relaxed) || self.shim.is_some_and(|shim| !shim.is_alive())
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

#[cfg(test)]
impl Opening {
    /// A new session of nobody in particular.
    pub(crate) fn of(key: SessionKey) -> Self {
        Self {
            key,
            origin: Origin::default(),
            uid: 1,
            shim: None,
            profile: "default".to_owned(),
            name: None,
            is_resumed: false,
            journal: None,
            journal_is_whole: false,
            has_entered: false,
            tools: String::new(),
            tools_before: None,
            revision: None,
            counts: Counts::default(),
            started_ms: None,
        }
    }
}
