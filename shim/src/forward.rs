//! The forwarder: three threads around one [`snowgate_link::ShimLink`].
//!
//! The stdin thread takes lines and sends frames, the main thread connects, reads frames and writes stdout,
//! the signal thread says goodbye. [`Shared`] is what they have in common.

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use snowgate_link::endpoint::Endpoint;
use snowgate_link::frame::{Decoder, Kind};
use snowgate_link::hello::{ClientHello, Origin, Role};
use snowgate_link::lines::{Line, LineSplitter};
use snowgate_link::os::{self, ExitRequests, GATEWAY_VARIABLES, Stream};
use snowgate_link::settings::{ClientSettings, is_per_client};
use snowgate_link::start::{Connected, Launcher, Past, StartError, connect_or_start};
use snowgate_link::{GivenUp, Inbound, LINE_BYTES_MAX, ProtocolError};

use crate::args::{LAUNCH, Options, gateway_program};
use crate::report::{Failure, oversize_line, say};
use crate::shared::{HANGUP_CHECK, Shared, State};

/// Exit code for a stdout that is not open, from `sysexits.h`.
const EX_IOERR: u8 = 74;

/// Exit code for a fault of the program's own, from `sysexits.h`.
const EX_SOFTWARE: i32 = 70;

/// Bytes read at once from stdin and from the gateway.
const READ_BYTES: usize = 32 * 1024;

/// Connections lost in a row, without one answer, before requests are given up: one of the requests may be
/// the cause.
const LOSSES_MAX: u32 = 5;

/// A shim: what its threads share, and how it was launched.
struct Shim {
    shared: Shared,
    options: Options,
    /// This program, as it was found at the start: the system has no path of a file that an upgrade has replaced.
    own: PathBuf,
    /// Unbuffered: std's own stdout may keep the end of a line back. Locked for the length of whole lines.
    stdout: Mutex<File>,
}

/// Why a connection ended.
enum Disconnect {
    /// The gateway closed it or exited; whether it had answered anything on this connection.
    Closed { answered: bool },
    /// The gateway broke the protocol.
    Protocol(ProtocolError),
}

/// What one read from the gateway contained.
#[derive(Default)]
struct Received {
    /// Lines for the client.
    to_client: Vec<u8>,
    /// Whether lines that had to wait may be sent now.
    has_credit: bool,
    /// Whether the gateway has sent everything.
    gateway_done: bool,
}

impl Received {
    fn decode(&mut self, decoder: &mut Decoder, state: &mut State) -> Result<(), ProtocolError> {
        while let Some(frame) = decoder.frame()? {
            let inbound = state.link.received(&frame)?;
            if inbound == Inbound::Deliver {
                self.to_client.extend_from_slice(frame.payload);
                self.to_client.push(b'\n');
            }
            if frame.kind == Kind::Line
                && let Some(credit) = state.link.delivered(frame.payload.len())
            {
                state.control.extend(credit);
            }
            self.has_credit |= frame.kind == Kind::Credit;
            self.gateway_done |= inbound == Inbound::Bye;
        }
        Ok(())
    }
}

/// Forwards until the client is done; the process ends in [`Shared::exit`]. Returns only if stdout is not
/// open.
pub(crate) fn run(options: Options) -> ExitCode {
    // A shim that has lost a thread must exit: a client can handle that, but not a shim that hangs.
    std::panic::set_hook(Box::new(|panic| {
        say(&panic.to_string());
        std::process::exit(EX_SOFTWARE);
    }));
    if io::stdin().is_terminal() {
        say("reading JSON-RPC from a terminal (see --help)");
    }
    let mut hello = ClientHello::new(Role::Client);
    hello.profile.clone_from(&options.profile);
    hello.session_name.clone_from(&options.session);
    hello.origin = origin();
    let stdout = match os::stdout() {
        Ok(stdout) => Mutex::new(stdout),
        Err(error) => {
            say(&format!("cannot use stdout: {error}"));
            return ExitCode::from(EX_IOERR);
        }
    };
    let own = os::own_program().unwrap_or_else(|| PathBuf::from("snowgate-shim"));
    let shim = Arc::new(Shim { shared: Shared::new(hello), options, own, stdout });
    let requests = ExitRequests::listen();
    let (stdin_shim, signal_shim) = (Arc::clone(&shim), Arc::clone(&shim));
    std::thread::spawn(move || stdin_shim.read_client());
    if let Ok(mut requests) = requests {
        std::thread::spawn(move || {
            if requests.wait() {
                signal_shim.shared.exit();
            }
        });
    }
    shim.serve()
}

