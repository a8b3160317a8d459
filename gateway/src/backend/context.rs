//! Where statements run.

use std::fmt;

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
    /// Whether the user's other roles count, too; `None`: what the log-in selects. Backends without roles ignore it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secondary_roles: Option<SecondaryRoles>,
}

/// Which of the user's other roles count besides the context's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecondaryRoles {
    /// All of them.
    All,
    /// None.
    None,
}

impl SecondaryRoles {
    /// As SQL and a configuration write it, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::None => "none",
        }
    }
}

/// "role R, database D": the parts that are set.
impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("role", &self.role),
            ("warehouse", &self.warehouse),
            ("database", &self.database),
            ("schema", &self.schema),
        ];
        let mut separator = "";
        for (what, name) in parts {
            if let Some(name) = name {
                write!(f, "{separator}{what} {name}")?;
                separator = ", ";
            }
        }
        if let Some(roles) = self.secondary_roles {
            write!(f, "{separator}secondary roles {}", roles.name())?;
            separator = ", ";
        }
        if separator.is_empty() { f.write_str("what the log-in selects") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_told_by_the_parts_that_are_set() {
        let context = Context { role: Some("R".into()), schema: Some("S".into()), ..Context::default() };
        assert_eq!(context.to_string(), "role R, schema S");
        assert_eq!(Context::default().to_string(), "what the log-in selects");
    }
}
