//! Checks of saved questions against the rest of the configuration, without a backend.

use std::path::Path;
use std::sync::Arc;

use sql_gate::{Class, Dialect, Misplaced, placeholders};

use super::PARAMETERS;
use super::read::QuestionSettings;
use super::saved::{self, QuestionParameter, SavedQuestion, text, texts};
use crate::config::error::{ConfigError, Warning};
use crate::config::keys::PROFILES;
use crate::config::kind::Value;
use crate::config::profile_checks::dialect;
use crate::config::settings::{Origin, Setting, Settings};
use crate::config::{TOOLS, suggest};

/// What stops the gateway. `file` is the config file that origins refer to.
pub(in crate::config) fn errors(settings: &Settings, file: &Path) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    for (name, question) in &settings.questions {
        Check { settings, file, name, question, errors: &mut errors }.run();
    }
    errors.extend(tools_errors(settings, file));
    errors
}

struct Check<'a> {
    settings: &'a Settings,
    file: &'a Path,
    name: &'a str,
    question: &'a QuestionSettings,
    errors: &'a mut Vec<ConfigError>,
}

impl Check<'_> {
    fn report(&mut self, key: &str, origin: &Origin, message: String, hint: impl Into<String>) {
        self.errors.push(ConfigError {
            place: origin.place(self.file),
            key: Some(format!("queries.{}.{key}", self.name)),
            message,
            hint: Some(hint.into()),
        });
    }

    fn origin(&self, key: &str) -> Origin {
        self.question.keys.get(key).map_or(&self.question.origin, |setting| &setting.origin).clone()
    }

    fn run(mut self) {
        for key in ["sql", "description"] {
            if !self.question.keys.contains_key(key) {
                let hint = format!("write {key} = \"...\" under [queries.{}]", self.name);
                self.report(key, &self.question.origin, format!("the question has no `{key}`"), hint);
            }
        }
        self.profiles();
        for (name, keys) in &self.question.parameters {
            if !keys.contains_key("type") {
                let (key, hint) =
                    (format!("{PARAMETERS}.{name}.type"), "write type = \"text\", or what else it takes");
                self.report(&key, &self.question.origin, "the parameter has no `type`".to_owned(), hint);
            }
        }
        let Some(question) = saved::of(self.name, self.question).map(Arc::new) else { return };
        let dialects = self.dialects(&question);
        for parameter in &question.parameters {
            self.parameter(parameter, &dialects);
        }
        for dialect in dialects {
            let before = self.errors.len();
            self.placeholders(&question, dialect);
            self.statement(&question, dialect);
            // The same error of the other dialect says nothing more.
            if self.errors.len() > before {
                break;
            }
        }
    }

    fn profiles(&mut self) {
        let keys = &self.question.keys;
        if keys.contains_key("profile") && keys.contains_key("profiles") {
            let (origin, message) =
                (self.origin("profile"), "`profile` and `profiles` are both set".to_owned());
            self.report("profile", &origin, message, "write `profiles` alone");
        }
        for (key, names) in
            [("profile", text(keys, "profile").into_iter().collect()), ("profiles", texts(keys, "profiles"))]
        {
            for name in names {
                if self.settings.profiles.contains_key(&name) {
                    continue;
                }
                let known: Vec<&str> = self.settings.profiles.keys().map(String::as_str).collect();
                let hint = match suggest::nearest(&name, known.iter().copied()) {
                    Some(near) => format!("did you mean {near:?}?"),
                    None => format!("add [{PROFILES}.{name}], or use one of: {}", known.join(", ")),
                };
                let origin = self.origin(key);
                self.report(key, &origin, format!("there is no profile {name:?}"), hint);
            }
        }
    }

    /// Whose SQL it must be: that of the connections of its profiles.
    fn dialects(&self, question: &SavedQuestion) -> Vec<Dialect> {
        let mut dialects = Vec::new();
        let profiles = self.settings.profiles.iter().filter(|(name, _)| question.is_for(name));
        for (_, profile) in profiles {
            let dialect = dialect(self.settings, profile);
            if !dialects.contains(&dialect) {
                dialects.push(dialect);
            }
        }
        dialects
    }

    fn parameter(&mut self, parameter: &QuestionParameter, dialects: &[Dialect]) {
        let QuestionParameter { name, kind, default, is_required, values, .. } = parameter;
        let keys = self.question.parameters.iter().find(|(of, _)| of == name).map(|(_, keys)| keys);
        let origin = |key: &str| {
            let setting = keys.and_then(|keys| keys.get(key));
            setting.map_or(&self.question.origin, |setting| &setting.origin).clone()
        };
        let path = |key: &str| format!("{PARAMETERS}.{name}.{key}");
        let (of_default, of_values, of_required) = (origin("default"), origin("values"), origin("required"));
        if default.is_some() && *is_required {
            let message = "a parameter with a `default` is not required".to_owned();
            self.report(&path("required"), &of_required, message, "remove `required`, or the default");
        }
        for &dialect in dialects {
            let takes = kind.takes(dialect);
            for value in values {
                if kind.read(value, dialect).is_none() {
                    let message = format!("{value:?} is not {takes}");
                    self.report(
                        &path("values"),
                        &of_values,
                        message,
                        "correct it, or the parameter's `type`",
                    );
                    return;
                }
            }
            if default.as_ref().is_some_and(|default| parameter.read(default, dialect).is_none()) {
                let message = format!(
                    "expected {}, got {:?}",
                    parameter.takes(dialect),
                    default.as_deref().unwrap_or_default()
                );
                self.report(&path("default"), &of_default, message, "correct it, or the parameter's `type`");
                return;
            }
        }
    }

    /// Each parameter of the text is declared, and each that is declared is there.
    fn placeholders(&mut self, question: &SavedQuestion, dialect: Dialect) {
        let origin = self.origin("sql");
        let found = match placeholders(&question.sql, dialect) {
            Ok(found) => found,
            Err(misplaced) => {
                let (message, hint) = explained(&misplaced);
                self.report("sql", &origin, message, hint);
                return;
            }
        };
        let declared: Vec<&str> =
            question.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
        for place in &found {
            if declared.contains(&place.name.as_str()) {
                continue;
            }
            let hint = match suggest::nearest(&place.name, declared.iter().copied()) {
                Some(near) => format!("did you mean :{near}?"),
                None => format!("add [queries.{}.{PARAMETERS}.{}] with its type", self.name, place.name),
            };
            self.report("sql", &origin, format!("the parameter :{} is not declared", place.name), hint);
            return;
        }
        for name in declared {
            if !found.iter().any(|place| place.name == name) {
                let hint = format!("write :{name} where its value is to stand, or remove the parameter");
                let message = format!("the statement has no :{name} where a value can stand");
                self.report(&format!("{PARAMETERS}.{name}"), &origin, message, hint);
            }
        }
    }

    /// It is one statement, of a kind that a saved question can be.
    fn statement(&mut self, question: &Arc<SavedQuestion>, dialect: Dialect) {
        let origin = self.origin("sql");
        let Some(offered) = question.on(dialect) else { return };
        let statement = sql_gate::read(&offered.sql, dialect);
        if let Some(refusal) = &statement.refusal {
            self.report("sql", &origin, refusal.message.clone(), refusal.next_step.clone());
            return;
        }
        let what = match statement.class {
            Class::Read | Class::Write | Class::Ddl | Class::Call => return,
            Class::Context => "changes the session's context",
            Class::Transaction => "begins or ends a transaction",
            Class::Session => "leaves something on its session",
            Class::Admin => "is about users, rights or the whole database",
            Class::File => "reads or writes files",
            Class::Unknown => "is not understood",
        };
        let verb = if statement.verb.is_empty() { "the statement" } else { &statement.verb };
        let message = format!("{verb} {what}: that is no saved question");
        self.report(
            "sql",
            &origin,
            message,
            "write one statement that reads, changes rows, defines an object or calls a procedure",
        );
    }
}

