//! What this process uses of the system.

#[cfg(target_os = "linux")]
use std::fs;
use std::time::Duration;

use super::descriptors::{descriptor_limit, open_descriptors};

/// Parts of a second in which Linux tells processor time to programs, independent of what the kernel counts in.
#[cfg(target_os = "linux")]
const TICKS_PER_SECOND: u32 = 100;

/// What this process uses of the system; what the system does not tell is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of memory.
    pub memory_bytes: Option<u64>,
    /// Processor time, of all threads, in the program and in the system.
    pub cpu: Option<Duration>,
    /// Descriptors that are open.
    pub descriptors: u64,
    /// Descriptors that may be open; `None`: any number.
    pub descriptors_max: Option<u64>,
}

/// What this process uses now.
pub fn usage() -> Usage {
    Usage {
        memory_bytes: memory_bytes(),
        cpu: cpu(),
        descriptors: open_descriptors(),
        descriptors_max: descriptor_limit(),
    }
}

#[cfg(target_os = "linux")]
fn memory_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(target_os = "linux")]
fn cpu() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name, in parentheses, may have any character in it.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_ascii_whitespace().skip(11).map(|text| text.parse::<u64>().ok());
    let ticks = times.next()?? + times.next()??;
    Some(Duration::from_secs(ticks) / TICKS_PER_SECOND)
}

#[cfg(not(target_os = "linux"))]
fn memory_bytes() -> Option<u64> {
    None
}

#[cfg(not(target_os = "linux"))]
fn cpu() -> Option<Duration> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory_and_descriptors_and_takes_time() {
        let usage = usage();
        assert!(usage.memory_bytes.is_some_and(|bytes| bytes > 100_000), "{usage:?}");
        assert!(usage.cpu.is_some() && usage.descriptors >= 3, "{usage:?}");
    }
}
