//! Settings of the backend.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Settings of the SQLite backend: the section `[sqlite]` of config.toml.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteSettings {
    /// The folder whose `NAME.db`, `NAME.sqlite` and `NAME.sqlite3` files are databases; created (0700) if
    /// missing.
    pub folder: PathBuf,
    /// Files anywhere, by database name (`sqlite.databases.NAME`). They win over files in the folder.
    pub databases: BTreeMap<String, PathBuf>,
    /// Open every file read-only and refuse statements that write.
    pub read_only: bool,
    /// Create the TPC-H sample data in the folder if it is missing.
    pub sample_data: bool,
    /// How long a statement waits for a lock before it fails as busy.
    pub busy_timeout: Duration,
}
