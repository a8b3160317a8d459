//! All clients at once: each starts its server, opens a session and asks its first question.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::contestant::Contestant;
use crate::common::connection::{Connection, Request, check_answer};
use crate::common::poller::Poller;
use crate::common::stats::percentile;

/// Clients that have their first answer.
pub(super) struct Launched {
    pub(super) clients: Vec<Connection>,
    /// From the first start until every client had its answer.
    pub(super) all: Duration,
    /// From the first start until half of the clients had theirs.
    pub(super) half: Duration,
}

/// A client on its way to its first answer.
struct Starting {
    connection: Connection,
    initialized: bool,
    answered: Option<Duration>,
}

/// Starts this many clients and waits for the answers to their first tool calls.
pub(super) fn launch(contestant: &Contestant, clients: usize) -> Result<Launched> {
    let poller = Poller::new()?;
    let since = Instant::now();
    let mut starting = Vec::with_capacity(clients);
    for number in 0..clients {
        let mut connection = Connection::spawn(&mut contestant.command())?;
        connection.send(&Request::initialize())?;
        poller.watch(number, &connection)?;
        starting.push(Starting { connection, initialized: false, answered: None });
    }
    while starting.iter().any(|client| client.answered.is_none()) {
        for at in poller.wait()? {
            starting[at].advance(&contestant.select_1, since).with_context(|| format!("client {at}"))?;
        }
    }
    let mut times: Vec<Duration> = starting.iter().filter_map(|client| client.answered).collect();
    times.sort_unstable();
    Ok(Launched {
        clients: starting.into_iter().map(|client| client.connection).collect(),
        all: percentile(&times, 100),
        half: percentile(&times, 50),
    })
}

impl Starting {
    /// Reads what has come, and says what a client says next.
    fn advance(&mut self, question: &Request, since: Instant) -> Result<()> {
        let Some(line) = self.connection.read()? else { return Ok(()) };
        check_answer(&line, self.connection.last_id())?;
        if self.initialized {
            self.answered.get_or_insert(since.elapsed());
            return Ok(());
        }
        self.initialized = true;
        self.connection.initialized()?;
        self.connection.send(question)
    }
}
