//! `snowgate stop`: it returns when the gateway's process is gone, or says why it is not.
//!
//! The gateway is asked first, and has [`ASKED_TIMEOUT`] to finish what runs. One that does not answer (it
//! hangs, or was stopped with SIGSTOP) or does not end gets SIGTERM, with SIGCONT so that it can act on it,
//! and [`TERM_TIMEOUT`], where there are signals; then it is killed.

use std::io::{self, Write, stderr};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use snowgate_link::endpoint::Endpoint;
use snowgate_link::start::StartError;

use super::Cli;
use super::control::{CHECK_INTERVAL, is_locked, no_gateway, print_text};
use super::serve::endpoint;
use crate::link::{Command, Reply, ask};
use crate::observe::StatusView;
use crate::os::{KILL, TERMINATE, kill, terminate};
use crate::process::lock_owner;
use crate::state::ShimProcess;

/// How long a gateway that was asked may take: the longest drain time-out and a little more.
pub(super) const ASKED_TIMEOUT: Duration = Duration::from_secs(20);

/// How long it may take after SIGTERM: the default drain time-out, and what comes after the drain.
const TERM_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the system may take to end a killed process.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// Stops the gateway and waits until it is gone.
pub(super) fn stop(cli: &Cli) -> Result<ExitCode> {
    let endpoint = endpoint(cli)?;
    let began = Instant::now();
    // Before it is asked: its process id could be another's afterwards.
    let owner = lock_owner(&endpoint);
    match ask_to_stop(&endpoint, began)? {
        Asked::Absent => no_gateway(&endpoint, false),
        Asked::Stops(status) => {
            let process = owner.filter(|owner| owner.pid == status.pid);
            // One that is gone already has no start time to be known by.
            let Some(process) = process.or_else(|| ShimProcess::running(status.pid)) else {
                return print_text(&stopped(&status));
            };
            if is_gone_within(process, ASKED_TIMEOUT) {
                return print_text(&stopped(&status));
            }
            say(process, &format!("was asked to stop and still runs after {} s", began.elapsed().as_secs()));
            let how = end(process, "it was asked to stop and went on")?;
            print_text(&format!("{how}{}", again(&status)))
        }
        Asked::Unanswered(why) => {
            // It may have got the lock only since.
            let Some(process) = owner.or_else(|| lock_owner(&endpoint)) else {
                bail!("{why}, and its process is not known; end it by hand");
            };
            say(process, &why);
            print_text(&end(process, "it did not answer")?)
        }
    }
}

/// What came of asking.
enum Asked {
    /// There is no gateway.
    Absent,
    /// It stops.
    Stops(Box<StatusView>),
    /// There is one, and it does not answer.
    Unanswered(String),
}

/// Asks the gateway; where none listens and yet one holds the lock, it waits for that one to be gone, or
/// back.
fn ask_to_stop(endpoint: &Endpoint, began: Instant) -> Result<Asked> {
    use StartError::{Absent, Endpoint as NotTrusted, ForeignPeer, NotGateway, Refused};
    loop {
        match ask(endpoint, &Command::Stop) {
            Ok(Some(Reply::Status(status))) => return Ok(Asked::Stops(status)),
            Ok(Some(_)) => bail!("the gateway sent an unexpected reply"),
            Ok(None) if !is_locked(endpoint)? => return Ok(Asked::Absent),
            Ok(None) if began.elapsed() >= ASKED_TIMEOUT => {
                let waited = began.elapsed().as_secs();
                return Ok(Asked::Unanswered(format!("neither listens nor ends after {waited} s")));
            }
            Ok(None) => std::thread::sleep(CHECK_INTERVAL),
            Err(
                error @ (NotTrusted(_) | Absent(_) | Refused(_) | ForeignPeer { .. } | NotGateway { .. }),
            ) => {
                return Err(error.into());
            }
            Err(error) => {
                let waited = began.elapsed().as_secs_f64();
                return Ok(Asked::Unanswered(format!("did not answer within {waited:.1} s ({error})")));
            }
        }
    }
}

/// Ends a process that does not end when it is asked, and `why`; returns how that went.
fn end(process: ShimProcess, why: &str) -> Result<String> {
    let pid = process.pid;
    let why = if signal(process, terminate)? {
        say(process, &format!("was sent {TERMINATE}; waiting up to {} s", TERM_TIMEOUT.as_secs()));
        if is_gone_within(process, TERM_TIMEOUT) {
            return Ok(format!("stopped the gateway with {TERMINATE} (pid {pid})\n"));
        }
        format!("it did not end within {} s of {TERMINATE}", TERM_TIMEOUT.as_secs())
    } else {
        why.to_owned()
    };
    signal(process, |pid| kill(pid).map(|()| true))?;
    if is_gone_within(process, KILL_TIMEOUT) {
        return Ok(format!(
            "killed the gateway with {KILL} (pid {pid}): {why}.\n\
             Statements that it was running may have taken effect.\n",
        ));
    }
    bail!(
        "the gateway (pid {pid}) is there even {} s after {KILL}: the system waits for a disk or a device",
        KILL_TIMEOUT.as_secs()
    )
}

/// Has `send` reach the process, and not another that has its id by now; what that says.
fn signal(process: ShimProcess, send: impl FnOnce(u32) -> io::Result<bool>) -> Result<bool> {
    if !process.is_alive() {
        return Ok(true);
    }
    send(process.pid).with_context(|| format!("cannot send a signal to the gateway (pid {})", process.pid))
}

fn is_gone_within(process: ShimProcess, timeout: Duration) -> bool {
    let deadline = Instant::now() + timeout;
    loop {
        if !process.is_alive() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(CHECK_INTERVAL);
    }
}

/// Tells the person who waits.
fn say(process: ShimProcess, what: &str) {
    // They may not be listening.
    let _ = writeln!(stderr(), "snowgate: the gateway (pid {}) {what}", process.pid);
}

fn stopped(status: &StatusView) -> String {
    let sessions = format!("{} open sessions", status.sessions);
    format!("stopped the gateway (pid {}, {sessions})\n{}", status.pid, again(status))
}

/// What follows where a service manager runs the gateway.
fn again(status: &StatusView) -> String {
    status.service.as_ref().map_or_else(String::new, |service| {
        let when = if service.is_on_demand { " when a client comes" } else { "" };
        format!("{} starts it again{when}; to stop it for good: {}\n", service.manager, service.stop)
    })
}
