//! What the shim's threads share: the link, the connection, and the way to write to it.
//!
//! Two locks. `state` guards the link and is only held briefly. `writer` is held while writing to the
//! gateway, and taken before `state`: so frames are sent in the order of their numbers, and a gateway that
//! reads slowly does not block the other threads. Neither is held while writing to the client.

use std::io::{ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use snowgate_link::ShimLink;
use snowgate_link::credit::Window;
use snowgate_link::frame::{Frame, Kind};
use snowgate_link::hello::ClientHello;
use snowgate_link::os::{self, Stream};

use crate::report::say;

/// How long the gateway has to finish what it can after a goodbye.
const BYE_TIMEOUT: Duration = Duration::from_millis(80);

/// How long the goodbye waits for a thread that is stuck writing.
const LOCK_TIMEOUT: Duration = Duration::from_millis(10);

/// How often a waiting thread checks whether the client is still connected.
pub(crate) const HANGUP_CHECK: Duration = Duration::from_millis(200);

/// Shared by all threads.
pub(crate) struct Shared {
    state: Mutex<State>,
    writer: Mutex<()>,
    /// Signalled at the changes of `state` that a thread waits for.
    changed: Condvar,
    /// Set when the process is about to exit: a write that blocks is then given up, and no other connection made.
    is_exiting: AtomicBool,
}

/// Guarded by [`Shared::state`].
pub(crate) struct State {
    /// Numbers, retained lines, credit.
    pub(crate) link: ShimLink,
    /// The connection to write to; set and cleared by the main thread.
    pub(crate) stream: Option<Arc<Stream>>,
    /// The hello for the next connection; the main thread adds the session.
    pub(crate) hello: ClientHello,
    /// Whether the gateway has sent everything.
    pub(crate) gateway_done: bool,
    /// Frames that need no credit; they go before the lines.
    pub(crate) control: Vec<u8>,
    /// Threads that wait for `changed`. Without any, signalling would cost a system call for nothing.
    waiters: u32,
}

impl State {
    /// The hello for the next connection.
    pub(crate) fn hello(&self) -> ClientHello {
        ClientHello { state: self.link.state().map(str::to_owned), ..self.hello.clone() }
    }

    /// What may be written now.
    fn take_writable(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.control);
        while let Some(frame) = self.link.next_to_send() {
            bytes.extend_from_slice(frame);
        }
        bytes
    }
}

impl Shared {
    /// A link without a connection, and the hello for the first.
    pub(crate) fn new(hello: ClientHello) -> Self {
        let state = State {
            link: ShimLink::new(Window::default()),
            stream: None,
            hello,
            gateway_done: false,
            control: Vec::new(),
            waiters: 0,
        };
        Self {
            state: Mutex::new(state),
            writer: Mutex::new(()),
            changed: Condvar::new(),
            is_exiting: AtomicBool::new(false),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Releases `state` after a change that a thread may be waiting for.
    pub(crate) fn unlock_changed(&self, state: MutexGuard<'_, State>) {
        let waiters = state.waiters;
        drop(state);
        if waiters > 0 {
            self.changed.notify_all();
        }
    }

    /// Waits for a change, at most `timeout`.
    pub(crate) fn wait<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        timeout: Duration,
    ) -> MutexGuard<'a, State> {
        state.waiters += 1;
        let mut state = self.changed.wait_timeout(state, timeout).unwrap_or_else(PoisonError::into_inner).0;
        state.waiters -= 1;
        state
    }

    /// Whether a gateway has to be connected to: the client waits for something, and has not left.
    pub(crate) fn needs_gateway(&self, state: &State) -> bool {
        state.link.open_lines() > 0 && !self.is_exiting()
    }

    fn is_exiting(&self) -> bool {
        self.is_exiting.load(Ordering::Relaxed)
    }

    /// From here on the process is about to exit.
    fn begin_exit(&self) {
        self.is_exiting.store(true, Ordering::Relaxed);
    }

    /// Writes what may be written, in one piece.
    pub(crate) fn send(&self) {
        let writing = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.write(&writing);
    }

    fn write(&self, _writing: &MutexGuard<'_, ()>) {
        let mut state = self.lock();
        let Some(stream) = state.stream.clone() else { return };
        let bytes = state.take_writable();
        self.unlock_changed(state);
        self.write_gateway(&stream, &bytes);
    }

    /// Writes to the gateway. One that is gone is noticed by the main thread, which reads from it.
    fn write_gateway(&self, mut stream: &Stream, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match stream.write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // The send time-out: the gateway does not read. Without a client there is no reason to wait
                // for it.
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if self.is_exiting() || os::has_client_gone() {
                        std::process::exit(0);
                    }
                }
                Err(_) => return,
            }
        }
    }

    /// Says goodbye to the gateway, gives it a moment to finish, and exits the process.
    pub(crate) fn exit(&self) -> ! {
        let deadline = Instant::now() + BYE_TIMEOUT;
        self.begin_exit();
        if let Some(writing) = lock_within(&self.writer, LOCK_TIMEOUT) {
            if let Some(stream) = &self.lock().stream {
                // Refused only for a stream that is gone, which needs no time-out.
                let _ = stream.set_write_timeout(Some(BYE_TIMEOUT));
            }
            // The goodbye goes after the last line.
            self.write(&writing);
            Frame::control(Kind::Bye, 0, b"").encode(&mut self.lock().control);
            self.write(&writing);
            drop(writing);
            let mut state = self.lock();
            while state.stream.is_some() && !state.gateway_done && Instant::now() < deadline {
                state = self.wait(state, deadline.saturating_duration_since(Instant::now()));
            }
            let unanswered = state.link.open_lines();
            drop(state);
            if unanswered > 0 {
                say(&format!("client disconnected; requests unanswered: {unanswered}"));
            }
        }
        std::process::exit(0);
    }
}

/// Takes the lock, unless a stuck thread holds it for longer than `timeout`.
fn lock_within<T>(mutex: &Mutex<T>, timeout: Duration) -> Option<MutexGuard<'_, T>> {
    let deadline = Instant::now() + timeout;
    loop {
        match mutex.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => return None,
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use snowgate_link::hello::Role;

    use super::*;

    /// The gateway ends the session of a client that has said goodbye, and may be faster than the thread that exits:
    /// what was left unanswered must not be sent once more.
    #[test]
    fn no_gateway_is_needed_once_the_client_has_left() {
        let shared = Shared::new(ClientHello::new(Role::Client));
        assert!(!shared.needs_gateway(&shared.lock()), "nothing is asked");
        shared.lock().link.line(b"{}");
        assert!(shared.needs_gateway(&shared.lock()));
        shared.begin_exit();
        assert!(!shared.needs_gateway(&shared.lock()));
    }
}
