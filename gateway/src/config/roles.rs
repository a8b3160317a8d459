//! `[roles.NAME]`: what a profile or an API key may do at most.
//!
//! The built-in roles are there without a line; a file changes keys of them, and makes others. Whose role it is, where
//! several files have one of the same name:
//!
//! | an earlier file (the system's) | the user's file |
//! |---|---|
//! | has the role, or a profile with it | can only take permissions from it, and lower its limits |
//! | has neither | has it as it likes |
//!
//! So a role that the system's file gives to a profile is never wider than that file, or the built-in one, has it.

use std::collections::BTreeMap;

use super::document::{DocumentReader, SpannedValue};
use super::error::{ConfigError, InvalidValue, Warning};
use super::keys::{PROFILES, ROLES};
use super::kind::{Kind, RawValue, TextList, Value};
use super::limits::{Limit, LimitValues};
use super::permission::{PERMISSIONS, Permission, Permissions};
use super::settings::{Layer, Origin, ProfileSettings, Setting, Settings};
use super::{profile_keys, suggest};

/// The key that lists what a role permits.
pub(super) const PERMISSIONS_KEY: &str = "permissions";

/// The key of a profile that names one.
pub(super) const ACCESS_ROLE: &str = "access_role";

/// Roles besides the built-in ones, at most.
const ROLES_MAX: usize = 100;

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;

/// A role that is there without a line.
pub(super) struct BuiltIn {
    pub(super) name: &'static str,
    pub(super) permissions: &'static [Permission],
    pub(super) queries_per_hour: u64,
    pub(super) bytes_per_day: u64,
}

const READING: [Permission; 4] =
    [Permission::ReadDatabases, Permission::ReadTables, Permission::ReadViews, Permission::ExecuteQueries];

/// The built-in roles, with the quotas of the system that Snowgate follows.
pub(super) const BUILT_IN: [BuiltIn; 5] = [
    BuiltIn {
        name: "admin",
        permissions: &Permission::ALL,
        queries_per_hour: 1_000,
        bytes_per_day: 10 * GIB,
    },
    BuiltIn {
        name: "power_user",
        permissions: &[
            READING[0],
            READING[1],
            READING[2],
            READING[3],
            Permission::Write,
            Permission::HealthCheck,
        ],
        queries_per_hour: 500,
        bytes_per_day: 5 * GIB,
    },
    BuiltIn {
        name: "analyst",
        permissions: &[READING[0], READING[1], READING[2], READING[3], Permission::HealthCheck],
        queries_per_hour: 200,
        bytes_per_day: 2 * GIB,
    },
    BuiltIn { name: "read_only", permissions: &READING, queries_per_hour: 50, bytes_per_day: 512 * MIB },
    BuiltIn {
        name: "guest",
        permissions: &[READING[0], READING[1], READING[2]],
        queries_per_hour: 10,
        bytes_per_day: 100 * MIB,
    },
];

/// A role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleConfig {
    /// What it permits.
    pub permissions: Permissions,
    /// What may be used over time: by each client of a profile that names it, by an API key with all its clients.
    pub limits: LimitValues,
}

impl BuiltIn {
    fn of(name: &str) -> Option<&'static Self> {
        BUILT_IN.iter().find(|role| role.name == name)
    }

    /// The value of `key`, as a file would have it.
    pub(super) fn value(&self, key: &str) -> Option<Value> {
        match key {
            PERMISSIONS_KEY => {
                let names = self.permissions.iter().map(|permission| permission.name().to_owned());
                Some(Value::Texts(names.collect()))
            }
            "queries_per_hour" => Some(Value::Integer(self.queries_per_hour)),
            "bytes_per_day" => Some(Value::Integer(self.bytes_per_day)),
            _ => None,
        }
    }
}

/// The keys of a role with their kinds: what it permits, and the limits of a profile.
pub(super) fn role_keys() -> impl Iterator<Item = (&'static str, Kind)> {
    let limits = Limit::all().filter_map(|limit| {
        let key = profile_keys::find(limit.name())?;
        Some((key.name, key.kind))
    });
    std::iter::once((PERMISSIONS_KEY, Kind::Texts(TextList::Words(PERMISSIONS)))).chain(limits)
}

