//! Finding a gateway, and starting one where there is none, without a race.
//!
//! Connect; only where nobody listens take the start lock, connect *again*, and launch. The lock makes one shim the
//! launcher, the second connect sees a gateway that came up meanwhile, and the gateway's own lock (see
//! [`Endpoint::gateway_lock`]) makes a second gateway leave. Every wait ends at one deadline.

use std::ffi::OsString;
use std::fs::TryLockError;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::endpoint::{Endpoint, EndpointError};
use crate::flat::{FlatReader, FlatWriter};
use crate::hello::{ClientHello, HELLO_BYTES_MAX, Refusal, ServerHello, Welcome};
use crate::os;
use interprocess::local_socket::prelude::*;
use interprocess::local_socket::{GenericFilePath, Stream};

/// How long finding or starting a gateway may take in all.
pub const START_TIMEOUT: Duration = Duration::from_secs(20);

/// The shortest and the longest pause between two attempts.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));

/// How much of a dead gateway's stderr is shown, in bytes.
const TAIL_BYTES: u64 = 2048;

/// The longest readiness line, in bytes.
const READINESS_BYTES_MAX: usize = 64 * 1024;

/// What a starting gateway says on its readiness pipe, as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It listens.
    Ready,
    /// Another gateway has the lock.
    Already,
    /// It cannot start.
    Error {
        /// Why.
        message: String,
        /// What to do about it.
        next_step: Option<String>,
        /// Where it says more.
        log: Option<PathBuf>,
    },
    /// It ended without a word: the intermediate says so, and the end of its stderr may say why.
    Died {
        /// How.
        message: String,
        /// What to do about it.
        next_step: String,
    },
}

impl Readiness {
    /// The line, newline included.
    pub fn to_line(&self) -> Vec<u8> {
        let line = FlatWriter::new();
        match self {
            Self::Ready => line.text("state", Some("ready")),
            Self::Already => line.text("state", Some("already")),
            Self::Error { message, next_step, log } => line
                .text("state", Some("error"))
                .text("message", Some(message))
                .text("next_step", next_step.as_deref())
                .text("log", log.as_ref().and_then(|log| log.to_str())),
            Self::Died { message, next_step } => line
                .text("state", Some("died"))
                .text("message", Some(message))
                .text("next_step", Some(next_step)),
        }
        .into_line()
    }

    /// Reads a line; `None` where it is none.
    pub fn from_line(line: &[u8]) -> Option<Self> {
        let read = FlatReader::new(line);
        let message = read.text("message").unwrap_or_default();
        let next_step = read.text("next_step");
        match read.text("state")?.as_str() {
            "ready" => Some(Self::Ready),
            "already" => Some(Self::Already),
            "error" => Some(Self::Error { message, next_step, log: read.text("log").map(PathBuf::from) }),
            "died" => Some(Self::Died { message, next_step: next_step.unwrap_or_default() }),
            _ => None,
        }
    }
}

