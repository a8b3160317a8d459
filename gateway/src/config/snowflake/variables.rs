//! The variables of Snowflake's own tools.

use snowflake_wire::Secret;

use super::Secrets;
use super::connection::listed;
use super::connections::{CONNECTION_PREFIX, VARIABLES};
use super::fields::{FIELDS, Target, normalized, spelled};
use super::unused;
use crate::config::error::{ConfigError, Place, Warning};
use crate::config::keys::Key;
use crate::config::kind::RawValue;
use crate::config::resolver::Resolver;
use crate::config::settings::{Origin, Settings};
use crate::config::{Environment, Paths, suggest};

/// The variable that names the account.
pub(in crate::config) const ACCOUNT: &str = "SNOWFLAKE_ACCOUNT";

/// Reads them into `settings`, overriding the file but not our own variables; returns the secrets.
pub(super) fn apply(
    env: &dyn Environment,
    paths: &Paths,
    settings: &mut Settings,
    errors: &mut Vec<ConfigError>,
) -> Secrets {
    let resolver = Resolver { base: None, home: paths.home_dir.as_deref() };
    let mut secrets = Secrets::default();
    for field in FIELDS {
        let found = field.variables.iter().find_map(|name| Some((*name, env.get(name)?)));
        let Some((variable, text)) = found else { continue };
        let origin = Origin::Environment { variable: variable.to_owned() };
        match field.target {
            Target::Secret(slot) => *slot(&mut secrets) = Some((Secret::new(text), origin)),
            Target::Key(key) if is_overridden(settings, key) => {}
            Target::Key(key) => {
                let raw = RawValue::from_variable(key.kind, &spelled(key, &text));
                match key.kind.check(raw, &resolver) {
                    Ok(value) => settings.offer(key, value, origin),
                    Err(refusal) => errors.push(ConfigError {
                        place: Place::Variable(variable.to_owned()),
                        key: Some(key.path.to_owned()),
                        message: refusal.message,
                        hint: refusal.hint,
                    }),
                }
            }
        }
    }
    secrets
}

/// Whether our own variable sets it.
fn is_overridden(settings: &Settings, key: &Key) -> bool {
    settings.find(key).is_some_and(|setting| matches!(setting.origin, Origin::Environment { .. }))
}

/// Variables of Snowflake's tools that are set and have no effect here. Those of a connection are none: it need
/// not be the one in use.
pub(super) fn unused(env: &dyn Environment) -> Vec<Warning> {
    let known = || names().map(|(name, _)| name).chain(VARIABLES);
    let is_unknown =
        |name: &String| !name.starts_with(CONNECTION_PREFIX) && !known().any(|known| known == name);
    let warning = |name: String| {
        let message = match name.strip_prefix(PREFIX).and_then(|rest| unused::reason(&normalized(rest))) {
            Some(why) => format!("has no effect: {why}"),
            None => {
                let bare = |name: &'static str| name.strip_prefix(PREFIX).unwrap_or(name);
                let near = suggest::nearest(bare_of(&name), known().map(bare));
                let hint = near.map(|near| format!("; did you mean {PREFIX}{near}?")).unwrap_or_default();
                format!("is not known here and has no effect{hint}")
            }
        };
        Warning { place: Place::Variable(name), key: None, message }
    };
    listed(env.names_with(PREFIX).into_iter().filter(is_unknown).map(warning).collect())
}

/// What the names of the variables of Snowflake's tools begin with, without the `_`.
const BRAND: &str = "SNOWFLAKE";

/// The prefix of the variables of Snowflake's tools.
const PREFIX: &str = "SNOWFLAKE_";

fn bare_of(name: &str) -> &str {
    name.strip_prefix(PREFIX).unwrap_or(name)
}

/// Whether the variable is a secret, also one of a connection by its name.
pub(in crate::config) fn is_secret(name: &str) -> bool {
    let mut secrets = FIELDS.iter().filter(|field| matches!(field.target, Target::Secret(_)));
    let ends = |variable: &&str| variable.strip_prefix(BRAND).is_some_and(|end| name.ends_with(end));
    name.starts_with(PREFIX) && secrets.any(|field| field.variables.iter().any(ends))
}

/// What a variable of Snowflake's own tools is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// It sets this key.
    Key(&'static str),
    /// It is a secret, which is read from the variable itself.
    Secret,
    /// It says something of a connection of `connections.toml`, or where that is, and is read as it is.
    Connection,
    /// It has no effect: why.
    NoEffect(&'static str),
}

/// What the variable `name` is here; `None`: it is not known.
pub fn meaning_of(name: &str) -> Option<Meaning> {
    if name.starts_with(CONNECTION_PREFIX) || VARIABLES.contains(&name) {
        return Some(Meaning::Connection);
    }
    let field = FIELDS.iter().find(|field| field.variables.contains(&name));
    match field.map(|field| field.target) {
        Some(Target::Key(key)) => Some(Meaning::Key(key.path)),
        Some(Target::Secret(_)) => Some(Meaning::Secret),
        None => unused::reason(&normalized(name.strip_prefix(PREFIX)?)).map(Meaning::NoEffect),
    }
}

/// The variables and what each sets: a key, or a secret.
pub(in crate::config) fn names() -> impl Iterator<Item = (&'static str, String)> {
    FIELDS.iter().flat_map(|field| {
        let meaning = match field.target {
            Target::Key(key) => format!("`{}`", key.path),
            Target::Secret(_) => format!("secret: `{}` of a connection", field.names[0]),
        };
        field.variables.iter().map(move |name| (*name, meaning.clone()))
    })
}
