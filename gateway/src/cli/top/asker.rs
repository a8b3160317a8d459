//! Asks the gateway: one question at a time, so that none pile up, however long an answer takes.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use snowgate_link::endpoint::Endpoint;

use super::model::Gateway;
use super::rows::Target;
use crate::link::{Command, Reply, ask};
use crate::observe::Overview;

/// Kills that wait to be sent: a person answers a question for each.
const KILLS_MAX: usize = 8;

/// What a question came to.
pub(super) enum Told {
    /// A look at the gateway.
    Look(Gateway, Option<Box<Overview>>),
    /// What became of a kill.
    Killed(String),
}

/// Starts a thread that looks every `delay` and sends what it sees; it takes kills, and ends when either end is dropped.
pub(super) fn start(endpoint: Endpoint, delay: Duration) -> (SyncSender<Target>, Receiver<Told>) {
    let (kill, kills) = sync_channel(KILLS_MAX);
    // The next look begins when the last one was taken.
    let (tell, told) = sync_channel(1);
    std::thread::spawn(move || run(&endpoint, delay, &kills, &tell));
    (kill, told)
}

fn run(endpoint: &Endpoint, delay: Duration, kills: &Receiver<Target>, tell: &SyncSender<Told>) {
    let mut next = Instant::now();
    loop {
        match kills.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok(target) => {
                if tell.send(Told::Killed(kill(endpoint, target))).is_err() {
                    return;
                }
                // What it did is seen at once.
                next = Instant::now();
            }
            Err(RecvTimeoutError::Timeout) => {
                if tell.send(look(endpoint)).is_err() {
                    return;
                }
                next = Instant::now() + delay;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn look(endpoint: &Endpoint) -> Told {
    match ask(endpoint, &Command::Overview) {
        Ok(Some(Reply::Overview(overview))) => Told::Look(Gateway::Here, Some(overview)),
        Ok(Some(_)) => Told::Look(Gateway::Silent("it sent an unexpected reply".to_owned()), None),
        Ok(None) => Told::Look(Gateway::Absent, None),
        Err(error) => Told::Look(Gateway::Silent(format!("{:#}", anyhow::Error::new(error))), None),
    }
}

fn kill(endpoint: &Endpoint, target: Target) -> String {
    let Target { session, request, what } = target;
    match ask(endpoint, &Command::Kill { session, request }) {
        Ok(Some(Reply::Killed(killed))) if killed.requests.is_empty() => {
            format!("{what}: none was under way")
        }
        Ok(Some(Reply::Killed(_))) => format!("stopped {what}"),
        Ok(Some(Reply::Refused(why))) => format!("not stopped: {why}"),
        Ok(Some(_)) => "not stopped: the gateway sent an unexpected reply".to_owned(),
        Ok(None) => "not stopped: no gateway is running".to_owned(),
        Err(error) => format!("not stopped: {error}"),
    }
}
