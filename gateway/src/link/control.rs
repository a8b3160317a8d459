//! The control connection: what `snowgate status`, `sessions`, `quota`, `login`, `breaker`, `stop` and `restart` ask, over
//! the same socket.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::json;
use snowgate_link::endpoint::Endpoint;
use snowgate_link::frame::{Decoder, Frame, Kind};
use snowgate_link::hello::{ClientHello, Resume, Role, ServerHello, Welcome};
use snowgate_link::start::{Attempt, StartError, connect};
use snowgate_link::{BUILD, credit::Window, hello::PROTO};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::breaker::{BreakerAction, BreakersView, breakers, set};
use super::log_in::{LogInAsked, LogInView, log_in};
use super::page_link::{PageLink, page_link};
use super::queries::{QueriesAsked, QueriesReply, queries};
use crate::audit::Notice;
use crate::config::{Config, ProcessEnvironment};
use crate::limits::QuotaView;
use crate::observe::{Format, Overview, StatusView, metrics_text, overview, snapshot};
use crate::os::LinkConnection as Stream;
use crate::session::SessionView;
use crate::shared::{KillView, ReloadView, Shared, kill};

/// How long a gateway may take to answer, and the pause between two attempts to ask one that hangs up.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);
const ASK_PAUSE: Duration = Duration::from_millis(50);

/// The same for a log-in, which waits for the warehouse, for 25 s at most.
const LOG_IN_TIMEOUT: Duration = Duration::from_secs(40);

/// The same for a reload, which reads the files for each set of clients' own settings, too.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(20);

/// Bytes of a question, at most.
const COMMAND_BYTES_MAX: usize = 4 * 1024;

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// How is the gateway?
    Status,
    /// Who is connected?
    Sessions,
    /// What have clients used of their limits?
    Quota,
    /// Forget what was used.
    ResetQuota {
        /// By clients of this name; `None`: by all of them, and together.
        client: Option<String>,
    },
    /// What is there to see, all at once: for the page and `snowgate top`.
    Overview,
    /// What is known of statements?
    Queries(QueriesAsked),
    /// Let this machine's user into the page.
    OpenPage,
    /// Finish what runs and shut down.
    Stop,
    /// Finish what runs, and have the program that is then on disk go on.
    Restart,
    /// Read the configuration again.
    Reload,
    /// All metrics, as text.
    Metrics {
        /// As OpenMetrics, and not in the text format of Prometheus.
        open_metrics: bool,
    },
    /// Stop what a session runs.
    Kill {
        /// The session's id, or its beginning.
        session: String,
        /// The number of the one call to stop; `None`: all.
        request: Option<u64>,
    },
    /// How are the circuit breakers?
    Breakers,
    /// Open or close one by hand, or give it back.
    SetBreaker {
        /// The name of its connection.
        connection: String,
        /// What is to become of it.
        action: BreakerAction,
    },
    /// Log in to a backend now.
    LogIn(LogInAsked),
}

impl Command {
    fn timeout(&self) -> Duration {
        match self {
            Self::LogIn(_) => LOG_IN_TIMEOUT,
            Self::Reload => RELOAD_TIMEOUT,
            _ => ASK_TIMEOUT,
        }
    }
}

/// An answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// To [`Command::Status`], [`Command::Stop`] and [`Command::Restart`].
    Status(Box<StatusView>),
    /// To [`Command::Sessions`].
    Sessions(Vec<SessionView>),
    /// To [`Command::Restart`] where the next gateway could not start, and to what cannot be done: why.
    Refused(String),
    /// To [`Command::Reload`].
    Reloaded(Box<ReloadView>),
    /// To [`Command::Metrics`].
    Metrics(String),
    /// To [`Command::Kill`].
    Killed(KillView),
    /// To [`Command::Overview`].
    Overview(Box<Overview>),
    /// To [`Command::Queries`].
    Queries(Box<QueriesReply>),
    /// To [`Command::OpenPage`].
    Page(PageLink),
    /// To [`Command::Quota`].
    Quota(Box<QuotaView>),
    /// To [`Command::ResetQuota`].
    QuotaReset {
        /// Clients whose use was forgotten.
        clients: usize,
    },
    /// To [`Command::Breakers`] and [`Command::SetBreaker`].
    Breakers(Box<BreakersView>),
    /// To [`Command::LogIn`].
    LogIn(Box<LogInView>),
}

/// Serves one control connection.
pub(super) async fn serve(shared: &Shared, mut stream: &Stream, mut decoder: Decoder) {
    let welcome = Welcome {
        proto: PROTO.max,
        build: BUILD.to_owned(),
        pid: std::process::id(),
        session: None,
        resume: Resume::New,
        window: Window::default(),
    };
    if stream.write_all(&ServerHello::Welcome(welcome).to_line()).await.is_err() {
        return;
    }
    loop {
        loop {
            let frame = match decoder.frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(_) => return,
            };
            let Ok(command) = serde_json::from_slice(frame.payload) else { return };
            let reply = answer(shared, &command).await;
            note(shared, &command, &reply);
            let payload = serde_json::to_vec(&reply).unwrap_or_default();
            let bytes =
                Frame { kind: Kind::Line, flags: 0, seq: 1, re: frame.seq, payload: &payload }.to_bytes();
            let written = stream.write_all(&bytes).await;
            // Also if the one who asked has gone meanwhile.
            match (&command, &reply) {
                (Command::Stop, _) => shared.shutdown.stop(),
                (Command::Restart, Reply::Status(_)) => shared.shutdown.restart(),
                _ => {}
            }
            if written.is_err() {
                return;
            }
        }
        if decoder.announced().is_some_and(|(_, bytes)| bytes > COMMAND_BYTES_MAX) {
            return;
        }
        tokio::select! {
            read = stream.read_buf(decoder.buffer()) => match read {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            },
            () = shared.shutdown.drain.cancelled() => return,
        }
    }
}

