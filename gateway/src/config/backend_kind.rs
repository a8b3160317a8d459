//! The backend that follows from the sections, if `backend.kind` is not set.

use super::error::{ConfigError, Place};
use super::keys::{self, BACKEND_KIND, Key};
use super::kind::Value;
use super::settings::{Layer, Origin, SectionUse, Settings};
use super::snowflake::ACCOUNT_VARIABLE;
use super::{Environment, Paths};

/// The sections that are backends, with the value of `backend.kind` that each is the name of.
pub(super) const BACKENDS: [&str; 2] = ["sqlite", "snowflake"];

/// Keys whose variable says which backend is meant.
const CHOOSING: [&Key; 3] = [&keys::SQLITE_FOLDER, &keys::SNOWFLAKE_ACCOUNT, &keys::SNOWFLAKE_CONNECTION];

/// Sets `backend.kind` if it is not set: to the one backend that has a section in a file, or whose variables
/// are set; a file counts before a variable. Returns an error if both have one of the same rank.
pub(super) fn decide(env: &dyn Environment, paths: &Paths, settings: &mut Settings) -> Option<ConfigError> {
    if !settings.is_default(&BACKEND_KIND) {
        return None;
    }
    let [sqlite, snowflake] = BACKENDS.map(|name| evidence(name, env, settings));
    match (sqlite, snowflake) {
        (Some(sqlite), Some(snowflake)) => {
            let by_variable = [&sqlite, &snowflake].map(|origin| origin.layer() == Layer::Environment);
            let (name, origin) = match by_variable {
                // One client's variable does not turn off what a file says for all.
                [false, true] => ("sqlite", sqlite),
                [true, false] => ("snowflake", snowflake),
                _ => return Some(ambiguous(paths, &sqlite, &snowflake)),
            };
            settings.set(&BACKEND_KIND, Value::Text(name.to_owned()), origin);
            None
        }
        (Some(origin), None) => {
            settings.set(&BACKEND_KIND, Value::Text("sqlite".to_owned()), origin);
            None
        }
        (None, Some(origin)) => {
            settings.set(&BACKEND_KIND, Value::Text("snowflake".to_owned()), origin);
            None
        }
        (None, None) => only_header(settings),
    }
}

/// Where the backend `name` is set: a file counts before a variable.
fn evidence(name: &str, env: &dyn Environment, settings: &Settings) -> Option<Origin> {
    let filled = settings.sections.iter().find(|section| section.name == name && section.is_filled);
    if let Some(section) = filled {
        return Some(section.origin.clone());
    }
    let keys = CHOOSING.into_iter().filter(|key| key.section == name);
    let ours = keys.filter_map(|key| settings.find(key)).map(|setting| &setting.origin);
    if let Some(origin) = ours.into_iter().find(|origin| origin.layer() == Layer::Environment) {
        return Some(origin.clone());
    }
    let has_account = name == "snowflake" && env.get(ACCOUNT_VARIABLE).is_some();
    has_account.then(|| Origin::Environment { variable: ACCOUNT_VARIABLE.to_owned() })
}

/// A section without a key chooses its backend if it is the only one.
fn only_header(settings: &mut Settings) -> Option<ConfigError> {
    let users = settings.sections.iter().filter(|section| section.origin.layer() == Layer::User);
    let mut backends = users.filter(|section| BACKENDS.contains(&section.name));
    if let (Some(SectionUse { name, origin, .. }), None) = (backends.next(), backends.next()) {
        let (name, origin) = ((*name).to_owned(), origin.clone());
        settings.set(&BACKEND_KIND, Value::Text(name), origin);
    }
    None
}

fn ambiguous(paths: &Paths, sqlite: &Origin, snowflake: &Origin) -> ConfigError {
    let shown = |name: &str, origin: &Origin| match origin.place(&paths.config_file) {
        Place::Variable(variable) => format!("the variable {variable}"),
        place => format!("[{name}] ({place})"),
    };
    ConfigError {
        place: Place::File(paths.config_file.clone()),
        key: Some(BACKEND_KIND.path.to_owned()),
        message: format!(
            "is not set, but both backends are: {} and {}",
            shown("sqlite", sqlite),
            shown("snowflake", snowflake)
        ),
        hint: Some(
            "choose one: write `kind = \"sqlite\"` or `kind = \"snowflake\"` under [backend]".to_owned(),
        ),
    }
}
