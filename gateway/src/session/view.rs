//! A session as `snowgate sessions` and the control connection show it.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::{Era, Session};
use crate::backend::Context;
use crate::limits::LimitView;

/// Why a session has no profile yet.
const OPEN: &str = "not decided yet: it depends on what the client calls itself, which it has not said";

/// A call that is under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallView {
    /// Its number in the session: `snowgate kill SESSION:NUMBER` stops it.
    pub number: u64,
    /// For how long, in milliseconds.
    pub since_ms: u64,
    /// The tool.
    #[serde(default)]
    pub tool: Option<String>,
    /// `waiting` for a connection, or `running` on one.
    #[serde(default)]
    pub phase: Option<String>,
    /// Its statement without literals; cut.
    #[serde(default)]
    pub pattern: Option<String>,
}

/// One row of the session list. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionView {
    /// The session's id.
    pub id: String,
    /// `running` while a request is under way, else `idle`.
    pub state: String,
    /// The client's name, once it told.
    pub client: Option<String>,
    /// The client's version, once it told.
    pub client_version: Option<String>,
    /// `handshake REVISION`, `stateless REVISION`, or `unknown` before the first request.
    pub era: String,
    /// The profile; while it is open, what a client without a name would get.
    pub profile: String,
    /// Why it is that.
    #[serde(default)]
    pub profile_why: String,
    /// Why its calls are refused for it.
    #[serde(default)]
    pub profile_problem: Option<String>,
    /// How much of a connection it has to itself: `strict`, `moderate` or `relaxed`.
    #[serde(default)]
    pub isolation: String,
    /// The connection of the configuration that its statements use.
    #[serde(default)]
    pub connection: String,
    /// The number of the pooled connection that it used last.
    #[serde(default)]
    pub pooled_connection: Option<u64>,
    /// Pooled connections that it has now.
    #[serde(default)]
    pub leases: usize,
    /// Statements that it ran on the pool.
    #[serde(default)]
    pub statements: u64,
    /// What the connection holds of its state that it has to itself.
    #[serde(default)]
    pub pin: Option<String>,
    /// Statements and tools that its profile refused.
    #[serde(default)]
    pub denials: u64,
    /// Calls that a limit refused.
    #[serde(default)]
    pub limited: u64,
    /// The limits of its client, and what is used of them.
    #[serde(default)]
    pub limits: Vec<LimitView>,
    /// The name its user gave it.
    pub name: Option<String>,
    /// The context statements run in.
    pub context: Context,
    /// Where that comes from: `profile`, `set`, `inherited` or `fallback`.
    #[serde(default)]
    pub context_from: String,
    /// Why that cannot be used.
    #[serde(default)]
    pub context_lost: Option<String>,
    /// The client's own settings that this gateway does not apply, by name.
    #[serde(default)]
    pub settings_not_applied: Vec<String>,
    /// Whether its calls are refused for them.
    #[serde(default)]
    pub settings_refused: bool,
    /// The name of the API key that it came with.
    #[serde(default)]
    pub key: Option<String>,
    /// The role of that key; without one, its profile's.
    #[serde(default)]
    pub role: Option<String>,
    /// All roles that bound it: its profile's and its key's.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The address that it came from.
    #[serde(default)]
    pub address: Option<IpAddr>,
    /// The peer's user id.
    pub uid: u32,
    /// The shim's process id.
    pub pid: u32,
    /// The client application's executable.
    pub parent_exe: Option<String>,
    /// The shim's working directory.
    pub cwd: Option<String>,
    /// Requests started.
    pub requests: u64,
    /// Requests under way.
    pub running: usize,
    /// The calls under way: their numbers, and for how many milliseconds each is.
    #[serde(default)]
    pub calls: Vec<CallView>,
    /// Rows sent.
    pub rows: u64,
    /// Bytes sent.
    pub bytes: u64,
    /// Requests answered with an error.
    pub errors: u64,
    /// When it began, in milliseconds since 1970.
    pub started_at_ms: u64,
    /// Milliseconds since the client last said something.
    pub idle_ms: u64,
}

impl SessionView {
    /// The present view of `session`.
    pub fn of(session: &Session) -> Self {
        let (client, context) = (session.client(), session.context());
        let (counters, settings) = (&session.counters, session.settings.as_ref());
        let running = counters.running.load(Ordering::Relaxed);
        let since_epoch = session.started_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            id: session.key.id.clone(),
            state: if running > 0 { "running" } else { "idle" }.to_owned(),
            client: client.name,
            client_version: client.version,
            era: match client.era {
                Era::Unknown => "unknown".to_owned(),
                Era::Handshake(revision) => format!("handshake {revision}"),
                Era::Stateless(revision) => format!("stateless {revision}"),
            },
            profile: session.profile.name.clone(),
            profile_why: session.profile.why().unwrap_or(OPEN).to_owned(),
            profile_problem: session.profile.problem().map(|problem| problem.message.clone()),
            isolation: session.profile.isolation.name().to_owned(),
            connection: session.profile.connection.clone(),
            pooled_connection: None,
            leases: 0,
            statements: 0,
            pin: None,
            denials: counters.denials.load(Ordering::Relaxed),
            limited: counters.limited.load(Ordering::Relaxed),
            limits: Vec::new(),
            name: session.name.clone(),
            context: context.context,
            context_from: context.origin.name().to_owned(),
            context_lost: context.lost,
            settings_not_applied: settings.map(|settings| settings.names.clone()).unwrap_or_default(),
            settings_refused: settings.is_some_and(|settings| settings.is_decisive),
            key: session.api_key.as_ref().map(|key| key.name.clone()),
            role: session.profile.roles.last().map(|role| role.name.clone()),
            roles: session.profile.roles.iter().map(|role| role.name.clone()).collect(),
            address: session.address,
            uid: session.uid,
            pid: session.origin.pid,
            parent_exe: session.origin.parent_exe.clone(),
            cwd: session.origin.cwd.clone(),
            requests: counters.requests.load(Ordering::Relaxed),
            running,
            calls: session.calls.views(),
            rows: counters.rows.load(Ordering::Relaxed),
            bytes: counters.bytes.load(Ordering::Relaxed),
            errors: counters.errors.load(Ordering::Relaxed),
            started_at_ms: u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX),
            idle_ms: session.idle_ms(),
        }
    }
}