/// The value of `key` of the role `name`, and where it is set if it is.
pub(super) fn value_of(settings: &Settings, name: &str, key: &str) -> Option<(Value, Origin)> {
    let set = settings.roles.get(name).and_then(|role| role.get(key));
    match set {
        Some(Setting { value, origin }) => Some((value.clone(), origin.clone())),
        None => Some((BuiltIn::of(name)?.value(key)?, Origin::Default)),
    }
}

/// The names of all roles: the built-in ones first.
pub(super) fn names(settings: &Settings) -> Vec<&str> {
    let own = settings.roles.keys().map(String::as_str).filter(|name| BuiltIn::of(name).is_none());
    BUILT_IN.iter().map(|role| role.name).chain(own).collect()
}

/// All roles.
pub(super) fn assemble(settings: &Settings) -> BTreeMap<String, RoleConfig> {
    let role = |name: &str| {
        let permissions = match value_of(settings, name, PERMISSIONS_KEY) {
            Some((Value::Texts(words), _)) => {
                words.iter().filter_map(|word| Permission::find(word)).collect()
            }
            _ => Permissions::default(),
        };
        let limits = LimitValues::of(|limit| match value_of(settings, name, limit.name()) {
            Some((Value::Integer(number), _)) => number,
            _ => 0,
        });
        RoleConfig { permissions, limits }
    };
    names(settings).into_iter().map(|name| (name.to_owned(), role(name))).collect()
}

impl DocumentReader<'_> {
    pub(super) fn roles(&mut self, value: &SpannedValue<'_>) {
        let Some(table) = self.table(ROLES, value) else { return };
        for (name, value) in table {
            let (start, name) = (name.span().start, name.get_ref().to_string());
            let path = format!("{ROLES}.{name}");
            if let Err(refusal) = Kind::Name.check(RawValue::Text(name.clone()), &self.resolver) {
                self.report(start, Some(&path), refusal);
            }
            let Some(table) = self.table(&path, value) else { continue };
            let mut role = ProfileSettings::new();
            for (key, value) in table {
                let path = format!("{path}.{}", key.get_ref());
                let Some((known, kind)) = role_keys().find(|(known, _)| known == key.get_ref()) else {
                    let refusal = InvalidValue::with_hint("unknown key", hint(key.get_ref()));
                    self.report(key.span().start, Some(&path), refusal);
                    continue;
                };
                let setting = match kind {
                    Kind::Texts(list) => self.texts(&path, kind, list, value),
                    kind => self.value(&path, kind, value),
                };
                role.extend(setting.map(|setting| (known, setting)));
            }
            if BuiltIn::of(&name).is_none() && self.settings.roles.len() >= ROLES_MAX {
                let message = format!("expected {ROLES_MAX} roles at most");
                self.report(start, Some(&path), InvalidValue::new(message));
                continue;
            }
            self.take_role(name, &path, role);
        }
    }

    /// Has the settings take `role`, as far as an earlier file does not protect against it.
    fn take_role(&mut self, name: String, path: &str, role: ProfileSettings) {
        let by = guard(self.settings, &name, self.source.layer);
        let mut taken = ProfileSettings::new();
        for (key, setting) in role {
            let current = value_of(self.settings, &name, key).map(|(value, _)| value);
            match &by {
                Some(by) if !narrows(current.as_ref(), &setting.value) => {
                    self.refuse(format!("{path}.{key}"), setting, by.clone());
                }
                _ => drop(taken.insert(key, setting)),
            }
        }
        self.settings.roles.entry(name).or_default().extend(taken);
    }
}

/// What of an earlier file than those of `layer` keeps the role `name` from being widened.
fn guard(settings: &Settings, name: &str, layer: Layer) -> Option<Origin> {
    let is_earlier = |origin: &Origin| origin.layer() > Layer::Default && origin.layer() < layer;
    let own = settings.roles.get(name).into_iter().flat_map(BTreeMap::values);
    let users = settings.profiles.values().filter_map(|profile| profile.get(ACCESS_ROLE));
    let users = users.filter(|setting| setting.value == Value::Text(name.to_owned()));
    own.chain(users).map(|setting| &setting.origin).find(|origin| is_earlier(origin)).cloned()
}

/// Whether `new` in the place of `current` gives nothing more. 0 is no limit.
fn narrows(current: Option<&Value>, new: &Value) -> bool {
    match (current, new) {
        (Some(Value::Texts(current)), Value::Texts(new)) => new.iter().all(|word| current.contains(word)),
        (Some(Value::Integer(0)) | None, Value::Integer(_)) => true,
        (Some(Value::Integer(current)), Value::Integer(new)) => *new != 0 && new <= current,
        _ => false,
    }
}

