//! Checks of values against each other.

use std::path::Path;

use super::error::{ConfigError, Warning};
use super::keys::{BACKEND_KIND, CONNECTIONS_MAX, CONNECTIONS_MIN, DATABASES, SQLITE_FOLDER};
use super::kind::Value;
use super::settings::{Origin, Settings};

/// Adjusts defaults to the values that are set and returns an error if two set values conflict. `file` is the
/// config file that origins refer to.
pub(super) fn run(settings: &mut Settings, file: &Path) -> Option<ConfigError> {
    let (min, max) = (settings.integer(&CONNECTIONS_MIN), settings.integer(&CONNECTIONS_MAX));
    if min <= max {
        return None;
    }
    if settings.get(&CONNECTIONS_MIN).origin == Origin::Default {
        settings.set(&CONNECTIONS_MIN, Value::Integer(max), Origin::Default);
        return None;
    }
    let limit = &settings.get(&CONNECTIONS_MAX).origin;
    Some(ConfigError {
        place: settings.place(&CONNECTIONS_MIN, file),
        key: Some(CONNECTIONS_MIN.path.to_owned()),
        message: format!("expected at most {} = {max} ({limit}), got {min}", CONNECTIONS_MAX.path),
        hint: Some(format!("lower it, or raise {}", CONNECTIONS_MAX.path)),
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
