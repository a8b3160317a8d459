//! What refuses a request, by the setting that says so.

/// The rule that refused a request: for the log, the audit trail and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// The connection's `read_only`.
    ReadOnly,
    /// The profile's `statements`: the class of the statement.
    Statements,
    /// The profile's `tools`.
    Tools,
    /// The profile's `allowed_databases`.
    AllowedDatabases,
    /// The profile's `denied_databases`.
    DeniedDatabases,
    /// The profile's `allowed_schemas`.
    AllowedSchemas,
    /// The profile's `denied_schemas`.
    DeniedSchemas,
    /// The profile's `allowed_tables`.
    AllowedTables,
    /// The profile's `denied_tables`.
    DeniedTables,
    /// The profile has lists of names, and the statement is not understood.
    NotUnderstood,
    /// The profile's `validator`.
    Validator,
    /// A role: the profile's, or that of the API key.
    Role,
    /// What a statement may cost.
    Cost,
    /// A limit on what clients use over time.
    Limit,
    /// `gateway.client_settings`: the client's own settings are not the gateway's.
    ClientSettings,
    /// `audit.required`: the audit trail cannot be written.
    Audit,
    /// It is refused in every profile.
    Always,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::ReadOnly,
        Self::Statements,
        Self::Tools,
        Self::AllowedDatabases,
        Self::DeniedDatabases,
        Self::AllowedSchemas,
        Self::DeniedSchemas,
        Self::AllowedTables,
        Self::DeniedTables,
        Self::NotUnderstood,
        Self::Validator,
        Self::Role,
        Self::Cost,
        Self::Limit,
        Self::ClientSettings,
        Self::Audit,
        Self::Always,
    ];

    /// Its name: that of the setting, where there is one.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "read_only",
            Self::Statements => "statements",
            Self::Tools => "tools",
            Self::AllowedDatabases => "allowed_databases",
            Self::DeniedDatabases => "denied_databases",
            Self::AllowedSchemas => "allowed_schemas",
            Self::DeniedSchemas => "denied_schemas",
            Self::AllowedTables => "allowed_tables",
            Self::DeniedTables => "denied_tables",
            Self::NotUnderstood => "not_understood",
            Self::Validator => "validator",
            Self::Role => "role",
            Self::Cost => "cost",
            Self::Limit => "limit",
            Self::ClientSettings => "client_settings",
            Self::Audit => "audit",
            Self::Always => "always",
        }
    }

    /// The rule of the list of names with the setting `name`.
    pub fn of_list(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == name)
    }
}
