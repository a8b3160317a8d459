//! What the gateway's folders share: made once by `process` and used by every one above this
//! one.

mod alert_facts;
mod backends;
mod client_sets;
mod descriptors;
mod heavy_lane;
mod http_facts;
mod kill;
mod line_budget;
mod live;
pub(crate) mod moments;
mod newer_build;
mod page_tickets;
mod reload;
mod service;
mod shutdown;
#[cfg(test)]
pub(crate) mod testing;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

pub use alert_facts::{ALERT_NAMES, AlertFacts, AlertState, AlertView, WebhookView};
pub use backends::{open_backend, sqlite_settings};
pub use client_sets::{ClientBackendView, ClientSets, TooManyBackends};
pub use descriptors::{Budget, Descriptors, TooFewDescriptors, http_share};
pub use heavy_lane::{HEAVY_BYTES, HeavyLane};
pub use http_facts::{HttpFacts, HttpView};
pub use kill::{KillView, NothingKilled, kill};
pub use line_budget::{HoldPermit, LineBudget, ReadPermit};
pub use live::Live;
pub use newer_build::{NewerBuild, YIELD_PAUSE, is_newer};
pub use page_tickets::{PageTickets, TICKET_TTL, TokenDigest, random_token};
pub use reload::ReloadView;
pub use service::Service;
pub use shutdown::Shutdown;
use snowgate_link::endpoint::Endpoint;
use snowgate_link::os;
use uuid::Uuid;

use crate::audit::Audit;
use crate::backend::{BackendError, Context};
use crate::config::{Config, Paths};
use crate::keys::{ApiKeys, KeyIdentity};
use crate::limits::{ClientKey, ClientQuotaView, LimitView, Limits, Party, QuotaView};
use crate::multiplexer::{Multiplexer, Pool};
use crate::results::ResultStore;
use crate::session::{
    ClientSet, Keeper, Profile, Profiles, ResultMemory, Session, SessionTable, SessionView,
};
use crate::state::{RunningWrites, StateStore};
use crate::streams::StreamState;
use crate::telemetry::{RequestStreams, Telemetry};
use crate::validator::Validators;

/// Changes how much is logged.
pub type SetLogLevel = Box<dyn Fn(tracing::Level) + Send + Sync>;

/// What the process has found out about itself when the gateway starts.
pub struct ProcessFacts {
    /// What fits into the system's limits.
    pub budget: Budget,
    /// The streams of the log; kept up to date by their threads.
    pub logs: Vec<Arc<StreamState>>,
    /// What runs this gateway.
    pub service: Option<Service>,
    /// Why what is installed to run it does not.
    pub service_problem: Option<String>,
    /// The streams of requests, opened where the log is.
    pub streams: RequestStreams,
    /// The audit trail, opened once the gateway has its lock.
    pub audit: Audit,
    /// Changes how much is logged, where there is a log.
    pub set_log_level: Option<SetLogLevel>,
}

/// What all sessions share. Nothing in here is ever replaced, but what [`Shared::live`] returns.
pub struct Shared {
    /// The configuration, as it was at the start: for what only a restart changes. The rest is in [`Shared::live`].
    pub config: Config,
    /// What holds now; replaced by a reload, and held for a moment.
    live: RwLock<Arc<Live>>,
    /// Held while the configuration is read again.
    reloading: tokio::sync::Mutex<()>,
    /// When it was read again the last time.
    reloaded_at: Mutex<Option<Instant>>,
    /// What is wrong with the files, if the last reload was refused.
    pub reload_problem: Mutex<Option<String>>,
    /// Changes how much is logged, where there is a log.
    pub set_log_level: Option<SetLogLevel>,
    /// The locations of files.
    pub paths: Paths,
    /// Where the gateway listens.
    pub endpoint: Endpoint,
    /// The settings of clients that are not the gateway's.
    pub client_sets: Arc<ClientSets>,
    /// The way to the backends.
    pub multiplexer: Multiplexer,
    /// The connection that sessions use unless their profile names another.
    pub default_pool: Arc<Pool>,
    /// The API keys of the HTTP front.
    pub keys: ApiKeys,
    /// What clients may use over time, and have used.
    pub limits: Arc<Limits>,
    /// What hears of requests: counters, streams, statistics, the audit trail.
    pub telemetry: Arc<Telemetry>,
    /// The open sessions.
    pub sessions: Arc<SessionTable>,
    /// Writes sessions down.
    pub keeper: Keeper,
    /// What outlives this gateway.
    pub state: Arc<StateStore>,
    /// Results that outlive their calls.
    pub results: Arc<ResultStore>,
    /// The programs that profiles have asked about statements.
    pub validators: Validators,
    /// The statements that are in the journal and run now.
    pub writes: Arc<RunningWrites>,
    /// How many descriptors there are for whom.
    pub descriptors: Descriptors,
    /// The streams of the log.
    pub logs: Vec<Arc<StreamState>>,
    /// What alerts say of themselves.
    pub alerts: AlertFacts,
    /// Why the metrics are not in their file. Written by what writes them, read by `status`.
    pub metrics_problem: Mutex<Option<String>>,
    /// What runs this gateway.
    pub service: Option<Service>,
    /// Why what is installed to run it does not.
    pub service_problem: Option<String>,
    /// Where large messages are read and written.
    pub heavy: HeavyLane,
    /// The memory for long lines.
    pub lines: LineBudget,
    /// What the HTTP front says of itself.
    pub http: HttpFacts,
    /// What `snowgate open` lets into the page.
    pub page_tickets: PageTickets,
    /// Whether the gateway shuts down, and what follows.
    pub shutdown: Shutdown,
    /// The newest build that asks this gateway to make room.
    pub newer_build: NewerBuild,
    /// The file of this program. Read at the start, because an upgrade replaces it.
    pub program: PathBuf,
    /// Drawn at the start: tells a gateway from the one that takes its place under the same process id.
    pub instance: String,
    /// When it started.
    pub started: Instant,
}