/// A connection with its hellos behind it.
#[derive(Debug)]
pub struct Connected {
    /// The stream; reading and writing through `&Stream` from two threads is fine.
    pub stream: Stream,
    /// The gateway's half of the hello.
    pub welcome: Welcome,
    /// Bytes that came after the hello: the first frames.
    pub rest: Vec<u8>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The place is not to be trusted.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Nobody listens, and no gateway was to be started.
    #[error("no gateway listens on {}", .0.display())]
    Absent(PathBuf),
    /// A gateway said no.
    #[error("the gateway refused the connection: {}", .0.message)]
    Refused(Refusal),
    /// The listener runs as somebody else.
    #[error("the process listening on {} runs as {}, not as user {}", socket.display(), user(*uid), os::euid())]
    ForeignPeer {
        /// The socket.
        socket: PathBuf,
        /// The listener's user, where the system tells.
        uid: Option<u32>,
    },
    /// What listens does not speak the protocol.
    #[error("the process listening on {} is no Snowgate gateway: {why}", socket.display())]
    NotGateway {
        /// The socket.
        socket: PathBuf,
        /// What it did.
        why: String,
    },
    /// The gateway's program could not be run.
    #[error("cannot run the gateway {}", program.display())]
    Launch {
        /// The program.
        program: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The gateway said that it cannot start, or died.
    #[error("the gateway cannot start: {message} (log: {})", log.display())]
    Failed {
        /// Why.
        message: String,
        /// What to do about it.
        next_step: Option<String>,
        /// Where it says more.
        log: PathBuf,
    },
    /// The deadline passed.
    #[error("no gateway on {} after {} s; the last step was {step}", socket.display(), START_TIMEOUT.as_secs())]
    Deadline {
        /// The socket.
        socket: PathBuf,
        /// What used the time up.
        step: &'static str,
    },
    /// The system failed a call for another reason than absence.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which path.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl StartError {
    /// What the user can do about it, where anything can be done.
    pub fn next_step(&self) -> Option<String> {
        match self {
            Self::Endpoint(error) => Some(error.next_step()),
            Self::Absent(_) => Some("start a client, or run `snowgate serve`".into()),
            Self::Refused(refusal) => refusal.next_step.clone(),
            Self::ForeignPeer { .. } | Self::NotGateway { .. } => {
                Some("end that process, or set SNOWGATE_SOCKET to a place of your own".into())
            }
            Self::Launch { .. } => Some(
                "install `snowgate` beside `snowgate-shim`, or name it with --gateway or SNOWGATE_GATEWAY"
                    .into(),
            ),
            Self::Failed { next_step, .. } => next_step.clone(),
            Self::Deadline { .. } => Some("look at `snowgate status` and the log".into()),
            Self::Io { .. } => None,
        }
    }
}

fn user(uid: Option<u32>) -> String {
    uid.map_or_else(|| "an unknown user".to_owned(), |uid| format!("user {uid}"))
}

/// How one attempt ended that was no error.
#[derive(Debug)]
pub enum Attempt {
    /// With a connection.
    Connected(Box<Connected>),
    /// Nobody listens: the only reason to start a gateway.
    Absent,
    /// Somebody listened who is going away: try again.
    Dying,
}

/// What a failed system call on the way to a hello means.
fn classify(error: &io::Error) -> Option<Attempt> {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Some(Attempt::Absent),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof
        | io::ErrorKind::NotConnected
        | io::ErrorKind::Interrupted => Some(Attempt::Dying),
        _ => None,
    }
}

/// Tries once to connect and to exchange hellos.
///
/// # Errors
/// Anything but absence and a dying listener.
pub fn connect(endpoint: &Endpoint, hello: &ClientHello, deadline: Instant) -> Result<Attempt, StartError> {
    endpoint.prepare_dir()?;
    if !endpoint.socket_exists()? {
        return Ok(Attempt::Absent);
    }
    let name = endpoint.socket.as_path().to_fs_name::<GenericFilePath>();
    let stream = match name.and_then(Stream::connect) {
        Ok(stream) => stream,
        Err(error) => return classify(&error).ok_or_else(|| io_error("connect to", &endpoint.socket, error)),
    };
    let uid = stream.peer_creds().ok().and_then(|peer| peer.euid());
    if uid != Some(os::euid()) {
        return Err(StartError::ForeignPeer { socket: endpoint.socket.clone(), uid });
    }
    match exchange_hellos(&stream, hello, deadline) {
        Ok((ServerHello::Welcome(welcome), rest)) => {
            Ok(Attempt::Connected(Box::new(Connected { stream, welcome, rest })))
        }
        Ok((ServerHello::Refused(refusal), _)) if refusal.retry => Ok(Attempt::Dying),
        Ok((ServerHello::Refused(refusal), _)) => Err(StartError::Refused(refusal)),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
            Err(StartError::Deadline {
                socket: endpoint.socket.clone(),
                step: "waiting for the gateway's hello",
            })
        }
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(StartError::NotGateway { socket: endpoint.socket.clone(), why: error.to_string() })
        }
        Err(error) => classify(&error).ok_or_else(|| io_error("talk to", &endpoint.socket, error)),
    }
}

fn exchange_hellos(
    stream: &Stream,
    hello: &ClientHello,
    deadline: Instant,
) -> io::Result<(ServerHello, Vec<u8>)> {
    let mut stream_ref = stream;
    stream_ref.write_all(&hello.to_line())?;
    let mut reply = Vec::new();
    let end = loop {
        if let Some(end) = reply.iter().position(|&byte| byte == b'\n') {
            break end;
        }
        if reply.len() > HELLO_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its hello has no end"));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        stream.set_recv_timeout(Some(left.max(Duration::from_millis(1))))?;
        let mut bytes = [0; HELLO_BYTES_MAX];
        let read = stream_ref.read(&mut bytes)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        reply.extend_from_slice(&bytes[..read]);
    };
    stream.set_recv_timeout(None)?;
    let hello = ServerHello::from_line(&reply[..end])
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "its first line is no hello"))?;
    Ok((hello, reply.split_off(end + 1)))
}

