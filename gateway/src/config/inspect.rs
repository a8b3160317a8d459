//! What is likely wrong although every value is valid: files that are missing or that others can read, sections
//! that are not used, paths with variables that nothing expands. Reads the disk; stops nothing.

use std::path::Path;

use super::backend_kind::BACKENDS;
use super::error::{Place, Warning};
use super::keys::{self, BACKEND_KIND, DATABASES, KEYS, PROFILES};
use super::kind::Value;
use super::secret_file::is_public;
use super::settings::{Layer, Setting, Settings};
use super::snowflake::{self, ACCOUNT_VARIABLE};
use super::unexpanded::Unexpanded;
use super::{Environment, Paths, suggest};
use crate::os;

/// What is said of a file with a secret that others can read.
pub(crate) const OPEN_SECRET: &str = "holds a secret and is open to other users";

const PROFILE_VARIABLE: &str = "SNOWGATE_PROFILE";

/// The warnings about `settings`.
pub(super) fn warnings(env: &dyn Environment, paths: &Paths, settings: &Settings) -> Vec<Warning> {
    let mut inspector = Inspector { paths, settings, warnings: Vec::new() };
    inspector.unused(env);
    inspector.files();
    inspector.profile(env);
    inspector.warnings.extend(snowflake::unusual_account(settings, paths));
    inspector.warnings.extend(snowflake::two_regions(settings, paths));
    inspector.warnings
}

struct Inspector<'a> {
    paths: &'a Paths,
    settings: &'a Settings,
    warnings: Vec<Warning>,
}

impl Inspector<'_> {
    fn warn(&mut self, place: Place, key: Option<&str>, message: String) {
        self.warnings.push(Warning { place, key: key.map(str::to_owned), message });
    }

    /// Sections and variables of the backend that is not the one in use. What the system's file has is for
    /// all users, whichever backend they have.
    fn unused(&mut self, env: &dyn Environment) {
        let kind = self.settings.text(&BACKEND_KIND);
        let origin = &self.settings.get(&BACKEND_KIND).origin;
        let because = match origin.place(&self.paths.config_file) {
            _ if origin.layer() == Layer::Default => "the default".to_owned(),
            Place::Variable(variable) => format!("because of the variable {variable}"),
            place => format!("because of {place}"),
        };
        let sections = self.settings.sections.iter();
        let unused = sections.filter(|section| BACKENDS.contains(&section.name) && section.name != kind);
        for section in unused.filter(|section| section.is_filled && section.origin.layer() == Layer::User) {
            let message = format!(
                "the section [{name}] is not used: the backend is {kind} ({because}); to use it, write \
                 `kind = \"{name}\"` under [backend]",
                name = section.name
            );
            self.warn(section.origin.place(&self.paths.config_file), None, message);
        }
        if !snowflake::is_backend(self.settings) && env.get(ACCOUNT_VARIABLE).is_some() {
            let message = format!(
                "is not used: the backend is {kind} ({because}); to use it, write `kind = \"snowflake\"` under \
                 [backend]"
            );
            self.warn(Place::Variable(ACCOUNT_VARIABLE.to_owned()), None, message);
        }
    }

    /// Files and folders that are set; those of the backend in use must exist.
    fn files(&mut self) {
        let kind = self.settings.text(&BACKEND_KIND).to_owned();
        let has_http = self.settings.boolean(&keys::HTTP_ENABLED);
        for key in KEYS.iter().filter(|key| key.section == kind || (has_http && key.section == "http")) {
            let Some(setting) = self.settings.find(key).filter(|_| !self.settings.is_default(key)) else {
                continue;
            };
            let Value::Path(path) = &setting.value else { continue };
            self.file(
                key.path,
                path,
                setting,
                ![keys::SQLITE_FOLDER.path, keys::HTTP_TLS_CERTIFICATE.path].contains(&key.path),
            );
        }
        if kind == "sqlite" {
            for (name, setting) in &self.settings.databases {
                let key = format!("sqlite.{DATABASES}.{name}");
                self.file(&key, &setting.value.to_path(), setting, false);
            }
        }
    }

    fn file(&mut self, key: &str, path: &Path, setting: &Setting, is_secret: bool) {
        let place = || setting.origin.place(&self.paths.config_file);
        let is_folder = key == keys::SQLITE_FOLDER.path;
        match std::fs::metadata(path) {
            Err(error) => {
                let shown = path.display();
                let name = key.rsplit('.').next().unwrap_or(key);
                let message = match Unexpanded::find(path) {
                    Some(Unexpanded { written, instead: Some(instead) }) => format!(
                        "{shown}: {error}; variables are not expanded in {written:?}: write `{name} = {instead:?}`"
                    ),
                    Some(Unexpanded { written, instead: None }) => format!(
                        "{shown}: {error}; variables are not expanded in {written:?}: write the whole path"
                    ),
                    None if is_folder => {
                        let command = os::System::OWN.command_to_make(path);
                        format!("{shown}: {error}; create it ({command}), or correct it")
                    }
                    None => format!("{shown}: {error}; correct the path, or put the file there"),
                };
                self.warn(place(), Some(key), message);
            }
            Ok(metadata) if is_secret => {
                let access = os::FileAccess::at(path).ok().filter(os::FileAccess::is_open_to_others);
                if let Some(access) = access.filter(|_| metadata.is_file() && !is_public(path)) {
                    let (shown, others) = (path.display(), access.others);
                    let command = os::command_to_forbid_others(path);
                    let message = format!("{shown} {OPEN_SECRET} ({others}); {command}");
                    self.warn(place(), Some(key), message);
                }
            }
            Ok(_) => {}
        }
    }

    fn profile(&mut self, env: &dyn Environment) {
        let Some(name) = env.get(PROFILE_VARIABLE) else { return };
        let known = || self.settings.profiles.keys().map(String::as_str);
        if known().any(|known| known == name) {
            return;
        }
        let hint = match suggest::nearest(&name, known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                format!("add [{PROFILES}.{name}], or use one of: {}", known().collect::<Vec<_>>().join(", "))
            }
        };
        let message = format!("no profile `{name}` in the configuration; {hint}");
        self.warn(Place::Variable(PROFILE_VARIABLE.to_owned()), None, message);
    }
}
