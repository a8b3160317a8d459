//! A client without an SDK: lines to a shim, and lines back.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::messages::{is_answer_to, request_line};
use crate::harness::os::{Signal, send_signal};
use warehouse::support::{eventually, patience, until};

/// A client and its shim, about to start.
#[derive(Debug)]
pub struct Launch {
    command: Command,
    listens: bool,
}

impl Launch {
    /// One that runs `command`, which must talk on its stdin and stdout as the shim does.
    pub fn new(command: Command) -> Self {
        Self { command, listens: true }
    }

    /// With another argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// With another variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// In another folder.
    #[must_use]
    pub fn current_dir(mut self, folder: &std::path::Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// The client reads no answer until [`Client::listen`].
    #[must_use]
    pub fn deaf(mut self) -> Self {
        self.listens = false;
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// The program does not start.
    #[track_caller]
    pub fn start(mut self) -> Client {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap_or_else(|error| panic!("{:?}: {error}", self.command));
        let stderr = Arc::new(Mutex::new(String::new()));
        if let Some(pipe) = child.stderr.take() {
            let stderr = Arc::clone(&stderr);
            thread::spawn(move || collect(pipe, &stderr));
        }
        let mut client = Client {
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            child,
            lines: None,
            stderr,
            unclaimed: VecDeque::new(),
            next_id: 1,
        };
        if self.listens {
            client.listen();
        }
        client
    }
}

/// What came of waiting for a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A line, as it came, newline included; without one it is what was left at the end.
    Line(Vec<u8>),
    /// Nothing came in time.
    Nothing,
    /// The shim has closed its stdout.
    End,
}

/// Keeps what the shim says on stderr.
fn collect(pipe: impl Read, kept: &Mutex<String>) {
    for line in BufReader::new(pipe).lines().map_while(Result::ok) {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_str(&line);
        kept.push('\n');
    }
}

/// A running client. Every line that the shim writes to stdout must be a JSON object, whatever the test looks
/// at.
#[derive(Debug)]
pub struct Client {
    child: Child,
    stdin: Option<ChildStdin>,
    /// Until somebody listens.
    stdout: Option<ChildStdout>,
    lines: Option<Receiver<Vec<u8>>>,
    stderr: Arc<Mutex<String>>,
    /// Messages that came while another was waited for.
    unclaimed: VecDeque<Value>,
    next_id: u64,
}

impl Client {
    /// The shim's process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Begins to read answers, if it does not yet.
    pub fn listen(&mut self) {
        let Some(stdout) = self.stdout.take() else { return };
        let (sender, lines) = channel();
        self.lines = Some(lines);
        thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            loop {
                let mut line = Vec::new();
                // Ends with the shim, or when the test is over.
                let read = stdout.read_until(b'\n', &mut line);
                if !matches!(read, Ok(1..)) || sender.send(line).is_err() {
                    return;
                }
            }
        });
    }

    /// Writes these bytes to the shim.
    ///
    /// # Panics
    /// It does not read any more.
    #[track_caller]
    pub fn write(&mut self, bytes: &[u8]) {
        self.try_write(bytes).unwrap_or_else(|error| panic!("the shim does not read: {error}"));
    }

    /// Writes these bytes to a shim that may be gone.
    ///
    /// # Errors
    /// It does not read any more.
    ///
    /// # Panics
    /// Stdin is closed or taken.
    pub fn try_write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let stdin = self.stdin.as_mut().expect("stdin is open");
        stdin.write_all(bytes).and_then(|()| stdin.flush())
    }

    /// Takes stdin, for a thread that writes while this one reads; it is then that thread's to close.
    ///
    /// # Panics
    /// It is closed or taken.
    pub fn take_stdin(&mut self) -> ChildStdin {
        self.stdin.take().expect("stdin is open")
    }

    /// Gives stdin back.
    pub fn return_stdin(&mut self, stdin: ChildStdin) {
        self.stdin = Some(stdin);
    }

    /// Writes one line, its newline added.
    #[track_caller]
    pub fn line(&mut self, line: &str) {
        self.write(format!("{line}\n").as_bytes());
    }

    /// Sends a request and does not wait; gives its id.
    #[track_caller]
    pub fn send(&mut self, method: &str, params: &Value) -> Value {
        let id = json!(self.next_id);
        self.next_id += 1;
        self.write(request_line(&id, method, params).as_bytes());
        id
    }

    /// Sends a notification.
    #[track_caller]
    pub fn notify(&mut self, method: &str, params: &Value) {
        self.line(&json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string());
    }

    /// Sends a request and waits for its answer, whose `result` or `error` is in it.
    #[track_caller]
    pub fn request(&mut self, method: &str, params: &Value) -> Value {
        let id = self.send(method, params);
        self.answer(&id)
    }

    /// Sends a tool call and does not wait; gives its id.
    #[track_caller]
    pub fn send_call(&mut self, tool: &str, arguments: &Value) -> Value {
        self.send("tools/call", &json!({"name": tool, "arguments": arguments}))
    }

    /// Calls a tool; gives the whole answer.
    #[track_caller]
    pub fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        let id = self.send_call(tool, arguments);
        self.answer(&id)
    }

    /// Runs a statement; gives the whole answer.
    #[track_caller]
    pub fn query(&mut self, sql: &str) -> Value {
        self.call("execute_query", &json!({"query": sql}))
    }

    /// Sends a statement and does not wait; gives the request's id.
    #[track_caller]
    pub fn send_query(&mut self, sql: &str) -> Value {
        self.send_call("execute_query", &json!({"query": sql}))
    }

    /// Starts a statement that never ends; gives the request's id.
    #[track_caller]
    pub fn send_endless_query(&mut self) -> Value {
        let sql = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n";
        self.send_query(sql)
    }

    /// The handshake of the older era, in its newest revision; gives the answer to `initialize`.
    #[track_caller]
    pub fn initialize(&mut self) -> Value {
        self.initialize_as("test-client", "2025-11-25")
    }

    /// The handshake of a client with this name that asks for this revision.
    #[track_caller]
    pub fn initialize_as(&mut self, name: &str, revision: &str) -> Value {
        let client = json!({"name": name, "version": "1.2.3"});
        let params = json!({"protocolVersion": revision, "capabilities": {}, "clientInfo": client});
        let answer = self.request("initialize", &params);
        self.notify("notifications/initialized", &json!({}));
        answer
    }

    /// Waits for the answer to request `id`; other messages are kept.
    ///
    /// # Panics
    /// None comes in time.
    #[track_caller]
    pub fn answer(&mut self, id: &Value) -> Value {
        self.answer_within(patience(), id)
    }

    /// Waits for the answer to request `id`, at most `limit`.
    ///
    /// # Panics
    /// None comes in time.
    #[track_caller]
    pub fn answer_within(&mut self, limit: Duration, id: &Value) -> Value {
        if let Some(at) = self.unclaimed.iter().position(|message| is_answer_to(message, id)) {
            return self.unclaimed.remove(at).expect("just found");
        }
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Some(message) = self.receive(left) else {
                panic!(
                    "no answer to {id} within {limit:?}; other messages: {:?}; stderr: {}",
                    self.unclaimed,
                    self.stderr()
                );
            };
            if is_answer_to(&message, id) {
                return message;
            }
            self.unclaimed.push_back(message);
        }
    }

    /// The next message that nobody has waited for yet.
    ///
    /// # Panics
    /// None comes in time.
    #[track_caller]
    pub fn next_message(&mut self) -> Value {
        let next = self.unclaimed.pop_front().or_else(|| self.receive(patience()));
        next.unwrap_or_else(|| panic!("no message within {:?}; stderr: {}", patience(), self.stderr()))
    }

    /// Messages that came and that nobody has waited for.
    pub fn unclaimed(&self) -> &VecDeque<Value> {
        &self.unclaimed
    }

    /// The next line, whatever it says; for a test that judges lines itself.
    ///
    /// # Panics
    /// The client does not listen.
    pub fn next_line(&mut self, limit: Duration) -> Received {
        let lines = self.lines.as_ref().expect("the client listens");
        match lines.recv_timeout(limit) {
            Ok(line) => Received::Line(line),
            Err(RecvTimeoutError::Timeout) => Received::Nothing,
            Err(RecvTimeoutError::Disconnected) => Received::End,
        }
    }

    /// The next message; `None` where none comes in time or the shim is gone.
    #[track_caller]
    fn receive(&mut self, limit: Duration) -> Option<Value> {
        match self.next_line(limit) {
            Received::Line(line) => Some(parse(&line)),
            Received::Nothing | Received::End => None,
        }
    }

    /// Reads everything up to the shim's end.
    ///
    /// # Panics
    /// The shim goes on for too long.
    #[track_caller]
    pub fn rest(&mut self) -> Vec<Value> {
        let mut messages: Vec<Value> = self.unclaimed.drain(..).collect();
        let lines = self.lines.as_ref().expect("the client listens");
        loop {
            match lines.recv_timeout(patience()) {
                Ok(line) => messages.push(parse(&line)),
                Err(RecvTimeoutError::Disconnected) => return messages,
                Err(RecvTimeoutError::Timeout) => panic!("the shim goes on after {messages:?}"),
            }
        }
    }

    /// What the shim has said on stderr.
    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until stderr says `text`.
    ///
    /// # Panics
    /// It does not.
    #[track_caller]
    pub fn stderr_says(&self, text: &str) {
        let what = format!("stderr says {text:?}");
        until(&what, || self.stderr().contains(text));
    }

    /// Closes stdin: what a client does that is done.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Closes stdout of a client that does not listen: what the shim says goes nowhere.
    pub fn close_stdout(&mut self) {
        self.stdout = None;
    }

    /// Sends the shim a signal.
    pub fn signal(&self, signal: Signal) {
        send_signal(self.pid(), signal);
    }

    /// How the shim ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("waiting for the shim")
    }

    /// Waits for the shim's end.
    ///
    /// # Panics
    /// It does not come within [`patience`].
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        eventually("the shim has ended", || self.ended())
    }

    /// Closes stdin and waits for the end, which must be a success.
    #[track_caller]
    pub fn leave(&mut self) {
        self.close_stdin();
        let status = self.wait();
        assert!(status.success(), "{status}; stderr: {}", self.stderr());
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // It has ended, or the test is done with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn parse(line: &[u8]) -> Value {
    let text = String::from_utf8_lossy(line);
    assert!(text.ends_with('\n'), "half a line on stdout: {text:?}");
    let message: Value =
        serde_json::from_slice(line).unwrap_or_else(|error| panic!("no JSON on stdout: {error}: {text:?}"));
    assert!(message.is_object() && message["jsonrpc"] == "2.0", "no JSON-RPC message on stdout: {text:?}");
    message
}
