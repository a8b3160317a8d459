//! Starting a gateway that is clear of its client: no console, no handle of the client's, and out of its job object, where
//! that lets processes go.

use std::ffi::OsString;
use std::io;
use std::os::windows::ffi::OsStringExt;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::os::windows::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};

use windows_sys::Wdk::System::Threading::{NtQueryInformationProcess, ProcessBasicInformation};
use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_INTERNAL_ERROR, GetHandleInformation, HANDLE, HANDLE_FLAG_INHERIT,
    SetHandleInformation,
};
use windows_sys::Win32::System::Threading::{
    CREATE_BREAKAWAY_FROM_JOB, CREATE_NEW_PROCESS_GROUP, DETACHED_PROCESS, GetCurrentProcess,
    GetProcessHandleCount, OpenProcess, PROCESS_BASIC_INFORMATION, PROCESS_NAME_WIN32,
    PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_TERMINATE, QueryFullProcessImageNameW, TerminateProcess,
};

/// The gateway's program.
pub const GATEWAY_PROGRAM: &str = "snowgate.exe";

/// Variables that a gateway gets in addition.
pub const GATEWAY_VARIABLES: [(&str, &str); 0] = [];

/// No console: none is made, and none of the client's is used. Programs that a gateway starts are given none, either.
const APART: u32 = DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP;

/// Handles are multiples of this (KERNEL_HANDLE_GRANULARITY). They are looked for up to the second, or up to the third where the
/// system does not tell how many there are: 32,768 of them, or 1,024.
const HANDLE_STEP: usize = 4;
const HANDLES_END: usize = 0x2_0000;
const HANDLES_END_UNCOUNTED: usize = 0x1000;

/// Room for the longest path, in what the system counts in.
const PATH_MAX: usize = 32_768;

/// How often a program is started whose process has ended before it ran, which Wine calls an internal error, and one that may
/// not leave the client's job.
const SPAWNS_MAX: u32 = 6;

/// How the end of a process looks that another program has ended: TerminateProcess with the code that `taskkill`, the Task
/// Manager and std give, with 0 (also what Wine says of one that Linux has killed), and Ctrl-C. A gateway that ends by itself has
/// said why before.
const KILLED_CODES: [u32; 3] = [1, 0, 0xc000_013a];

/// Where a gateway runs: in a folder that it keeps from nothing.
pub fn root_dir() -> PathBuf {
    let mut drive = std::env::var_os("SystemDrive").unwrap_or_else(|| "C:".into());
    drive.push("\\");
    PathBuf::from(drive)
}

/// Whether a gateway inherits the system's variable of this name: what programs of the system need, what it finds its folders
/// by, and what opens a browser. Their letters are upper or lower case.
pub fn is_variable_of_system(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let is_named = matches!(
        upper.as_str(),
        "PATH"
            | "PATHEXT"
            | "SYSTEMROOT"
            | "SYSTEMDRIVE"
            | "WINDIR"
            | "COMSPEC"
            | "OS"
            | "TEMP"
            | "TMP"
            | "APPDATA"
            | "LOCALAPPDATA"
            | "PROGRAMDATA"
            | "ALLUSERSPROFILE"
            | "PUBLIC"
            | "HOMEDRIVE"
            | "HOMEPATH"
            | "COMPUTERNAME"
            | "NUMBER_OF_PROCESSORS"
            | "TZ"
            | "LANG"
            | "RUST_BACKTRACE"
            | "SSL_CERT_FILE"
            | "SSL_CERT_DIR"
            | "BROWSER"
    );
    let is_of_family =
        ["USER", "PROGRAMFILES", "COMMONPROGRAM", "PROCESSOR_"].iter().any(|start| upper.starts_with(start));
    is_named || is_of_family
}

/// Starts a program that is to outlive this one and its console. A client's job may end with it all that runs in it: out of it,
/// unless it keeps its processes.
///
/// # Errors
/// The system's.
pub fn spawn_apart(command: &mut Command) -> io::Result<Child> {
    keep_handles();
    let is = |error: &io::Error, code: u32| error.raw_os_error() == Some(code.cast_signed());
    let mut flags = APART | CREATE_BREAKAWAY_FROM_JOB;
    for _ in 1..SPAWNS_MAX {
        match command.creation_flags(flags).spawn() {
            Err(error) if is(&error, ERROR_ACCESS_DENIED) && flags != APART => flags = APART,
            Err(error) if is(&error, ERROR_INTERNAL_ERROR) => {}
            other => return other,
        }
    }
    command.creation_flags(flags).spawn()
}

