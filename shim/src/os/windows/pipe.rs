//! The connection to a gateway: a named pipe that is read and written at the same time.
//!
//! A write that takes too long goes on: what the other end has not read of one that is given up is gone, and nothing says how much
//! that is. So it keeps its bytes, and the next write waits for it.
//!
//! A handle without FILE_FLAG_OVERLAPPED does one thing after the other: a write would wait for the end of a read that waits for
//! the gateway. Source: "Synchronous and Overlapped Input and Output" of the Windows documentation.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use windows_sys::Win32::Foundation::{
    ERROR_BROKEN_PIPE, ERROR_IO_PENDING, ERROR_NO_DATA, ERROR_OPERATION_ABORTED, ERROR_PIPE_BUSY,
    ERROR_PIPE_NOT_CONNECTED, ERROR_SEM_TIMEOUT, HANDLE, WAIT_OBJECT_0,
};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_FLAG_OVERLAPPED, ReadFile, SECURITY_IDENTIFICATION, WriteFile,
};
use windows_sys::Win32::System::IO::{CancelIoEx, GetOverlappedResult, OVERLAPPED};
use windows_sys::Win32::System::Pipes::{GetNamedPipeServerProcessId, WaitNamedPipeW};
use windows_sys::Win32::System::Threading::{
    CreateEventW, INFINITE, OpenProcess, PROCESS_QUERY_LIMITED_INFORMATION, WaitForSingleObject,
};

use super::security::Descriptor;
use super::user::user_of;
use super::{User, check, user, wide};

/// Bytes that are written at once, at most: as many as a gateway's pipe holds.
const WRITE_BYTES_MAX: usize = 64 * 1024;

/// How long an instance is waited for before the pipe is tried again: one whose process has ended may be there still, and
/// those who wait are not told.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// The pause before a pipe is tried again that could not be waited for.
const AGAIN: Duration = Duration::from_millis(5);

/// A connection; a reference reads and writes, from two threads at the same time.
#[derive(Debug)]
pub struct Stream {
    pipe: File,
    reading: Direction,
    writing: Direction,
    /// The write that was begun and has not ended.
    begun: Mutex<Option<Begun>>,
}

/// A write on its way.
struct Begun {
    /// The system writes to it until the end.
    state: Box<OVERLAPPED>,
    /// What the system reads until then.
    bytes: Vec<u8>,
}

// SAFETY: it is used by one thread at a time (under the lock of `begun`), and the event in it is its connection's.
unsafe impl Send for Begun {}

impl std::fmt::Debug for Begun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.bytes.len())
    }
}

/// One direction of a connection.
#[derive(Debug)]
struct Direction {
    /// Set by the system when something is done. The lock: one thing is done at a time.
    done: Mutex<OwnedHandle>,
    /// How long one may take, in milliseconds.
    timeout_ms: AtomicU32,
}

impl Direction {
    fn new() -> io::Result<Self> {
        // SAFETY: no attributes and no name; reset by hand, which ReadFile and WriteFile do.
        let event = unsafe { CreateEventW(ptr::null(), 1, 0, ptr::null()) };
        if event.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: it was just made, and nothing else knows it.
        let event = unsafe { OwnedHandle::from_raw_handle(event) };
        Ok(Self { done: Mutex::new(event), timeout_ms: AtomicU32::new(INFINITE) })
    }

    fn set_timeout(&self, timeout: Option<Duration>) {
        self.timeout_ms.store(timeout.map_or(INFINITE, milliseconds), Ordering::Relaxed);
    }

    /// Begins something with `begin` and waits for its end; how many bytes it was about.
    fn run(&self, pipe: &File, begin: impl FnOnce(HANDLE, *mut OVERLAPPED) -> i32) -> io::Result<usize> {
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let handle = pipe.as_raw_handle();
        let mut state = OVERLAPPED { hEvent: done.as_raw_handle(), ..OVERLAPPED::default() };
        let place = &raw mut state;
        if let Err(error) = check(begin(handle, place))
            && error.raw_os_error() != Some(ERROR_IO_PENDING.cast_signed())
        {
            return Err(error);
        }
        let timeout_ms = self.timeout_ms.load(Ordering::Relaxed);
        // SAFETY: an event that lives as long as the lock is held.
        let is_late = unsafe { WaitForSingleObject(done.as_raw_handle(), timeout_ms) } != WAIT_OBJECT_0;
        if is_late {
            // SAFETY: what was begun above; it may be done by now, which is not an error.
            unsafe { CancelIoEx(handle, place) };
        }
        // Until its end the system uses the caller's bytes and `state`.
        match result_of(handle, place) {
            Err(error) if is_late && is_one_of(&error, &[ERROR_OPERATION_ABORTED]) => {
                Err(ErrorKind::TimedOut.into())
            }
            other => other,
        }
    }
}

