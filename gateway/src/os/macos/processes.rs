//! Other processes of this user (libproc.h).

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use super::arguments::{environment_of, started};
use super::{size_of_i32, zeroed};
use crate::os::Found;

/// How many processes are looked at.
const PROCESSES_MAX: usize = 8192;

/// Bytes of a program's path (`PROC_PIDPATHINFO_MAXSIZE`).
const PATH_BYTES_MAX: usize = 4096;

/// The file names of the programs that run as this user, with those of scripts; `None` where the system does not tell.
pub fn running_programs() -> Option<Vec<String>> {
    let mut names = Vec::new();
    for pid in own_processes()? {
        names.extend(program_of(pid).as_deref().and_then(file_name));
        // The script that an interpreter runs.
        let second = started(pid).and_then(|started| started.arguments.into_iter().nth(1));
        names.extend(second.and_then(|argument| file_name(Path::new(&argument))));
    }
    Some(names)
}

/// Processes of this user whose program is called `name`, by process id; none where the system does not tell.
pub fn processes_named(name: &str) -> Vec<u32> {
    let is_named = |pid: &u32| {
        program_of(*pid).as_deref().and_then(Path::file_name).is_some_and(|found| found == OsStr::new(name))
    };
    let mut found: Vec<u32> = own_processes().unwrap_or_default().into_iter().filter(is_named).collect();
    found.sort_unstable();
    found
}

/// The processes that were started with this value of the variable `name`; `None` where the system does not tell. Processes that
/// start and end meanwhile may be missed: look again.
pub fn processes_with(name: &str, value: &OsStr) -> Option<Found> {
    let mut found = Found::default();
    for pid in own_processes()? {
        let environment = environment_of(pid).unwrap_or_default();
        if environment.iter().any(|(its_name, its_value)| its_name == name && its_value == value) {
            found.pids.push(pid);
        } else if environment.is_empty() && is_ours(pid) {
            // Between `execve` and its end.
            found.is_one_starting = true;
        }
    }
    Some(found)
}

/// When process `pid` started, in microseconds since 1970; `None` where none runs (one that only waits for its parent does not).
///
/// # Errors
/// The system could not be asked.
pub fn process_start(pid: u32) -> io::Result<Option<u64>> {
    match facts_of(pid) {
        Ok(facts) if facts.pbi_status == libc::SZOMB => Ok(None),
        Ok(facts) => {
            Ok(Some(facts.pbi_start_tvsec.saturating_mul(1_000_000).saturating_add(facts.pbi_start_tvusec)))
        }
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The processes of this user; `None` where the system does not tell.
fn own_processes() -> Option<Vec<u32>> {
    let mut pids = vec![0_i32; PROCESSES_MAX];
    let bytes = i32::try_from(size_of_val(pids.as_slice())).ok()?;
    // SAFETY: as much room as is said.
    let count = unsafe { libc::proc_listallpids(pids.as_mut_ptr().cast(), bytes) };
    pids.truncate(usize::try_from(count).ok()?);
    let own = rustix::process::geteuid().as_raw();
    let pids = pids.into_iter().filter_map(|pid| u32::try_from(pid).ok());
    Some(pids.filter(|pid| facts_of(*pid).is_ok_and(|facts| facts.pbi_uid == own)).collect())
}

fn facts_of(pid: u32) -> io::Result<libc::proc_bsdinfo> {
    // A larger number is no process.
    let pid = i32::try_from(pid).map_err(|_| io::Error::from_raw_os_error(libc::ESRCH))?;
    // SAFETY: numbers and arrays of numbers.
    let mut facts: libc::proc_bsdinfo = unsafe { zeroed() };
    let bytes = size_of_i32::<libc::proc_bsdinfo>();
    // SAFETY: as much room as is said.
    let written =
        unsafe { libc::proc_pidinfo(pid, libc::PROC_PIDTBSDINFO, 0, (&raw mut facts).cast(), bytes) };
    if written == bytes { Ok(facts) } else { Err(io::Error::last_os_error()) }
}

/// The file of a process's program.
fn program_of(pid: u32) -> Option<PathBuf> {
    let mut path = vec![0_u8; PATH_BYTES_MAX];
    let room = u32::try_from(path.len()).ok()?;
    // SAFETY: as much room as is said.
    let length = unsafe { libc::proc_pidpath(i32::try_from(pid).ok()?, path.as_mut_ptr().cast(), room) };
    path.truncate(usize::try_from(length).ok().filter(|length| *length > 0)?);
    Some(OsString::from_vec(path).into())
}

/// Whether a process's program is one of ours.
fn is_ours(pid: u32) -> bool {
    let program = program_of(pid);
    let name = program.as_deref().and_then(Path::file_name);
    name.is_some_and(|name| name.as_encoded_bytes().starts_with(b"snowgate"))
}

fn file_name(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_one_of_those_that_have_its_name() {
        let own = std::env::current_exe().unwrap();
        let name = own.file_name().unwrap().to_str().unwrap();
        assert!(processes_named(name).contains(&std::process::id()));
    }

    #[test]
    fn a_process_is_found_by_its_variable_alone() {
        let (name, value) = ("SNOWGATE_PROCESSES_TEST", std::process::id().to_string());
        let mut child = std::process::Command::new("sleep").arg("60").env(name, &value).spawn().unwrap();
        let find = || processes_with(name, value.as_ref()).unwrap().pids;
        // `spawn` returns when the child's descriptors are closed, which is before it has its environment.
        let found = std::iter::repeat_with(find).take(10_000).find(|found| !found.is_empty());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found, Some(vec![child.id()]));
        assert_eq!(find(), Vec::<u32>::new());
    }
}
