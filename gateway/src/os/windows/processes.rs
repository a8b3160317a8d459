//! Other processes of this user.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};

use snowgate_link::os::{user, user_of_process};
use windows_sys::Win32::Foundation::{ERROR_INVALID_PARAMETER, FILETIME, WAIT_OBJECT_0};
use windows_sys::Win32::System::Threading::{
    GetProcessTimes, OpenProcess, PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE, WaitForSingleObject,
};

use super::snapshot::{Process, processes};
use super::{check, is_error};
use crate::os::Found;

/// What the name of a program's file ends with.
const PROGRAM: &str = ".exe";

/// The file names of the programs that run as this user; `None` where the system does not tell. Scripts are not among them: the
/// system does not tell what an interpreter runs.
pub fn running_programs() -> Option<Vec<String>> {
    Some(processes().ok()?.into_iter().filter(is_own).map(|process| process.program).collect())
}

/// Processes of this user whose program is called `name`, by process id; none where the system does not tell.
pub fn processes_named(name: &str) -> Vec<u32> {
    let is_named = |process: &Process| {
        let found = process.program.to_lowercase();
        let name = name.to_lowercase();
        found == name || found.strip_suffix(PROGRAM) == Some(name.as_str())
    };
    let all = processes().unwrap_or_default().into_iter();
    let mut found: Vec<u32> =
        all.filter(|process| is_named(process) && is_own(process)).map(|process| process.pid).collect();
    found.sort_unstable();
    found
}

/// The processes that were started with this value of a variable: the system does not tell.
pub fn processes_with(_name: &str, _value: &OsStr) -> Option<Found> {
    None
}

/// The variables that a process was started with: the system does not tell.
pub fn environment_of(_pid: u32) -> Option<Vec<(OsString, OsString)>> {
    None
}

/// The control groups that this process is in: there are none here.
pub fn control_groups() -> String {
    String::new()
}

/// A handle of process `pid` with these rights; `None` where none runs.
///
/// # Errors
/// The system refuses.
pub(super) fn open(pid: u32, rights: u32) -> io::Result<Option<OwnedHandle>> {
    // SAFETY: numbers only.
    let process = unsafe { OpenProcess(rights, 0, pid) };
    if process.is_null() {
        let error = io::Error::last_os_error();
        return if is_error(&error, ERROR_INVALID_PARAMETER) { Ok(None) } else { Err(error) };
    }
    // SAFETY: it was just opened, and nothing else knows it.
    Ok(Some(unsafe { OwnedHandle::from_raw_handle(process) }))
}

/// When process `pid` started, in 100 ns since 1601; `None` where none runs.
///
/// # Errors
/// The system could not be asked.
pub fn process_start(pid: u32) -> io::Result<Option<u64>> {
    let rights = PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SYNCHRONIZE;
    let Some(process) = open(pid, rights)? else { return Ok(None) };
    // One that has ended is there as long as a handle of it is.
    // SAFETY: a handle that is open.
    if unsafe { WaitForSingleObject(process.as_raw_handle(), 0) } == WAIT_OBJECT_0 {
        return Ok(None);
    }
    let [mut start, mut end, mut system, mut program] = [FILETIME::default(); 4];
    // SAFETY: a handle that is open, and room for four times.
    check(unsafe {
        GetProcessTimes(
            process.as_raw_handle(),
            &raw mut start,
            &raw mut end,
            &raw mut system,
            &raw mut program,
        )
    })?;
    Ok(Some(ticks(start)))
}

/// A time, or a span of it, in 100 ns.
pub(super) fn ticks(time: FILETIME) -> u64 {
    u64::from(time.dwHighDateTime) << 32 | u64::from(time.dwLowDateTime)
}

fn is_own(process: &Process) -> bool {
    user_of_process(process.pid) == Some(user())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_one_of_those_that_have_its_name() {
        let own = std::env::current_exe().unwrap();
        let name = own.file_stem().unwrap().to_str().unwrap();
        assert!(processes_named(name).contains(&std::process::id()));
        assert!(processes_named(&name.to_uppercase()).contains(&std::process::id()));
        assert_eq!(processes_named("snowgate-of-nobody"), Vec::<u32>::new());
    }

    #[test]
    fn a_process_that_does_not_run_has_no_start() {
        assert!(process_start(std::process::id()).unwrap().is_some());
        // Ids are multiples of four.
        assert_eq!(process_start(0x7fff_fffd).unwrap(), None);
    }
}