impl Shared {
    /// The shared parts of a gateway without sessions.
    pub fn new(
        config: Config,
        paths: Paths,
        endpoint: Endpoint,
        multiplexer: Multiplexer,
        default_pool: Arc<Pool>,
        state: impl Into<Arc<StateStore>>,
        process: ProcessFacts,
    ) -> Arc<Self> {
        let state = state.into();
        let telemetry = Telemetry::new(&config.observing, process.streams, process.audit);
        let sessions = SessionTable::with(
            process.budget.sessions_max,
            ResultMemory::new(config.limits.usage.all_result_bytes),
            Arc::clone(&telemetry),
        );
        let results = ResultStore::open(&paths.state_dir, &config.results);
        Arc::new(Self {
            live: RwLock::new(Arc::new(Live::new(config.clone(), Vec::new()))),
            reloading: tokio::sync::Mutex::default(),
            reloaded_at: Mutex::default(),
            reload_problem: Mutex::default(),
            set_log_level: process.set_log_level,
            client_sets: Arc::default(),
            keeper: Keeper::new(Arc::clone(&state), Arc::clone(&sessions), config.session.ttl)
                .with_results(Arc::clone(&results)),
            keys: ApiKeys::in_folder(&paths.state_dir, config.roles.clone()),
            limits: Limits::new(config.limits.usage.all),
            sessions,
            telemetry,
            config,
            paths,
            endpoint,
            multiplexer,
            default_pool,
            state,
            results,
            validators: Validators::default(),
            writes: Arc::default(),
            descriptors: Descriptors::new(process.budget),
            logs: process.logs,
            alerts: AlertFacts::default(),
            metrics_problem: Mutex::default(),
            service: process.service,
            service_problem: process.service_problem,
            heavy: HeavyLane::default(),
            lines: LineBudget::default(),
            http: HttpFacts::default(),
            page_tickets: PageTickets::default(),
            shutdown: Shutdown::default(),
            newer_build: NewerBuild::default(),
            program: os::own_program().unwrap_or_else(|| PathBuf::from("snowgate")),
            instance: Uuid::new_v4().to_string(),
            started: Instant::now(),
        })
    }

    /// The configuration and the profiles that hold for a client with the settings of `set`.
    pub fn configured(&self, set: Option<&ClientSet>) -> (Arc<Config>, Arc<Profiles>) {
        set.map_or_else(
            || {
                let live = self.live();
                (Arc::clone(&live.config), Arc::clone(&live.profiles))
            },
            ClientSet::configured,
        )
    }

    /// What holds now. Ask once for what belongs together: the next answer may be another.
    pub fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The connections that sessions of `profile` share.
    ///
    /// # Errors
    /// The backend cannot be opened.
    pub async fn pool(&self, profile: &Profile) -> Result<Arc<Pool>, BackendError> {
        self.multiplexer.pool(&profile.connection).await
    }

    /// A session has connected again: it goes on with what a pool still holds of it.
    pub fn reopen(&self, session: &Session) {
        for (_, pool) in self.multiplexer.opened() {
            pool.reopen(&session.key.id);
            if let Some(held) = pool.held_by(&session.key.id) {
                session.note_held(Some(&held));
            }
        }
    }

