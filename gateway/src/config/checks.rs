//! Checks of values against each other.

use std::path::Path;

use super::error::{ConfigError, Warning};
use super::keys::{
    BACKEND_KIND, BREAKER_RECOVERY, BREAKER_RECOVERY_MAX, CONNECTIONS_MAX, CONNECTIONS_MIN, DATABASES, Key,
    LANE_SLOTS, SQLITE_FOLDER,
};
use super::kind::Value;
use super::settings::{Origin, Settings};

/// Adjusts defaults to the values that are set and returns an error for each two set values that conflict. `file` is
/// the config file that origins refer to.
pub(super) fn run(settings: &mut Settings, file: &Path) -> Vec<ConfigError> {
    let pairs = [(CONNECTIONS_MIN, CONNECTIONS_MAX), (BREAKER_RECOVERY, BREAKER_RECOVERY_MAX)];
    let mut errors: Vec<_> =
        pairs.iter().filter_map(|(low, high)| at_most(settings, low, high, file)).collect();
    errors.extend(lane_slots(settings, file));
    errors
}

/// The lane leaves one connection for all others.
fn lane_slots(settings: &Settings, file: &Path) -> Option<ConfigError> {
    let Value::Integer(lane) = settings.find(&LANE_SLOTS)?.value else { return None };
    let max = settings.integer(&CONNECTIONS_MAX);
    (lane > 0 && lane >= max).then(|| ConfigError {
        place: settings.place(&LANE_SLOTS, file),
        key: Some(LANE_SLOTS.path.to_owned()),
        message: format!(
            "expected fewer than {} = {max}, got {lane}: one stays for statements",
            CONNECTIONS_MAX.path
        ),
        hint: Some(format!("lower it, or raise {}", CONNECTIONS_MAX.path)),
    })
}

/// The value of `low` is at most that of `high`; a default is lowered to that.
fn at_most(settings: &mut Settings, low: &Key, high: &Key, file: &Path) -> Option<ConfigError> {
    let (value, max) = (settings.integer(low), settings.integer(high));
    if value <= max {
        return None;
    }
    if settings.get(low).origin == Origin::Default {
        settings.set(low, Value::Integer(max), Origin::Default);
        return None;
    }
    let limit = &settings.get(high).origin;
    Some(ConfigError {
        place: settings.place(low, file),
        key: Some(low.path.to_owned()),
        message: format!("expected at most {} = {max} ({limit}), got {value}", high.path),
        hint: Some(format!("lower it, or raise {}", high.path)),
    })
}

/// Returns a warning for each folder where a file is to be, and the other way round: whatever else is served is
/// served all the same. What does not exist is not looked at here.
pub(super) fn folders(settings: &Settings, file: &Path) -> Vec<Warning> {
    if settings.text(&BACKEND_KIND) != "sqlite" {
        return Vec::new();
    }
    let mut warnings = Vec::new();
    let folder = settings.path(&SQLITE_FOLDER);
    if !settings.is_default(&SQLITE_FOLDER) && folder.is_file() {
        let name = folder.file_stem().map_or_else(|| "NAME".into(), |name| name.to_string_lossy());
        let hint = format!("for a single file, write `{name:?} = {folder:?}` under [sqlite.{DATABASES}]");
        warnings.push(Warning {
            place: settings.place(&SQLITE_FOLDER, file),
            key: Some(SQLITE_FOLDER.path.to_owned()),
            message: format!("{} is a file, not a folder; {hint}", folder.display()),
        });
    }
    for (name, setting) in &settings.databases {
        let path = setting.value.to_path();
        if path.is_dir() {
            warnings.push(Warning {
                place: setting.origin.place(file),
                key: Some(format!("sqlite.{DATABASES}.{name}")),
                message: format!(
                    "{} is a folder, not a database file; name a file in it; to serve every database file in it, write `folder = {path:?}` under [sqlite]",
                    path.display()
                ),
            });
        }
    }
    warnings
}
