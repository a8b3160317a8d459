//! `[queries.NAME]` and `[queries.NAME.parameters.NAME]` of a file.

use toml::de::{DeTable, DeValue};

use super::{
    DESCRIPTION_CHARS_MAX, PARAMETERS_MAX, QUESTIONS_MAX, SQL_BYTES_MAX, VALUES_MAX, is_question_name,
};
use crate::backend::{PARAMETER_BYTES_MAX, ParameterKind};
use crate::config::document::{DocumentReader, SpannedValue};
use crate::config::error::InvalidValue;
use crate::config::kind::{Kind, RawValue, TextList, Value, written};
use crate::config::settings::{Origin, ProfileSettings, Setting};
use crate::config::{TOOLS, suggest};

/// The table of a question's parameters.
pub(in crate::config) const PARAMETERS: &str = "parameters";

/// The section that has them, and keys of its own.
const SECTION: &str = "queries";

/// Characters of a text that was not taken which are told.
const SHOWN_CHARS_MAX: usize = 40;

/// A question of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct QuestionSettings {
    /// Where its name stands.
    pub(in crate::config) origin: Origin,
    /// The keys that are set.
    pub(in crate::config) keys: ProfileSettings,
    /// Its parameters, in the order of the file, with the keys that are set.
    pub(in crate::config) parameters: Vec<(String, ProfileSettings)>,
}

/// A key of a question, or of a parameter.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct QuestionKey {
    /// Its name.
    pub(in crate::config) name: &'static str,
    /// What it takes, for people.
    pub(in crate::config) takes: &'static str,
    /// What holds if it is not set, for people.
    pub(in crate::config) default: &'static str,
    /// What it does.
    pub(in crate::config) doc: &'static str,
}

const fn key(
    name: &'static str,
    takes: &'static str,
    default: &'static str,
    doc: &'static str,
) -> QuestionKey {
    QuestionKey { name, takes, default, doc }
}

/// The keys of a question.
pub(in crate::config) const QUESTION_KEYS: [QuestionKey; 4] = [
    key(
        "sql",
        "one SQL statement of 16384 bytes at most",
        "none: it must be set",
        "What runs. `:name` stands for the value of the parameter `name`, wherever a value may stand; it is bound, and never a part of the text.",
    ),
    key(
        "description",
        "a text of 500 characters at most",
        "none: it must be set",
        "What the tool answers, for models.",
    ),
    key("profile", "a name of 1 to 255 characters", "every profile", "The profile that offers it."),
    key(
        "profiles",
        "a list of names of profiles",
        "every profile",
        "The profiles that offer it. A profile with `tools` offers it only if it is in that list, too.",
    ),
];

/// The keys of a parameter.
pub(in crate::config) const PARAMETER_KEYS: [QuestionKey; 5] = [
    key(
        "type",
        "one of \"text\", \"integer\", \"number\", \"boolean\", \"date\", \"timestamp\"",
        "none: it must be set",
        "What it takes. A date is `YYYY-MM-DD`, a timestamp `YYYY-MM-DD HH:MM:SS` without a time zone.",
    ),
    key("description", "a text of 500 characters at most", "none", "What it means, for models."),
    key("default", "a value of its type", "none", "The value that is bound if a call has none."),
    key(
        "required",
        "true or false",
        "`true`, without a `default`",
        "Whether a call must have it. One that is not required and has no default is NULL.",
    ),
    key("values", "a list of values of its type, as texts", "all", "The only values that it takes."),
];

