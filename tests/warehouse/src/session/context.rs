//! Where a session's statements run.

/// A session's current role, warehouse, database and schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The role.
    pub role: Option<String>,
    /// The warehouse.
    pub warehouse: Option<String>,
    /// The database.
    pub database: Option<String>,
    /// The schema.
    pub schema: Option<String>,
}
