//! The connections that the configuration defines, for the registry of backends.

use std::sync::Arc;

use crate::backend::snowflake::{SnowflakeBackend, SnowflakeSettings};
use crate::backend::sqlite::{SqliteBackend, SqliteSettings};
use crate::backend::{Backend, Registry};
use crate::config::{BackendKind, Config, ConnectionConfig, SqliteConfig};

/// The connections of `config`, none of them opened.
pub(super) fn registry(config: &Config) -> Registry {
    let mut registry = Registry::default();
    define_sqlite(&mut registry, BackendKind::Sqlite.connection(), &config.sqlite);
    if let Some(account) = &config.snowflake {
        define_snowflake(&mut registry, BackendKind::Snowflake.connection(), account);
    }
    for (name, connection) in &config.connections {
        match connection {
            ConnectionConfig::Sqlite(sqlite) => define_sqlite(&mut registry, name, sqlite),
            ConnectionConfig::Snowflake(account) => define_snowflake(&mut registry, name, account),
        }
    }
    registry
}

fn define_sqlite(registry: &mut Registry, name: &str, sqlite: &SqliteConfig) {
    let sqlite = sqlite.clone();
    registry.define(name, move || {
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
}

fn define_snowflake(registry: &mut Registry, name: &str, account: &SnowflakeSettings) {
    let account = account.clone();
    registry.define(name, move || Ok(Arc::new(SnowflakeBackend::new(account.clone())?) as Arc<dyn Backend>));
}
