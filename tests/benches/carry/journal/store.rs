//! The journal itself, called as the gateway calls it, in a file where a gateway would have it.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use snowgate::state::{Begin, Digest, StateStore};
use snowgate_link::credit::Window;
use snowgate_tests::Home;

use crate::args::Args;
use crate::common::interrupt;
use crate::common::report::{figure, table};
use crate::common::stats::{percentile, us};

/// Sessions that write, in turns.
const SESSIONS: u64 = 50;
/// Writes of each session that are measured.
const WRITES: u64 = 1_000;
const WRITES_QUICK: u64 = 200;
/// Writes of each session before that: the journal then holds as much as it ever does, and removes the
/// oldest.
const WRITES_BEFORE: u64 = 400;
/// Requests of a session that a gateway runs at once, by default.
const SESSION_REQUESTS: usize = 32;

/// How long every single call took.
#[derive(Default)]
struct Times {
    begin: Vec<Duration>,
    finish: Vec<Duration>,
    both: Vec<Duration>,
    found: Vec<Duration>,
    not_there: Vec<Duration>,
}

pub(super) fn measure(args: &Args) -> Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(run(args))
}

async fn run(args: &Args) -> Result<()> {
    let home = Home::bare();
    let folder = home.path().join("state");
    let store = StateStore::open(&folder).await;
    let sessions: Vec<String> = (0..SESSIONS).map(session_id).collect();
    let writes = args.pick(WRITES, WRITES_QUICK);
    let mut times = Times::default();
    for request in 1..=WRITES_BEFORE + writes {
        interrupt::check()?;
        for session in &sessions {
            let is_measured = request > WRITES_BEFORE;
            write(&store, session, request, is_measured.then_some(&mut times)).await?;
        }
    }
    let newest = WRITES_BEFORE + writes;
    for back in 0..writes {
        for session in &sessions {
            let (finished, unknown) = (newest - back % SESSION_REQUESTS as u64, newest + 1 + back);
            look_up(&store, session, finished, unknown, &mut times).await?;
        }
    }
    print(times, &file_system(home.path())?);
    Ok(())
}

/// As long as the gateway's own, which are random.
fn session_id(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// What the gateway does around a statement that writes.
async fn write(store: &StateStore, session: &str, request: u64, times: Option<&mut Times>) -> Result<()> {
    let keep = Window::default().frames as usize + SESSION_REQUESTS;
    let result =
        json!({"content": [{"type": "text", "text": "1 row changed"}], "isError": false}).to_string();
    let since = Instant::now();
    let digest = Digest::of("insert into journey (a, b) values (1, 'a text as people write it')");
    match store.begin(session, request, digest, None, None, None).await? {
        Begin::Begun(begun) => begun.keep(),
        Begin::Conflict(_) => bail!("the journal has a request that is new"),
    }
    let begun = Instant::now();
    store.finish(session, request, result, keep).await?;
    let finished = Instant::now();
    if let Some(times) = times {
        times.begin.push(begun - since);
        times.finish.push(finished - begun);
        times.both.push(finished - since);
    }
    Ok(())
}

/// What the gateway does first with a statement that a shim sends again: one that finished, and one that
/// never ran.
async fn look_up(
    store: &StateStore,
    session: &str,
    finished: u64,
    unknown: u64,
    times: &mut Times,
) -> Result<()> {
    let since = Instant::now();
    let found = black_box(store.entry(session, finished).await?);
    let between = Instant::now();
    let not_there = black_box(store.entry(session, unknown).await?);
    times.not_there.push(between.elapsed());
    times.found.push(between - since);
    let is_whole = found.is_some_and(|entry| entry.result.is_some());
    ensure!(is_whole && not_there.is_none(), "the journal does not have what was written");
    Ok(())
}

fn print(times: Times, file_system: &str) {
    let Times { begin, finish, both, found, not_there } = times;
    let title = format!(
        "The journal alone, {SESSIONS} sessions in turns, on {file_system}: microseconds of {} writes",
        both.len()
    );
    let rows = [
        ("begin", begin),
        ("finish", finish),
        ("begin and finish: a write", both),
        ("entry, finished", found),
        ("entry, not there", not_there),
    ];
    table(&title, &["", "p50", "p99", "max"], &rows.map(|(what, times)| row(what, times)));
}

fn row(what: &str, mut times: Vec<Duration>) -> Vec<String> {
    times.sort_unstable();
    let figures = [50, 99, 100].map(|percent| figure(us(percentile(&times, percent))));
    std::iter::once(what.to_owned()).chain(figures).collect()
}

/// The kind of file system that `folder` is on.
fn file_system(folder: &Path) -> Result<String> {
    let mounts = fs::read_to_string("/proc/mounts").context("reading /proc/mounts")?;
    let fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let holding = fields.filter(|fields| fields.len() > 2 && folder.starts_with(fields[1]));
    // Of two mounts at the same place the later one is seen.
    let nearest = holding.max_by_key(|fields| fields[1].len());
    nearest.map(|fields| fields[2].to_owned()).context("no mount holds the temporary folder")
}
