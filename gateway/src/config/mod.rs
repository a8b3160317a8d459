//! Configuration: what the gateway reads once, at its start, and never changes afterwards.
//!
//! Three layers, each above the one before it: the defaults of the table in `keys`, the TOML file, the
//! `SNOWGATE_*` variables. Every value is checked on its way in (`kind`), kept with its origin
//! ([`Settings`]), checked against the others and handed out as the typed, immutable [`Config`]. Mistakes are
//! collected, so that one run reports all of them ([`ConfigErrors`]).
//!
//! Invariant: a setting exists because it stands in the table; overrides, suggestions, `config show` and
//! `docs/configuration.md` all follow from it. Nothing outside [`ProcessEnvironment`] reads the environment.

mod checks;
mod document;
mod environment;
mod error;
mod file;
mod keys;
mod kind;
mod load;
mod overrides;
mod paths;
mod reference;
mod resolver;
mod sections;
mod settings;
mod show;
mod snowflake;
mod suggest;
#[cfg(test)]
mod tests;

pub use environment::{Environment, ProcessEnvironment};
pub use error::{ConfigError, ConfigErrors, Place, UnknownProfile, Warning};
pub use load::Config;
pub use paths::{Paths, PathsError};
pub use reference::reference;
pub use sections::{
    BackendKind, GatewayConfig, LimitsConfig, PoolConfig, ProfileConfig, SessionConfig, SqliteConfig,
};
pub use settings::{Origin, Settings};
