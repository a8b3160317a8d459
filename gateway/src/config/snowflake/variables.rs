//! The variables of Snowflake's own tools.

use snowflake_wire::Secret;

use super::Secrets;
use super::fields::{FIELDS, Target, normalize_authenticator};
use crate::config::error::{ConfigError, Place};
use crate::config::keys::{self, Key};
use crate::config::kind::RawValue;
use crate::config::resolver::Resolver;
use crate::config::settings::{Origin, Settings};
use crate::config::{Environment, Paths};

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
                let text =
                    if key.path == keys::AUTHENTICATOR.path { normalize_authenticator(&text) } else { text };
                match key.kind.check(RawValue::from_variable(key.kind, &text), &resolver) {
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
