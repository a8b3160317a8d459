//! What a profile comes to: every value that holds for its sessions, and what decides it. For `snowgate config explain`.

use serde_json::{Value, json};

use crate::config::{Config, IsolationLevel, Limit, Origin, PRIORITY, ProfileConfig};
use crate::session::Profile;

/// One value that holds.
#[derive(Clone, Debug)]
pub(crate) struct PolicyValue {
    /// Its key, as `[profiles.NAME]` has it; `read_only` is the connection's.
    pub(crate) key: &'static str,
    /// The value; `null`: there is none.
    pub(crate) value: Value,
    /// What decides it.
    pub(crate) origin: String,
}

/// The policy of `profile`, whose settings are `settings`, key by key.
pub(crate) fn policy(config: &Config, profile: &Profile, settings: &ProfileConfig) -> Vec<PolicyValue> {
    let policy = Explained { config, profile, settings };
    let mut values = policy.place();
    values.extend(policy.rights());
    values.extend(policy.lists());
    values.extend(policy.caps());
    values.extend(policy.limits());
    values.extend(policy.costs());
    values.extend(policy.holding());
    values
}

struct Explained<'a> {
    config: &'a Config,
    profile: &'a Profile,
    settings: &'a ProfileConfig,
}

impl Explained<'_> {
    /// Where `key` of the profile is set.
    fn set(&self, key: &str) -> Option<&Origin> {
        self.config.origins.origin(&format!("profiles.{}.{key}", self.profile.name))
    }

    /// What decides `key`: the profile, or `other`.
    fn origin(&self, key: &str, other: &str) -> String {
        self.set(key).map_or_else(|| other.to_owned(), ToString::to_string)
    }

    /// A setting outside the profile, with what decides it.
    fn setting(&self, path: &str) -> String {
        let origin = self.config.origins.origin(path).map_or("default".to_owned(), ToString::to_string);
        format!("{path}: {origin}")
    }

    fn value(&self, key: &'static str, value: impl Into<Value>, other: &str) -> PolicyValue {
        PolicyValue { key, value: value.into(), origin: self.origin(key, other) }
    }

    /// The path of a setting of the profile's connection.
    fn of_connection(&self, key: &str) -> String {
        match self.profile.connection.as_str() {
            kind @ ("sqlite" | "snowflake") => format!("{kind}.{key}"),
            name => format!("connections.{name}.{key}"),
        }
    }

    fn place(&self) -> Vec<PolicyValue> {
        let context = &self.profile.context;
        let text = |text: &Option<String>| json!(text);
        let connection = format!("of the connection `{}`", self.profile.connection);
        let by = |key, value| self.value(key, value, &connection);
        vec![
            self.value("connection", self.profile.connection.clone(), &self.setting("backend.kind")),
            by("role", text(&context.role)),
            by("warehouse", text(&context.warehouse)),
            by("database", text(&context.database)),
            by("schema", text(&context.schema)),
            by("secondary_roles", json!(context.secondary_roles.map(crate::backend::SecondaryRoles::name))),
        ]
    }

    fn rights(&self) -> Vec<PolicyValue> {
        let profile = self.profile;
        let read_only = self.setting(&self.of_connection("read_only"));
        let classes: Vec<&str> = profile.statements.iter().map(sql_gate::Class::name).collect();
        let listed = self.settings.statements;
        let by_list = self.origin("statements", &read_only);
        let taken: Vec<_> = profile.roles.iter().map(|role| format!("the role `{}`", role.name)).collect();
        let by_roles = |by: String| match taken.is_empty() {
            true => by,
            false => format!("{by}, narrowed by {}", taken.join(" and ")),
        };
        let statements = match listed {
            Some(listed) if listed != profile.statements && profile.read_only => {
                format!("{by_list}, narrowed by {read_only}")
            }
            _ => by_list,
        };
        let questions: Vec<&str> = profile.questions.iter().map(|offered| &*offered.question.name).collect();
        let tools = by_roles(self.origin("tools", "all tools"));
        vec![
            PolicyValue { key: "read_only", value: profile.read_only.into(), origin: read_only },
            PolicyValue { key: "statements", value: json!(classes), origin: by_roles(statements) },
            PolicyValue { key: "tools", value: json!(profile.tools), origin: tools },
            self.value("result_app", !profile.hides_app, "default"),
            self.value(
                "answer_within_ms",
                u64::try_from(profile.caps.answer_within.as_millis()).unwrap_or(u64::MAX),
                "limits.answer_within_ms",
            ),
            PolicyValue {
                key: "saved_questions",
                value: json!(questions),
                origin: "[queries.NAME]".to_owned(),
            },
            self.value(
                "export_folder",
                json!(self.settings.export_folder),
                "default: none, and nothing is exported",
            ),
            self.value("access_role", json!(self.settings.access_role), "none"),
        ]
    }

    fn lists(&self) -> Vec<PolicyValue> {
        let names = &self.settings.names;
        [
            ("allowed_databases", &names.allowed_databases, "all"),
            ("denied_databases", &names.denied_databases, "none"),
            ("allowed_schemas", &names.allowed_schemas, "all"),
            ("denied_schemas", &names.denied_schemas, "none"),
            ("allowed_tables", &names.allowed_tables, "all"),
            ("denied_tables", &names.denied_tables, "none"),
        ]
        .into_iter()
        .map(|(key, list, other)| self.value(key, json!(list), &format!("default: {other}")))
        .collect()
    }

    fn caps(&self) -> Vec<PolicyValue> {
        let caps = &self.profile.caps;
        let milliseconds = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let settings = self.settings;
        let cap = |key: &'static str, value: u64, own: Option<u64>, path: &str| {
            // The lower of the two counts.
            let origin = if own == Some(value) { self.origin(key, path) } else { self.setting(path) };
            PolicyValue { key, value: value.into(), origin }
        };
        let own_requests = settings.requests_max.and_then(|max| u64::try_from(max).ok());
        vec![
            cap("rows_max", caps.rows_max, settings.rows_max, "limits.rows_max"),
            cap("bytes_max", caps.bytes_max, settings.bytes_max, "limits.bytes_max"),
            cap(
                "statement_timeout_ms",
                milliseconds(caps.statement_timeout),
                settings.statement_timeout.map(milliseconds),
                "limits.statement_timeout_ms",
            ),
            cap(
                "requests_max",
                u64::try_from(caps.requests_max).unwrap_or(u64::MAX),
                own_requests,
                "gateway.session_requests_max",
            ),
        ]
    }

    /// What one client may use over time; `null`: as much as it likes.
    fn limits(&self) -> Vec<PolicyValue> {
        let limits = &self.profile.limits;
        let value = |key: &'static str, value: u64, setting: &str| {
            let value = if value == 0 { Value::Null } else { value.into() };
            let is_own = setting.starts_with("profiles.");
            let origin = if is_own { self.origin(key, setting) } else { self.setting(setting) };
            PolicyValue { key, value, origin }
        };
        let name = &self.profile.name;
        let mut values: Vec<PolicyValue> = Limit::all()
            .map(|limit| value(limit.name(), limits.values.get(limit), &limits.setting(limit, name)))
            .collect();
        let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let sessions = limits.sessions_setting(name);
        values.push(value("sessions_per_client_max", number(limits.sessions_max), &sessions));
        let results = limits.results_setting(name);
        values.push(value("result_bytes_in_flight_max", number(limits.result_bytes), &results));
        values
    }

    fn costs(&self) -> Vec<PolicyValue> {
        let cost = &self.profile.cost;
        let bound = |key, value: Option<u64>| self.value(key, json!(value), "default: no bound");
        vec![
            bound("max_bytes_scanned", cost.bytes),
            bound("max_partitions", cost.partitions),
            bound("max_rows_estimated", cost.rows),
            self.value("cost_guard", if cost.asks { "ask" } else { "refuse" }, "default"),
            self.value("cost_unknown", if cost.refuses_unknown { "refuse" } else { "run" }, "default"),
        ]
    }

    fn holding(&self) -> Vec<PolicyValue> {
        let profile = self.profile;
        let milliseconds = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let validator = profile.validator.as_ref();
        let default_level = IsolationLevel::default() == profile.isolation;
        let level = self.origin("isolation", if default_level { "default" } else { "the configuration" });
        vec![
            PolicyValue { key: "isolation", value: profile.isolation.name().into(), origin: level },
            self.value("weight", self.settings.weight.unwrap_or(1), "default"),
            self.value("priority", self.settings.priority.unwrap_or(PRIORITY), "default"),
            self.value("slots_max", json!(self.settings.slots_max), "default: all"),
            self.value("lease_idle_ms", milliseconds(profile.lease_idle), "default"),
            self.value("pin_idle_ms", milliseconds(profile.pin_idle), "default"),
            self.value("require_agent_session", profile.require_agent_session, "default"),
            self.value("require_scope", json!(profile.require_scope), "default"),
            self.value("validator", json!(validator.map(|validator| &validator.command)), "default"),
            self.value("validator_text", validator.is_some_and(|validator| validator.sends_text), "default"),
        ]
    }
}
