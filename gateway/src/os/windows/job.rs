//! A program and what it has started, in a job object.

use std::io;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::os::windows::process::CommandExt as _;
use std::process::{Child, Command};
use std::ptr;

use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION, JobObjectExtendedLimitInformation, SetInformationJobObject,
    TerminateJobObject,
};
use windows_sys::Win32::System::Threading::{
    CREATE_NO_WINDOW, CREATE_SUSPENDED, OpenThread, ResumeThread, THREAD_SUSPEND_RESUME,
};

use super::snapshot::threads_of;
use super::{check, size_of_u32};

/// What a program that was killed has for an exit code.
const KILLED: u32 = 1;

/// A program and what it has started, which end with this.
#[derive(Debug)]
pub struct ProcessGroup {
    /// The program.
    pub leader: Child,
    job: OwnedHandle,
    /// Nothing seems to be left of it, or what is left may stay.
    is_gone: bool,
}

impl ProcessGroup {
    /// Starts a program in a job of its own, without a window. It runs once it is in the job, so nothing that it starts is outside.
    ///
    /// # Errors
    /// The system's.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        // SAFETY: no attributes, no name.
        let job = unsafe { CreateJobObjectW(ptr::null(), ptr::null()) };
        if job.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: it was just made, and nothing else knows it.
        let job = unsafe { OwnedHandle::from_raw_handle(job) };
        // Also where this process is killed.
        ends_with_handle(&job, true)?;
        let leader = command.creation_flags(CREATE_NO_WINDOW | CREATE_SUSPENDED).spawn()?;
        // What goes wrong from here on ends it.
        let mut group = Self { leader, job, is_gone: false };
        // SAFETY: two handles that are open.
        let assigned = check(unsafe {
            AssignProcessToJobObject(group.job.as_raw_handle(), group.leader.as_raw_handle())
        });
        if let Err(error) = assigned.and_then(|()| resume(group.leader.id())) {
            // Perhaps it is not in the job.
            let _ = group.leader.kill();
            return Err(error);
        }
        Ok(group)
    }

    /// Ends all of it.
    pub fn kill(&mut self) {
        // It may have ended just now; then there is nothing to end.
        // SAFETY: a handle that is open.
        unsafe { TerminateJobObject(self.job.as_raw_handle(), KILLED) };
    }

    /// What is left of it stays: its program has ended, and was waited for.
    pub fn let_go(&mut self) {
        self.is_gone = true;
        // Otherwise it ends with the handle, which is closed now.
        let _ = ends_with_handle(&self.job, false);
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if !self.is_gone {
            self.kill();
            let _ = self.leader.wait();
        }
    }
}

/// Whether all that is in a job ends when its last handle is closed.
fn ends_with_handle(job: &OwnedHandle, ends: bool) -> io::Result<()> {
    let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
    limits.BasicLimitInformation.LimitFlags = if ends { JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE } else { 0 };
    // SAFETY: a handle that is open, and the structure of this kind, which is only read.
    check(unsafe {
        SetInformationJobObject(
            job.as_raw_handle(),
            JobObjectExtendedLimitInformation,
            (&raw const limits).cast(),
            size_of_u32::<JOBOBJECT_EXTENDED_LIMIT_INFORMATION>(),
        )
    })
}

/// Lets a program run that was started without running: it has one thread so far.
fn resume(pid: u32) -> io::Result<()> {
    let threads = threads_of(pid)?;
    for thread in &threads {
        // SAFETY: numbers only.
        let thread = unsafe { OpenThread(THREAD_SUSPEND_RESUME, 0, *thread) };
        if thread.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: it was just opened, and nothing else knows it.
        let thread = unsafe { OwnedHandle::from_raw_handle(thread) };
        // SAFETY: a handle that is open.
        if unsafe { ResumeThread(thread.as_raw_handle()) } == u32::MAX {
            return Err(io::Error::last_os_error());
        }
    }
    if threads.is_empty() { Err(io::Error::other("it has no thread")) } else { Ok(()) }
}