/// The intermediate was started clear of the client, and what it starts is clear of it ([`spawn_apart`]).
pub fn leave_client() {}

/// One that was started apart has no console whose events could reach it.
pub fn start_session() {}

/// Lets no program that this process starts inherit a handle that is open now: those that a client has leaked would stay open
/// for as long as a gateway lives, among them the other ends of its pipes. What std passes on it opens itself.
pub fn keep_handles() {
    let mut left = 0;
    // SAFETY: a pseudo handle, and room for a number.
    let is_known = unsafe { GetProcessHandleCount(GetCurrentProcess(), &raw mut left) } != 0 && left != 0;
    // Wine says that there are none, and takes long for each look.
    let end = if is_known { HANDLES_END } else { HANDLES_END_UNCOUNTED };
    for value in (HANDLE_STEP..end).step_by(HANDLE_STEP) {
        let (handle, mut flags) = (std::ptr::without_provenance_mut(value) as HANDLE, 0);
        // SAFETY: a number that may be no handle's: then this is an error, and nothing else.
        if unsafe { GetHandleInformation(handle, &raw mut flags) } == 0 {
            continue;
        }
        if flags & HANDLE_FLAG_INHERIT != 0 {
            // SAFETY: a handle of this process; all that changes is what is passed on.
            unsafe { SetHandleInformation(handle, HANDLE_FLAG_INHERIT, 0) };
        }
        left = left.saturating_sub(1);
        if is_known && left == 0 {
            return;
        }
    }
}

/// Whether another program has ended a process that ended like this, as against a failure of its own, which is said before it ends.
pub fn was_killed(status: ExitStatus) -> bool {
    status.code().is_some_and(|code| KILLED_CODES.contains(&code.cast_unsigned()))
}

/// Ends the gateway and the intermediate, which waits for it: until then the gateway's number is its own.
pub fn kill_launched(intermediate: &mut Child, gateway: u32) {
    if gateway != 0 && matches!(intermediate.try_wait(), Ok(None)) {
        // SAFETY: numbers only.
        let process = unsafe { OpenProcess(PROCESS_TERMINATE, 0, gateway) };
        if !process.is_null() {
            // SAFETY: it was just opened, and nothing else knows it.
            let process = unsafe { OwnedHandle::from_raw_handle(process) };
            // SAFETY: a handle that is open. It may have ended just now.
            unsafe { TerminateProcess(process.as_raw_handle(), KILLED_CODES[0]) };
        }
    }
    let _ = intermediate.kill();
}

/// The process that started this one.
pub fn parent() -> Option<u32> {
    let mut found = PROCESS_BASIC_INFORMATION::default();
    let size = u32::try_from(size_of_val(&found)).ok()?;
    // SAFETY: a pseudo handle, and room for what is asked.
    let status = unsafe {
        NtQueryInformationProcess(
            GetCurrentProcess(),
            ProcessBasicInformation,
            (&raw mut found).cast(),
            size,
            std::ptr::null_mut(),
        )
    };
    let pid = u32::try_from(found.InheritedFromUniqueProcessId).ok()?;
    (status == 0 && pid != 0).then_some(pid)
}

/// The executable of process `pid`, if the system reports it.
pub fn executable_of(pid: u32) -> Option<PathBuf> {
    // SAFETY: numbers only.
    let process = unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, pid) };
    if process.is_null() {
        return None;
    }
    // SAFETY: it was just opened, and nothing else knows it.
    let process = unsafe { OwnedHandle::from_raw_handle(process) };
    let mut path = vec![0; PATH_MAX];
    let mut length = u32::try_from(PATH_MAX).ok()?;
    // SAFETY: a handle that is open, and as much room as is said.
    let done = unsafe {
        QueryFullProcessImageNameW(
            process.as_raw_handle(),
            PROCESS_NAME_WIN32,
            path.as_mut_ptr(),
            &raw mut length,
        )
    };
    (done != 0).then(|| OsString::from_wide(&path[..length as usize]).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_a_program_and_a_parent() {
        assert_eq!(executable_of(std::process::id()), std::env::current_exe().ok());
        assert_ne!(parent(), Some(std::process::id()));
        assert!(root_dir().is_absolute() && root_dir().is_dir());
        assert!(is_variable_of_system("Path") && is_variable_of_system("USERPROFILE"));
        assert!(!is_variable_of_system("AWS_SECRET_ACCESS_KEY"));
    }
}
