//! Sessions: one per client connection, what the gateway knows of the client behind it, and the table of all
//! of them.
//!
//! Nothing of one session can be reached through another: the MCP service of a session holds its own
//! [`Session`] and never the [`SessionTable`]. `keeper` writes sessions down; what it writes is defined in
//! `state`.

mod active;
mod asked;
mod client;
mod client_set;
mod context;
mod counters;
mod held_state;
mod keeper;
mod lifecycle;
mod long_calls;
mod opening;
mod principal;
mod profile;
mod questions;
mod results;
mod resume_state;
mod seats;
mod session_profile;
mod table;
mod view;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockWriteGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub use active::{ActiveCall, ActiveCalls};
use client::presentable;
pub use client::{ClientIdentity, Era, FrontClient};
pub use client_set::ClientSet;
pub use context::{ContextOrigin, INHERITED, SessionContext, fallback_notice, inheritance_notice};
pub use counters::Counters;
pub use keeper::{KEEP_INTERVAL, Keeper};
pub use long_calls::{LongCall, LongCalls};
pub use opening::Opening;
pub use principal::Principal;
pub use profile::{BoundingRole, Profile, ProfileCaps, Profiles};
pub use questions::Questions;
pub use results::{NoRoom, Reservation, ResultMemory, ResultShare};
pub use resume_state::{CONTEXT_BYTES_MAX, ResumeState, kept_name};
pub use seats::NoSeat;
pub use session_profile::{ChosenProfile, ProfileProblem, SessionProfile};
use snowgate_link::hello::{Origin, SessionKey};
pub use table::{Claim, SessionGuard, SessionTable, TableError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::Span;
pub use view::{CallView, SessionView};

use crate::backend::{Context, OPEN_TRANSACTION, Place};
use crate::config::SettingsDifference;
use crate::config::log_targets::SPANS;
use crate::keys::KeyIdentity;
use crate::state::{Identity, IdentityKey, Remember, SessionRecord, ShimProcess};
use crate::telemetry::{Asker, Telemetry};

/// The client said goodbye: a bit of [`Session::ending`].
const GOODBYE: u8 = 1;

/// A newer connection of the same shim has taken its place: a bit of [`Session::ending`].
const REPLACED: u8 = 2;

/// Its connection has ended: a bit of [`Session::ending`].
const ENDED: u8 = 4;

/// Notices that wait for the client's next result, at most.
const NOTICES_MAX: usize = 8;

/// One shim's session.
#[derive(Debug)]
pub struct Session {
    /// The public id, and the secret that proves a shim's right to it.
    pub key: SessionKey,
    /// Who launched the shim, as the shim says.
    pub origin: Origin,
    /// The API key that it came with; `None`: a shim's, or the front asks for no keys.
    pub api_key: Option<Arc<KeyIdentity>>,
    /// The address that it came from; `None`: a shim's, or a Unix socket.
    pub address: Option<IpAddr>,
    /// What its front knows of its client, where that is no shim's.
    pub front: FrontClient,
    /// The peer's user, as the system says.
    pub uid: u32,
    /// The peer's process, where the system tells.
    pub shim: Option<ShimProcess>,
    /// The profile.
    pub profile: SessionProfile,
    /// The profile that its user has asked for.
    pub asked_profile: Option<String>,
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
    /// The client's own settings that this gateway does not apply.
    pub settings: Option<SettingsDifference>,
    /// The client's own settings that are applied, where they are not the gateway's.
    pub set: Option<Arc<ClientSet>>,
    /// The span that events about the session belong to; its requests' spans are below it.
    pub span: Span,
    /// Set by the registration once the session's first call may run, in the context it inherits if there is
    /// one.
    is_registered: AtomicBool,
    /// Set by the keeper once the state file has the session.
    is_persisted: AtomicBool,
    /// How the connection ends: [`GOODBYE`], set by the front, [`REPLACED`], set by the table, and [`ENDED`],
    /// set by the keeper before it writes that down.
    ending: AtomicU8,
    /// What the client's next result is to say: written when the context falls back, taken by that result.
    notice: Mutex<Option<String>>,
    /// Whether the first result has said which settings are not applied.
    has_told_settings: AtomicBool,
    /// What else it is to say, in order: [`NOTICES_MAX`] at most.
    further_notices: Mutex<Vec<String>>,
    /// The level of log messages that the client has asked for; written by the service.
    log_level: Mutex<Option<String>>,
    /// Whether it counts among the sessions of its client; written by the seats.
    has_seat: AtomicBool,
    /// Whether there is a notice: looked at with every result.
    has_notice: AtomicBool,
    /// Set where the context has changed without `set_context`: the front gives the state to the shim again.
    is_state_stale: AtomicBool,
    /// Written by `set_context`, after the context; read before that by the keeper.
    remember: Mutex<Option<Remember>>,
    /// The requests that were counted when the session was last written down, or [`u64::MAX`]; written by the
    /// keeper.
    persisted_requests: AtomicU64,
    /// This gateway's journal and tools, for the shim to carry.
    journal: Option<String>,
    tools: OnceLock<String>,
    /// Cleared once the client has heard that its tools are others now.
    tools_before: Mutex<Option<String>>,
    /// Sent by a reload that changes which tools the session is offered; its service tells the client.
    pub tools_changed: watch::Sender<()>,
    /// Cancelled when the client is gone: everything that runs for it stops.
    pub gone: CancellationToken,
    /// What its connection holds of its state, as the shim carries it; written after each request.
    held: Mutex<Option<String>>,
    /// State that is lost with an earlier gateway, until its client is told.
    lost_state: Mutex<Option<String>>,
    /// Whether a request has been told.
    has_told_loss: AtomicBool,
    /// Whether its connection had a transaction open after the last request.
    holds_transaction: AtomicBool,
    /// Whether one was lost that its client has not ended yet.
    has_lost_transaction: AtomicBool,
    /// What its user is asked.
    pub questions: Questions,
    /// The memory of its results.
    pub results: Arc<ResultShare>,
    /// Whom it counts for, once its first call has come.
    fixed_principal: OnceLock<Principal>,
    fixed_flow: OnceLock<Arc<str>>,
    /// The calls that are under way; written by the front and by the service.
    pub calls: Arc<ActiveCalls>,
    /// Those that were answered before their statements had ended.
    pub long_calls: LongCalls,
    /// What was counted; written by the transport and by tools.
    pub counters: Counters,
    /// Who hears what becomes of its requests; `None` until it is open.
    pub(super) telemetry: Option<Arc<Telemetry>>,
    /// Who it is, as they are told; made anew when its client says something else.
    asker: Mutex<Option<Arc<Asker>>>,
    /// Written by `set_context`, by the registration, and by the first use of what it inherits; read when a
    /// request starts.
    context: RwLock<SessionContext>,
    /// Written by the service when the client names itself.
    client: Mutex<ClientIdentity>,
    /// For `last_activity`: milliseconds after `clock`; written by the transport at every message.
    active_ms: AtomicU64,
    clock: Instant,
}

impl Session {
    /// A session with a new connection, in `context`.
    pub fn new(opening: Opening, context: SessionContext) -> Self {
        let began = |ms| UNIX_EPOCH + Duration::from_millis(u64::try_from(ms).unwrap_or_default());
        let fixed = opening.profile_why.is_some().then_some(opening.profile.name.as_str());
        let span = tracing::error_span!(
            target: SPANS, "session", session = %opening.key.id, profile = fixed, client = tracing::field::Empty
        );
        let gone = CancellationToken::new();
        Self {
            span,
            key: opening.key,
            origin: opening.origin,
            api_key: opening.api_key,
            address: opening.address,
            front: opening.front,
            uid: opening.uid,
            shim: opening.shim,
            profile: match opening.profile_why {
                Some(why) => {
                    let (profile, problem) = (opening.profile, opening.profile_problem);
                    SessionProfile::fixed(ChosenProfile { profile, why, problem })
                }
                None => SessionProfile::open(opening.profile),
            },
            asked_profile: opening.asked_profile,
            name: opening.name,
            is_resumed: opening.is_resumed,
            journal_is_whole: opening.journal_is_whole,
            started_at: opening.started_ms.map_or_else(SystemTime::now, began),
            revision: opening.revision,
            settings: opening.settings,
            set: opening.set,
            is_registered: AtomicBool::new(opening.is_registered),
            is_persisted: AtomicBool::new(opening.is_persisted),
            ending: AtomicU8::new(0),
            notice: Mutex::default(),
            has_told_settings: AtomicBool::new(opening.is_resumed),
            further_notices: Mutex::default(),
            log_level: Mutex::new(opening.log_level),
            has_seat: AtomicBool::new(false),
            has_notice: AtomicBool::new(false),
            is_state_stale: AtomicBool::new(false),
            remember: Mutex::default(),
            // That a session is back is still to be written down.
            persisted_requests: AtomicU64::new(if opening.is_persisted {
                u64::MAX
            } else {
                opening.counts.requests
            }),
            journal: opening.journal,
            tools: opening.tools.map_or_else(OnceLock::new, OnceLock::from),
            tools_before: Mutex::new(opening.tools_before),
            tools_changed: watch::Sender::new(()),
            held: Mutex::default(),
            has_lost_transaction: AtomicBool::new(
                opening.lost_state.as_deref().is_some_and(|lost| lost.contains(OPEN_TRANSACTION)),
            ),
            holds_transaction: AtomicBool::new(false),
            lost_state: Mutex::new(opening.lost_state),
            has_told_loss: AtomicBool::new(false),
            questions: Questions::default(),
            results: Arc::new(ResultMemory::default()).share(gone.clone()),
            gone,
            fixed_principal: OnceLock::new(),
            fixed_flow: OnceLock::new(),
            calls: Arc::default(),
            long_calls: LongCalls::default(),
            counters: {
                let counters = Counters::from(opening.counts);
                counters.denials.store(opening.denials, Ordering::Relaxed);
                counters.limited.store(opening.limited, Ordering::Relaxed);
                counters
            },
            telemetry: None,
            asker: Mutex::default(),
            context: RwLock::new(context),
            client: Mutex::default(),
            active_ms: AtomicU64::new(0),
            clock: Instant::now(),
        }
    }

    /// Fixes the profile, before anything of it is used: the session begins in `context`, and `tools` is the digest of
    /// what the profile offers. Once it is fixed, nothing happens.
    pub fn fix_profile(&self, chosen: ChosenProfile, context: SessionContext, tools: String) {
        if self.profile.is_fixed() {
            return;
        }
        *self.context_mut() = context;
        {
            let mut before = self.tools_before.lock().unwrap_or_else(PoisonError::into_inner);
            *before = before.take().filter(|before| *before != tools);
        }
        // The first one has decided.
        let _ = self.tools.set(tools);
        self.span.record("profile", chosen.profile.name.as_str());
        self.profile.fix(chosen);
    }

    /// Has the session begin in `context` now: its profile's could not be used when it began, and `chosen` has one that can.
    pub fn begin_anew(&self, chosen: ChosenProfile, context: Context, at: Option<Place>) {
        *self.context_mut() = SessionContext { context, at, ..SessionContext::default() };
        self.profile.replace(chosen);
    }

    /// The context statements of this session run in.
    pub fn context(&self) -> SessionContext {
        self.context.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn context_mut(&self) -> RwLockWriteGuard<'_, SessionContext> {
        self.context.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins in the context that another session of the same identity has set; the client's next result says
    /// `notice`.
    pub fn inherit(&self, context: SessionContext, notice: String) {
        *self.context_mut() = context;
        self.set_notice(notice);
    }

    /// A request has run in `used`, which the session has inherited: from here on it is as good as set.
    pub fn confirm_inherited(&self, used: &Context) {
        let mut now = self.context_mut();
        if now.origin == ContextOrigin::Tentative && now.context == *used {
            now.origin = ContextOrigin::Inherited;
        }
    }

    /// The context `lost` exists again, as `found`. Returns whether it was still lost.
    pub fn find_again(&self, lost: &Context, found: Context, at: &Place) -> bool {
        let mut now = self.context_mut();
        if now.lost.is_none() || now.context != *lost {
            return false;
        }
        *now = SessionContext { context: found, lost: None, at: Some(at.clone()), origin: now.origin };
        self.is_state_stale.store(true, Ordering::Relaxed);
        true
    }

    /// The session began when there was no database, and a request of it has run in `used`: from here on, all
    /// do.
    pub fn settle(&self, used: &Context) {
        let mut now = self.context_mut();
        if now.lost.is_none() && now.context.database.is_none() {
            (now.context.database, now.context.schema) = (used.database.clone(), used.schema.clone());
            self.is_state_stale.store(true, Ordering::Relaxed);
        }
    }

    /// Puts `profile`, the profile's context, in the place of `gone`, which the session has inherited and
    /// cannot use; the client's next result says `notice`. Returns whether it did: another request may have
    /// come before.
    pub fn fall_back(&self, gone: &Context, profile: Context, notice: String) -> bool {
        let mut now = self.context_mut();
        if now.origin != ContextOrigin::Tentative || now.context != *gone {
            return false;
        }
        *now = SessionContext { context: profile, origin: ContextOrigin::Fallback, ..now.clone() };
        self.is_state_stale.store(true, Ordering::Relaxed);
        self.set_notice(notice);
        true
    }

    /// The settings for which the session's calls are refused.
    pub fn refusing_settings(&self) -> Option<&SettingsDifference> {
        self.settings.as_ref().filter(|settings| settings.is_decisive)
    }

    /// Once, the settings that are not applied and stop nothing: the client's first result says so.
    pub fn take_unapplied_settings(&self) -> Option<&SettingsDifference> {
        let settings = self.settings.as_ref().filter(|settings| !settings.is_decisive)?;
        (!self.has_told_settings.swap(true, Ordering::Relaxed)).then_some(settings)
    }

    /// The level of log messages that the client has asked for.
    pub fn log_level(&self) -> Option<String> {
        lock(&self.log_level).clone()
    }

    /// The client asks for log messages of this level and above.
    pub fn set_log_level(&self, level: &str) {
        *lock(&self.log_level) = Some(level.to_owned());
        self.is_state_stale.store(true, Ordering::Relaxed);
    }

    /// The client's next result is to say this, too, whatever becomes of its context.
    pub fn add_notice(&self, notice: String) {
        let mut notices = lock(&self.further_notices);
        if notices.len() < NOTICES_MAX {
            notices.push(notice);
        }
        self.has_notice.store(true, Ordering::Release);
    }

    /// The client's next result is to say this of its context, too.
    pub fn set_notice(&self, notice: String) {
        *self.notice.lock().unwrap_or_else(PoisonError::into_inner) = Some(notice);
        self.has_notice.store(true, Ordering::Release);
    }

    /// What the client's next result is to say beside what it is asked for.
    pub fn take_notice(&self) -> Option<String> {
        if !self.has_notice.swap(false, Ordering::AcqRel) {
            return None;
        }
        let notices =
            lock(&self.notice).take().into_iter().chain(std::mem::take(&mut *lock(&self.further_notices)));
        let notices: Vec<String> = notices.collect();
        (!notices.is_empty()).then(|| notices.join("\n"))
    }

    /// Whether nothing of it runs, no result of it waits to be read, and its connection holds nothing of it.
    fn is_unused(&self) -> bool {
        let is_running = self.counters.running.load(Ordering::Relaxed) > 0;
        !is_running && !self.results.is_in_use() && lock(&self.held).is_none()
    }

    /// Whether the context has changed without `set_context` since this was asked last.
    pub fn take_stale_state(&self) -> bool {
        self.is_state_stale.load(Ordering::Relaxed) && self.is_state_stale.swap(false, Ordering::Relaxed)
    }

    /// Changes the context, also for new sessions of this identity once the keeper has written it down. A loss
    /// is forgotten with it, and what was to be said of the context before.
    pub fn set_context(&self, context: Context, at: Place) {
        let key = self.identity_key(self.client().name, &at);
        let origin = ContextOrigin::Set;
        *self.context_mut() = SessionContext { context, lost: None, origin, at: Some(at) };
        *self.remember.lock().unwrap_or_else(PoisonError::into_inner) = key.map(Remember::now);
        lock(&self.notice).take();
    }

    /// Under what its context is remembered on the connection `at`; `None`: nothing tells it from others.
    fn identity_key(&self, client: Option<String>, at: &Place) -> Option<IdentityKey> {
        IdentityKey::of(&self.identity(client), self.name.as_deref(), at)
    }

    /// As it is now, on the connection of its context.
    pub(super) fn own_identity_key(&self, client: Option<String>) -> Option<IdentityKey> {
        self.identity_key(client, &self.context().at?)
    }

    /// What the shim is to carry to the next gateway.
    pub fn resume_state(&self) -> ResumeState {
        let mut context = self.context();
        let lost = context.lost.take();
        let revision = match self.client().era {
            Era::Handshake(revision) => Some(revision),
            Era::Stateless(_) | Era::Unknown => self.revision.clone(),
        };
        // Once something is missing, no later gateway can know that the journal is whole.
        let journal = self.journal.clone().filter(|_| self.journal_is_whole);
        let tools = self.tools_before().or_else(|| self.tools.get().cloned());
        let profile = self.profile.is_fixed().then(|| kept_name(&self.profile.name));
        let registered = self.is_registered();
        // What is lost already stays so until it is told.
        let unended = || self.has_lost_transaction().then(|| OPEN_TRANSACTION.to_owned());
        let held = self.lost_state().or_else(unended).or_else(|| lock(&self.held).clone());
        let denials = self.counters.denials.load(Ordering::Relaxed);
        ResumeState {
            context: context.kept(),
            lost,
            journal,
            registered,
            tools,
            revision,
            held,
            denials,
            limited: self.counters.limited.load(Ordering::Relaxed),
            log: self.log_level(),
            profile,
        }
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
            profile: self.profile.name.clone(),
            key: self.api_key.as_ref().map(|key| key.id.clone()),
        }
    }

    /// What the state file is to have of it.
    pub fn record(&self, client: Option<String>) -> SessionRecord {
        let since_epoch = self.started_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        SessionRecord {
            key: self.key.clone(),
            name: self.name.clone(),
            identity: self.identity(client),
            shim: self.shim,
            context: self.context().kept(),
            counts: self.counters.counts(),
            started_ms: i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX),
        }
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