/// Connects, starting a gateway through `launcher` where nobody listens.
///
/// # Errors
/// No connection came about; the error names the cause or the step that used the deadline up.
pub fn connect_or_start(
    endpoint: &Endpoint,
    hello: &ClientHello,
    launcher: Option<&Launcher>,
) -> Result<Connected, StartError> {
    let deadline = Instant::now() + START_TIMEOUT;
    let mut pause = BACKOFF.0;
    let mut wait = |step| {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(StartError::Deadline { socket: endpoint.socket.clone(), step });
        }
        std::thread::sleep(pause.min(left));
        pause = (pause * 2).min(BACKOFF.1);
        Ok(())
    };
    loop {
        match connect(endpoint, hello, deadline)? {
            Attempt::Connected(connected) => return Ok(*connected),
            Attempt::Dying => {
                wait("waiting for a gateway that is leaving")?;
                continue;
            }
            Attempt::Absent => {}
        }
        let launcher = launcher.ok_or_else(|| StartError::Absent(endpoint.socket.clone()))?;
        let lock = os::open_private(&endpoint.start_lock, false)
            .map_err(|source| io_error("open", &endpoint.start_lock, source))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                wait("waiting for the shim that starts the gateway")?;
                continue;
            }
            Err(TryLockError::Error(source)) => return Err(io_error("lock", &endpoint.start_lock, source)),
        }
        match connect(endpoint, hello, deadline)? {
            Attempt::Connected(connected) => return Ok(*connected),
            Attempt::Dying => {}
            Attempt::Absent => launcher.launch(endpoint, deadline)?,
        }
        drop(lock);
        wait("connecting to the gateway that has just started")?;
    }
}

fn io_error(what: &'static str, path: &Path, source: io::Error) -> StartError {
    StartError::Io { what, path: path.to_owned(), source }
}

/// How to start a gateway.
#[derive(Clone, Debug)]
pub struct Launcher {
    /// The program that becomes the short-lived intermediate, with its arguments: the shim itself.
    pub intermediate: (PathBuf, Vec<OsString>),
    /// The gateway's program.
    pub gateway: PathBuf,
    /// The gateway's whole environment.
    pub environment: Vec<(OsString, OsString)>,
}

impl Launcher {
    /// Starts a gateway and waits for its word. Call with the start lock held.
    fn launch(&self, endpoint: &Endpoint, deadline: Instant) -> Result<(), StartError> {
        let stderr = self.stderr_file(endpoint)?;
        let launch_error = |source| StartError::Launch { program: self.gateway.clone(), source };
        let mut command = Command::new(&self.intermediate.0);
        command.args(&self.intermediate.1).arg(&self.gateway).arg("serve").arg("--ready-stdout");
        if endpoint.is_named() {
            command.arg("--socket").arg(&endpoint.socket);
        }
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let mut intermediate = command.spawn().map_err(launch_error)?;
        let Some(pipe) = intermediate.stdout.take() else { return Ok(()) };
        let line = read_line(pipe, deadline);
        match line {
            Ok(Some(line)) => {
                // It has said what it had to say, and leaves.
                let _ = intermediate.wait();
                self.judge(&line, endpoint)
            }
            Ok(None) => Err(StartError::Deadline {
                socket: endpoint.socket.clone(),
                step: "waiting for the new gateway to be ready",
            }),
            Err(source) => Err(launch_error(source)),
        }
    }

    /// An empty stderr file; the last one that said something is kept beside it.
    fn stderr_file(&self, endpoint: &Endpoint) -> Result<Stdio, StartError> {
        let path = &endpoint.stderr;
        if std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.len() > 0) {
            let mut previous = path.clone().into_os_string();
            previous.push(".previous");
            std::fs::rename(path, previous).map_err(|source| io_error("keep", path, source))?;
        }
        Ok(os::open_private(path, true).map_err(|source| io_error("open", path, source))?.into())
    }

    fn judge(&self, line: &[u8], endpoint: &Endpoint) -> Result<(), StartError> {
        match Readiness::from_line(line) {
            Some(Readiness::Ready | Readiness::Already) => Ok(()),
            Some(Readiness::Error { message, next_step, log }) => Err(StartError::Failed {
                message,
                next_step,
                log: log.unwrap_or_else(|| endpoint.stderr.clone()),
            }),
            Some(Readiness::Died { message, next_step }) => Err(StartError::Failed {
                message: with_tail(message, &endpoint.stderr),
                next_step: Some(next_step),
                log: endpoint.stderr.clone(),
            }),
            // The intermediate was killed before it could say anything: look again who listens.
            None => Ok(()),
        }
    }
}

