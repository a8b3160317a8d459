//! `snowgate status`, `sessions`, `stop` and `restart`: questions to the running gateway.

use std::fs::TryLockError;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use snowgate_link::endpoint::Endpoint;
use snowgate_link::os;

use super::serve::endpoint;
use super::{Cli, OutputArgs, exit};
use crate::link::{Command, Reply, ask};
use crate::observe::StatusView;
use crate::session::SessionView;

/// How long `stop` waits for the gateway to be gone: the longest drain time-out and a little more.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// How long the lock may be free before a restart counts as failed.
const START_PATIENCE: Duration = Duration::from_secs(3);

/// How often `stop` and `restart` look.
const STOP_CHECK: Duration = Duration::from_millis(5);

/// Shows whether a gateway is running.
pub(super) fn status(cli: &Cli, args: &OutputArgs) -> Result<ExitCode> {
    let endpoint = endpoint(cli)?;
    match ask(&endpoint, Command::Status)? {
        Some(Reply::Status(status)) if args.json => print_json(&status),
        Some(Reply::Status(status)) => print_text(&status_text(&status)),
        Some(_) => bail!("the gateway sent an unexpected reply"),
        None if args.json => {
            print_json(&serde_json::json!({"running": false, "socket": endpoint.socket}))?;
            Ok(ExitCode::from(exit::NO_GATEWAY))
        }
        None => no_gateway(&endpoint),
    }
}

/// Lists the sessions.
pub(super) fn sessions(cli: &Cli, args: &OutputArgs) -> Result<ExitCode> {
    let endpoint = endpoint(cli)?;
    match ask(&endpoint, Command::Sessions)? {
        Some(Reply::Sessions(sessions)) if args.json => print_json(&sessions),
        Some(Reply::Sessions(sessions)) => print_text(&sessions_text(&sessions)),
        Some(_) => bail!("the gateway sent an unexpected reply"),
        None => no_gateway(&endpoint),
    }
}

/// Stops the gateway and waits until it is gone.
pub(super) fn stop(cli: &Cli) -> Result<ExitCode> {
    let endpoint = endpoint(cli)?;
    let Some(Reply::Status(status)) = ask_one_that_restarts(&endpoint, Command::Stop)? else {
        return no_gateway(&endpoint);
    };
    wait_until_gone(&endpoint, status.pid)?;
    print_text(&format!("stopped the gateway (pid {}, {} open sessions)\n", status.pid, status.sessions))
}

/// Asks the gateway; where none listens and yet one holds the lock, it waits for that one to be gone, or
/// back.
fn ask_one_that_restarts(endpoint: &Endpoint, command: Command) -> Result<Option<Reply>> {
    let deadline = Instant::now() + STOP_TIMEOUT;
    loop {
        let reply = ask(endpoint, command)?;
        if reply.is_some() || !is_locked(endpoint)? || Instant::now() >= deadline {
            return Ok(reply);
        }
        std::thread::sleep(STOP_CHECK);
    }
}

