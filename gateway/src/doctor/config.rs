//! The configuration: what `config check` says of it, and which variables override it.

use super::check::{Area, Check};
use super::finding::{Examined, Finding};
use super::situation::Situation;
use crate::config::{ConfigError, OPEN_SECRET, Place, Warning};

/// Variables of which is said that they override the file, at most.
const NAMED_MAX: usize = 8;

/// What is wrong with it.
pub(super) fn examine(situation: &Situation<'_>) -> Examined {
    let file = situation.paths.config_file.display();
    match &situation.config {
        Err(errors) => {
            let findings = errors.iter().map(of_error);
            Examined::new(Area::Config, file.to_string()).with(findings)
        }
        Ok(config) => {
            let said = match &config.file {
                Some(file) => file.display().to_string(),
                None => format!("no file {file}: the defaults apply"),
            };
            let system = config.system_file.as_ref().map(|file| format!("system's file: {}", file.display()));
            let details =
                system.into_iter().chain([format!("backend: {}", config.backend.connection())]).collect();
            // Of secret files of an account the connection's own check says more.
            let is_said_elsewhere = |warning: &&Warning| {
                let is_of_account = warning.key.as_ref().is_some_and(|key| key.starts_with("snowflake."));
                is_of_account && warning.message.contains(OPEN_SECRET)
            };
            let warnings = config.warnings.iter().filter(|warning| !is_said_elsewhere(warning));
            let warnings = warnings.map(|warning| {
                Finding::warning(Check::ConfigWarning, warning.to_string())
                    .because(
                        "it has no effect, or another one than was meant; the gateway starts all the same",
                    )
                    .mended_by("snowgate config check")
            });
            let overrides = overrides(&config.deciding_variables(situation.env));
            Examined::new(Area::Config, said).with_details(details).with(warnings).with(overrides)
        }
    }
}

fn of_error(error: &ConfigError) -> Finding {
    let key = error.key.as_ref().map(|key| format!("{key}: ")).unwrap_or_default();
    let finding = Finding::critical(Check::ConfigError, format!("{}: {key}{}", error.place, error.message));
    let finding = match &error.place {
        Place::Variable(name) => {
            finding.because(format!("the variable {name} of this terminal has that value"))
        }
        Place::Position { .. } | Place::File(_) => finding.because("no gateway starts with it"),
    };
    let hint = error.hint.clone().unwrap_or_else(|| "correct it".to_owned());
    finding.mended_by(format!("{hint}; then snowgate config check"))
}

fn overrides(names: &[String]) -> Option<Finding> {
    if names.is_empty() {
        return None;
    }
    let more = names.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let listed = names.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    let what = format!("variables of this terminal override the config file: {listed}{more}");
    Some(
        Finding::note(Check::EnvironmentOverrides, what)
            .because("a gateway that a client starts has that client's variables, not these")
            .mended_by("snowgate config show (each value with where it comes from)"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_its_place_and_its_hint() {
        let error = ConfigError {
            place: Place::Position { file: "/c.toml".into(), line: 4, column: 1 },
            key: Some("pool.x".into()),
            message: "unknown key".into(),
            hint: Some("did you mean `y`?".into()),
        };
        let finding = of_error(&error);
        assert_eq!(finding.what, "/c.toml:4:1: pool.x: unknown key");
        assert!(finding.next_step.unwrap().starts_with("did you mean `y`?"));
        let variable = ConfigError { place: Place::Variable("V".into()), hint: None, ..error };
        assert!(of_error(&variable).cause.unwrap().contains("variable V"));
    }

    #[test]
    fn variables_are_named_up_to_a_bound() {
        assert_eq!(overrides(&[]), None);
        let many: Vec<String> = (0..NAMED_MAX + 2).map(|at| format!("V{at}")).collect();
        assert!(overrides(&many).unwrap().what.ends_with("V7 and 2 more"));
    }
}
