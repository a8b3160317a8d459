//! A `SNOWGATE_HOME` of its own for each test, and the gateway in it.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::binaries;
use crate::harness::client::{Client, Launch};
use crate::harness::os::{SmallDisk, ask_to_stop, homes};
use crate::harness::output::Output;
use crate::harness::process::{Process, kill};
use warehouse::support::{eventually, last_within, patience, until};
use warehouse::{Warehouse, secrets};

/// That many looks in a row must find no process of a home that is over: one in the middle of its start is not seen.
const QUIET_LOOKS: u32 = 3;

/// A temporary `SNOWGATE_HOME`. Dropping it stops its gateway and fails the test if a process stays behind.
#[derive(Debug)]
pub struct Home {
    /// Before the folder: it is unmounted first.
    state_disk: Option<SmallDisk>,
    /// As well.
    disk: Option<SmallDisk>,
    folder: TempDir,
}

impl Home {
    /// A home whose gateway serves two empty databases, `ONE` (the default) and `TWO`: it starts at once.
    ///
    /// # Panics
    /// The file system refuses.
    pub fn new() -> Self {
        let home = Self::bare();
        home.configure("");
        home.add_database("ONE");
        home.add_database("TWO");
        home
    }

    /// A home as a new user has it: no file at all. The first gateway writes the sample data.
    ///
    /// # Panics
    /// The file system refuses.
    pub fn bare() -> Self {
        let folder = tempfile::Builder::new().prefix("sg").rand_bytes(6).tempdir_in(homes());
        Self { state_disk: None, disk: None, folder: folder.expect("a temporary folder") }
    }

    /// Puts the state folder on a disk of its own that has `bytes`, so that it can be filled. Before the
    /// first gateway.
    ///
    /// # Errors
    /// This user may not mount.
    ///
    /// # Panics
    /// The file system refuses.
    pub fn mount_state(&mut self, bytes: u64) -> io::Result<()> {
        let folder = self.path().join("state");
        fs::create_dir_all(&folder).expect("making the state folder");
        self.state_disk = Some(SmallDisk::mount(folder, bytes)?);
        Ok(())
    }

    /// The disk of the state folder, if it has one of its own.
    pub fn state_disk(&self) -> Option<&SmallDisk> {
        self.state_disk.as_ref()
    }

    /// Makes `folder`, below this home, a disk of its own that has `bytes`.
    ///
    /// # Errors
    /// This user may not mount.
    ///
    /// # Panics
    /// The file system refuses.
    pub fn mount(&mut self, folder: &str, bytes: u64) -> io::Result<()> {
        let folder = self.path().join(folder);
        fs::create_dir_all(&folder).expect("making a folder");
        self.disk = Some(SmallDisk::mount(folder, bytes)?);
        Ok(())
    }

