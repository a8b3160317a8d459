//! All clients at once: each starts its server, opens a session and asks its first question.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::contestant::Contestant;
use crate::connection::{ANSWER_LIMIT, Connection, Request, check_answer, readable};
use crate::stats::percentile;

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
    let since = Instant::now();
    let mut starting = Vec::with_capacity(clients);
    for _ in 0..clients {
        let mut connection = Connection::spawn(&mut contestant.command())?;
        connection.send(&Request::initialize())?;
        starting.push(Starting { connection, initialized: false, answered: None });
    }
    while starting.iter().any(|client| client.answered.is_none()) {
        let unanswered = starting.iter().enumerate().filter(|(_, client)| client.answered.is_none());
        let waiting = unanswered.map(|(at, client)| (at, &client.connection));
        for at in readable(waiting, since + ANSWER_LIMIT)? {
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
            self.answered = Some(since.elapsed());
            return Ok(());
        }
        self.initialized = true;
        self.connection.initialized()?;
        self.connection.send(question)
    }
}
