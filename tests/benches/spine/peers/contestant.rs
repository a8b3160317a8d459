//! Who is compared: how a client starts each of them, and how each wants to be asked.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;
use snowgate_tests::{Home, Process};
use tempfile::TempDir;

use super::environment;
use crate::common::connection::Request;
use crate::common::{memory, sample};

/// Marks every process that was started for a peer, whoever its parent is.
const MARK: &str = "SNOWGATE_BENCH_PEER";

/// The sample database, in a home of a new user.
const SAMPLE_FILE: &str = "data/sample/SNOWFLAKE_SAMPLE_DATA.db";

/// A server that clients start.
pub(super) struct Contestant {
    /// What the table calls it.
    pub(super) name: &'static str,
    /// What a client asks.
    pub(super) select_1: Request,
    start: Start,
}

enum Start {
    /// A shim of this home, whose gateway is running.
    Snowgate(Home),
    /// This program with these arguments, in this folder with its own copy of the sample data.
    Peer { program: PathBuf, arguments: Vec<String>, folder: TempDir },
}

impl Contestant {
    /// Snowgate, mcp-server-sqlite and dbhub, in this order.
    pub(super) fn all() -> Result<[Self; 3]> {
        let python = environment::python().context("mcp-server-sqlite")?;
        let (node, dbhub) = environment::dbhub().context("dbhub")?;
        let home = sample::home()?;
        // Its write-ahead log is empty once the gateway is gone.
        sample::stop(&home);
        let database = home.path().join(SAMPLE_FILE);
        let arguments = |file: &Path| {
            let file = file.display().to_string();
            vec!["-c".into(), "from mcp_server_sqlite import main; main()".into(), "--db-path".into(), file]
        };
        let sql = json!({"query": "select 1"});
        let python =
            Self::peer("mcp-server-sqlite", Request::call("read_query", &sql), &database, python, arguments)?;
        let arguments = |file: &Path| {
            let dsn = format!("sqlite://{}", file.display());
            [dbhub.display().to_string(), "--transport".into(), "stdio".into(), "--dsn".into(), dsn].into()
        };
        let sql = json!({"sql": "select 1"});
        let dbhub = Self::peer("dbhub", Request::call("execute_sql", &sql), &database, node, arguments)?;
        sample::warm_up(&home)?;
        let snowgate = Self { name: "Snowgate", select_1: sample::select_1(), start: Start::Snowgate(home) };
        Ok([snowgate, python, dbhub])
    }

    fn peer(
        name: &'static str,
        select_1: Request,
        database: &Path,
        program: PathBuf,
        arguments: impl FnOnce(&Path) -> Vec<String>,
    ) -> Result<Self> {
        let folder = tempfile::tempdir().context("making a temporary folder")?;
        let copy = folder.path().join("sample.db");
        std::fs::copy(database, &copy).with_context(|| format!("copying {}", database.display()))?;
        let arguments = arguments(&copy);
        Ok(Self { name, select_1, start: Start::Peer { program, arguments, folder } })
    }

    /// What a client runs.
    pub(super) fn command(&self) -> Command {
        match &self.start {
            Start::Snowgate(home) => home.shim(),
            Start::Peer { program, arguments, folder } => {
                let mut command = Command::new(program);
                command.args(arguments).current_dir(folder.path()).env(MARK, folder.path());
                command
            }
        }
    }

    /// Megabytes of everything that was started for it and runs, the gateway included.
    pub(super) fn memory_mb(&self) -> Result<f64> {
        let kilobytes: Result<Vec<f64>> =
            self.processes().iter().map(|process| memory::proportional_kb(process.pid)).collect();
        Ok(kilobytes?.iter().sum::<f64>() * 1024.0 / 1e6)
    }

    fn processes(&self) -> Vec<Process> {
        match &self.start {
            Start::Snowgate(home) => home.processes(),
            Start::Peer { folder, .. } => {
                Process::with_variable(&format!("{MARK}={}", folder.path().display()))
            }
        }
    }
}

impl Drop for Contestant {
    fn drop(&mut self) {
        // A home stops its own gateway; a peer's processes end with their clients, or here.
        if let Start::Peer { .. } = self.start {
            self.processes().iter().for_each(|process| snowgate_tests::kill(process.pid));
        }
    }
}