/// Writes to the audit trail what a person has done.
fn note(shared: &Shared, command: &Command, reply: &Reply) {
    let (event, facts) = match command {
        Command::Stop => ("stop", json!({})),
        Command::Restart => ("restart", json!({})),
        Command::Reload => ("reload", reload_facts(reply)),
        Command::Kill { session, request } => ("kill", json!({"target": session, "target_request": request})),
        Command::ResetQuota { client } => ("quota_reset", json!({"target": client})),
        Command::SetBreaker { connection, action } => {
            ("breaker_set", json!({"connection": connection, "action": action}))
        }
        Command::LogIn(asked) => ("login", json!({"connection": asked.connection})),
        Command::OpenPage => ("page_link", json!({})),
        _ => return,
    };
    let mut facts = facts;
    facts["outcome"] = if matches!(reply, Reply::Refused(_)) { "denied" } else { "allowed" }.into();
    shared.telemetry.audit.note(|| Notice::operator(event, "socket", None, facts));
}

/// What a reload has done, for the audit trail: which keys, and no values.
fn reload_facts(reply: &Reply) -> serde_json::Value {
    match reply {
        Reply::Reloaded(view) => view.audit_facts(),
        _ => json!({}),
    }
}

async fn answer(shared: &Shared, command: &Command) -> Reply {
    match command {
        Command::LogIn(asked) => Reply::LogIn(Box::new(log_in(shared, asked).await)),
        Command::Status | Command::Stop => Reply::Status(Box::new(snapshot(shared))),
        // The next gateway could not start with it, and no client would be served.
        Command::Restart => match Config::load(&shared.paths, &ProcessEnvironment) {
            Ok(_) => Reply::Status(Box::new(snapshot(shared))),
            Err(errors) => Reply::Refused(errors.to_string()),
        },
        Command::Reload => match shared.reload().await {
            Ok(view) => Reply::Reloaded(Box::new(view)),
            Err(errors) => Reply::Refused(errors.to_string()),
        },
        Command::Kill { session, request } => match kill(shared, session, *request) {
            Ok(killed) => Reply::Killed(killed),
            Err(why) => Reply::Refused(why.to_string()),
        },
        Command::Overview => Reply::Overview(Box::new(overview(shared))),
        Command::Queries(asked) => Reply::Queries(Box::new(queries(shared, asked))),
        Command::OpenPage => match page_link(shared) {
            Ok(link) => Reply::Page(link),
            Err(why) => Reply::Refused(why),
        },
        Command::Sessions => Reply::Sessions(shared.session_views()),
        Command::Metrics { open_metrics } => {
            let format = if *open_metrics { Format::OpenMetrics } else { Format::Prometheus };
            metrics_text(shared, format)
                .map_or_else(|_| Reply::Refused("the metrics cannot be written".to_owned()), Reply::Metrics)
        }
        Command::Quota => Reply::Quota(Box::new(shared.quota())),
        Command::ResetQuota { client } => {
            let clients = shared.limits.reset(client.as_deref());
            tracing::info!(clients, "what clients have used of their limits was reset");
            shared.keep_limits().await;
            Reply::QuotaReset { clients }
        }
        Command::Breakers => Reply::Breakers(Box::new(breakers(shared))),
        Command::SetBreaker { connection, action } => match set(shared, connection, *action).await {
            Ok(view) => Reply::Breakers(Box::new(view)),
            Err(why) => Reply::Refused(why),
        },
    }
}

/// Asks the gateway at `endpoint`; `None` where none listens.
///
/// # Errors
/// There is one, but it cannot be asked.
pub fn ask(endpoint: &Endpoint, command: &Command) -> Result<Option<Reply>, StartError> {
    let deadline = Instant::now() + command.timeout();
    loop {
        match connect(endpoint, &ClientHello::new(Role::Control), deadline)? {
            Attempt::Connected(connected) => {
                match exchange(&connected.stream, &connected.rest, command) {
                    Ok(reply) => return Ok(Some(reply)),
                    // It began to shut down before it answered.
                    Err(error) if is_hang_up(&error) => {}
                    Err(source) => {
                        let (what, path) = ("ask the gateway on", endpoint.socket.clone());
                        return Err(StartError::Io { what, path, source });
                    }
                }
            }
            Attempt::Absent => return Ok(None),
            Attempt::Dying => {}
        }
        if Instant::now() >= deadline {
            let (socket, step) = (endpoint.socket.clone(), "an answer from a gateway that keeps hanging up");
            return Err(StartError::Deadline { socket, step });
        }
        std::thread::sleep(ASK_PAUSE);
    }
}

/// Whether the gateway has closed the connection without an answer.
fn is_hang_up(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), UnexpectedEof | ConnectionReset | BrokenPipe)
}

fn exchange(
    mut stream: &snowgate_link::os::Stream,
    rest: &[u8],
    command: &Command,
) -> std::io::Result<Reply> {
    stream.set_read_timeout(Some(command.timeout()))?;
    let payload = serde_json::to_vec(command)?;
    stream.write_all(&Frame { kind: Kind::Line, flags: 0, seq: 1, re: 0, payload: &payload }.to_bytes())?;
    let mut decoder = Decoder::new();
    decoder.push(rest);
    let mut bytes = [0; 16 * 1024];
    loop {
        if let Some(frame) = decoder.frame().map_err(std::io::Error::other)? {
            return Ok(serde_json::from_slice(frame.payload)?);
        }
        match stream.read(&mut bytes) {
            Ok(0) => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => decoder.push(&bytes[..read]),
            // A read with a time-out is not taken up again by the system after this process was stopped
            // (Ctrl-Z).
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
