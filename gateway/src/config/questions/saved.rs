//! Saved questions, as the gateway uses them.

use std::collections::BTreeMap;
use std::sync::Arc;

use sql_gate::{Class, Dialect, placeholders, with_question_marks};

use super::read::QuestionSettings;
use crate::backend::{ParameterKind, ParameterValue};
use crate::config::kind::Value;
use crate::config::settings::{Layer, ProfileSettings, Setting, Settings};

/// The longest name of a question or parameter, in bytes.
const NAME_BYTES_MAX: usize = 48;

/// Whether `name` is one that a question, or a parameter, can have: `[a-z][a-z0-9_]{0,47}`.
pub fn is_question_name(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.as_bytes()[0].is_ascii_lowercase()
        && name.bytes().all(is_part)
}

/// A saved question.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SavedQuestion {
    /// Its name, which is that of its tool.
    pub name: String,
    /// Its text, with `:name` where a value is bound.
    pub sql: String,
    /// What it answers, for models.
    pub description: String,
    /// The profiles that offer it; none: every one.
    pub profiles: Vec<String>,
    /// Its parameters, in the order of the file.
    pub parameters: Vec<QuestionParameter>,
    /// The file that has it.
    pub(in crate::config) layer: Layer,
}

/// A parameter of a saved question.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QuestionParameter {
    /// Its name.
    pub name: String,
    /// What it takes.
    pub kind: ParameterKind,
    /// What it means, for models.
    pub description: Option<String>,
    /// What is bound if a call has no value.
    pub default: Option<String>,
    /// Whether a call must have it.
    pub is_required: bool,
    /// The only values that it takes; none: all of its kind.
    pub values: Vec<String>,
}

/// A saved question on a connection: its text as that takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedQuestion {
    /// The question.
    pub question: Arc<SavedQuestion>,
    /// Whose SQL its connection takes.
    pub dialect: Dialect,
    /// The text that is sent: with `?` where Snowflake binds a value.
    pub sql: String,
    /// Which of the question's parameters is bound at each place of the text.
    pub places: Vec<usize>,
    /// What it does, as far as its text tells.
    pub class: Class,
}

impl SavedQuestion {
    /// The question as a connection of `dialect` takes it; `None`: its parameters cannot be told.
    pub fn on(self: &Arc<Self>, dialect: Dialect) -> Option<OfferedQuestion> {
        let found = placeholders(&self.sql, dialect).ok()?;
        let index = |name: &str| self.parameters.iter().position(|parameter| parameter.name == name);
        let places = found.iter().map(|place| index(&place.name)).collect::<Option<Vec<usize>>>()?;
        let sql = match dialect {
            Dialect::Sqlite => self.sql.clone(),
            Dialect::Snowflake => with_question_marks(&self.sql, &found),
        };
        let class = sql_gate::read(&sql, dialect).class;
        Some(OfferedQuestion { question: Arc::clone(self), dialect, sql, places, class })
    }

    /// Whether the profile called `profile` offers it, as far as the question says.
    pub fn is_for(&self, profile: &str) -> bool {
        self.profiles.is_empty() || self.profiles.iter().any(|name| name == profile)
    }

    /// One that every profile offers.
    #[cfg(test)]
    pub(crate) fn for_tests(name: &str, sql: &str, parameters: Vec<QuestionParameter>) -> Self {
        Self {
            name: name.to_owned(),
            sql: sql.to_owned(),
            description: "What it answers".to_owned(),
            profiles: Vec::new(),
            parameters,
            layer: Layer::User,
        }
    }

    /// Where it stands, for people.
    pub fn place(&self) -> &'static str {
        if self.layer == Layer::System { "the system's file" } else { "the config file" }
    }
}

impl QuestionParameter {
    /// The value that `written` is on a connection of `dialect`; `None`: it is none that this takes.
    pub fn read(&self, written: &str, dialect: Dialect) -> Option<ParameterValue> {
        let value = self.kind.read(written, dialect)?;
        let is_accepted = self.values.is_empty()
            || self.values.iter().any(|known| self.kind.read(known, dialect).as_ref() == Some(&value));
        is_accepted.then_some(value)
    }

    /// What is bound where a call has no value; `None`: it must have one.
    pub fn absent(&self, dialect: Dialect) -> Option<ParameterValue> {
        match &self.default {
            Some(default) => self.kind.read(default, dialect),
            None => (!self.is_required).then(|| self.kind.null()),
        }
    }

    /// What it takes, for people and models.
    pub fn takes(&self, dialect: Dialect) -> String {
        match self.values.as_slice() {
            [] => self.kind.takes(dialect).to_owned(),
            values => format!("one of {}", values.join(", ")),
        }
    }

    pub(super) fn of(name: &str, keys: &ProfileSettings) -> Option<Self> {
        let kind = ParameterKind::find(&text(keys, "type")?)?;
        let default = text(keys, "default");
        let required = match keys.get("required") {
            Some(Setting { value: Value::Boolean(required), .. }) => Some(*required),
            _ => None,
        };
        Some(Self {
            name: name.to_owned(),
            kind,
            description: text(keys, "description"),
            is_required: required.unwrap_or(default.is_none()),
            default,
            values: texts(keys, "values"),
        })
    }
}

/// The text of `key`.
pub(super) fn text(keys: &ProfileSettings, key: &str) -> Option<String> {
    match keys.get(key) {
        Some(Setting { value: Value::Text(text), .. }) => Some(text.clone()),
        _ => None,
    }
}

/// The list of `key`.
pub(super) fn texts(keys: &ProfileSettings, key: &str) -> Vec<String> {
    match keys.get(key) {
        Some(Setting { value: Value::Texts(texts), .. }) => texts.clone(),
        _ => Vec::new(),
    }
}

/// The question called `name`, which has been checked; `None`: it lacks what it must have.
pub(super) fn of(name: &str, settings: &QuestionSettings) -> Option<SavedQuestion> {
    let keys = &settings.keys;
    let parameters = settings.parameters.iter().map(|(name, keys)| QuestionParameter::of(name, keys));
    let profiles = text(keys, "profile").into_iter().chain(texts(keys, "profiles"));
    Some(SavedQuestion {
        name: name.to_owned(),
        sql: text(keys, "sql")?,
        description: text(keys, "description")?,
        profiles: profiles.collect(),
        parameters: parameters.collect::<Option<_>>()?,
        layer: settings.origin.layer(),
    })
}

/// All saved questions by name.
pub(in crate::config) fn assemble(settings: &Settings) -> BTreeMap<String, Arc<SavedQuestion>> {
    let questions = settings.questions.iter();
    questions.filter_map(|(name, settings)| Some((name.clone(), Arc::new(of(name, settings)?)))).collect()
}