fn origin() -> Origin {
    Origin {
        pid: std::process::id(),
        parent_exe: os::parent().and_then(os::executable_of).map(|path| path.to_string_lossy().into_owned()),
        cwd: std::env::current_dir().ok().map(|path| path.to_string_lossy().into_owned()),
    }
}

impl Shim {
    /// The main thread: one connection after the other.
    fn serve(&self) -> ! {
        let (mut losses, mut past) = (0, Past::default());
        loop {
            let failure = match self.connect(&mut past) {
                Ok(connected) => match self.read_gateway(connected) {
                    Disconnect::Closed { answered: true } => {
                        losses = 0;
                        None
                    }
                    Disconnect::Closed { answered: false } if losses + 1 < LOSSES_MAX => {
                        losses += 1;
                        None
                    }
                    Disconnect::Closed { answered: false } => Some(Failure {
                        message: format!(
                            "the gateway disconnected {LOSSES_MAX} times without answering this request"
                        ),
                        next_step: Some(
                            "see its log (`snowgate status` has the path); other requests may work".into(),
                        ),
                    }),
                    Disconnect::Protocol(error) => {
                        Some(Failure { message: error.to_string(), next_step: None })
                    }
                },
                Err(error) => Some(Failure { message: describe(&error), next_step: error.next_step() }),
            };
            if let Some(failure) = failure {
                losses = 0;
                self.fail(&failure);
            }
            self.wait_until_needed();
        }
    }

    fn connect(&self, past: &mut Past) -> Result<Connected, StartError> {
        let mut hello = self.shared.lock().hello();
        let launcher = launcher(&self.options, &self.own);
        hello.settings = Some(ClientSettings::of(&launcher.environment));
        let endpoint = Endpoint::resolve(self.options.socket.as_deref(), self.options.home.as_deref())?;
        let launcher = (!self.options.no_autostart).then_some(&launcher);
        connect_or_start(&endpoint, &hello, launcher, past)
    }

    /// Reads one connection to its end.
    fn read_gateway(&self, connected: Connected) -> Disconnect {
        let stream = Arc::new(connected.stream);
        // A write that blocks for this long checks whether the client is still connected.
        let _ = stream.set_write_timeout(Some(HANGUP_CHECK));
        let mut state = self.shared.lock();
        let given_up = state.link.connected(&connected.welcome);
        state.hello.session = connected.welcome.session;
        state.stream = Some(Arc::clone(&stream));
        state.gateway_done = false;
        // Control frames of the last connection have no meaning on this one.
        state.control.clear();
        self.shared.unlock_changed(state);
        self.shared.send();
        let message = "the gateway exited during this request, and its session is lost".to_owned();
        self.answer_all(&given_up, &Failure { message, next_step: None });

        let mut decoder = Decoder::new();
        decoder.push(&connected.rest);
        let mut bytes = vec![0; READ_BYTES];
        let mut answered = false;
        let disconnect = loop {
            match self.process_frames(&mut decoder) {
                Ok(delivered) => answered |= delivered,
                Err(error) => break Disconnect::Protocol(error),
            }
            match read_some(&stream, &mut bytes) {
                0 => break Disconnect::Closed { answered },
                read => decoder.push(&bytes[..read]),
            }
        };
        let mut state = self.shared.lock();
        state.stream = None;
        state.link.disconnected();
        self.shared.unlock_changed(state);
        disconnect
    }

    /// Processes the frames that are complete; returns whether the client was sent anything.
    fn process_frames(&self, decoder: &mut Decoder) -> Result<bool, ProtocolError> {
        let mut received = Received::default();
        let mut state = self.shared.lock();
        let outcome = received.decode(decoder, &mut state);
        let must_send = received.has_credit || !state.control.is_empty();
        drop(state);
        // Also what came before a broken frame: it is answered, and counts as that.
        self.write_client(&received.to_client);
        if must_send {
            self.shared.send();
        }
        if received.gateway_done {
            // Only now: the thread that waits for this exits the process.
            let mut state = self.shared.lock();
            state.gateway_done = true;
            self.shared.unlock_changed(state);
        }
        outcome.map(|()| !received.to_client.is_empty())
    }

