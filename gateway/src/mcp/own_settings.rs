//! A client's own settings that its gateway does not apply: what its calls are told.

use std::path::Path;

use crate::backend::{BackendError, ErrorKind, Rule};
use crate::config::SettingsDifference;

/// The answer to every call but `session_info`, where `settings` decide where or as whom it would run.
pub(super) fn refusal(settings: &SettingsDifference, file: &Path) -> BackendError {
    let listed = settings.listed();
    if let Some(problem) = &settings.problem {
        let message = format!("not run: this client's own settings ({listed}) cannot be served: {problem}");
        let next_step = "correct this client's `env`, or remove it to use the gateway's settings; `snowgate config check` with the same \
             `env` says more";
        return BackendError::new(ErrorKind::Refused, message)
            .with_next_step(next_step)
            .with_rule(Rule::ClientSettings);
    }
    let message = if settings.is_wrong {
        format!(
            "not run: this client's own settings are not valid ({listed}), and those of the running gateway differ"
        )
    } else {
        format!(
            "not run: the settings of this client and of the running gateway differ ({listed}), so that it would run in \
             another account or database, or with other rights, than its own settings say"
        )
    };
    let first = if settings.is_wrong {
        "run `snowgate config check` with this client's `env`, which says why; "
    } else {
        ""
    };
    let secrets = if settings.has_secret() { " (secrets into Snowflake's connections.toml)" } else { "" };
    let next_step = format!(
        "{first}{}{secrets}, give every client's entry the same `env`, or give this client's entry a SNOWGATE_HOME of its \
         own; then run `snowgate stop`, and the next client starts a gateway with its settings",
        in_file(file)
    );
    BackendError::new(ErrorKind::Refused, message).with_next_step(next_step).with_rule(Rule::ClientSettings)
}

/// The answer where the config was read again, and what it is now cannot be applied on this client's connections.
pub(super) fn outdated(why: &str) -> BackendError {
    let message = format!(
        "not run: this client has settings of its own, and by the config as it is now {why}. So the rules of the config \
         cannot be applied to its connection"
    );
    let next_step =
        "restart this client, which connects it by the config as it is now, or run `snowgate restart`";
    BackendError::new(ErrorKind::Refused, message).with_next_step(next_step).with_rule(Rule::ClientSettings)
}

/// What the first result says where they decide nothing of that kind.
pub(super) fn notice(settings: &SettingsDifference, file: &Path) -> String {
    let listed = settings.listed();
    format!(
        "Note: the settings of this client and of the running gateway differ ({listed}); the gateway's apply. To change \
         them for all clients, {} and run `snowgate stop`; the next call starts it again.",
        in_file(file)
    )
}

fn in_file(file: &Path) -> String {
    format!("write them into {}, which all clients use", file.display())
}
