//! The forwarder: three threads around one [`ShimLink`].
//!
//! The stdin thread takes lines and sends frames, the main thread connects, reads frames and writes stdout, the signal
//! thread says goodbye. One lock guards the link; it is held while writing to the gateway, which always reads, and
//! never while writing to the client, which may not.

use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use interprocess::local_socket::Stream;
use interprocess::local_socket::prelude::*;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use snowgate_link::credit::Window;
use snowgate_link::endpoint::Endpoint;
use snowgate_link::frame::{Decoder, Frame, Kind};
use snowgate_link::hello::{ClientHello, Origin, Role};
use snowgate_link::lines::{Line, LineSplitter};
use snowgate_link::start::{Connected, Launcher, StartError, connect_or_start};
use snowgate_link::{Inbound, LINE_BYTES_MAX, ProtocolError, ShimLink, os};

use crate::args::{LAUNCH, Options, gateway_program};
use crate::report::{Failure, oversize_line, say};

/// Exit code for a fault of the program's own, from `sysexits.h`.
const EX_SOFTWARE: i32 = 70;

/// Bytes read at once from stdin and from the gateway.
const READ_BYTES: usize = 32 * 1024;

/// How long the gateway has to finish what it can after a goodbye.
const BYE_TIMEOUT: Duration = Duration::from_millis(80);

/// How long the goodbye waits for a thread that is stuck writing.
const LOCK_TIMEOUT: Duration = Duration::from_millis(10);

/// How often a thread that waits looks whether the client is still there.
const HANGUP_CHECK: Duration = Duration::from_millis(200);

/// Connections lost in a row, without one answer, before requests are given up: one of them may be the cause.
const LOSSES_MAX: u32 = 5;

/// Variables that a gateway gets from the shim that starts it, besides all of `SNOWGATE_*`, `SNOWFLAKE_*` and `LC_*`.
const PASSED_ON: [&str; 14] = [
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "PATH",
    "LANG",
    "TZ",
    "TMPDIR",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR",
    "RUST_BACKTRACE",
];

/// Variables that concern one client and must not reach the gateway that serves all.
const PER_CLIENT: [&str; 4] =
    ["SNOWGATE_PROFILE", "SNOWGATE_SESSION", "SNOWGATE_GATEWAY", "SNOWGATE_NO_AUTOSTART"];

/// Variables whose paths must be absolute, because the gateway runs in `/`.
const PATHS: [&str; 2] = ["SNOWGATE_HOME", "SNOWGATE_CONFIG"];

/// What the threads share.
struct Shim {
    state: Mutex<State>,
    /// Signalled at every change of `state` that somebody may wait for.
    changed: Condvar,
    options: Options,
}

/// Guarded by [`Shim::state`].
struct State {
    /// Numbers, retained lines, credit.
    link: ShimLink,
    /// The connection to write to; set and cleared by the main thread.
    stream: Option<Arc<Stream>>,
    /// What to say on the next connection; the main thread adds the session.
    hello: ClientHello,
    /// Whether the gateway has said everything.
    gateway_done: bool,
}

/// Why a connection is at its end.
enum Loss {
    /// The gateway is gone; whether it had answered anything on this connection.
    Gone { answered: bool },
    /// The gateway broke the protocol.
    Protocol(ProtocolError),
}

/// Forwards until the client is done. Never returns before: the process ends in [`Shim::leave`].
pub(crate) fn run(options: Options) -> ExitCode {
    // A shim that has lost a thread must not linger: its client can deal with one that ends.
    std::panic::set_hook(Box::new(|panic| {
        say(&panic.to_string());
        std::process::exit(EX_SOFTWARE);
    }));
    if io::stdin().is_terminal() {
        say("reading JSON-RPC from the terminal; MCP clients launch this program (--help)");
    }
    let mut hello = ClientHello::new(Role::Client);
    hello.profile.clone_from(&options.profile);
    hello.origin = origin();
    let state = State { link: ShimLink::new(Window::default()), stream: None, hello, gateway_done: false };
    let shim = Arc::new(Shim { state: Mutex::new(state), changed: Condvar::new(), options });
    let signals = signals();
    let (stdin_shim, signal_shim) = (Arc::clone(&shim), Arc::clone(&shim));
    std::thread::spawn(move || stdin_shim.read_client());
    if let Ok(mut signals) = signals {
        std::thread::spawn(move || {
            // A byte is a signal; anything else means that none can come any more.
            if signals.read_exact(&mut [0]).is_ok() {
                signal_shim.leave();
            }
        });
    }
    shim.serve()
}

/// Where a byte comes for every signal that asks the shim to end.
fn signals() -> io::Result<UnixStream> {
    let (read, write) = UnixStream::pair()?;
    for signal in [SIGTERM, SIGINT, SIGHUP] {
        signal_hook::low_level::pipe::register(signal, write.try_clone()?)?;
    }
    Ok(read)
}

