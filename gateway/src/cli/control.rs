//! `snowgate status`, `sessions` and `restart`: questions to the running gateway.

use std::fs::TryLockError;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use snowgate_link::endpoint::Endpoint;
use snowgate_link::os;
use snowgate_link::start::StartError;

use super::errors::ErrorView;
use super::serve::endpoint;
use super::status_text::status_text;
use super::stop::ASKED_TIMEOUT;
use super::{Cli, OutputArgs, StatusArgs, exit};
use crate::config::{Config, Paths, ProcessEnvironment};
use crate::http::check_files;
use crate::link::{Command, Reply, ask};
use crate::observe::StatusView;
use crate::session::SessionView;
use crate::streams::escaped_lines;

/// How long `restart` waits for the new gateway: as long as `stop` does, and its start.
const RESTART_TIMEOUT: Duration = ASKED_TIMEOUT;

/// How long the lock may be free before a restart counts as failed.
const START_PATIENCE: Duration = Duration::from_secs(3);

/// How often `stop` and `restart` look.
pub(super) const CHECK_INTERVAL: Duration = Duration::from_millis(5);

/// Shows whether a gateway is running.
pub(super) fn status(cli: &Cli, args: &StatusArgs) -> Result<ExitCode> {
    let endpoint = endpoint(cli)?;
    match ask_now(&endpoint, &Command::Status)? {
        Some(Reply::Status(status)) if args.json => print_json(&status),
        Some(Reply::Status(status)) => print_text(&status_text(&status, args.all)),
        Some(_) => bail!("the gateway sent an unexpected reply"),
        None => no_gateway(&endpoint, args.json),
    }
}

/// Lists the sessions.
pub(super) fn sessions(cli: &Cli, args: &OutputArgs) -> Result<ExitCode> {
    let endpoint = endpoint(cli)?;
    match ask_now(&endpoint, &Command::Sessions)? {
        Some(Reply::Sessions(sessions)) if args.json => print_json(&sessions),
        Some(Reply::Sessions(sessions)) => print_text(&sessions_text(&sessions)),
        Some(_) => bail!("the gateway sent an unexpected reply"),
        None => no_gateway(&endpoint, args.json),
    }
}

/// Asks the gateway.
pub(super) fn ask_now(endpoint: &Endpoint, command: &Command) -> Result<Option<Reply>> {
    let began = Instant::now();
    match ask(endpoint, command) {
        Err(source @ (StartError::Deadline { .. } | StartError::Io { .. })) => {
            Err(NoAnswer { waited: began.elapsed(), source }.into())
        }
        other => Ok(other?),
    }
}

/// There is a gateway, and it does not answer.
#[derive(Debug, thiserror::Error)]
#[error("the gateway does not answer: gave up after {:.1} s", waited.as_secs_f64())]
pub(super) struct NoAnswer {
    waited: Duration,
    source: StartError,
}

impl NoAnswer {
    /// What the user can do about it.
    pub(super) fn next_step() -> String {
        "try again, or run `snowgate stop`, which also ends a gateway that hangs".to_owned()
    }
}

/// The config has errors, and a gateway that reads it could not start.
#[derive(Debug, thiserror::Error)]
#[error("{what}: the config has errors; run `snowgate config check`\n{errors}")]
pub(super) struct InvalidConfig {
    what: &'static str,
    errors: String,
}

impl InvalidConfig {
    fn not_restarted(errors: String) -> Self {
        Self { what: "not restarted", errors }
    }

    /// What was read has errors, so the gateway goes on with what it has.
    pub(super) fn not_reloaded(errors: String) -> Self {
        Self { what: "not reloaded", errors }
    }
}

/// Restarts the gateway and waits until the new one answers.
pub(super) fn restart(cli: &Cli) -> Result<ExitCode> {
    let endpoint = endpoint(cli)?;
    let Some(Reply::Status(before)) = ask_now(&endpoint, &Command::Status)? else {
        return no_gateway(&endpoint, false);
    };
    if !Path::new(&before.program).is_file() {
        bail!("not restarted: {} no longer exists; install it again, or run `snowgate stop`", before.program);
    }
    // It would lose its HTTP front: what is in memory is better than what is on disk.
    if before.http.as_ref().is_some_and(|http| http.certificate_expires.is_some()) {
        refuse_unusable_certificate(cli)?;
    }
    let before = match ask_now(&endpoint, &Command::Restart)? {
        Some(Reply::Status(before)) => before,
        Some(Reply::Refused(why)) => return Err(InvalidConfig::not_restarted(why).into()),
        Some(_) => bail!("the gateway sent an unexpected reply"),
        None => return no_gateway(&endpoint, false),
    };
    let after = wait_for_another(&endpoint, &before)?;
    let version = if after.version == before.version {
        after.version
    } else {
        format!("{}, was {}", after.version, before.version)
    };
    print_text(&format!(
        "restarted the gateway (snowgate {version}, pid {}, {} open sessions)\n",
        after.pid, before.sessions
    ))
}

