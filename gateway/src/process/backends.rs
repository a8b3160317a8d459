//! The connections that the configuration defines, for the registry of backends.

use std::sync::Arc;

use crate::backend::snowflake::SnowflakeBackend;
use crate::backend::sqlite::{SqliteBackend, SqliteSettings};
use crate::backend::{Backend, Registry};
use crate::config::{BackendKind, Config};

/// The connections of `config`, none of them opened.
pub(super) fn registry(config: &Config) -> Registry {
    let mut registry = Registry::default();
    let sqlite = config.sqlite.clone();
    registry.define(BackendKind::Sqlite.connection(), move || {
        let backend = SqliteBackend::open(&SqliteSettings {
            folder: sqlite.folder.clone(),
            databases: sqlite.databases.clone(),
            read_only: sqlite.read_only,
            creates_folder: sqlite.creates_folder,
            sample_folder: sqlite.sample_folder.clone(),
            home_variable: sqlite.home_variable,
            busy_timeout: sqlite.busy_timeout,
        })?;
        Ok(Arc::new(backend) as Arc<dyn Backend>)
    });
    if let Some(account) = config.snowflake.clone() {
        registry.define(BackendKind::Snowflake.connection(), move || {
            Ok(Arc::new(SnowflakeBackend::new(account.clone())?) as Arc<dyn Backend>)
        });
    }
    registry
}
