//! The servers, each with a copy of the sample data, and what is said to them over stdio.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use snowgate_tests::Home;
use tempfile::TempDir;

use crate::common::connection::{Connection, Request};
use crate::common::sample;
use crate::environment;
use crate::scenario::{Dialect, Step};

/// The sample database, in a home of a new user.
const SAMPLE_FILE: &str = "data/sample/SNOWFLAKE_SAMPLE_DATA.db";
/// The tools of the small profile: those that the scenario takes, and the one for the rest of a result.
const FEW: &str = r#"["search_objects", "describe_table", "execute_query", "get_result", "export_result"]"#;

/// A server that a client starts.
pub(crate) struct Server {
    /// What the tables call it.
    pub(crate) name: &'static str,
    dialect: Dialect,
    start: Start,
}

enum Start {
    /// A shim of this home, whose gateway is running.
    Snowgate(Home),
    /// This program with these arguments, in this folder.
    Peer { program: PathBuf, arguments: Vec<String>, folder: TempDir },
}

/// A call as a model writes it, and what it reads then.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) asked: String,
    pub(crate) answered: String,
}

/// What a model has read and written.
#[derive(Debug)]
pub(crate) struct Transcript {
    /// The server's instructions, and name, description and input schema of each tool.
    pub(crate) tools: String,
    /// How many those are.
    pub(crate) tools_listed: usize,
    /// As [`Step::ALL`].
    pub(crate) calls: Vec<Call>,
}

impl Server {
    /// Snowgate with a profile of five tools and with all of them, mcp-server-sqlite and dbhub, in this order.
    pub(crate) fn all() -> Result<[Self; 4]> {
        let python = environment::python().context("mcp-server-sqlite")?;
        let (node, dbhub) = environment::dbhub().context("dbhub")?;
        let few = Self::snowgate("Snowgate, 5 tools", &format!("tools = {FEW}\n"))?;
        let all = Self::snowgate("Snowgate, all tools", "")?;
        let Start::Snowgate(home) = &few.start else { bail!("it has no home") };
        // Its write-ahead log is empty once the gateway is gone.
        sample::stop(home);
        let database = home.path().join(SAMPLE_FILE);
        let sqlite = Self::peer("mcp-server-sqlite", Dialect::Sqlite, &database, python, |file| {
            let file = file.display().to_string();
            vec!["-c".into(), "from mcp_server_sqlite import main; main()".into(), "--db-path".into(), file]
        })?;
        let dbhub = Self::peer("dbhub", Dialect::Dbhub, &database, node, |file| {
            let dsn = format!("sqlite://{}", file.display());
            [dbhub.display().to_string(), "--transport".into(), "stdio".into(), "--dsn".into(), dsn].into()
        })?;
        Ok([few, all, sqlite, dbhub])
    }

    /// Snowgate as a new user has it, with a folder for exports.
    fn snowgate(name: &'static str, lines: &str) -> Result<Self> {
        let home = Home::bare();
        let folder = home.path().join("exports").display().to_string();
        let config = format!("[profiles.default]\nexport_folder = {folder:?}\n{lines}");
        std::fs::write(home.config_file(), config).context("writing the config file")?;
        sample::warm_up(&home)?;
        Ok(Self { name, dialect: Dialect::Snowgate, start: Start::Snowgate(home) })
    }

    fn peer(
        name: &'static str,
        dialect: Dialect,
        database: &Path,
        program: PathBuf,
        arguments: impl FnOnce(&Path) -> Vec<String>,
    ) -> Result<Self> {
        let folder = tempfile::tempdir().context("making a temporary folder")?;
        let copy = folder.path().join("sample.db");
        std::fs::copy(database, &copy).with_context(|| format!("copying {}", database.display()))?;
        let arguments = arguments(&copy);
        Ok(Self { name, dialect, start: Start::Peer { program, arguments, folder } })
    }

    fn command(&self) -> Command {
        match &self.start {
            Start::Snowgate(home) => home.shim(),
            Start::Peer { program, arguments, folder } => {
                let mut command = Command::new(program);
                command.args(arguments).current_dir(folder.path());
                command
            }
        }
    }

    /// Plays the scenario from its beginning.
    pub(crate) fn play(&self) -> Result<Transcript> {
        self.talk().with_context(|| format!("the scenario with {}", self.name))
    }

    fn talk(&self) -> Result<Transcript> {
        let mut client = Connection::spawn(&mut self.command())?;
        let hello = client.ask(&Request::initialize())?;
        client.initialized()?;
        let instructions = hello["result"]["instructions"].as_str().unwrap_or_default();
        let listed = client.ask(&Request::new("tools/list", &json!({})))?;
        let listed = &listed["result"]["tools"];
        let (tools, tools_listed) =
            (format!("{instructions}{}", tools_text(listed)?), listed.as_array().map_or(0, Vec::len));
        let mut calls = Vec::with_capacity(Step::ALL.len());
        for step in Step::ALL {
            let (tool, arguments) = step.call(self.dialect);
            let asked = json!({"name": tool, "arguments": arguments}).to_string();
            let answer =
                client.ask(&Request::call(tool, &arguments)).with_context(|| step.label().to_owned())?;
            calls.push(Call { asked, answered: contents_text(&answer["result"]["content"])? });
        }
        client.close()?;
        Ok(Transcript { tools, tools_listed, calls })
    }
}

/// What a model is handed of a list of tools.
fn tools_text(tools: &Value) -> Result<String> {
    let tools = tools.as_array().context("no list of tools")?;
    let shown = |tool: &Value| json!({"name": tool["name"], "description": tool["description"], "inputSchema": tool["inputSchema"]});
    Ok(Value::Array(tools.iter().map(shown).collect()).to_string())
}

/// What a model reads of a result: its texts, and what is no text as JSON.
fn contents_text(content: &Value) -> Result<String> {
    let blocks = content.as_array().context("no content")?;
    let text = |block: &Value| block["text"].as_str().map_or_else(|| block.to_string(), str::to_owned);
    Ok(blocks.iter().map(text).collect::<Vec<_>>().join("\n"))
}