impl DocumentReader<'_> {
    /// Reads the question called `name`, whose table is `value`.
    pub(in crate::config) fn question(&mut self, name: &str, start: usize, value: &SpannedValue<'_>) {
        let path = format!("{SECTION}.{name}");
        if let Err(refusal) = check_name(name) {
            self.report(start, Some(&path), refusal);
            return;
        }
        let Some(table) = self.table(&path, value) else { return };
        let mut question = QuestionSettings {
            origin: self.origin(start),
            keys: ProfileSettings::new(),
            parameters: Vec::new(),
        };
        for (key, value) in table {
            let path = format!("{path}.{}", key.get_ref());
            if key.get_ref() == PARAMETERS {
                question.parameters = self.parameters(&path, value);
                continue;
            }
            let known = QUESTION_KEYS.iter().find(|known| known.name == key.get_ref());
            let Some(known) = known else {
                self.report(
                    key.span().start,
                    Some(&path),
                    unknown_key(key.get_ref(), &QUESTION_KEYS, "a saved question"),
                );
                continue;
            };
            let setting = match known.name {
                "sql" => self.checked(&path, value, check_sql),
                "description" => self.checked(&path, value, check_description),
                "profile" => self.value(&path, Kind::Name, value),
                _ => self.texts(&path, Kind::Texts(TextList::Names), TextList::Names, value),
            };
            question.keys.extend(setting.map(|setting| (known.name, setting)));
        }
        self.take_question(name, &path, question, start);
    }

    /// Has the settings take `question`, unless an earlier file has one of its name.
    fn take_question(&mut self, name: &str, path: &str, question: QuestionSettings, start: usize) {
        let by = self.settings.questions.get(name).map(|earlier| earlier.origin.clone());
        if let Some(by) = by {
            for (key, mut setting) in question.keys {
                setting.value = shortened(setting.value);
                self.refuse(format!("{path}.{key}"), setting, by.clone());
            }
            return;
        }
        if self.settings.questions.len() >= QUESTIONS_MAX {
            let message = format!("expected {QUESTIONS_MAX} saved questions at most");
            self.report(start, Some(path), InvalidValue::new(message));
            return;
        }
        self.settings.questions.insert(name.to_owned(), question);
    }

    fn parameters(&mut self, path: &str, value: &SpannedValue<'_>) -> Vec<(String, ProfileSettings)> {
        let Some(table) = self.table(path, value) else { return Vec::new() };
        let mut parameters: Vec<_> = table.iter().collect();
        // In a parsed table they are in the order of their names.
        parameters.sort_by_key(|(name, _)| name.span().start);
        if parameters.len() > PARAMETERS_MAX {
            let message = format!("expected {PARAMETERS_MAX} parameters at most, got {}", parameters.len());
            self.report(value.span().start, Some(path), InvalidValue::new(message));
        }
        let mut found = Vec::new();
        for (name, value) in parameters.into_iter().take(PARAMETERS_MAX) {
            let path = format!("{path}.{}", name.get_ref());
            if !is_question_name(name.get_ref()) {
                self.report(name.span().start, Some(&path), bad_name("a parameter"));
                continue;
            }
            let Some(table) = self.table(&path, value) else { continue };
            found.push((name.get_ref().to_string(), self.parameter(&path, table)));
        }
        found
    }

    fn parameter(&mut self, path: &str, table: &DeTable<'_>) -> ProfileSettings {
        let mut parameter = ProfileSettings::new();
        for (key, value) in table {
            let path = format!("{path}.{}", key.get_ref());
            let known = PARAMETER_KEYS.iter().find(|known| known.name == key.get_ref());
            let Some(known) = known else {
                self.report(
                    key.span().start,
                    Some(&path),
                    unknown_key(key.get_ref(), &PARAMETER_KEYS, "a parameter"),
                );
                continue;
            };
            let setting = match known.name {
                "type" => self.value(&path, Kind::choice(ParameterKind::NAMES), value),
                "description" => self.checked(&path, value, check_description),
                "required" => self.value(&path, Kind::Boolean, value),
                "default" => self.checked(&path, value, plain_value),
                _ => self.checked(&path, value, plain_values),
            };
            parameter.extend(setting.map(|setting| (known.name, setting)));
        }
        parameter
    }

    fn checked(
        &mut self,
        path: &str,
        value: &SpannedValue<'_>,
        check: fn(&DeValue<'_>) -> Result<Value, InvalidValue>,
    ) -> Option<Setting> {
        let start = value.span().start;
        match check(value.get_ref()) {
            Ok(value) => Some(self.setting(start, value)),
            Err(refusal) => {
                self.report(start, Some(path), refusal);
                None
            }
        }
    }
}

/// A value that is only told of: its beginning, where it is a long text.
fn shortened(value: Value) -> Value {
    match value {
        Value::Text(text) if text.chars().count() > SHOWN_CHARS_MAX => {
            Value::Text(text.chars().take(SHOWN_CHARS_MAX).chain("...".chars()).collect())
        }
        other => other,
    }
}