/// The pipe's first line, or all of it where it ends before; `None` at the deadline.
fn read_line(mut pipe: ChildStdout, deadline: Instant) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let mut bytes = [0; 4096];
    while !line.contains(&b'\n') && line.len() < READINESS_BYTES_MAX {
        if !os::wait_readable(&pipe, deadline.saturating_duration_since(Instant::now()))? {
            return Ok(None);
        }
        match pipe.read(&mut bytes)? {
            0 => break,
            read => line.extend_from_slice(&bytes[..read]),
        }
    }
    Ok(Some(line))
}

/// `message` with the end of what the gateway wrote to stderr.
fn with_tail(message: String, stderr: &Path) -> String {
    let tail = tail(stderr).unwrap_or_default();
    let tail = tail.trim();
    if tail.is_empty() { message } else { format!("{message}: {tail}") }
}

fn tail(path: &Path) -> io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};

    use interprocess::local_socket::ListenerOptions;

    use super::*;
    use crate::hello::Role;

    fn endpoint() -> (tempfile::TempDir, Endpoint) {
        let home = tempfile::tempdir().unwrap();
        let endpoint = Endpoint::resolve(None, Some(home.path())).unwrap();
        endpoint.prepare_dir().unwrap();
        (home, endpoint)
    }

    fn attempt(endpoint: &Endpoint) -> Result<Attempt, StartError> {
        connect(endpoint, &ClientHello::new(Role::Client), Instant::now() + Duration::from_secs(5))
    }

    /// Listens, and answers the first connection with `reply`.
    fn listen(endpoint: &Endpoint, reply: &'static [u8]) -> std::thread::JoinHandle<()> {
        let name = endpoint.socket.as_path().to_fs_name::<GenericFilePath>().unwrap();
        let listener = ListenerOptions::new().name(name).create_sync().unwrap();
        std::thread::spawn(move || {
            let stream = listener.accept().unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            (&stream).write_all(reply).unwrap();
        })
    }

    #[test]
    fn nobody_there_is_absence() {
        let (_home, endpoint) = endpoint();
        assert!(matches!(attempt(&endpoint), Ok(Attempt::Absent)));
    }

    #[test]
    fn a_stale_socket_is_absence() {
        let (_home, endpoint) = endpoint();
        drop(std::os::unix::net::UnixListener::bind(&endpoint.socket).unwrap());
        assert!(endpoint.socket_exists().unwrap());
        assert!(matches!(attempt(&endpoint), Ok(Attempt::Absent)));
    }

    #[test]
    fn a_listener_that_hangs_up_is_dying() {
        let (_home, endpoint) = endpoint();
        let listener = listen(&endpoint, b"");
        assert!(matches!(attempt(&endpoint), Ok(Attempt::Dying)));
        listener.join().unwrap();
    }

    #[test]
    fn a_foreign_listener_is_named() {
        let (_home, endpoint) = endpoint();
        let listener = listen(&endpoint, b"SSH-2.0-OpenSSH_9.9\r\n");
        let error = attempt(&endpoint).unwrap_err();
        assert!(error.to_string().contains("is no Snowgate gateway"), "{error}");
        listener.join().unwrap();
    }

    #[test]
    fn a_refusal_is_told_as_it_is() {
        let (_home, endpoint) = endpoint();
        let listener = listen(&endpoint, b"{\"refused\":\"too old\",\"next_step\":\"upgrade\"}\n");
        let error = attempt(&endpoint).unwrap_err();
        assert_eq!(error.to_string(), "the gateway refused the connection: too old");
        assert_eq!(error.next_step().as_deref(), Some("upgrade"));
        listener.join().unwrap();
    }

    #[test]
    fn without_a_launcher_absence_is_an_error() {
        let (_home, endpoint) = endpoint();
        let error = connect_or_start(&endpoint, &ClientHello::new(Role::Control), None).unwrap_err();
        assert!(matches!(error, StartError::Absent(_)));
    }
}
