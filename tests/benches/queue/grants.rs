//! A request through the pool, from its wait for a slot to the connection's return: alone, with very many sessions
//! known, and with very many waiting.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use snowgate::multiplexer::Pool;
use tokio::task::JoinSet;

use crate::args::Args;
use crate::common::interrupt;
use crate::common::report::{figure, table};
use crate::common::stats::{percentile, us};
use crate::instant::{pool, request};

/// Sessions, each a client of its own.
const SESSIONS: usize = 10_000;

const CONNECTIONS: usize = 4;

/// Requests of one session after the other.
const REQUESTS: usize = 200_000;
const REQUESTS_QUICK: usize = 20_000;

/// How often all sessions wait at once.
const ROUNDS: usize = 10;
const ROUNDS_QUICK: usize = 2;

pub(crate) fn measure(args: &Args) -> Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(args))
}

async fn run(args: &Args) -> Result<()> {
    let (requests, rounds) = args.pick((REQUESTS, ROUNDS), (REQUESTS_QUICK, ROUNDS_QUICK));
    let sessions: Vec<String> = (0..SESSIONS).map(|at| format!("00000000-0000-4000-8000-{at:012}")).collect();
    let rows = vec![
        row("one session, one request after the other", one_by_one(&sessions[..1], requests).await?),
        row("10,000 sessions, one request after the other", one_by_one(&sessions, requests).await?),
        row("1,000 sessions wait for 4 connections", all_at_once(&sessions[..1_000], rounds * 10).await?),
        row("10,000 sessions wait for 4 connections", all_at_once(&sessions, rounds).await?),
    ];
    let title = "A request through the pool, over a backend that answers at once; microseconds";
    table(title, &["requests", "mean", "p50", "p99"], &rows);
    Ok(())
}

/// How long each took; where that is not known of each, the mean of a round.
struct Times(Vec<Duration>);

fn row(what: &str, Times(mut times): Times) -> Vec<String> {
    times.sort_unstable();
    let mean = times.iter().sum::<Duration>() / u32::try_from(times.len()).unwrap_or(u32::MAX);
    [mean, percentile(&times, 50), percentile(&times, 99)].into_iter().map(|time| figure(us(time))).fold(
        vec![what.to_owned()],
        |mut cells, cell| {
            cells.push(cell);
            cells
        },
    )
}

async fn run_one(pool: &Pool, session: &str, number: u64) -> Result<()> {
    let outcome = pool.run(request(session, number), pending()).await;
    outcome.map(drop).map_err(|error| anyhow!("{}", error.message))
}

/// A request of each session in turn: none ever waits.
async fn one_by_one(sessions: &[String], requests: usize) -> Result<Times> {
    let pool = pool(CONNECTIONS, "").await?;
    let mut times = Vec::with_capacity(requests);
    for (number, session) in sessions.iter().cycle().take(requests + sessions.len()).enumerate() {
        interrupt::check()?;
        let since = Instant::now();
        run_one(&pool, session, number as u64).await?;
        // The first of each only makes it known.
        if number >= sessions.len() {
            times.push(since.elapsed());
        }
    }
    Ok(Times(times))
}

/// All sessions wait at once, again and again; a round's time is shared among its requests.
async fn all_at_once(sessions: &[String], rounds: usize) -> Result<Times> {
    let pool = pool(CONNECTIONS, "").await?;
    let mut times = Vec::with_capacity(rounds);
    for number in 0..=rounds {
        interrupt::check()?;
        let mut tasks = JoinSet::new();
        for session in sessions {
            let (pool, session) = (Arc::clone(&pool), session.clone());
            tasks.spawn(async move { run_one(&pool, &session, number as u64).await });
        }
        let since = Instant::now();
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        // The first round opens the connections.
        if number > 0 {
            times.push(since.elapsed() / u32::try_from(sessions.len()).unwrap_or(u32::MAX));
        }
    }
    Ok(Times(times))
}
