//! What is likely wrong with the names of a profile although each of them is valid.

use std::path::Path;

use sql_gate::{Access, Dialect, NameContext, NameRules, Object, ObjectKind, ObjectName};

use super::error::Warning;
use super::keys::PROFILES;
use super::kind::Value;
use super::profile_checks::dialect;
use super::profile_keys::LISTS;
use super::settings::{ProfileSettings, Settings};

/// The database that sessions of a profile begin in.
const DATABASE: &str = "database";

/// The lists of tables: with two parts, a pattern of Snowflake is `SCHEMA.TABLE`.
const TABLES: [&str; 2] = ["allowed_tables", "denied_tables"];

/// The lists of databases.
const DATABASES: [&str; 2] = ["allowed_databases", "denied_databases"];

/// A database to begin in that the profile's own lists keep from it; a pattern for a table that has a database where Snowflake
/// reads a schema. `file` is the config file that origins refer to.
pub(super) fn warnings(settings: &Settings, file: &Path) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for (name, profile) in settings.profiles_in_order() {
        let dialect = dialect(settings, profile);
        let mut warn = |key: &str, message: String| {
            let Some(setting) = profile.get(key) else { return };
            let key = Some(format!("{PROFILES}.{name}.{key}"));
            warnings.push(Warning { place: setting.origin.place(file), key, message });
        };
        if let Some(message) = begins_outside(profile, dialect) {
            warn(DATABASE, message);
        }
        for list in TABLES.into_iter().filter(|_| dialect == Dialect::Snowflake) {
            for message in texts(profile, list).iter().filter_map(|pattern| without_schema(profile, pattern))
            {
                warn(list, message);
            }
        }
    }
    warnings
}

fn texts<'a>(profile: &'a ProfileSettings, key: &str) -> &'a [String] {
    match profile.get(key).map(|setting| &setting.value) {
        Some(Value::Texts(texts)) => texts,
        _ => &[],
    }
}

fn database(profile: &ProfileSettings) -> Option<&str> {
    match profile.get(DATABASE).map(|setting| &setting.value) {
        Some(Value::Text(name)) => Some(name),
        _ => None,
    }
}

/// What is said where nothing in the profile's database may be used.
fn begins_outside(profile: &ProfileSettings, dialect: Dialect) -> Option<String> {
    let database = database(profile)?;
    let lists: Vec<_> = LISTS.iter().map(|list| (*list, texts(profile, list))).collect();
    // A pattern that cannot be read is an error of its own.
    let rules = NameRules::new(&lists, dialect).ok()?;
    let stored = match dialect {
        Dialect::Snowflake => crate::backend::snowflake::stored_name(database),
        Dialect::Sqlite => database.to_owned(),
    };
    let name = ObjectName(vec![stored]);
    let used = Object { kind: ObjectKind::Database, name, access: Access::Read };
    let denial = rules.check(&used, &NameContext::default()).err()?;
    let why = match denial.pattern {
        Some(pattern) => format!("`{}` has {pattern}", denial.setting),
        None => format!("`{}` does not have it", denial.setting),
    };
    Some(format!("sessions begin in {database}, which this profile may not use: {why}"))
}

/// What is said of `DB.TABLE`, which is `SCHEMA.TABLE` there: where the first part is one of the profile's databases.
fn without_schema(profile: &ProfileSettings, pattern: &str) -> Option<String> {
    let mut parts = pattern.split('.');
    let (Some(first), Some(table), None) = (parts.next(), parts.next(), parts.next()) else { return None };
    let listed = DATABASES.iter().flat_map(|list| texts(profile, list)).map(String::as_str);
    let is_database = listed.chain(database(profile)).any(|known| known.eq_ignore_ascii_case(first));
    is_database.then(|| {
        format!(
            "{pattern:?} means the schema {first}, and {first} is a database of this profile; write \"{first}.*.{table}\" for \
             the table in any schema of it"
        )
    })
}