fn explained(misplaced: &Misplaced) -> (String, String) {
    match misplaced {
        Misplaced::OtherForm(form) => (
            format!("{form} cannot be bound"),
            "write `:name` for each value, and declare its parameter".to_owned(),
        ),
        Misplaced::Ambiguous(name) => (
            format!(":{name} may be a parameter or a path into a value"),
            format!(
                "for a path, write no blank before the colon; for a parameter, put it in parentheses: (:{name})"
            ),
        ),
        Misplaced::AsName(name) => (
            format!(":{name} would be the name of an object, and a parameter is a value"),
            "name the object in the statement, or write a question for each".to_owned(),
        ),
        Misplaced::Unclear => (
            "the statement has other parameters depending on where a comment ends".to_owned(),
            "remove comments in comments, and carriage returns without a line feed".to_owned(),
        ),
        Misplaced::Unfinished => ("a text, a name or a comment has no end".to_owned(), "close it".to_owned()),
    }
}

/// Names in `tools` of profiles that are neither a built-in tool nor a question.
fn tools_errors(settings: &Settings, file: &Path) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    for (profile, keys) in settings.profiles_in_order() {
        let Some(Setting { value: Value::Texts(tools), origin }) = keys.get("tools") else { continue };
        for tool in tools {
            if TOOLS.contains(&tool.as_str()) || settings.questions.contains_key(tool) {
                continue;
            }
            let questions = settings.questions.keys().map(String::as_str);
            let known: Vec<&str> = TOOLS.iter().copied().chain(questions).collect();
            let hint =
                suggest::nearest(tool, known.iter().copied()).map(|near| format!("did you mean {near:?}?"));
            let known: Vec<String> = known.iter().map(|name| format!("{name:?}")).collect();
            errors.push(ConfigError {
                place: origin.place(file),
                key: Some(format!("{PROFILES}.{profile}.tools")),
                message: format!("expected one of {}, got {tool:?}", known.join(", ")),
                hint,
            });
        }
    }
    errors
}

/// What is likely wrong although it is valid: a question that no profile offers.
pub(in crate::config) fn warnings(settings: &Settings, file: &Path) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for (name, question) in super::assemble(settings) {
        let is_offered = |(profile, keys): (&String, &crate::config::settings::ProfileSettings)| {
            question.is_for(profile) && is_in_tools(&question, keys.get("tools"))
        };
        if !settings.profiles.iter().any(is_offered) {
            let key = Some(format!("queries.{name}"));
            let place = settings.questions[&name].origin.place(file);
            let message = "no profile offers it: `tools` of each of its profiles has other names, or is an earlier file's".to_owned();
            warnings.push(Warning { place, key, message });
        }
    }
    warnings
}

/// Whether `tools` of a profile lets it offer `question`.
fn is_in_tools(question: &SavedQuestion, tools: Option<&Setting>) -> bool {
    match tools {
        Some(Setting { value: Value::Texts(tools), origin }) => {
            tools.contains(&question.name) && question.layer <= origin.layer()
        }
        _ => true,
    }
}

impl Settings {
    /// Whether the profile called `profile` offers `question`, as far as the configuration says.
    pub(in crate::config) fn offers(&self, profile: &str, question: &SavedQuestion) -> bool {
        let tools = self.profiles.get(profile).and_then(|keys| keys.get("tools"));
        question.is_for(profile) && is_in_tools(question, tools)
    }
}
