//! Context switches of processes, as the kernel counts them: how often a thread gave up its processor to
//! wait.

use std::fs;

use anyhow::{Context, Result};

/// The switches of all threads that a process has now, that they made of their own accord.
pub(crate) fn voluntary(pid: u32) -> Result<u64> {
    let threads = format!("/proc/{pid}/task");
    let entries = fs::read_dir(&threads).with_context(|| format!("reading {threads}"))?;
    let counts = entries.flatten().filter_map(|thread| {
        // A thread may end between the two reads.
        let text = fs::read_to_string(thread.path().join("status")).ok()?;
        let count = text.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        count.trim().parse::<u64>().ok()
    });
    Ok(counts.sum())
}