impl Stream {
    fn new(pipe: File) -> io::Result<Self> {
        Ok(Self { pipe, reading: Direction::new()?, writing: Direction::new()?, begun: Mutex::default() })
    }

    /// How long a read may take; `None`: for ever.
    ///
    /// # Errors
    /// None.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.reading.set_timeout(timeout);
        Ok(())
    }

    /// How long a write may take; `None`: for ever.
    ///
    /// # Errors
    /// None.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.writing.set_timeout(timeout);
        Ok(())
    }
}

impl Read for &Stream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let (room, length) = (bytes.as_mut_ptr(), u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        let read = self.reading.run(&self.pipe, |pipe, state| {
            // SAFETY: `room` has `length` bytes, and is the caller's until `run` returns, which is at its end.
            unsafe { ReadFile(pipe, room, length, ptr::null_mut(), state) }
        });
        match read {
            // The other end is closed, and all that it has written is read.
            Err(error) if is_closed(&error) => Ok(0),
            other => other,
        }
    }
}

impl Write for &Stream {
    /// After `TimedOut` the same bytes are to be written again: some of them are on their way.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let done = self.writing.done.lock().unwrap_or_else(PoisonError::into_inner);
        let pipe = self.pipe.as_raw_handle();
        if begun.is_none() {
            let state = Box::new(OVERLAPPED { hEvent: done.as_raw_handle(), ..OVERLAPPED::default() });
            let next =
                begun.insert(Begun { state, bytes: bytes[..bytes.len().min(WRITE_BYTES_MAX)].to_vec() });
            let length = u32::try_from(next.bytes.len()).unwrap_or(0);
            // SAFETY: bytes and state that stay where they are until the write has ended, see below and `drop`.
            let started = check(unsafe {
                WriteFile(pipe, next.bytes.as_ptr(), length, ptr::null_mut(), &raw mut *next.state)
            });
            if let Err(error) = started
                && !is_one_of(&error, &[ERROR_IO_PENDING])
            {
                *begun = None;
                return Err(if is_closed(&error) { ErrorKind::BrokenPipe.into() } else { error });
            }
        }
        let timeout_ms = self.writing.timeout_ms.load(Ordering::Relaxed);
        // SAFETY: an event that lives as long as the lock is held.
        if unsafe { WaitForSingleObject(done.as_raw_handle(), timeout_ms) } != WAIT_OBJECT_0 {
            return Err(ErrorKind::TimedOut.into());
        }
        let Some(mut ended) = begun.take() else { return Ok(0) };
        match result_of(pipe, &raw mut *ended.state) {
            Err(error) if is_closed(&error) => Err(ErrorKind::BrokenPipe.into()),
            other => other,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(mut begun) = self.begun.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let (pipe, state) = (self.pipe.as_raw_handle(), &raw mut *begun.state);
            // SAFETY: what was begun; the system lets its bytes go before the next line returns.
            unsafe { CancelIoEx(pipe, state) };
            let _ = result_of(pipe, state);
        }
    }
}

/// Waits for the end of what was begun; how many bytes it was about.
fn result_of(pipe: HANDLE, state: *mut OVERLAPPED) -> io::Result<usize> {
    let mut bytes = 0;
    // SAFETY: the callers have begun it, and keep what the system uses until this returns.
    check(unsafe { GetOverlappedResult(pipe, state, &raw mut bytes, 1) })?;
    Ok(bytes as usize)
}

impl Read for Stream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        (&*self).read(bytes)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn is_one_of(error: &io::Error, codes: &[u32]) -> bool {
    error.raw_os_error().is_some_and(|code| codes.contains(&code.cast_unsigned()))
}

fn is_closed(error: &io::Error) -> bool {
    is_one_of(error, &[ERROR_BROKEN_PIPE, ERROR_NO_DATA, ERROR_PIPE_NOT_CONNECTED])
}

fn milliseconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(INFINITE - 1).clamp(1, INFINITE - 1)
}