/// Restarts the gateway and waits until the new one answers.
pub(super) fn restart(cli: &Cli) -> Result<ExitCode> {
    let endpoint = endpoint(cli)?;
    let Some(Reply::Status(before)) = ask(&endpoint, Command::Status)? else { return no_gateway(&endpoint) };
    if !Path::new(&before.program).is_file() {
        bail!("not restarted: {} no longer exists; install it again, or run `snowgate stop`", before.program);
    }
    let before = match ask(&endpoint, Command::Restart)? {
        Some(Reply::Status(before)) => before,
        Some(Reply::Refused(why)) => {
            bail!("not restarted: the config has errors; run `snowgate config check`\n{why}")
        }
        Some(Reply::Sessions(_)) => bail!("the gateway sent an unexpected reply"),
        None => return no_gateway(&endpoint),
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

/// Waits until another gateway than `before` answers.
fn wait_for_another(endpoint: &Endpoint, before: &StatusView) -> Result<StatusView> {
    let deadline = Instant::now() + STOP_TIMEOUT;
    let mut absent_since = None;
    loop {
        match ask(endpoint, Command::Status) {
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
        if Instant::now() >= deadline {
            bail!(
                "the new gateway did not answer within {} s; check `snowgate status`",
                STOP_TIMEOUT.as_secs()
            );
        }
        std::thread::sleep(STOP_CHECK);
    }
}

/// Whether some gateway holds the lock.
fn is_locked(endpoint: &Endpoint) -> Result<bool> {
    let lock = os::open_private(&endpoint.gateway_lock, false).context("cannot open the gateway's lock")?;
    match lock.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error).context("cannot check the gateway's lock"),
    }
}

/// Waits until the gateway with this process id is gone. It holds its lock until its last moment; a client
/// that had a request open may have started the next one by then, which holds the lock too, and answers.
fn wait_until_gone(endpoint: &Endpoint, pid: u32) -> Result<()> {
    let deadline = Instant::now() + STOP_TIMEOUT;
    while is_locked(endpoint)? && !another_answers(endpoint, pid) {
        if Instant::now() >= deadline {
            bail!(
                "the gateway is still running after {} s; check its log with `snowgate status`",
                STOP_TIMEOUT.as_secs()
            );
        }
        std::thread::sleep(STOP_CHECK);
    }
    Ok(())
}

/// Whether a gateway answers that is not the one with this process id.
fn another_answers(endpoint: &Endpoint, pid: u32) -> bool {
    matches!(ask(endpoint, Command::Status), Ok(Some(Reply::Status(status))) if status.pid != pid)
}

fn no_gateway(endpoint: &Endpoint) -> Result<ExitCode> {
    print_text(&format!(
        "no gateway is running (socket {})\nThe next MCP client that launches `snowgate-shim` starts one.\n",
        endpoint.socket.display()
    ))?;
    Ok(ExitCode::from(exit::NO_GATEWAY))
}

fn status_text(status: &StatusView) -> String {
    let none = || "none".to_owned();
    format!(
        "snowgate {} is running (pid {}, up {})\n\
         sessions     {}\n\
         backend      {}, {} of {} connections open, {} idle, {} requests waiting{}{}\n\
         socket       {}\n\
         config       {}\n\
         data         {}\n\
         state        {}{}\n\
         log          {}\n",
        status.version,
        status.pid,
        duration(status.uptime_ms),
        status.sessions,
        status.backend,
        status.connections_open,
        status.connections_max,
        status.connections_idle,
        status.requests_waiting,
        status.backend_target.as_ref().map(|target| format!("\n             {target}")).unwrap_or_default(),
        status
            .backend_problem
            .as_ref()
            .map(|problem| format!("\n             {problem}"))
            .unwrap_or_default(),
        status.socket,
        status.config_file.clone().unwrap_or_else(none),
        status.data_dir,
        status.state_file,
        status.state_problem.as_ref().map(|problem| format!(" ({problem})")).unwrap_or_default(),
        status.log_file.clone().unwrap_or_else(none),
    )
}

fn sessions_text(sessions: &[SessionView]) -> String {
    if sessions.is_empty() {
        return "no sessions\n".to_owned();
    }
    let mut rows = vec![
        ["CLIENT", "PID", "PROFILE", "DATABASE", "STATE", "REQUESTS", "ROWS", "ERRORS", "IDLE", "CWD"]
            .map(str::to_owned),
    ];
    rows.extend(sessions.iter().map(|session| {
        let client = session.client.clone().unwrap_or_else(|| "-".to_owned());
        let version =
            session.client_version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
        [
            format!("{client}{version}"),
            session.pid.to_string(),
            session.profile.clone(),
            session.context.database.clone().unwrap_or_else(|| "-".to_owned()),
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

fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..120_000 => format!("{} s", ms / 1_000),
        120_000..7_200_000 => format!("{} min", ms / 60_000),
        _ => format!("{} h", ms / 3_600_000),
    }
}

fn print_json(value: &impl serde::Serialize) -> Result<ExitCode> {
    print_text(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

fn print_text(text: &str) -> Result<ExitCode> {
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
