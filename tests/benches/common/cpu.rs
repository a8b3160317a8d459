//! Processor time of processes, as the scheduler counts it: what a call costs however busy the machine is.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// The processes that a call goes through.
#[derive(Clone, Debug)]
pub(crate) struct Stations {
    /// Forwarders or shims.
    pub(crate) between: Vec<u32>,
    /// Who answers.
    pub(crate) server: u32,
}

/// What one call costs in microseconds, in each of the places.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// This program, the driver.
    pub(crate) client: f64,
    /// Forwarders or shims, together.
    pub(crate) between: f64,
    /// Who answers.
    pub(crate) server: f64,
}

/// Processor time used so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Used {
    client: Duration,
    between: Duration,
    server: Duration,
}

impl Stations {
    /// Reads the clocks.
    pub(crate) fn used(&self) -> Result<Used> {
        let between: Result<Vec<Duration>> = self.between.iter().map(|&pid| of_process(pid)).collect();
        Ok(Used {
            client: of_process(std::process::id())?,
            between: between?.into_iter().sum(),
            server: of_process(self.server)?,
        })
    }
}

impl Used {
    /// What each of `calls` cost since.
    pub(crate) fn each_since(self, before: Self, calls: usize) -> Cost {
        let calls = u32::try_from(calls.max(1)).map_or(f64::INFINITY, f64::from);
        let each = |now: Duration, then: Duration| now.saturating_sub(then).as_secs_f64() * 1e6 / calls;
        Cost {
            client: each(self.client, before.client),
            between: each(self.between, before.between),
            server: each(self.server, before.server),
        }
    }
}

/// The time that the threads which a process has now have run. `/proc/PID/stat` has it in units too coarse
/// for a turn.
pub(crate) fn of_process(pid: u32) -> Result<Duration> {
    let threads = format!("/proc/{pid}/task");
    let entries = fs::read_dir(&threads).with_context(|| format!("reading {threads}"))?;
    let nanoseconds = entries.flatten().filter_map(|thread| {
        // A thread may end between the two reads.
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Ok(Duration::from_nanos(nanoseconds.sum()))
}
