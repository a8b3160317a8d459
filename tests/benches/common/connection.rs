//! One client's end of a conversation in lines, over a child's stdio or a socket, and the process behind it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::io::Errno;
use serde_json::{Value, json};

use super::poller::Poller;

/// A process whose client has closed its stdin is gone after this, or killed.
const LEAVE_LIMIT: Duration = Duration::from_secs(5);
const LEAVE_POLL: Duration = Duration::from_millis(1);

/// Bytes read at once, into memory that is not cleared first.
const READ_BYTES: usize = 64 * 1024;

/// A child process that does not outlive its owner.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Its id.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Waits for its end, which its closed stdin brings about; kills it if that takes too long.
    fn wait(mut self) -> Result<()> {
        let deadline = Instant::now() + LEAVE_LIMIT;
        while self.0.try_wait().context("waiting for a child")?.is_none() && Instant::now() < deadline {
            std::thread::sleep(LEAVE_POLL);
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts `command` as a server that says `ready` on stdout when it listens, and ends when its stdin does.
pub(crate) fn start_server(command: &mut Command) -> Result<Process> {
    let mut child = spawn(command, Stdio::inherit())?;
    let mut ready = [0; 6];
    let stdout = child.stdout.as_mut().context("no stdout")?;
    let said = stdout.read_exact(&mut ready);
    let server = Process(child);
    said.with_context(|| format!("{command:?} did not become ready")).map(|()| server)
}

fn spawn(command: &mut Command, stderr: Stdio) -> Result<Child> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
    command.spawn().with_context(|| format!("starting {}", Path::new(command.get_program()).display()))
}

/// Lines out, lines in.
#[derive(Debug)]
pub(crate) struct Connection {
    input: File,
    output: File,
    /// Bytes read of the line that is not whole yet.
    held: Vec<u8>,
    /// The one before the next request's id.
    last_id: u64,
    /// The child on the other end; none behind a socket.
    process: Option<Process>,
}

impl Connection {
    /// Starts `command` and talks to its stdio. What it says on stderr is dropped.
    pub(crate) fn spawn(command: &mut Command) -> Result<Self> {
        let mut child = spawn(command, Stdio::null())?;
        let input = child.stdin.take().map(OwnedFd::from).context("no stdin")?;
        let output = child.stdout.take().map(OwnedFd::from).context("no stdout")?;
        Ok(Self::new(input, output, Some(Process(child))))
    }

    /// Connects to a socket.
    pub(crate) fn connect(socket: &Path) -> Result<Self> {
        let stream =
            UnixStream::connect(socket).with_context(|| format!("connecting to {}", socket.display()))?;
        let output = stream.try_clone().context("duplicating a socket")?;
        Ok(Self::new(stream.into(), output.into(), None))
    }

    fn new(input: OwnedFd, output: OwnedFd, process: Option<Process>) -> Self {
        Self { input: input.into(), output: output.into(), held: Vec::new(), last_id: 0, process }
    }

    /// The process on the other end.
    pub(crate) fn pid(&self) -> Result<u32> {
        self.process.as_ref().map(Process::id).context("no process on the other end")
    }

    /// Sends `request` under the next id.
    pub(crate) fn send(&mut self, request: &Request) -> Result<()> {
        self.last_id += 1;
        self.input.write_all(&request.line(self.last_id)).context("the other end does not read")
    }

    /// Reads once, where the poller says that there is something; gives the line if it is whole now.
    pub(crate) fn read(&mut self) -> Result<Option<Vec<u8>>> {
        let mut bytes = [MaybeUninit::uninit(); READ_BYTES];
        let (read, _) = match rustix::io::read(&self.output, &mut bytes) {
            Err(Errno::INTR) => return Ok(None),
            read => read.context("reading an answer")?,
        };
        if read.is_empty() {
            bail!("the other end went away");
        }
        self.held.extend_from_slice(read);
        Ok(self.held.ends_with(b"\n").then(|| std::mem::take(&mut self.held)))
    }

    /// Sends `request` and waits for its answer, which must be its result and no error.
    pub(crate) fn ask(&mut self, request: &Request) -> Result<Value> {
        self.send(request)?;
        self.answer()
    }

    /// Waits for the answer to the request sent last, which must be its result and no error.
    pub(crate) fn answer(&mut self) -> Result<Value> {
        let poller = Poller::new()?;
        poller.watch(0, self)?;
        loop {
            let ready = poller.wait()?.next();
            if let Some(line) = ready.map(|_| self.read()).transpose()?.flatten() {
                return check_answer(&line, self.last_id);
            }
        }
    }

    /// The answer's id must be this one's.
    pub(crate) fn last_id(&self) -> u64 {
        self.last_id
    }

    /// The handshake of an MCP client.
    pub(crate) fn initialize(&mut self) -> Result<()> {
        self.ask(&Request::initialize())?;
        self.initialized()
    }

    /// What a client says after the answer to `initialize`.
    pub(crate) fn initialized(&mut self) -> Result<()> {
        let line = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        self.input.write_all(format!("{line}\n").as_bytes()).context("the other end does not read")
    }

    /// Closes the conversation and waits for the process behind it.
    pub(crate) fn close(self) -> Result<()> {
        let Self { input, output, process, .. } = self;
        drop(input);
        let ended = process.map_or(Ok(()), Process::wait);
        drop(output);
        ended
    }
}

/// A conversation of requests and answers, whatever carries them.
pub(crate) trait Converse: AsFd {
    /// Sends `request` under the next id.
    fn send(&mut self, request: &Request) -> Result<()>;

    /// Reads once, where the poller says that there is something; gives the answer if it is whole now.
    fn read(&mut self) -> Result<Option<Vec<u8>>>;

    /// The id of the request sent last.
    fn last_id(&self) -> u64;
}

impl Converse for Connection {
    fn send(&mut self, request: &Request) -> Result<()> {
        Self::send(self, request)
    }

    fn read(&mut self) -> Result<Option<Vec<u8>>> {
        Self::read(self)
    }

    fn last_id(&self) -> u64 {
        Self::last_id(self)
    }
}

/// Where answers come from.
impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.output.as_fd()
    }
}

