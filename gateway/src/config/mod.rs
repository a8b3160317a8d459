//! Configuration: read at the start of the gateway, and again where a person says so (`changes` says what of it applies then).
//!
//! Four layers, each overriding the one before: the defaults of the table in `keys`, the system's TOML file, the
//! user's, the `SNOWGATE_*` variables. What protects can only be narrowed (`protection`). Every value is checked when it is read (`kind`), kept with its origin
//! ([`Settings`]), checked against the others and returned in the typed, immutable [`Config`]. Errors are
//! collected, so that one run reports all of them ([`ConfigErrors`]).
//!
//! Invariant: every setting is in the table; overrides, suggestions, `config show` and
//! `docs/configuration.md` are all derived from it. Nothing outside [`ProcessEnvironment`] reads the
//! environment.

mod address_range;
mod allocator;
mod backend_kind;
mod breaker;
mod changes;
mod checks;
mod client_settings;
mod connections;
mod corrections;
mod cost;
mod document;
mod environment;
mod error;
mod file;
mod hints;
mod http;
mod http_checks;
mod http_names;
mod inspect;
mod keys;
mod kind;
mod limits;
mod lines;
mod load;
pub mod log_targets;
mod matches;
mod observing;
mod overrides;
mod paths;
mod permission;
mod profile_checks;
mod profile_keys;
mod profile_names;
mod profiles;
mod protection;
mod questions;
mod reference;
mod repair;
mod resolver;
mod results;
mod roles;
mod secret_file;
mod sections;
mod settings;
mod show;
mod snowflake;
mod suggest;
#[cfg(test)]
mod tests;
mod unexpanded;
mod webhook;
mod words;

pub use address_range::{parse_range, ranges_contain};
pub use allocator::{AllocatorConfig, FairBy, PRIORITY, Strategy};
pub use breaker::BreakerConfig;
pub use changes::{Change, Changes};
pub use client_settings::{SettingsDifference, settings_among};
pub use connections::ConnectionConfig;
pub use cost::CostConfig;
pub use environment::{Environment, ProcessEnvironment};
pub use error::{ConfigError, ConfigErrors, Place, UnknownProfile, UnknownRole, Warning};
pub use http::{HttpAuth, HttpConfig, HttpListen, TlsFiles};
pub use http_names::{canonical_origin, split_authority};
pub(crate) use inspect::OPEN_SECRET;
pub use keys::PROFILE_DEFAULT;
pub use limits::{ClientLimits, Limit, LimitValues, ProfileLimits, UsageLimits};
pub use load::Config;
pub use observing::{
    AlertThresholds, AlertsConfig, AuditConfig, LogFormat, LogsConfig, MetricsConfig, ObservingConfig,
    QueriesConfig, Retention,
};
pub use paths::{Paths, PathsError, SystemFile};
pub use permission::{Permission, Permissions};
pub use profile_keys::TOOLS;
pub use questions::{OfferedQuestion, QuestionParameter, SavedQuestion, is_question_name};
pub use reference::reference;
pub use results::ResultsConfig;
pub use roles::RoleConfig;
pub(crate) use secret_file::{IS_SECRET, KEY_BEGIN, is_never_a_path, is_public, seems_to_be_a_secret};
pub use sections::{
    BackendKind, GatewayConfig, IsolationLevel, LEASE_IDLE, LimitsConfig, NameLists, PIN_IDLE, PoolConfig,
    ProfileConfig, ProfileMatch, SessionConfig, SqliteConfig, ValidatorConfig,
};
pub use settings::{Origin, Settings};
pub use snowflake::{Meaning, account_identifier, connection_names, meaning_of};
pub use webhook::Webhook;
pub(crate) use words::authenticator_word;

/// Whether the variable `name` of Snowflake's tools holds a secret.
pub(crate) fn is_secret_variable(name: &str) -> bool {
    snowflake::is_secret(name)
}