/// Connects to the pipe at `path`; while all of its instances are taken (its process may be busy or frozen), it waits for
/// one. What listens there may learn who this user is, and not act as him.
///
/// # Errors
/// The system's; `TimedOut` if there was no instance for as long as `timeout`.
pub fn connect(path: &Path, timeout: Duration) -> io::Result<Stream> {
    let deadline = Instant::now() + timeout;
    let mut options = OpenOptions::new();
    options.read(true).write(true).share_mode(0);
    options.custom_flags(FILE_FLAG_OVERLAPPED).security_qos_flags(SECURITY_IDENTIFICATION);
    let name = wide(path.as_os_str());
    loop {
        match options.open(path) {
            Err(error) if is_one_of(&error, &[ERROR_PIPE_BUSY]) => {}
            Err(error) => return Err(error),
            Ok(pipe) => return Stream::new(pipe),
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        // SAFETY: a name that ends with NUL.
        let waited = check(unsafe { WaitNamedPipeW(name.as_ptr(), milliseconds(left.min(WAIT_MAX))) });
        // Another may be quicker than this one; the time may be up; or its process has ended meanwhile, which is said in
        // several ways. The next look tells.
        if waited.is_err_and(|error| !is_one_of(&error, &[ERROR_SEM_TIMEOUT])) {
            std::thread::sleep(AGAIN);
        }
    }
}

/// The user of the process at the other end, if the system reports it. The pipe must be that user's, too: a process's number may be
/// another's by now, and a pipe is its first maker's.
pub fn peer_user(stream: &Stream) -> Option<User> {
    let mut pid = 0;
    // SAFETY: a pipe that is open, and room for a number.
    check(unsafe { GetNamedPipeServerProcessId(stream.pipe.as_raw_handle(), &raw mut pid) }).ok()?;
    let owner = User(Descriptor::of_pipe(&stream.pipe).ok()?.owner().ok()?);
    if owner == user() { user_of_process(pid) } else { Some(owner) }
}

/// The user of process `pid`, if the system reports it.
pub fn user_of_process(pid: u32) -> Option<User> {
    // SAFETY: numbers only.
    let process = unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, pid) };
    if process.is_null() {
        return None;
    }
    // SAFETY: it was just opened, and nothing else knows it.
    let process = unsafe { OwnedHandle::from_raw_handle(process) };
    user_of(process.as_raw_handle()).ok()
}

#[cfg(test)]
mod tests {
    use windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE;
    use windows_sys::Win32::Storage::FileSystem::{FILE_FLAG_FIRST_PIPE_INSTANCE, PIPE_ACCESS_DUPLEX};
    use windows_sys::Win32::System::Pipes::{ConnectNamedPipe, CreateNamedPipeW, PIPE_REJECT_REMOTE_CLIENTS};

    use super::super::private_pipe;
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// A pipe with one instance, and its name.
    fn listen(name: &str) -> (Stream, std::path::PathBuf) {
        listen_as(name, &private_pipe().unwrap()).unwrap()
    }