    /// The session's profile is another one than `before`, and does not permit what it holds to be gone on with: that is
    /// rolled back. After a reload, and after each call that began before one.
    pub fn revoke_held(&self, session: &Session, before: &Profile) {
        let is_outdated = session.set.as_ref().is_some_and(|set| set.outdated().is_some());
        if !is_outdated && session.profile.problem().is_none() && !session.profile.takes_from(before) {
            return;
        }
        for (_, pool) in self.multiplexer.opened() {
            let Some(held) = pool.revoke(&session.key.id) else { continue };
            if held.transaction {
                session.lose_transaction();
            }
            session.note_held(None);
        }
    }

    /// A session has ended: nothing of its state stays on a connection.
    pub fn release(&self, session: &Session) {
        // A newer connection of the same session goes on with what is there.
        if session.is_replaced() {
            return;
        }
        for (_, pool) in self.multiplexer.opened() {
            pool.release(&session.key.id);
        }
    }

    /// The open sessions for people: their contexts completed by their backends, as far as those are open and
    /// know.
    pub fn session_views(&self) -> Vec<SessionView> {
        let pools: BTreeMap<String, Arc<Pool>> = self.multiplexer.opened().into_iter().collect();
        let completed = |session: &Session| {
            let mut view = SessionView::of(session);
            if session.profile.is_fixed() {
                view.limits = self.limits.client_view(&session.principal().into(), &session.profile.limits);
                let of_key = session.api_key.as_deref().and_then(|key| self.key_party(key));
                view.limits.extend(
                    of_key.into_iter().flat_map(|key| self.limits.client_view(&key.key, &key.limits)),
                );
            }
            if let Some(pool) = pools.get(&session.profile.connection) {
                view.context = pool.backend().completed(&view.context);
                if let Some(of_pool) = pool.use_of(&view.id) {
                    let pin = of_pool.pin.filter(|held| !held.is_empty());
                    view.pin = pin.map(|held| held.to_string());
                    (view.pooled_connection, view.leases) = (of_pool.connection, of_pool.leased);
                    view.statements = of_pool.statements;
                }
            }
            view
        };
        self.sessions.sorted().iter().map(|session| completed(session)).collect()
    }

    /// What clients have used of their limits, with their sessions where those are limited.
    pub fn quota(&self) -> QuotaView {
        let mut quota = self.limits.view();
        for (principal, used, max, setting) in self.sessions.seats() {
            let (client, profile) = (principal.client.to_string(), principal.profile.to_string());
            let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
            let (max, used) = (number(max), number(used));
            let limit = "sessions_per_client_max".to_owned();
            let left = max.saturating_sub(used);
            let view = LimitView { limit, setting, max, used, left, free_in_s: None, unused_in_s: 0 };
            match quota.clients.iter_mut().find(|known| known.client == client && known.profile == profile) {
                Some(known) => known.limits.push(view),
                None => quota.clients.push(ClientQuotaView {
                    client,
                    profile,
                    running: 0,
                    refused: 0,
                    limits: vec![view],
                }),
            }
        }
        quota
    }

    /// Whom the calls of a session with the API key `key` count for besides its client, if its role has limits.
    pub fn key_party(&self, key: &KeyIdentity) -> Option<Party> {
        let limits = Arc::clone(self.live().role_limits.get(key.role.as_deref()?)?);
        Some(Party { key: ClientKey::of_api_key(&key.name), limits })
    }

    /// Ends the sessions whose API key was revoked, has expired, or is another one now: what they run is stopped.
    pub fn end_sessions_of_keys(&self) {
        for session in self.sessions.all() {
            let Some(key) = session.api_key.as_deref().filter(|key| !self.keys.is_live(key)) else {
                continue;
            };
            session
                .span
                .in_scope(|| tracing::info!(key = key.name, "the session ends: its API key is good no more"));
            session.gone.cancel();
        }
    }

    /// Writes down what clients have used of their limits, after reading what earlier gateways wrote. What fails is
    /// tried again the next time.
    pub async fn keep_limits(&self) {
        let live = self.live();
        let limits_of = |key: &ClientKey| {
            if key.is_api_key() {
                // Those of its role count from its next call on; what it has used counts whatever they are.
                return Some(Arc::default());
            }
            Some(Arc::clone(&live.profiles.find(&live.config, &key.profile).ok()?.limits))
        };
        let kept = match self.limits.restore(&self.state, limits_of).await {
            Ok(()) => self.limits.keep(&self.state).await,
            Err(error) => Err(error),
        };
        if let Err(error) = kept {
            tracing::warn!(%error, "cannot write down what clients have used of their limits; trying again later");
        }
    }

    /// `wanted` as the backend of `profile` completes and spells it.
    ///
    /// # Errors
    /// There is no such context, or the backend cannot be opened.
    pub async fn resolve(&self, profile: &Profile, wanted: &Context) -> Result<Context, BackendError> {
        self.pool(profile).await?.backend().resolve(wanted).await
    }
}