    /// The disk of [`Home::mount`].
    pub fn disk(&self) -> Option<&SmallDisk> {
        self.disk.as_ref()
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of the socket and the locks.
    pub fn run_dir(&self) -> PathBuf {
        self.path().join("run")
    }

    /// The socket, where there are sockets: Windows has a pipe, which is no file.
    pub fn socket(&self) -> PathBuf {
        self.run_dir().join("gateway.sock")
    }

    /// The folder of the database files.
    pub fn databases(&self) -> PathBuf {
        self.path().join("data/databases")
    }

    /// The config file.
    pub fn config_file(&self) -> PathBuf {
        self.path().join("config.toml")
    }

    /// Writes the config file: no sample data, and `toml`, which must not have a table `[sqlite]`.
    ///
    /// # Panics
    /// The file system refuses.
    pub fn configure(&self, toml: &str) {
        let text = format!("[sqlite]\nsample_data = false\n{toml}");
        fs::write(self.config_file(), text).expect("writing the config file");
    }

    /// A home whose gateway logs in to `warehouse` with the usual user's private key, and may write.
    ///
    /// # Panics
    /// The file system refuses.
    pub fn of_warehouse(warehouse: &Warehouse) -> Self {
        let home = Self::bare();
        let key = secrets::private_key();
        home.configure_account(
            warehouse,
            &format!("private_key_file = {:?}\nread_only = false\n", key.display().to_string()),
            "",
        );
        home
    }

    /// Writes the config file: `warehouse` is the backend, with these further lines of `[snowflake]`, and
    /// `toml` after it.
    ///
    /// # Panics
    /// The file system refuses.
    pub fn configure_account(&self, warehouse: &Warehouse, lines: &str, toml: &str) {
        let (user, port) = (secrets::USER, warehouse.address().port());
        let text = format!(
            "[backend]\nkind = 'snowflake'\n[snowflake]\naccount = 'org-test'\nuser = '{user}'\nhost = '127.0.0.1'\n\
             port = {port}\nprotocol = 'http'\n{lines}{toml}"
        );
        fs::write(self.config_file(), text).expect("writing the config file");
    }

    /// Puts an empty database of this name into the folder.
    ///
    /// # Panics
    /// The file system refuses.
    pub fn add_database(&self, name: &str) {
        fs::create_dir_all(self.databases()).expect("making the databases' folder");
        // A file without a byte is an empty SQLite database.
        fs::write(self.databases().join(format!("{name}.db")), "").expect("writing a database");
    }

    /// A command that runs the shim in this home, and in no other that the test's own environment tells of.
    pub fn shim(&self) -> Command {
        self.command(&binaries().shim)
    }

    /// A command that runs the gateway's program in this home.
    pub fn gateway(&self) -> Command {
        self.command(&binaries().gateway)
    }

    /// A command that runs `program` in this home.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            let text = name.as_encoded_bytes();
            if text.starts_with(b"SNOWGATE_") || text.starts_with(b"SNOWFLAKE_") {
                command.env_remove(name);
            }
        }
        command.env("SNOWGATE_HOME", self.path()).stdin(Stdio::null());
        command
    }

    /// Runs `snowgate` with these arguments to its end.
    ///
    /// # Panics
    /// It does not start.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Output {
        Output::of(self.gateway().args(arguments))
    }

    /// The same with `input` on its stdin.
    ///
    /// # Panics
    /// As [`Home::run`].
    #[track_caller]
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Output {
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(input.as_bytes()).and_then(|()| file.rewind()).expect("writing a file");
        Output::of(self.gateway().args(arguments).stdin(file))
    }

    /// Starts a client and its shim.
    ///
    /// # Panics
    /// The shim does not start.
    #[track_caller]
    pub fn client(&self) -> Client {
        self.launch().start()
    }

    /// A client and its shim, about to start.
    pub fn launch(&self) -> Launch {
        Launch::new(self.shim())
    }

    /// `snowgate status --json`; `None` where no gateway runs.
    ///
    /// # Panics
    /// The command fails.
    #[track_caller]
    pub fn status(&self) -> Option<Value> {
        let output = self.run(&["status", "--json"]);
        match output.code {
            Some(0) => Some(output.json()),
            Some(3) => None,
            _ => panic!("snowgate status: {output:?}"),
        }
    }

    /// `snowgate sessions --json`.
    ///
    /// # Panics
    /// No gateway runs, or the command fails.
    #[track_caller]
    pub fn sessions(&self) -> Vec<Value> {
        self.try_sessions().expect("a running gateway")
    }

    /// As [`Home::sessions`]; `None` where no gateway runs.
    #[track_caller]
    fn try_sessions(&self) -> Option<Vec<Value>> {
        let output = self.run(&["sessions", "--json"]);
        match output.code {
            Some(0) => Some(output.json().as_array().cloned().expect("a list of sessions")),
            Some(3) => None,
            _ => panic!("snowgate sessions: {output:?}"),
        }
    }

    /// The session of the shim with this process id.
    ///
    /// # Panics
    /// There is none.
    #[track_caller]
    pub fn session_of(&self, pid: u32) -> Value {
        let sessions = self.sessions();
        let found = sessions.iter().find(|session| session["pid"] == pid);
        found.unwrap_or_else(|| panic!("no session of pid {pid} in {sessions:?}")).clone()
    }

    /// The process id of the gateway that answers.
    ///
    /// # Panics
    /// None does.
    #[track_caller]
    pub fn gateway_pid(&self) -> u32 {
        let status = self.status().expect("a running gateway");
        status["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).expect("a process id")
    }

    /// Kills the gateway that answers and waits until it is gone; gives its process id.
    ///
    /// # Panics
    /// None answers, or it stays.
    #[track_caller]
    pub fn kill_gateway(&self) -> u32 {
        let pid = self.gateway_pid();
        kill(pid);
        until("the killed gateway is gone", || !self.is_running(pid));
        pid
    }

    /// Whether a process of this home with this id runs.
    pub fn is_running(&self, pid: u32) -> bool {
        self.processes().iter().any(|process| process.pid == pid)
    }

    /// Runs `snowgate stop`, and waits until the process is gone too: the command returns once the next
    /// gateway may start, when this one may still be on its way out.
    ///
    /// # Panics
    /// No gateway runs, the command fails, or the process stays.
    #[track_caller]
    pub fn stop(&self) {
        let pid = self.gateway_pid();
        let output = self.run(&["stop"]);
        assert_eq!(output.code, Some(0), "snowgate stop: {output:?}");
        until("the stopped gateway is gone", || !self.is_running(pid));
    }

    /// Waits until a gateway runs and `snowgate sessions` says what `holds` wants.
    ///
    /// # Panics
    /// It does not within [`patience`].
    #[track_caller]
    pub fn sessions_until(&self, what: &str, holds: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        eventually(what, || self.try_sessions().filter(|sessions| holds(sessions)))
    }

    /// Every process that runs in this home.
    pub fn processes(&self) -> Vec<Process> {
        Process::with_variable(&format!("SNOWGATE_HOME={}", self.path().display()))
    }

    /// The gateways that run in this home, serving or about to.
    pub fn gateways(&self) -> Vec<Process> {
        self.processes().into_iter().filter(Process::is_gateway).collect()
    }

    /// How many statements the journal of writes has that are not at their end.
    ///
    /// # Panics
    /// There is no journal.
    pub fn writes_under_way(&self) -> u64 {
        let state = self.path().join("state/state.db");
        let state = rusqlite::Connection::open_with_flags(state, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY);
        let sql = "SELECT count(*) FROM journal WHERE finished IS NULL";
        let count = state.and_then(|state| state.query_row(sql, [], |row| row.get::<_, i64>(0)));
        count.expect("a journal").unsigned_abs()
    }

    /// The text of the log's streams `main` and `access`, in all their files.
    pub fn log(&self) -> String {
        self.stream("gateway") + &self.stream("access")
    }

    /// The text of all files of a stream of the log, oldest first.
    pub fn stream(&self, prefix: &str) -> String {
        self.stream_files(prefix).iter().map(|file| fs::read_to_string(file).unwrap_or_default()).collect()
    }

    /// The files of a stream of the log, oldest first.
    pub fn stream_files(&self, prefix: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path().join("state/logs")).into_iter().flatten().flatten();
        let age = |path: &PathBuf| {
            let name = path.file_name()?.to_str()?.strip_prefix(prefix)?.strip_prefix('.')?;
            let (date, number) = name.strip_suffix("log")?.split_once('.')?;
            Some((date.to_owned(), number.trim_end_matches('.').parse().unwrap_or(0_u32)))
        };
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        files.retain(|file| age(file).is_some());
        files.sort_by_key(age);
        files
    }

    /// The log's lines that say `message`.
    ///
    /// # Panics
    /// A line is no JSON. (A gateway that is killed may leave a half line at the end; that is skipped.)
    pub fn log_lines(&self, message: &str) -> Vec<Value> {
        let lines: Vec<Value> =
            self.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        lines.into_iter().filter(|line| line["message"] == message).collect()
    }

    /// Waits until the log says `message` so many times: a running gateway writes its log a moment later.
    ///
    /// # Panics
    /// It does not within [`patience`].
    #[track_caller]
    pub fn log_until(&self, message: &str, times: usize) {
        let what = format!("the log says {message:?} {times} times");
        until(&what, || self.log_lines(message).len() == times);
    }

    /// Every file and folder of this home but logs, relative to it, in order.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if is_folder && !path.ends_with("logs") {
                    folders.push(path.clone());
                }
                found.extend(path.strip_prefix(self.path()).map(Path::to_owned));
            }
        }
        found.sort();
        found
    }

    /// As [`files`](Self::files), once a gateway has written what it writes a moment after its first session: the head of the audit trail.
    ///
    /// # Panics
    /// It does not within [`patience`].
    #[track_caller]
    pub fn settled_files(&self) -> Vec<PathBuf> {
        let is_settled = |files: &Vec<PathBuf>| files.iter().any(|file| file.ends_with("state/audit.head"));
        eventually("the head of the audit trail is written", || Some(self.files()).filter(is_settled))
    }

    /// Ends whatever still runs here; gives what should not have.
    fn clear(&self) -> Vec<Process> {
        let mut told = HashSet::new();
        let mut quiet_looks = 0;
        let look = || {
            let processes = self.processes();
            // As `snowgate stop` does, but without a wait: the test is over. A shim that has ended may have started one
            // that is seen only now.
            for gateway in processes.iter().filter(|process| process.is_gateway()) {
                if told.insert(gateway.pid) {
                    ask_to_stop(gateway.pid);
                }
            }
            quiet_looks = if processes.is_empty() { quiet_looks + 1 } else { 0 };
            (processes, quiet_looks)
        };
        let (left, _) = last_within(patience(), look, |(_, quiet_looks)| *quiet_looks >= QUIET_LOOKS);
        left.iter().for_each(|process| kill(process.pid));
        left
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let left = self.clear();
        if std::thread::panicking() {
            eprintln!("the log of the failed test's gateway:\n{}", self.log());
        } else {
            assert!(left.is_empty(), "processes were left behind in {}: {left:?}", self.path().display());
        }
    }
}
