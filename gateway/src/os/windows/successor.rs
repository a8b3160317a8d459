//! How a gateway goes on as another program. A process cannot become another one here, so it starts that, which makes an
//! instance of the pipe and says so; then this process ends, and the lock is the other's. A shim that connects meanwhile waits at
//! that instance for its hello, so none of them finds no gateway and starts another.

use std::fs::{File, TryLockError};
use std::io;
use std::os::windows::io::{AsRawHandle, AsRawSocket, FromRawHandle, FromRawSocket, OwnedHandle};
use std::os::windows::process::CommandExt;
use std::process::Command;
use std::ptr;
use std::time::{Duration, Instant};

use snowgate_link::endpoint::Endpoint;
use snowgate_link::os::{open_private, try_lock, wide};
use windows_sys::Win32::Foundation::{HANDLE, HANDLE_FLAG_INHERIT, SetHandleInformation, WAIT_OBJECT_0};
use windows_sys::Win32::System::Console::GetConsoleCP;
use windows_sys::Win32::System::Threading::{
    CreateEventW, DETACHED_PROCESS, EVENT_MODIFY_STATE, OpenEventW, OpenProcess, PROCESS_SYNCHRONIZE,
    SetEvent, WaitForMultipleObjects, WaitForSingleObject,
};

use super::PassedSocket;
use super::shim_listener::{give_up_reserved, reserve};

/// How a program's command line names what is passed on: the process that has the lock, or a socket.
pub type PassedNumber = u64;

/// How long the program that follows may take to make its instance, in milliseconds: it waits up to 5 s for the pipe.
const HAND_OVER_MS: u32 = 20_000;

/// How long the gateway before may take to end, in milliseconds, and its lock to be free after that.
const END_MS: u32 = 10_000;
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
const LOCK_INTERVAL: Duration = Duration::from_millis(2);

/// The name of the event by which the program that follows process `pid` says that it is there.
fn event_of(pid: PassedNumber) -> Vec<u16> {
    wide(format!(r"Local\snowgate-hand-over-{pid}"))
}

fn owned(handle: HANDLE) -> io::Result<OwnedHandle> {
    if handle.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the caller has just got it from the system, and nothing else knows it.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

/// The lock cannot be passed on, but that it is this process's: it is taken when this one ends.
///
/// # Errors
/// None.
pub fn pass_lock_on(_lock: &File) -> io::Result<PassedNumber> {
    Ok(u64::from(std::process::id()))
}

/// Lets the program that takes this one's place take over a socket.
///
/// # Errors
/// The system's.
pub fn pass_socket_on(socket: &PassedSocket) -> io::Result<PassedNumber> {
    set_inherited(socket.as_raw_socket(), HANDLE_FLAG_INHERIT)?;
    Ok(socket.as_raw_socket())
}

#[allow(clippy::cast_possible_truncation, reason = "a handle has as many bits as a pointer")]
fn set_inherited(socket: u64, flag: u32) -> io::Result<()> {
    let handle = ptr::without_provenance_mut(socket as usize);
    // SAFETY: a handle of this process, or no handle, which is an error.
    match unsafe { SetHandleInformation(handle, HANDLE_FLAG_INHERIT, flag) } {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Makes an instance of the endpoint's pipe, tells the gateway before, waits for its end, and takes its lock.
///
/// # Errors
/// It is no gateway that is about to hand over; another has the pipe or the lock.
pub async fn take_over_lock(endpoint: &Endpoint, number: PassedNumber) -> io::Result<File> {
    let pid = u32::try_from(number).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: numbers, and a name that ends with NUL.
    let (before, there) = unsafe {
        (
            owned(OpenProcess(PROCESS_SYNCHRONIZE, 0, pid))?,
            owned(OpenEventW(EVENT_MODIFY_STATE, 0, event_of(number).as_ptr()))?,
        )
    };
    reserve(endpoint)?;
    // SAFETY: an event that is open.
    unsafe { SetEvent(there.as_raw_handle()) };
    let lock = lock_after(endpoint, before).await;
    if lock.is_err() {
        give_up_reserved();
    }
    lock
}

/// Waits for the end of the gateway before, and takes its lock.
async fn lock_after(endpoint: &Endpoint, before: OwnedHandle) -> io::Result<File> {
    // SAFETY: a process that is open.
    let waiting = move || unsafe { WaitForSingleObject(before.as_raw_handle(), END_MS) };
    if tokio::task::spawn_blocking(waiting).await.ok() != Some(WAIT_OBJECT_0) {
        return Err(io::Error::new(io::ErrorKind::TimedOut, "the gateway before does not end"));
    }
    let lock = open_private(&endpoint.gateway_lock, false)?;
    let deadline = Instant::now() + LOCK_TIMEOUT;
    loop {
        match try_lock(&lock) {
            Ok(()) => return Ok(lock),
            // One that was started by hand just then finds the pipe taken, and ends.
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                tokio::time::sleep(LOCK_INTERVAL).await;
            }
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// Takes over a socket. Call once for each.
///
/// # Errors
/// There is none.
pub fn take_over_socket(number: PassedNumber) -> io::Result<PassedSocket> {
    // The system's sockets are there once one was made.
    drop(std::net::UdpSocket::bind(("127.0.0.1", 0))?);
    set_inherited(number, 0)?;
    // SAFETY: it was left open for this process, which knows of it by this number alone and takes it over once.
    Ok(unsafe { PassedSocket::from_raw_socket(number) })
}

/// Starts the program of `command` and waits until it is about to take over: then this process is to end at once.
///
/// # Errors
/// It cannot be started, or has ended.
pub fn hand_over_to(command: &mut Command) -> io::Result<()> {
    let name = event_of(u64::from(std::process::id()));
    // SAFETY: no attributes, and a name that ends with NUL.
    let there = owned(unsafe { CreateEventW(ptr::null(), 1, 0, name.as_ptr()) })?;
    // SAFETY: nothing is given. Without a console the system would make one for the other program, with its window.
    if unsafe { GetConsoleCP() } == 0 {
        command.creation_flags(DETACHED_PROCESS);
    }
    let mut next = command.spawn()?;
    let handles = [there.as_raw_handle(), next.as_raw_handle()];
    // SAFETY: two handles that are open.
    match unsafe { WaitForMultipleObjects(2, handles.as_ptr(), 0, HAND_OVER_MS) } {
        WAIT_OBJECT_0 => Ok(()),
        _ => {
            let _ = next.kill();
            let status = next.wait()?;
            Err(io::Error::other(format!("it did not take over ({status})")))
        }
    }
}
