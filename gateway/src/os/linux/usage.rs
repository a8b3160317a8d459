//! What this process uses, as Linux tells it (proc(5)).

use std::fs;
use std::time::Duration;

/// Parts of a second in which Linux tells processor time to programs, independent of what the kernel counts in.
const TICKS_PER_SECOND: u32 = 100;

pub(in crate::os) fn memory_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Bytes of memory that process `pid` shares with no other, if the system reports it.
pub fn private_memory_of(pid: u32) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let private = |line: &str| {
        let kib = line.strip_prefix("Private_Clean:").or_else(|| line.strip_prefix("Private_Dirty:"))?;
        kib.trim().trim_end_matches(" kB").parse::<u64>().ok()
    };
    let kib = rollup.lines().filter_map(private).sum::<u64>();
    (kib > 0).then_some(kib * 1024)
}

pub(in crate::os) fn cpu() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name, in parentheses, may have any character in it.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_ascii_whitespace().skip(11).map(|text| text.parse::<u64>().ok());
    let ticks = times.next()?? + times.next()??;
    Some(Duration::from_secs(ticks) / TICKS_PER_SECOND)
}