/// Fails where the certificate of the configuration, as far as that can be read here, cannot be used. Whether the rest is right
/// the gateway knows better: it has an environment of its own.
fn refuse_unusable_certificate(cli: &Cli) -> Result<()> {
    let paths = Paths::discover(&ProcessEnvironment)?.with_system_file(cli.system_config.clone());
    let Ok(config) = Config::load(&paths, &ProcessEnvironment) else { return Ok(()) };
    if let Some(Err(error)) = config.http.as_ref().map(check_files) {
        let next_step = error.next_step();
        let errors = format!("{:#}; {next_step}", anyhow::Error::new(error));
        return Err(InvalidConfig::not_restarted(errors).into());
    }
    Ok(())
}

/// Waits until another gateway than `before` answers.
fn wait_for_another(endpoint: &Endpoint, before: &StatusView) -> Result<StatusView> {
    let began = Instant::now();
    let mut absent_since = None;
    loop {
        match ask(endpoint, &Command::Status) {
            Ok(Some(Reply::Status(after))) if after.instance != before.instance => return Ok(*after),
            _ if is_locked(endpoint)? => absent_since = None,
            // Between two gateways there is a moment without one.
            _ => {
                if absent_since.get_or_insert_with(Instant::now).elapsed() > START_PATIENCE {
                    bail!(
                        "the gateway stopped, but {} did not start; see {} and {}. \
                         The next client starts a gateway",
                        before.program,
                        endpoint.stderr.display(),
                        before.log_file.as_deref().unwrap_or("the state folder")
                    );
                }
            }
        }
        if began.elapsed() >= RESTART_TIMEOUT {
            bail!(
                "the new gateway did not answer within {:.1} s; check `snowgate status`",
                began.elapsed().as_secs_f64()
            );
        }
        std::thread::sleep(CHECK_INTERVAL);
    }
}

/// Whether some gateway holds the lock.
pub(super) fn is_locked(endpoint: &Endpoint) -> Result<bool> {
    let lock = os::open_private(&endpoint.gateway_lock, false).context("cannot open the gateway's lock")?;
    match os::try_lock_shared(&lock) {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error).context("cannot check the gateway's lock"),
    }
}

/// Says that no gateway runs.
pub(super) fn no_gateway(endpoint: &Endpoint, json: bool) -> Result<ExitCode> {
    if json {
        print_json(&serde_json::json!({
            "running": false,
            "socket": endpoint.socket,
            "error": ErrorView::no_gateway(endpoint),
        }))?;
        return Ok(ExitCode::from(exit::NO_GATEWAY));
    }
    print_text(&format!(
        "no gateway is running (socket {})\nThe next MCP client that launches `snowgate-shim` starts one.\n",
        endpoint.socket.display()
    ))?;
    Ok(ExitCode::from(exit::NO_GATEWAY))
}

fn sessions_text(sessions: &[SessionView]) -> String {
    if sessions.is_empty() {
        return "no sessions\n".to_owned();
    }
    let mut rows = vec![
        [
            "SESSION", "CLIENT", "PID", "PROFILE", "DATABASE", "FROM", "STATE", "REQUESTS", "ROWS", "ERRORS",
            "IDLE", "CWD",
        ]
        .map(str::to_owned),
    ];
    rows.extend(sessions.iter().map(|session| {
        let client = session.client.clone().unwrap_or_else(|| "-".to_owned());
        let key = session.key.as_ref().map(|key| format!("@{key}")).unwrap_or_default();
        let version =
            session.client_version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
        [
            session.id.clone(),
            format!("{client}{key}{version}"),
            session.pid.to_string(),
            session.profile.clone(),
            session.context.database.clone().unwrap_or_else(|| "-".to_owned()),
            session.context_from.clone(),
            session.state.clone(),
            session.requests.to_string(),
            session.rows.to_string(),
            session.errors.to_string(),
            duration(session.idle_ms),
            session.cwd.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    }));
    columns(&rows)
}

/// Rows with their columns aligned.
pub(super) fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let widths: Vec<usize> =
        (0..N).map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0)).collect();
    let line = |row: &[String; N]| {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

pub(super) fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..120_000 => format!("{} s", ms / 1_000),
        120_000..7_200_000 => format!("{} min", ms / 60_000),
        _ => format!("{} h", ms / 3_600_000),
    }
}

pub(super) fn print_json(value: &impl serde::Serialize) -> Result<ExitCode> {
    print_text(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// Prints a text for people: names and paths in it cannot change the terminal, nor how the rest is read.
pub(super) fn print_for_people(text: &str) -> Result<ExitCode> {
    print_text(&escaped_lines(text))
}

pub(super) fn print_text(text: &str) -> Result<ExitCode> {
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
