//! Where statements run.

use serde::{Deserialize, Serialize};

/// Where a session's statements run. A name is kept as the backend spells it (see [`Backend::resolve`]).
///
/// [`Backend::resolve`]: super::Backend::resolve
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Context {
    /// The role whose grants apply; `None`: the login's default. Backends without roles ignore it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The warehouse that runs queries. Backends without warehouses ignore it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warehouse: Option<String>,
    /// The current database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// The current schema of that database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
}