fn check_name(name: &str) -> Result<(), InvalidValue> {
    if !is_question_name(name) {
        let mut refusal = bad_name("a saved question");
        let keys = ["slow_ms", "patterns_max"];
        refusal.hint =
            suggest::nearest(name, keys).map(|near| format!("did you mean `{near}`?")).or(refusal.hint);
        return Err(refusal);
    }
    if TOOLS.contains(&name) {
        let message = format!("`{name}` is the name of a built-in tool");
        return Err(InvalidValue::with_hint(message, "choose another name"));
    }
    Ok(())
}

fn bad_name(what: &str) -> InvalidValue {
    let message = format!("the name of {what} is 1 to 48 of a-z, 0-9 and _, and begins with a letter");
    InvalidValue::with_hint(message, "choose another name, such as orders_of_region")
}

fn unknown_key(name: &str, keys: &[QuestionKey], of: &str) -> InvalidValue {
    let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
    let hint = match suggest::nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("valid keys of {of}: {}", names.join(", ")),
    };
    InvalidValue::with_hint("unknown key", hint)
}

fn text(value: &DeValue<'_>, what: &str) -> Result<String, InvalidValue> {
    match written(value) {
        RawValue::Text(text) => Ok(text),
        other => Err(InvalidValue::new(format!("expected {what} in quotes, got {}", other.describe()))),
    }
}

fn check_sql(value: &DeValue<'_>) -> Result<Value, InvalidValue> {
    let sql = text(value, "one SQL statement")?;
    if sql.trim().is_empty() || sql.contains('\0') {
        return Err(InvalidValue::with_hint(
            "the statement is empty, or has a NUL",
            "write one SQL statement",
        ));
    }
    if sql.len() > SQL_BYTES_MAX {
        let message = format!("expected {SQL_BYTES_MAX} bytes at most, got {}", sql.len());
        return Err(InvalidValue::with_hint(message, "make a view of a part of it"));
    }
    Ok(Value::Text(sql))
}

fn check_description(value: &DeValue<'_>) -> Result<Value, InvalidValue> {
    let description = text(value, "a text")?;
    let is_plain = !description.chars().any(|char| char.is_control() && char != '\n');
    let chars = description.chars().count();
    if description.trim().is_empty() || !is_plain || chars > DESCRIPTION_CHARS_MAX {
        let message =
            format!("expected 1 to {DESCRIPTION_CHARS_MAX} characters, none of them a control character");
        return Err(InvalidValue::new(message));
    }
    Ok(Value::Text(description.trim().to_owned()))
}

/// A value of a parameter, as text: whether it is one of its type is checked when that is known.
fn plain_value(value: &DeValue<'_>) -> Result<Value, InvalidValue> {
    let text = match value {
        DeValue::Datetime(moment) => moment.to_string(),
        other => match written(other) {
            RawValue::Text(text) => text,
            RawValue::Integer(number) => number.to_string(),
            RawValue::Boolean(truth) => truth.to_string(),
            RawValue::Decimal(number) => number.replace('_', ""),
            other => {
                let message = format!("expected a value of the parameter's type, got {}", other.describe());
                return Err(InvalidValue::new(message));
            }
        },
    };
    if text.len() > PARAMETER_BYTES_MAX {
        return Err(InvalidValue::new(format!(
            "expected {PARAMETER_BYTES_MAX} bytes at most, got {}",
            text.len()
        )));
    }
    Ok(Value::Text(text))
}

fn plain_values(value: &DeValue<'_>) -> Result<Value, InvalidValue> {
    let Some(entries) = value.as_array() else {
        let got = written(value).describe();
        return Err(InvalidValue::new(format!(
            "expected a list of values of the parameter's type, got {got}"
        )));
    };
    if entries.is_empty() || entries.len() > VALUES_MAX {
        return Err(InvalidValue::new(format!("expected 1 to {VALUES_MAX} values, got {}", entries.len())));
    }
    let mut texts = Vec::new();
    for entry in entries {
        let Value::Text(text) = plain_value(entry.get_ref())? else { continue };
        if texts.contains(&text) {
            return Err(InvalidValue::with_hint(format!("{text:?} is there twice"), "remove one of them"));
        }
        texts.push(text);
    }
    Ok(Value::Texts(texts))
}
