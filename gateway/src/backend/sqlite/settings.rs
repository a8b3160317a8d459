//! Settings of the backend.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Settings of the SQLite backend: the section `[sqlite]` of config.toml.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteSettings {
    /// The folder of databases: files with one of SQLite's usual extensions.
    pub folder: PathBuf,
    /// Whether it is created (0700) if it is missing; otherwise its name may be misspelt.
    pub creates_folder: bool,
    /// Files anywhere, by database name (`sqlite.databases.NAME`). They win over files in the folder.
    pub databases: BTreeMap<String, PathBuf>,
    /// Open every file read-only and refuse statements that write.
    pub read_only: bool,
    /// The folder of the TPC-H sample data, which is created if it is missing; `None`: there is none.
    pub sample_folder: Option<PathBuf>,
    /// The variable that moves the folders that are created; errors about them name it.
    pub home_variable: &'static str,
    /// How long a statement waits for a lock before it fails as busy.
    pub busy_timeout: Duration,
}
