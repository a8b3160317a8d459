//! Memory of a process, as the kernel counts it.

use std::fs;

use anyhow::{Context, Result};

/// Kilobytes of a process that count only for it: what would come free if it ended.
pub(crate) fn private_kb(pid: u32) -> Result<f64> {
    sum(pid, &["Private_Clean:", "Private_Dirty:"])
}

/// Kilobytes of a process where a shared page counts in proportion to its users: sums over processes are
/// true.
pub(crate) fn proportional_kb(pid: u32) -> Result<f64> {
    sum(pid, &["Pss:"])
}

fn sum(pid: u32, fields: &[&str]) -> Result<f64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    let value = |field: &&str| {
        let line = text.lines().find_map(|line| line.strip_prefix(field));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok())
    };
    fields.iter().map(value).sum::<Option<f64>>().with_context(|| format!("{path} lacks {fields:?}"))
}
