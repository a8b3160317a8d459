//! Where a session's statements run, as the server last said.

use std::collections::HashMap;

use serde_json::Value;

use crate::envelope::Fields;

/// The context of a session. A name is spelled as the account stores it; `None`: there is none, or the server
/// has not said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionContext {
    /// The primary role.
    pub role: Option<String>,
    /// The warehouse.
    pub warehouse: Option<String>,
    /// The current database.
    pub database: Option<String>,
    /// The current schema.
    pub schema: Option<String>,
}

impl SessionContext {
    /// The context that a log-in's answer states.
    pub(crate) fn at_log_in(data: &Fields<'_>) -> Self {
        let info = Fields::of(data.raw("sessionInfo").unwrap_or_default().as_bytes());
        Self {
            role: info.filled("roleName"),
            warehouse: info.filled("warehouseName"),
            database: info.filled("databaseName"),
            schema: info.filled("schemaName"),
        }
    }

    /// This context after a statement: what its answer does not mention stays.
    #[must_use]
    pub(crate) fn after(&self, data: &Fields<'_>) -> Self {
        let last = |name: &str, before: &Option<String>| {
            if data.has(name) { data.filled(name) } else { before.clone() }
        };
        Self {
            role: last("finalRoleName", &self.role),
            warehouse: last("finalWarehouseName", &self.warehouse),
            database: last("finalDatabaseName", &self.database),
            schema: last("finalSchemaName", &self.schema),
        }
    }
}

/// What is known of a session's state. Written after the log-in and after each statement of the session.
pub(crate) struct Known {
    pub(crate) context: SessionContext,
    pub(crate) parameters: HashMap<String, Value>,
}

impl Known {
    pub(crate) fn new(context: SessionContext, parameters: HashMap<String, Value>) -> Self {
        Self { context, parameters }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Option<String> {
        Some(text.into())
    }

    #[test]
    fn a_statement_changes_what_it_mentions() {
        let info = br#"{"sessionInfo":
            {"databaseName": "DB", "schemaName": "S", "warehouseName": null, "roleName": "R"}}"#;
        let before = SessionContext::at_log_in(&Fields::of(info));
        assert_eq!((&before.database, &before.warehouse), (&name("DB"), &None));
        let answer = br#"{"finalDatabaseName": "DB2", "finalSchemaName": null, "finalWarehouseName": "W"}"#;
        let after = before.after(&Fields::of(answer));
        let expected =
            SessionContext { role: name("R"), warehouse: name("W"), database: name("DB2"), schema: None };
        assert_eq!(after, expected);
    }

    #[test]
    fn a_log_in_may_say_nothing() {
        assert_eq!(SessionContext::at_log_in(&Fields::of(b"{}")), SessionContext::default());
    }
}
