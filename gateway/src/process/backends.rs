//! The connections that the configuration defines, for the registry of backends.

use crate::backend::Registry;
use crate::config::Config;
use crate::shared::open_backend;

/// The connections of `config`, none of them opened.
pub(super) fn registry(config: &Config) -> Registry {
    let registry = Registry::default();
    for (name, connection) in config.all_connections() {
        registry.define(name, move || open_backend(&connection));
    }
    registry
}
