//! What a role may permit.
//!
//! | permission | tools | classes of statements | endpoints |
//! |---|---|---|---|
//! | `read_databases` | `list_databases`, `list_schemas` | | |
//! | `read_tables` | `list_tables`, `describe_table` | | |
//! | `read_views` | `list_views`, `describe_view`, `query_view`, `list_semantic_views`, `describe_semantic_view` | | |
//! | `execute_queries` | `execute_query`, `explain_query` | `read`, `context`, `transaction`, `session` | |
//! | `write` | | `write`, `ddl`, `call`, `file` | |
//! | `admin_operations` | | `admin`, `unknown` | `/admin/*`, `/ui/kill` |
//! | `health_check` | | | `/status`, `/ready`, `/ui/*` |
//!
//! `search_objects` comes with each of the first three, and finds what the tools list that the role permits.
//! `session_info` needs none, `set_context` any of the first four: it changes nothing but where the client works. `write`
//! and `admin_operations` let statements run only together with `execute_queries`, because they come with `execute_query`.

use std::fmt;

use sql_gate::{Class, ClassSet};

/// Something that a role may permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// To list databases and schemas.
    ReadDatabases,
    /// To list and describe tables.
    ReadTables,
    /// To list, describe and read views.
    ReadViews,
    /// To run statements that change nothing.
    ExecuteQueries,
    /// To run statements that change data and objects.
    Write,
    /// To run statements about users and rights, and what an operator does to the gateway.
    AdminOperations,
    /// To ask how the gateway is.
    HealthCheck,
}

/// Names, in the order of [`Permission`].
pub(super) const PERMISSIONS: &[&str] = &[
    "read_databases",
    "read_tables",
    "read_views",
    "execute_queries",
    "write",
    "admin_operations",
    "health_check",
];

impl Permission {
    /// All of them, in display order.
    pub const ALL: [Self; 7] = [
        Self::ReadDatabases,
        Self::ReadTables,
        Self::ReadViews,
        Self::ExecuteQueries,
        Self::Write,
        Self::AdminOperations,
        Self::HealthCheck,
    ];

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        PERMISSIONS[self as usize]
    }

    /// The one called `name`.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.name() == name)
    }

    /// Which of them lets a client use the tool of this name: any one of these; none: it needs none.
    pub fn of_tool(tool: &str) -> &'static [Self] {
        match tool {
            "list_databases" | "list_schemas" => &[Self::ReadDatabases],
            "list_tables" | "describe_table" => &[Self::ReadTables],
            "list_views"
            | "describe_view"
            | "query_view"
            | "list_semantic_views"
            | "describe_semantic_view" => &[Self::ReadViews],
            // It finds what the others list.
            "search_objects" => &[Self::ReadDatabases, Self::ReadTables, Self::ReadViews],
            "session_info" => &[],
            // What calls have left that needed one of these.
            "get_result" | "cancel_query" => &[Self::ReadViews, Self::ExecuteQueries],
            "set_context" => &[Self::ReadDatabases, Self::ReadTables, Self::ReadViews, Self::ExecuteQueries],
            // Also what a later build offers.
            _ => &[Self::ExecuteQueries],
        }
    }

    /// Which of them lets a statement of `class` run. Questions of the tools that list and describe are of the class `read`,
    /// and `set_context` is of `context`: these come with each permission to read, while what runs a client's own statements
    /// is the tool `execute_query`.
    pub fn of_class(class: Class) -> Self {
        match class {
            Class::Read | Class::Context | Class::Transaction | Class::Session => Self::ExecuteQueries,
            Class::Write | Class::Ddl | Class::Call | Class::File => Self::Write,
            Class::Admin | Class::Unknown => Self::AdminOperations,
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Some of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u8);

impl Permissions {
    /// All of them.
    pub fn all() -> Self {
        Permission::ALL.into_iter().collect()
    }

    /// Whether `permission` is among them.
    pub fn contains(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u8) != 0
    }

    /// Those that are in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// These without `permission`.
    #[must_use]
    pub fn without(self, permission: Permission) -> Self {
        Self(self.0 & !(1 << permission as u8))
    }

    /// Those that are in it.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.into_iter().filter(move |permission| self.contains(*permission))
    }

    /// Whether they let a client use the tool of this name.
    pub fn permit_tool(self, tool: &str) -> bool {
        let needed = Permission::of_tool(tool);
        needed.is_empty() || needed.iter().any(|permission| self.contains(*permission))
    }

    /// The classes of statements that they let run.
    pub fn classes(self) -> ClassSet {
        let may_look = Permission::of_tool("set_context").iter().any(|permission| self.contains(*permission));
        let of_tools = |class| may_look && matches!(class, Class::Read | Class::Context);
        let permitted = |class: &Class| self.contains(Permission::of_class(*class)) || of_tools(*class);
        Class::ALL.into_iter().filter(permitted).collect()
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<T: IntoIterator<Item = Permission>>(permissions: T) -> Self {
        Self(permissions.into_iter().fold(0, |set, permission| set | (1 << permission as u8)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tool_and_each_class_has_a_permission_that_lets_it() {
        for (at, permission) in Permission::ALL.into_iter().enumerate() {
            assert_eq!(permission as usize, at);
            assert_eq!(Permission::find(permission.name()), Some(permission));
        }
        for tool in super::super::TOOLS {
            assert!(Permissions::all().permit_tool(tool), "{tool}");
            assert_eq!(Permissions::default().permit_tool(tool), *tool == "session_info", "{tool}");
        }
        assert_eq!(Permissions::all().classes(), Class::ALL.into_iter().collect());
        let reading: Permissions = [Permission::ExecuteQueries].into_iter().collect();
        assert!(!reading.classes().iter().any(Class::may_change));
    }
}
