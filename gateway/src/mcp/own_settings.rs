//! A client's own settings that its gateway does not apply: what its calls are told.

use std::path::Path;

use crate::backend::{BackendError, ErrorKind};
use crate::config::SettingsDifference;

/// The answer to every call but `session_info`, where `settings` decide where or as whom it would run.
pub(super) fn refusal(settings: &SettingsDifference, file: &Path) -> BackendError {
    let message = format!(
        "not run: the settings of this client and of the running gateway differ ({}), so that it would run in another \
         account or database, or with other rights, than its own settings say",
        settings.listed()
    );
    let next_step = format!(
        "{}, give every client's entry the same `env`, or give this client's entry a SNOWGATE_HOME of its own; then \
         run `snowgate stop`, and the next client starts a gateway with its settings",
        in_file(file)
    );
    BackendError::new(ErrorKind::Refused, message).with_next_step(next_step)
}

/// What the first result says where they decide nothing of that kind.
pub(super) fn notice(settings: &SettingsDifference, file: &Path) -> String {
    let listed = settings.listed();
    format!(
        "Note: the settings of this client and of the running gateway differ ({listed}); the gateway's apply. To change \
         them for all clients, {} and run `snowgate restart`.",
        in_file(file)
    )
}

fn in_file(file: &Path) -> String {
    format!("write them into {}, which all clients use", file.display())
}