/// The message that answers request `id` with a result that is no tool's error. Answers that are the request
/// itself, which the echo gives, pass too.
pub(crate) fn check_answer(line: &[u8], id: u64) -> Result<Value> {
    let shown = || String::from_utf8_lossy(line).into_owned();
    let message: Value =
        serde_json::from_slice(line).with_context(|| format!("not one line of JSON: {}", shown()))?;
    let good =
        message.get("result").or(message.get("params")).is_some_and(|result| result["isError"] != true);
    if message["id"] != id || !good {
        bail!("not a good answer to request {id}: {}", shown());
    }
    Ok(message)
}

/// A request, written out but for its id.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// What stands after the id.
    rest: String,
}

impl Request {
    /// A request of this method.
    pub(crate) fn new(method: &str, params: &Value) -> Self {
        Self { rest: format!(",\"method\":{},\"params\":{params}}}\n", json!(method)) }
    }

    /// A tool call.
    pub(crate) fn call(tool: &str, arguments: &Value) -> Self {
        Self::new("tools/call", &json!({"name": tool, "arguments": arguments}))
    }

    /// The first request of a client.
    pub(crate) fn initialize() -> Self {
        let client = json!({"name": "snowgate-bench", "version": "1.0"});
        Self::new(
            "initialize",
            &json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}),
        )
    }

    /// The line, newline included.
    pub(crate) fn line(&self, id: u64) -> Vec<u8> {
        format!("{{\"jsonrpc\":\"2.0\",\"id\":{id}{}", self.rest).into_bytes()
    }
}

/// This program again, in a role of its own.
pub(crate) fn own_program(role: &str, argument: impl AsRef<OsStr>) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("the path of this program")?);
    command.arg(role).arg(argument);
    Ok(command)
}
