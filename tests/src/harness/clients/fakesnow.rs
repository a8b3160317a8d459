//! fakesnow: real SQL over the real protocol, served by a program that is not ours.
//!
//! `tests/clients/fakesnow` holds the pins, and the server around fakesnow that speaks the parts of the
//! protocol which its own leaves out.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Error, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

use super::{Unavailable, environment, folder, run};
use warehouse::secrets;
use warehouse::support::{last_within, patience};

/// Lines of its log that a failed test shows.
const LOG_LINES: usize = 40;

/// A running server, empty at first: databases are made by the log-ins that name them. Dropping it stops it.
#[derive(Debug)]
pub struct Fakesnow {
    child: Child,
    address: SocketAddr,
    python: PathBuf,
    /// Its temporary files, which it does not remove itself, and its log.
    folder: TempDir,
}

impl Fakesnow {
    /// Starts a server on a free port and waits until it serves. The first time on a machine, it is installed
    /// before.
    ///
    /// # Errors
    /// Python is missing or too old, the installation failed, or the server did not start.
    pub fn start() -> Result<Self, Unavailable> {
        let python = environment::snowflake_python()?;
        let starting = || Unavailable::os("starting fakesnow");
        let own = tempfile::tempdir().map_err(starting())?;
        let log = File::create(own.path().join("log")).map_err(starting())?;
        let mut child = Command::new(&python)
            .args(["-B", "-W", "ignore"])
            .arg(folder().join("fakesnow/server.py"))
            .env("TMPDIR", own.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(starting())?;
        let stdout = child.stdout.take();
        let mut server =
            Self { child, address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), python, folder: own };
        match stdout.and_then(port) {
            Some(port) => server.address.set_port(port),
            None => {
                let output = format!("it did not say where it listens:\n{}", server.log());
                return Err(Unavailable::os("starting fakesnow")(Error::other(output)));
            }
        }
        Ok(server)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A Python that has fakesnow and the official connector.
    pub fn python(&self) -> &PathBuf {
        &self.python
    }

    /// The lines of a gateway's config file that make this server its backend: it logs in with a key, into
    /// `database`, and may write.
    pub fn config(&self, database: &str) -> String {
        let (port, key) = (self.address.port(), secrets::private_key());
        let key = key.display().to_string();
        format!(
            "[backend]\nkind = 'snowflake'\n[snowflake]\naccount = 'org-test'\nuser = 'me'\nhost = '127.0.0.1'\n\
             port = {port}\nprotocol = 'http'\nprivate_key_file = {key:?}\ndatabase = '{database}'\n\
             schema = 'PUBLIC'\nread_only = false\n"
        )
    }

    /// Runs statements, one after the other, with the official connector; gives the last one's rows.
    ///
    /// # Panics
    /// One fails.
    #[track_caller]
    pub fn run(&self, statements: &[String]) -> Vec<Vec<Value>> {
        let file = self.folder.path().join("statements.json");
        fs::write(&file, serde_json::json!(statements).to_string()).expect("writing the statements");
        let mut program = Command::new(&self.python);
        program.args(["-B", "-W", "ignore"]).arg(folder().join("fakesnow/run.py"));
        let done = run(program.arg(self.address.to_string()).arg(file), patience()).expect("Python starts");
        let rows = done.output.lines().last().and_then(|line| serde_json::from_str(line).ok());
        assert!(done.success(), "{}", done.output);
        rows.unwrap_or_else(|| panic!("no rows: {}", done.output))
    }

    /// What it has counted since it started.
    ///
    /// # Panics
    /// It does not answer.
    #[track_caller]
    pub fn counts(&self) -> Counts {
        let answer = self.ask("/counts").expect("fakesnow answers");
        let body = answer.rsplit_once("\r\n\r\n").map_or("", |(_, body)| body);
        let counts: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON: {answer}"));
        let count = |name: &str| counts[name].as_u64().unwrap_or_else(|| panic!("no {name}: {counts}"));
        Counts { log_ins: count("log_ins"), sessions: count("sessions"), queries: count("queries") }
    }

    fn ask(&self, path: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(patience()))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: fakesnow\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// The end of what it said on stderr.
    pub fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }

    fn stop(&mut self) {
        // It reads stdin, and ends with it.
        drop(self.child.stdin.take());
        let ended = last_within(patience(), || self.child.try_wait().ok().flatten(), Option::is_some);
        if ended.is_none() {
            // Nothing more can be done for it.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// What a server has counted, where the clients' requests end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Log-ins, since it started.
    pub log_ins: u64,
    /// Sessions that are open.
    pub sessions: u64,
    /// Statements that were submitted, since it started; one that is submitted again counts once.
    pub queries: u64,
}

/// The port in the line that it writes when it serves; `None` where it writes none in time.
fn port(stdout: ChildStdout) -> Option<u16> {
    let (sender, line) = channel();
    // Ends with the line, or with the server.
    thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        read.is_ok().then(|| sender.send(line))
    });
    line.recv_timeout(patience()).ok()?.trim().strip_prefix("listening on ")?.parse().ok()
}

impl Drop for Fakesnow {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            eprintln!("the log of the failed test's fakesnow:\n{}", self.log());
        }
    }
}