fn origin() -> Origin {
    let parent = rustix::process::getppid().and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok());
    Origin {
        pid: std::process::id(),
        parent_exe: parent.and_then(os::executable_of).map(|path| path.to_string_lossy().into_owned()),
        cwd: std::env::current_dir().ok().map(|path| path.to_string_lossy().into_owned()),
    }
}

impl Shim {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The main thread: one connection after the other.
    fn serve(&self) -> ! {
        let mut losses = 0;
        loop {
            let failure = match self.connect() {
                Ok(connected) => match self.read_gateway(*connected) {
                    Loss::Gone { answered: true } => {
                        losses = 0;
                        None
                    }
                    Loss::Gone { answered: false } if losses + 1 < LOSSES_MAX => {
                        losses += 1;
                        None
                    }
                    Loss::Gone { answered: false } => Some(Failure {
                        message: format!(
                            "the gateway went away {LOSSES_MAX} times without answering this request"
                        ),
                        next_step: Some(
                            "look at its log with `snowgate status`; another request may work".into(),
                        ),
                    }),
                    Loss::Protocol(error) => Some(Failure { message: error.to_string(), next_step: None }),
                },
                Err(error) => Some(Failure { message: describe(&error), next_step: error.next_step() }),
            };
            if let Some(failure) = failure {
                losses = 0;
                self.fail(&failure);
            }
            self.wait_for_line();
        }
    }

    fn connect(&self) -> Result<Box<Connected>, StartError> {
        let hello = self.lock().hello.clone();
        let endpoint = Endpoint::resolve(self.options.socket.as_deref(), self.options.home.as_deref())?;
        let launcher = (!self.options.no_autostart).then(|| launcher(&self.options));
        connect_or_start(&endpoint, &hello, launcher.as_ref()).map(Box::new)
    }

    /// Reads one connection to its end.
    fn read_gateway(&self, connected: Connected) -> Loss {
        let stream = Arc::new(connected.stream);
        // A write that cannot go on for this long looks whether the client is still there.
        let _ = stream.set_send_timeout(Some(HANGUP_CHECK));
        let given_up = {
            let mut state = self.lock();
            let given_up = state.link.connected(&connected.welcome);
            state.hello.session = connected.welcome.session;
            state.stream = Some(Arc::clone(&stream));
            state.send();
            given_up
        };
        self.changed.notify_all();
        let lost =
            "the gateway that ran this request is gone and its session is lost; the outcome is unknown";
        self.answer_all(
            &given_up,
            &Failure { message: lost.into(), next_step: Some("check before you retry".into()) },
        );

        let mut decoder = Decoder::new();
        decoder.push(&connected.rest);
        let mut answered = false;
        let loss = loop {
            match self.take_frames(&mut decoder) {
                Ok(delivered) => answered |= delivered,
                Err(error) => break Loss::Protocol(error),
            }
            if !read_some(&stream, &mut decoder) {
                break Loss::Gone { answered };
            }
        };
        let mut state = self.lock();
        state.stream = None;
        state.link.disconnected();
        drop(state);
        self.changed.notify_all();
        loss
    }

    /// Takes the frames that are whole; gives whether the client got anything.
    fn take_frames(&self, decoder: &mut Decoder) -> Result<bool, ProtocolError> {
        let mut to_client = Vec::new();
        let mut lengths = Vec::new();
        let mut gateway_done = false;
        {
            let mut state = self.lock();
            while let Some(frame) = decoder.frame()? {
                let verdict = state.link.received(&frame)?;
                if verdict == Inbound::Deliver {
                    to_client.extend_from_slice(frame.payload);
                    to_client.push(b'\n');
                }
                if frame.kind == Kind::Line {
                    lengths.push(frame.payload.len());
                }
                gateway_done |= verdict == Inbound::Bye;
            }
        }
        self.write_client(&to_client);
        let mut state = self.lock();
        let credit: Vec<u8> =
            lengths.iter().filter_map(|&bytes| state.link.delivered(bytes)).flatten().collect();
        state.write(&credit);
        state.send();
        state.gateway_done |= gateway_done;
        drop(state);
        self.changed.notify_all();
        Ok(!to_client.is_empty())
    }

    /// Writes to the client; a client that does not listen any more is done.
    fn write_client(&self, bytes: &[u8]) {
        if write_stdout(bytes).is_err() {
            self.leave();
        }
    }

    /// Answers everything the client waits for with an error.
    fn fail(&self, failure: &Failure) {
        say(&failure.to_text());
        let lines = self.lock().link.give_up_all();
        self.answer_all(&lines, failure);
        self.changed.notify_all();
    }

    fn answer_all(&self, lines: &[Vec<u8>], failure: &Failure) {
        let answers: Vec<u8> = lines.iter().filter_map(|line| failure.answer(line)).flatten().collect();
        self.write_client(&answers);
    }

