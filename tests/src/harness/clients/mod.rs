//! Real MCP clients: their pinned environments, and what they find in a home.
//!
//! The programs themselves and the pins are in `tests/clients`; the test program `clients` runs them.

mod environment;
mod fakesnow;
mod fingerprint;
mod program;
mod suite;
mod unavailable;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

pub use environment::{
    NodeVersion, browser, bundle_tool, conformance, connector_5_python, genai_python, node, python,
    rest_python, snowflake_python, system_python, typescript,
};
pub use fakesnow::{Counts, Fakesnow};
pub use program::{Finished, run};
pub use suite::{Plan, available, check_schemas_with_ajv, run_python, run_typescript};
pub use unavailable::Unavailable;

use warehouse::support::{patience, tests_dir};

use crate::harness::Home;

/// The folder that holds the client programs and their pins.
pub fn folder() -> PathBuf {
    tests_dir().join("clients")
}

/// A home as a new user has it, with the database `OTHER` beside the sample data that the first gateway
/// writes.
///
/// # Errors
/// Python, which fills the database, is missing.
pub fn home() -> Result<Home, Unavailable> {
    let (python, _) = system_python()?;
    let home = Home::bare();
    let databases = home.databases();
    fs::create_dir_all(&databases).map_err(Unavailable::os(format!("creating {}", databases.display())))?;
    let mut script = Command::new(python);
    script.arg(folder().join("python/other_database.py")).arg(databases.join("OTHER.db"));
    let written = run(&mut script, patience()).map_err(Unavailable::os("starting Python"))?;
    if written.success() {
        Ok(home)
    } else {
        Err(Unavailable::Install { what: "the database OTHER".into(), output: written.output })
    }
}
