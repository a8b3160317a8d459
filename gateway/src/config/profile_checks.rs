//! Checks of profiles against the rest of the configuration.

use std::path::Path;

use sql_gate::{Dialect, NameRules};

use super::connections::NamedConnection;
use super::error::{ConfigError, Warning};
use super::keys::{self, BACKEND_KIND, PROFILES};
use super::kind::Value;
use super::matches::MATCH;
use super::profile_keys::LISTS;
use super::settings::{ProfileSettings, Setting, Settings};
use super::{profile_keys, suggest};

/// The caps of a profile, and the settings that they lower.
const CAPS: [(&str, &keys::Key); 4] = [
    ("rows_max", &keys::ROWS_MAX),
    ("bytes_max", &keys::BYTES_MAX),
    ("statement_timeout_ms", &keys::STATEMENT_TIMEOUT),
    ("requests_max", &keys::SESSION_REQUESTS_MAX),
];

/// The caps of a profile, and the settings that they lower: those of `[limits]` have the same name in both.
fn caps() -> impl Iterator<Item = (&'static str, &'static keys::Key)> {
    let limits = keys::KEYS
        .iter()
        .filter(|key| key.section == "limits" && CAPS.iter().all(|(name, _)| *name != key.name));
    let both = limits.filter(|key| profile_keys::find(key.name).is_some()).map(|key| (key.name, key));
    CAPS.into_iter().chain(both)
}

/// What stops the gateway: a connection that there is not, a pattern that cannot be read. `file` is the config file that
/// origins refer to.
pub(super) fn errors(settings: &Settings, file: &Path) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    for (name, profile) in settings.profiles_in_order() {
        errors.extend(connection_error(settings, name, profile, file));
        errors.extend(pattern_errors(settings, name, profile, file));
    }
    errors
}

/// The names of the connections that profiles can choose.
fn connections(settings: &Settings) -> Vec<&str> {
    let backend = settings.text(&BACKEND_KIND);
    let mut known = if backend == "sqlite" { vec!["sqlite"] } else { vec!["sqlite", backend] };
    known.extend(settings.connections.keys().map(String::as_str));
    known
}

fn connection_error(
    settings: &Settings,
    name: &str,
    profile: &ProfileSettings,
    file: &Path,
) -> Option<ConfigError> {
    let Setting { value: Value::Text(wanted), origin } = profile.get("connection")? else { return None };
    let known = connections(settings);
    if known.contains(&wanted.as_str()) {
        return None;
    }
    let hint = match suggest::nearest(wanted, known.iter().copied()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("use one of: {}", known.join(", ")),
    };
    Some(ConfigError {
        place: origin.place(file),
        key: Some(format!("{PROFILES}.{name}.connection")),
        message: format!("there is no connection {wanted:?}"),
        hint: Some(hint),
    })
}

/// How the connection of `profile` writes names.
pub(super) fn dialect(settings: &Settings, profile: &ProfileSettings) -> Dialect {
    let wanted = match profile.get("connection").map(|setting| &setting.value) {
        Some(Value::Text(wanted)) => wanted.as_str(),
        _ => settings.text(&BACKEND_KIND),
    };
    let wanted = settings.connections.get(wanted).map_or(wanted, NamedConnection::kind);
    if wanted == "snowflake" { Dialect::Snowflake } else { Dialect::Sqlite }
}

fn pattern_errors(
    settings: &Settings,
    name: &str,
    profile: &ProfileSettings,
    file: &Path,
) -> Vec<ConfigError> {
    let dialect = dialect(settings, profile);
    let mut errors = Vec::new();
    for list in LISTS {
        let Some(Setting { value: Value::Texts(patterns), origin }) = profile.get(list) else { continue };
        // One by one: the error is to name the pattern.
        for pattern in patterns {
            let Err(error) = NameRules::new(&[(list, std::slice::from_ref(pattern))], dialect) else {
                continue;
            };
            errors.push(ConfigError {
                place: origin.place(file),
                key: Some(format!("{PROFILES}.{name}.{list}")),
                message: format!("the pattern {pattern:?} cannot be read: {error}"),
                hint: None,
            });
        }
    }
    errors
}

/// What is likely wrong although it is valid: a cap above the bound that counts, a profile that no session can get by its
/// match, a text for a validator that there is not.
pub(super) fn warnings(settings: &Settings, file: &Path) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut before: Vec<(&String, &Value)> = Vec::new();
    for (name, profile) in settings.profiles_in_order() {
        let mut warn = |key: &str, setting: &Setting, message: String| {
            let key = Some(format!("{PROFILES}.{name}.{key}"));
            warnings.push(Warning { place: setting.origin.place(file), key, message });
        };
        for (cap, bound) in caps() {
            let Some(setting @ Setting { value: Value::Integer(value), .. }) = profile.get(cap) else {
                continue;
            };
            let bound_value = settings.integer(bound);
            // 0 is no limit.
            if *value > bound_value && bound_value != 0 {
                let bound = bound.path;
                warn(cap, setting, format!("{value} is above {bound} = {bound_value}, which counts"));
            }
        }
        if let Some(setting) = profile.get("validator_text").filter(|_| !profile.contains_key("validator")) {
            warn("validator_text", setting, "has no effect: the profile has no `validator`".to_owned());
        }
        let Some(setting) = profile.get(MATCH) else { continue };
        if let Some((other, _)) = before.iter().find(|(_, other)| covers(other, &setting.value)) {
            let message = format!(
                "no session gets here: what fits this fits the profile `{other}`, which is tried first"
            );
            warn(MATCH, setting, message);
        }
        before.push((name, &setting.value));
    }
    warnings
}

/// Whether all that fits `later` evidently fits `earlier`, too.
fn covers(earlier: &Value, later: &Value) -> bool {
    let (Value::Matches(earlier), Value::Matches(later)) = (earlier, later) else { return false };
    later.iter().all(|later| {
        earlier.iter().any(|earlier| {
            earlier.iter().all(|(subject, pattern)| {
                let is_any = pattern.chars().all(|char| char == '*') && *subject != "key";
                is_any && *subject == "client" || later.contains(&(subject, pattern.clone()))
            })
        })
    })
}