/// What stops the gateway: a role without permissions, a profile with a role that there is not.
pub(super) fn errors(settings: &Settings, file: &std::path::Path) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    for (name, role) in &settings.roles {
        if BuiltIn::of(name).is_some() || role.contains_key(PERMISSIONS_KEY) {
            continue;
        }
        // One that an earlier file does not have, and a profile of it names.
        let is_refused =
            settings.refused.iter().any(|refused| refused.path == format!("{ROLES}.{name}.permissions"));
        if is_refused {
            continue;
        }
        let origin = role.values().next().map_or(&Origin::Default, |setting| &setting.origin);
        errors.push(ConfigError {
            place: origin.place(file),
            key: Some(format!("{ROLES}.{name}")),
            message: "the role has no `permissions`, so it would permit nothing".to_owned(),
            hint: Some(format!(
                "write permissions = [\"read_databases\", \"read_tables\"] under [{ROLES}.{name}]"
            )),
        });
    }
    let known = names(settings);
    for (profile, keys) in settings.profiles_in_order() {
        let Some(Setting { value: Value::Text(wanted), origin }) = keys.get(ACCESS_ROLE) else { continue };
        if known.contains(&wanted.as_str()) {
            continue;
        }
        let hint = match suggest::nearest(wanted, known.iter().copied()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("add [{ROLES}.{wanted}], or use one of: {}", known.join(", ")),
        };
        errors.push(ConfigError {
            place: origin.place(file),
            key: Some(format!("{PROFILES}.{profile}.{ACCESS_ROLE}")),
            message: format!("there is no role {wanted:?}"),
            hint: Some(hint),
        });
    }
    errors
}

/// What is likely wrong although it is valid: permissions that let nothing run by themselves.
pub(super) fn warnings(settings: &Settings, file: &std::path::Path) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for (name, role) in &settings.roles {
        let Some(Setting { value: Value::Texts(words), origin }) = role.get(PERMISSIONS_KEY) else {
            continue;
        };
        let has = |permission: Permission| words.iter().any(|word| word == permission.name());
        if has(Permission::Write) && !has(Permission::ExecuteQueries) {
            let message =
                "`write` has no effect without `execute_queries`: statements come with the tool execute_query".to_owned();
            let key = Some(format!("{ROLES}.{name}.{PERMISSIONS_KEY}"));
            warnings.push(Warning { place: origin.place(file), key, message });
        }
    }
    warnings
}

/// What to do about the unknown key `name` of a role.
fn hint(name: &str) -> String {
    let names: Vec<_> = role_keys().map(|(name, _)| name).collect();
    if let Some(near) = suggest::nearest(name, names.iter().copied()) {
        return format!("did you mean `{near}`?");
    }
    match profile_keys::find(name) {
        Some(_) => {
            format!("`{name}` belongs in [{PROFILES}.NAME]; a profile names its role by `{ACCESS_ROLE}`")
        }
        None => format!("valid keys of a role: {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_a_role_are_its_permissions_and_all_limits() {
        assert_eq!(role_keys().count(), 1 + Limit::COUNT);
        let settings = Settings::defaults(std::path::Path::new("/data"));
        let roles = assemble(&settings);
        assert_eq!(roles.len(), BUILT_IN.len());
        assert_eq!(roles["guest"].limits.get(Limit::QueriesPerHour), 10);
        assert_eq!(roles["admin"].permissions, Permissions::all());
        assert!(!roles["read_only"].permissions.contains(Permission::Write));
    }

    #[test]
    fn what_gives_more_is_told_from_what_gives_less() {
        let texts = |words: &[&str]| Value::Texts(words.iter().map(|word| (*word).to_owned()).collect());
        let number = Value::Integer;
        assert!(narrows(Some(&texts(&["write", "read_tables"])), &texts(&["read_tables"])));
        assert!(!narrows(Some(&texts(&["read_tables"])), &texts(&["write"])));
        assert!(!narrows(None, &texts(&["read_tables"])), "one that is not there permits nothing");
        assert!(narrows(Some(&number(10)), &number(9)) && narrows(Some(&number(0)), &number(9)));
        assert!(!narrows(Some(&number(10)), &number(11)) && !narrows(Some(&number(10)), &number(0)));
        assert!(narrows(None, &number(9)));
    }
}
