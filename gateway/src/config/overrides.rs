//! The environment layer: one variable per key, and warnings about variables that nothing reads.

use super::environment::{PREFIX, VARIABLES};
use super::error::{CheckCommand, ConfigError, Place, Warning};
use super::keys::{DATABASES, KEYS, PROFILES, ROLES, SESSION_PARAMETERS};
use super::kind::RawValue;
use super::resolver::Resolver;
use super::settings::{Origin, Settings};
use super::{Environment, Paths, corrections, log_targets, snowflake, suggest};

const LOG_VARIABLE: &str = "SNOWGATE_LOG";

/// What the environment sets.
#[derive(Debug, Default)]
pub(super) struct Overrides {
    /// Invalid values.
    pub(super) errors: Vec<ConfigError>,
    /// Variables that nothing reads.
    pub(super) warnings: Vec<Warning>,
    /// `SNOWGATE_LOG`, if it is set.
    pub(super) log_targets: Option<String>,
}

/// Reads the environment's values into `settings`.
pub(super) fn apply(env: &dyn Environment, paths: &Paths, settings: &mut Settings) -> Overrides {
    let resolver = Resolver { base: None, home: paths.home_dir.as_deref() };
    let mut found = Overrides { warnings: warnings(env), ..Overrides::default() };
    for key in KEYS {
        let variable = key.variable();
        let Some(text) = env.get(&variable) else { continue };
        let raw = RawValue::from_variable(key.kind, &text);
        match key.kind.check(raw.clone(), &resolver) {
            Ok(value) => settings.offer(key, value, Origin::Environment { variable }),
            Err(refusal) => {
                let better = corrections::suggest(key.name, key.kind, &raw);
                let hint = better.map(|better| format!("write {variable}={}", better.replace('"', "")));
                found.errors.push(ConfigError {
                    place: Place::Variable(variable),
                    key: Some(key.path.to_owned()),
                    message: refusal.message,
                    hint: hint.or(refusal.hint),
                });
            }
        }
    }
    found.log_targets = env.get(LOG_VARIABLE);
    found.errors.extend(found.log_targets.as_deref().and_then(log_error));
    found
}

/// The command that checks what this environment makes of the configuration: the variables that are set.
pub(super) fn check_command(env: &dyn Environment) -> CheckCommand {
    let places = ["SNOWGATE_HOME", "SNOWGATE_CONFIG"]
        .into_iter()
        .filter_map(|name| Some(format!("{name}={}", quoted(&env.get(name)?))));
    let keys = KEYS.iter().map(super::keys::Key::variable);
    let theirs = snowflake::variables().map(|(name, _)| name.to_owned());
    let more = snowflake::CONNECTION_VARIABLES.into_iter().chain([LOG_VARIABLE]).map(str::to_owned);
    let of_connections = env.names_with(snowflake::CONNECTION_PREFIX);
    let names = keys.chain(theirs).chain(more).chain(of_connections);
    let names = names.filter(|name| env.get(name).is_some());
    CheckCommand { places: places.collect(), names: names.collect() }
}

/// `text` as one word of a shell's command line.
fn quoted(text: &str) -> String {
    let is_plain = |char: char| char.is_alphanumeric() || "/._-+:@%".contains(char);
    if text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn log_error(targets: &str) -> Option<ConfigError> {
    let error = log_targets::parse(targets).err()?;
    Some(ConfigError {
        place: Place::Variable(LOG_VARIABLE.to_owned()),
        key: None,
        message: error.to_string(),
        hint: Some("write a level (`debug`) or targets (`snowgate=debug,tokio=info`)".to_owned()),
    })
}

fn warnings(env: &dyn Environment) -> Vec<Warning> {
    let overrides = KEYS.iter().map(super::keys::Key::variable);
    let known: Vec<String> =
        VARIABLES.iter().map(|variable| variable.name.to_owned()).chain(overrides).collect();
    let unknown = env.names().into_iter().filter(|name| !known.contains(name));
    let warning = |variable: String| Warning {
        message: explain(&variable, &known),
        place: Place::Variable(variable),
        key: None,
    };
    unknown.map(warning).collect()
}

fn explain(variable: &str, known: &[String]) -> String {
    // The common prefix would make any two names look alike.
    let bare = |name: &'_ str| name.strip_prefix(PREFIX).unwrap_or(name).to_owned();
    let name = bare(variable);
    let file_only = [
        PROFILES.to_owned(),
        ROLES.to_owned(),
        format!("sqlite_{DATABASES}"),
        format!("snowflake_{SESSION_PARAMETERS}"),
    ];
    if file_only.iter().any(|table| name.to_lowercase().starts_with(table)) {
        return "unknown setting; profiles, roles, databases and session parameters can only be set in the config file".to_owned();
    }
    let candidates: Vec<String> = known.iter().map(|known| bare(known)).collect();
    match suggest::nearest(&name, candidates.iter().map(String::as_str)) {
        Some(near) => format!("unknown setting; did you mean `{PREFIX}{near}`?"),
        None => "unknown setting; `snowgate config reference` lists all settings".to_owned(),
    }
}