    /// Writes to the client; a client that no longer reads is treated as gone.
    fn write_client(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let stdout = self.stdout.lock().unwrap_or_else(PoisonError::into_inner);
        if write_all(&stdout, bytes).is_err() {
            drop(stdout);
            self.shared.exit();
        }
    }

    /// Answers every open request with an error.
    fn fail(&self, failure: &Failure) {
        say(&failure.to_text());
        let mut state = self.shared.lock();
        let lines = state.link.give_up_all();
        self.shared.unlock_changed(state);
        self.answer_all(&lines, failure);
    }

    fn answer_all(&self, lines: &[GivenUp], failure: &Failure) {
        let answers: Vec<u8> = lines.iter().filter_map(|line| failure.answer(line)).flatten().collect();
        self.write_client(&answers);
    }

    /// Waits until a gateway is needed: for the client's next line, or for the end of the process.
    fn wait_until_needed(&self) {
        let mut state = self.shared.lock();
        while !self.shared.needs_gateway(&state) {
            state = self.shared.wait(state, Duration::MAX);
        }
    }

    /// The stdin thread.
    fn read_client(&self) {
        let mut splitter = LineSplitter::new(LINE_BYTES_MAX);
        let mut bytes = vec![0; READ_BYTES];
        loop {
            match os::read_stdin(&mut bytes) {
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
            self.shared.send();
        }
        splitter.end(|line| self.take_line(&line));
        self.shared.exit();
    }

    fn take_line(&self, line: &Line<'_>) {
        let line = match line {
            Line::Whole(line) => line,
            Line::Oversize { bytes, scanned } => {
                return self.write_client(&oversize_line(scanned.id.as_deref(), *bytes));
            }
        };
        let mut state = self.shared.lock();
        if !state.link.accepts_line() {
            self.shared.unlock_changed(state);
            self.shared.send();
            state = self.shared.lock();
        }
        while !state.link.accepts_line() {
            state = self.shared.wait(state, HANGUP_CHECK);
            if os::has_client_gone() {
                drop(state);
                self.shared.exit();
            }
        }
        state.link.line(line);
        self.shared.unlock_changed(state);
    }
}

/// Reads what the gateway has sent; 0 at the end of the connection.
fn read_some(mut stream: &Stream, bytes: &mut [u8]) -> usize {
    loop {
        match stream.read(bytes) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return 0,
            Ok(read) => return read,
        }
    }
}

/// Writes whole lines, to a client that may have made its end non-blocking.
fn write_all(mut stdout: &File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match stdout.write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => os::wait_ready(stdout, true)?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
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

/// Whether a gateway inherits the variable of this name from the shim that starts it: settings, folders, proxies,
/// and what opens a browser. (`XAUTHORITY` and `XDG_*` among them.)
fn is_inherited(name: &str) -> bool {
    let is_of_family = name.starts_with("SNOWGATE_")
        || name.starts_with("SNOWFLAKE_")
        || name.starts_with("LC_")
        || name.starts_with("XDG_")
        || name.starts_with("XAUTH")
        || name.ends_with("_PROXY")
        || name.ends_with("_proxy");
    // Where the programs of a coverage build (`just coverage`) write their counters.
    let is_counted = cfg!(coverage) && name == "LLVM_PROFILE_FILE";
    (is_of_family || os::is_variable_of_system(name) || is_counted) && !is_per_client(name)
}

fn launcher(options: &Options, own: &Path) -> Launcher {
    let gateway = gateway_program(options.gateway.as_deref(), own);
    let environment = std::env::vars_os().filter_map(|(name, value)| {
        let text = name.to_str()?;
        is_inherited(text).then_some((name, value))
    });
    let own_variables = GATEWAY_VARIABLES.map(|(name, value)| (name.into(), value.into()));
    let environment = own_variables.into_iter().chain(environment).collect();
    Launcher { intermediate: (own.to_owned(), vec![LAUNCH.into()]), gateway, environment }
}
