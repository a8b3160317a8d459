//! Opening the backends that a configuration defines.

use std::sync::Arc;

use crate::backend::snowflake::SnowflakeBackend;
use crate::backend::sqlite::{SqliteBackend, SqliteSettings};
use crate::backend::{Backend, BackendError};
use crate::config::{ConnectionConfig, SqliteConfig};

/// Opens the backend of `connection`. Blocks on its files.
///
/// # Errors
/// Those of its backend.
pub fn open_backend(connection: &ConnectionConfig) -> Result<Arc<dyn Backend>, BackendError> {
    match connection {
        ConnectionConfig::Sqlite(sqlite) => Ok(Arc::new(SqliteBackend::open(&sqlite_settings(sqlite))?)),
        ConnectionConfig::Snowflake(account) => Ok(Arc::new(SnowflakeBackend::new((**account).clone())?)),
    }
}

/// The configuration of SQLite files, as the backend takes it.
pub fn sqlite_settings(sqlite: &SqliteConfig) -> SqliteSettings {
    SqliteSettings {
        folder: sqlite.folder.clone(),
        databases: sqlite.databases.clone(),
        read_only: sqlite.read_only,
        creates_folder: sqlite.creates_folder,
        sample_folder: sqlite.sample_folder.clone(),
        home_variable: sqlite.home_variable,
        busy_timeout: sqlite.busy_timeout,
    }
}
