//! What this process uses.

use std::os::windows::io::AsRawHandle as _;
use std::time::Duration;

use windows_sys::Win32::Foundation::FILETIME;
use windows_sys::Win32::System::ProcessStatus::{
    K32GetProcessMemoryInfo, PROCESS_MEMORY_COUNTERS, PROCESS_MEMORY_COUNTERS_EX,
};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, GetProcessTimes, PROCESS_QUERY_LIMITED_INFORMATION,
};

use super::processes::{open, ticks};
use super::size_of_u32;

/// Bytes of memory that are in use now (the working set).
pub(in crate::os) fn memory_bytes() -> Option<u64> {
    let mut counters = PROCESS_MEMORY_COUNTERS::default();
    // SAFETY: a pseudo handle, and as much room as is said.
    let done = unsafe {
        K32GetProcessMemoryInfo(
            GetCurrentProcess(),
            &raw mut counters,
            size_of_u32::<PROCESS_MEMORY_COUNTERS>(),
        )
    };
    (done != 0).then(|| u64::try_from(counters.WorkingSetSize).ok()).flatten()
}

/// Bytes of memory that process `pid` shares with no other, if the system reports it.
pub fn private_memory_of(pid: u32) -> Option<u64> {
    let process = open(pid, PROCESS_QUERY_LIMITED_INFORMATION).ok()??;
    let mut counters = PROCESS_MEMORY_COUNTERS_EX::default();
    // SAFETY: a handle that is open, and as much room as is said; the longer structure begins like the other.
    let done = unsafe {
        K32GetProcessMemoryInfo(
            process.as_raw_handle(),
            (&raw mut counters).cast(),
            size_of_u32::<PROCESS_MEMORY_COUNTERS_EX>(),
        )
    };
    (done != 0).then(|| u64::try_from(counters.PrivateUsage).ok()).flatten()
}

/// Processor time, of all threads, in the program and in the system.
pub(in crate::os) fn cpu() -> Option<Duration> {
    let [mut start, mut end, mut system, mut program] = [FILETIME::default(); 4];
    // SAFETY: a pseudo handle, and room for four times.
    let done = unsafe {
        GetProcessTimes(GetCurrentProcess(), &raw mut start, &raw mut end, &raw mut system, &raw mut program)
    };
    (done != 0)
        .then(|| Duration::from_nanos(ticks(system).saturating_add(ticks(program)).saturating_mul(100)))
}