    fn listen_as(name: &str, descriptor: &Descriptor) -> io::Result<(Stream, std::path::PathBuf)> {
        let path = std::path::PathBuf::from(format!(r"\\.\pipe\snowgate-test-{}-{name}", std::process::id()));
        let text = wide(path.as_os_str());
        let attributes = descriptor.attributes();
        let mode = PIPE_ACCESS_DUPLEX | FILE_FLAG_FIRST_PIPE_INSTANCE | FILE_FLAG_OVERLAPPED;
        // SAFETY: a name that ends with NUL, and attributes that outlive the call.
        let pipe = unsafe {
            CreateNamedPipeW(
                text.as_ptr(),
                mode,
                PIPE_REJECT_REMOTE_CLIENTS,
                1,
                4096,
                4096,
                0,
                &raw const attributes,
            )
        };
        if pipe == INVALID_HANDLE_VALUE {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: it was just made.
        Ok((Stream::new(unsafe { File::from_raw_handle(pipe) })?, path))
    }

    fn accept(server: &Stream) {
        let accepted = server.reading.run(&server.pipe, |pipe, state| {
            // SAFETY: a pipe that is open, and a state that `run` keeps.
            unsafe { ConnectNamedPipe(pipe, state) }
        });
        let is_there = |error: &io::Error| error.raw_os_error() == Some(535);
        assert!(accepted.as_ref().is_err_and(is_there) || accepted.is_ok(), "{accepted:?}");
    }

    #[test]
    fn it_is_read_and_written_at_the_same_time_and_says_who_is_there() {
        let (server, path) = listen("both");
        let client = connect(&path, LONG).unwrap();
        accept(&server);
        assert_eq!(peer_user(&client), Some(user()));
        std::thread::scope(|scope| {
            let reading = scope.spawn(|| {
                let mut bytes = [0; 16];
                let read = (&client).read(&mut bytes).unwrap();
                bytes[..read].to_vec()
            });
            (&client).write_all(b"question").unwrap();
            let mut bytes = [0; 8];
            (&server).read_exact(&mut bytes).unwrap();
            (&server).write_all(b"answer").unwrap();
            assert_eq!((&bytes, reading.join().unwrap().as_slice()), (b"question", &b"answer"[..]));
        });
        (&server).write_all(b"last words").unwrap();
        drop(server);
        let mut rest = Vec::new();
        (&client).read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"last words");
        assert_eq!((&client).write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
    }

    #[test]
    fn a_pipe_of_another_owner_is_another_users_though_its_process_is_this_users() {
        let foreign = Descriptor::parse("O:SYD:P(A;;GA;;;WD)").unwrap();
        // Windows lets a user without privileges make nothing that another owns; Wine does.
        let Ok((_server, path)) = listen_as("foreign", &foreign) else { return };
        let client = connect(&path, LONG).unwrap();
        assert_eq!(peer_user(&client), Some(User("S-1-5-18".to_owned())));
    }

    #[test]
    fn what_takes_too_long_is_given_up_and_may_be_tried_again() {
        let (server, path) = listen("late");
        let client = connect(&path, LONG).unwrap();
        accept(&server);
        let soon = Some(Duration::from_millis(20));
        client.set_read_timeout(soon).unwrap();
        let mut bytes = [0; 4];
        assert_eq!((&client).read(&mut bytes).unwrap_err().kind(), ErrorKind::TimedOut);
        client.set_write_timeout(soon).unwrap();
        (&server).write_all(b"late").unwrap();
        assert_eq!((&client).read(&mut bytes).unwrap(), 4);
    }

    #[test]
    fn a_write_that_takes_too_long_is_neither_cut_nor_repeated() {
        let (server, path) = listen("slow");
        let client = connect(&path, LONG).unwrap();
        accept(&server);
        client.set_write_timeout(Some(Duration::from_millis(5))).unwrap();
        let line: Vec<u8> = (0..300_000_u32).map(|at| (at % 251) as u8).collect();
        std::thread::scope(|scope| {
            let reading = scope.spawn(|| {
                let mut seen = vec![0; 10];
                (&server).read_exact(&mut seen).unwrap();
                // Many times as long as a write may take.
                std::thread::sleep(Duration::from_millis(100));
                let mut rest = vec![0; line.len() - seen.len()];
                (&server).read_exact(&mut rest).unwrap();
                seen.extend(rest);
                seen
            });
            let (mut left, mut late) = (line.as_slice(), 0);
            while !left.is_empty() {
                match (&client).write(left) {
                    Ok(written) => left = &left[written..],
                    Err(error) if error.kind() == ErrorKind::TimedOut => late += 1,
                    Err(error) => panic!("{error}"),
                }
            }
            assert!(late > 0, "the other end was slow");
            assert!(reading.join().unwrap() == line, "every byte once");
        });
    }

    #[test]
    fn a_write_on_its_way_ends_with_its_connection() {
        let (server, path) = listen("left");
        let client = connect(&path, LONG).unwrap();
        accept(&server);
        client.set_write_timeout(Some(Duration::from_millis(5))).unwrap();
        let full = std::iter::repeat_with(|| (&client).write(&[0; 65_536])).find_map(Result::err).unwrap();
        assert_eq!(full.kind(), ErrorKind::TimedOut);
        drop(client);
        let mut rest = Vec::new();
        (&server).read_to_end(&mut rest).unwrap();
    }

    #[test]
    fn none_and_one_that_is_busy_are_told_apart() {
        let missing = Path::new(r"\\.\pipe\snowgate-test-none");
        assert_eq!(connect(missing, LONG).unwrap_err().kind(), ErrorKind::NotFound);
        let (_server, path) = listen("busy");
        let _first = connect(&path, LONG).unwrap();
        assert_eq!(connect(&path, Duration::from_millis(20)).unwrap_err().kind(), ErrorKind::TimedOut);
    }
}
