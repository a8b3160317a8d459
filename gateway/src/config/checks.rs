//! Checks of values against each other.

use std::path::Path;

use super::error::ConfigError;
use super::keys::{CONNECTIONS_MAX, CONNECTIONS_MIN};
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