    /// A gateway is only needed again when the client says something.
    fn wait_for_line(&self) {
        let state = self.lock();
        let idle = |state: &mut State| state.link.open_lines() == 0;
        drop(self.changed.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner));
    }

    /// The stdin thread.
    fn read_client(&self) {
        let mut splitter = LineSplitter::new(LINE_BYTES_MAX);
        let mut bytes = vec![0; READ_BYTES];
        loop {
            match io::stdin().lock().read(&mut bytes) {
                Ok(0) => break,
                Ok(read) => splitter.push(&bytes[..read], |line| self.take_line(&line)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if os::wait_ready(io::stdin(), false).is_err() {
                        break;
                    }
                }
                Err(_) => break,
            }
            self.lock().send();
            self.changed.notify_all();
        }
        splitter.end(|line| self.take_line(&line));
        self.leave();
    }

    fn take_line(&self, line: &Line<'_>) {
        let line = match line {
            Line::Whole(line) => line,
            Line::Oversize { bytes, scanned } => {
                return self.write_client(&oversize_line(scanned.id.as_deref(), *bytes));
            }
        };
        let mut state = self.lock();
        if !state.link.accepts_line() {
            state.send();
            self.changed.notify_all();
        }
        while !state.link.accepts_line() {
            state = self.changed.wait_timeout(state, HANGUP_CHECK).unwrap_or_else(PoisonError::into_inner).0;
            if os::has_hung_up(io::stdin()) {
                drop(state);
                self.leave();
            }
        }
        state.link.line(line);
    }

    /// Says goodbye to the gateway, gives it a moment to finish, and ends the process.
    fn leave(&self) -> ! {
        let deadline = Instant::now() + BYE_TIMEOUT;
        if let Some(mut state) = self.lock_within(LOCK_TIMEOUT) {
            state.send();
            state.write(&Frame::control(Kind::Bye, 0, b"").to_bytes());
            while state.stream.is_some() && !state.gateway_done && Instant::now() < deadline {
                let left = deadline.saturating_duration_since(Instant::now());
                state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            }
            let unanswered = state.link.open_lines();
            if unanswered > 0 {
                say(&format!("the client left with {unanswered} message(s) unanswered"));
            }
        }
        std::process::exit(0);
    }

    /// The lock, unless a thread that is stuck writing keeps it for longer than `timeout`.
    fn lock_within(&self, timeout: Duration) -> Option<MutexGuard<'_, State>> {
        let deadline = Instant::now() + timeout;
        loop {
            if let Ok(state) = self.state.try_lock() {
                return Some(state);
            }
            if Instant::now() >= deadline {
                return None;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl State {
    /// Sends what may be sent, in one write.
    fn send(&mut self) {
        let mut frames = Vec::new();
        while let Some(frame) = self.link.next_to_send() {
            frames.extend_from_slice(frame);
        }
        self.write(&frames);
    }

    /// Writes to the gateway. A gateway that is gone is noticed by the main thread, which reads from it.
    fn write(&self, mut bytes: &[u8]) {
        let Some(stream) = &self.stream else { return };
        while !bytes.is_empty() {
            match (&**stream).write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if os::has_hung_up(io::stdin()) {
                        std::process::exit(0);
                    }
                }
                Err(_) => return,
            }
        }
    }
}

/// Reads what the gateway has sent; `false` at the end of the connection.
fn read_some(mut stream: &Stream, decoder: &mut Decoder) -> bool {
    let buffer = decoder.buffer();
    let held = buffer.len();
    buffer.resize(held + READ_BYTES, 0);
    loop {
        let read = stream.read(&mut buffer[held..]);
        match read {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(read) => {
                buffer.truncate(held + read);
                return read > 0;
            }
            Err(_) => {
                buffer.truncate(held);
                return false;
            }
        }
    }
}

fn write_stdout(mut bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    while !bytes.is_empty() {
        match stdout.write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => os::wait_ready(io::stdout(), true)?,
            Err(error) => return Err(error),
        }
    }
    stdout.flush()
}

/// The error and all its causes in one line.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn launcher(options: &Options) -> Launcher {
    let own = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("snowgate-shim"));
    let gateway = gateway_program(options.gateway.as_deref(), &own);
    let environment = std::env::vars_os().filter_map(|(name, value)| {
        let text = name.to_str()?;
        let family = ["SNOWGATE_", "SNOWFLAKE_", "LC_"].iter().any(|prefix| text.starts_with(prefix));
        if PER_CLIENT.contains(&text) || !(family || PASSED_ON.contains(&text)) {
            return None;
        }
        let value = if PATHS.contains(&text) { std::path::absolute(&value).ok()?.into() } else { value };
        Some((name, value))
    });
    Launcher { intermediate: (own, vec![LAUNCH.into()]), gateway, environment: environment.collect() }
}
