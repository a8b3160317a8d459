//! What this process uses: proc_pid_rusage (libproc.h) and getrusage(2).

use std::time::Duration;

use super::zeroed;

/// Bytes of memory, as Activity Monitor shows them.
pub(in crate::os) fn memory_bytes() -> Option<u64> {
    private_memory_of(std::process::id())
}

/// Bytes of memory that process `pid` shares with no other, if the system reports it.
pub fn private_memory_of(pid: u32) -> Option<u64> {
    // SAFETY: numbers and an array of numbers.
    let mut usage: libc::rusage_info_v0 = unsafe { zeroed() };
    let pid = i32::try_from(pid).ok()?;
    // SAFETY: room for the structure of this version.
    let done = unsafe { libc::proc_pid_rusage(pid, libc::RUSAGE_INFO_V0, (&raw mut usage).cast()) };
    (done == 0).then_some(usage.ri_phys_footprint)
}

/// Processor time, of all threads, in the program and in the system.
pub(in crate::os) fn cpu() -> Option<Duration> {
    // SAFETY: numbers.
    let mut usage: libc::rusage = unsafe { zeroed() };
    // SAFETY: room for the structure.
    let done = unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
    (done == 0).then(|| duration(usage.ru_utime) + duration(usage.ru_stime))
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0));
    seconds + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
}
