//! Very many clients in one process and one thread: a socket to each shim, which is its stdin and its stdout,
//! and one `epoll`.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};
use serde_json::{Value, json};
use snowgate_tests::{Home, patience, request_line};

/// Shims that are started at once.
const BATCH: usize = 100;

/// What one look at the pipes takes in.
const EVENTS: usize = 1_024;

/// A client: its shim, and what it has heard of its last request.
struct Client {
    shim: Child,
    stdio: UnixStream,
    /// A line that is not complete.
    heard: Vec<u8>,
}

/// What became of one request of every client.
#[derive(Default)]
pub(crate) struct Outcome {
    /// How long the answers took, in their order.
    pub(crate) returns: Vec<Duration>,
    /// What clients were told instead.
    pub(crate) errors: Vec<String>,
}

impl Outcome {
    /// The last answer.
    pub(crate) fn slowest(&self) -> Duration {
        self.returns.last().copied().unwrap_or_default()
    }

    /// The answer in the middle.
    pub(crate) fn median(&self) -> Duration {
        self.returns.get(self.returns.len() / 2).copied().unwrap_or_default()
    }
}

/// All clients.
pub(crate) struct Fleet {
    clients: Vec<Client>,
    epoll: OwnedFd,
    stderr: std::path::PathBuf,
    /// How long it took until all were connected.
    pub(crate) started_in: Duration,
    /// Ids are those of the request; a client has one at a time.
    last_id: u64,
}

impl Fleet {
    /// Starts `count` shims in `home`, and initialises each.
    pub(crate) fn start(home: &Home, count: usize) -> Self {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("epoll");
        let stderr = home.path().join("shims.stderr");
        let log = File::options().append(true).create(true).open(&stderr).expect("a file for stderr");
        let mut fleet = Self {
            clients: Vec::with_capacity(count),
            epoll,
            stderr,
            started_in: Duration::ZERO,
            last_id: 0,
        };
        let since = Instant::now();
        while fleet.clients.len() < count {
            let first = fleet.clients.len();
            // The first alone: it starts the gateway.
            let last = if first == 0 { 1 } else { count.min(first + BATCH) };
            for _ in first..last {
                fleet.start_one(home, &log);
            }
            let client = json!({"name": "storm", "version": "1"});
            let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client});
            let outcome = fleet.ask(first, "initialize", &params, patience());
            assert_eq!(outcome.returns.len(), last - first, "initialised; errors: {:?}", outcome.errors);
        }
        fleet.started_in = since.elapsed();
        fleet
    }

    fn start_one(&mut self, home: &Home, stderr: &File) {
        let stderr = stderr.try_clone().expect("a descriptor");
        let (stdio, theirs) = UnixStream::pair().expect("a pair of sockets");
        let stdin = OwnedFd::from(theirs.try_clone().expect("a descriptor"));
        let mut command = home.shim();
        command.stdin(stdin).stdout(OwnedFd::from(theirs)).stderr(stderr);
        let shim = command.spawn().expect("the shim starts");
        stdio.set_nonblocking(true).expect("a socket that does not block");
        let data = epoll::EventData::new_u64(self.clients.len() as u64);
        epoll::add(&self.epoll, &stdio, data, epoll::EventFlags::IN).expect("watching its stdout");
        self.clients.push(Client { shim, stdio, heard: Vec::new() });
    }

    /// Pings with every client at once.
    pub(crate) fn ping_all(&mut self, limit: Duration) -> Outcome {
        self.ask(0, "ping", &json!({}), limit)
    }

    /// Sends a request from every client from `first` on, and waits for the answers.
    fn ask(&mut self, first: usize, method: &str, params: &Value, limit: Duration) -> Outcome {
        self.last_id += 1;
        let since = Instant::now();
        let line = request_line(&json!(self.last_id), method, params);
        for client in &mut self.clients[first..] {
            client.stdio.write_all(line.as_bytes()).expect("there is room for one line");
        }
        let (mut outcome, expected) = (Outcome::default(), self.clients.len() - first);
        let mut events = Vec::with_capacity(EVENTS);
        while outcome.returns.len() + outcome.errors.len() < expected && since.elapsed() < limit {
            let left = limit.saturating_sub(since.elapsed());
            events.clear();
            let wait = Timespec::try_from(left).expect("a short time");
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&wait)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => panic!("epoll: {error}"),
            }
            for event in &events {
                let index = usize::try_from(event.data.u64()).expect("an index");
                self.clients[index].listen(self.last_id, since, &mut outcome);
            }
        }
        outcome
    }

    /// What the shims have said on stderr.
    pub(crate) fn stderr(&self) -> String {
        std::fs::read_to_string(&self.stderr).expect("stderr")
    }

    /// Closes every stdin and waits for the shims' ends.
    pub(crate) fn end(&mut self) {
        for client in &self.clients {
            client.stdio.shutdown(Shutdown::Write).expect("a shim that runs");
        }
        for client in &mut self.clients {
            let status = client.shim.wait().expect("waiting for a shim");
            assert!(status.success(), "{status}");
        }
    }
}

impl Client {
    /// Takes in what the shim has written.
    fn listen(&mut self, id: u64, since: Instant, outcome: &mut Outcome) {
        let mut bytes = [0; 4096];
        loop {
            match self.stdio.read(&mut bytes) {
                Ok(0) => panic!("a shim ended: {:?}", self.shim.try_wait()),
                Ok(read) => self.heard.extend_from_slice(&bytes[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("reading from a shim: {error}"),
            }
        }
        while let Some(end) = self.heard.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.heard.drain(..=end).collect();
            let message: Value = serde_json::from_slice(&line).expect("JSON");
            // Nothing else is due: each is answered once.
            assert_eq!(message["id"], id, "{message}");
            match message.get("error") {
                None => outcome.returns.push(since.elapsed()),
                Some(error) => outcome.errors.push(error["message"].to_string()),
            }
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        // A test that failed: the home waits for all of them.
        for client in &mut self.clients {
            let _ = client.shim.kill();
        }
        for client in &mut self.clients {
            let _ = client.shim.wait();
        }
    }
}
