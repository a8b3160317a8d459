//! The effective configuration as text: the output of `config show`.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::path::PathBuf;

use serde_json::{Map, json};

use super::Config;
use super::connections::{self, NamedConnection};
use super::keys::{CONNECTIONS, DATABASES, KEYS, PROFILES, QUERIES, ROLES, SECTIONS, SESSION_PARAMETERS};
use super::kind::{HIDDEN, Value, shown_words};
use super::matches::MatchTable;
use super::profile_keys::PROFILE_KEYS;
use super::questions::{PARAMETER_KEYS, PARAMETERS, QUESTION_KEYS, QuestionSettings};
use super::roles;
use super::settings::{Layer, Origin, ProfileSettings, Refused, Setting};

impl Config {
    /// Every effective value as TOML that [`Config::load`] reads back, each with its origin in a comment; a comment in the place
    /// of what may be a secret.
    pub fn to_toml(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_toml(&mut out);
        out
    }

    fn write_toml(&self, out: &mut String) -> fmt::Result {
        match &self.file {
            Some(file) => writeln!(out, "# file: {}", file.display())?,
            None => writeln!(out, "# no config file")?,
        }
        if let Some(file) = &self.system_file {
            writeln!(out, "# system's file, which the others can only narrow: {}", file.display())?;
        }
        for section in SECTIONS {
            writeln!(out, "\n[{}]", section.name)?;
            for key in KEYS.iter().filter(|key| key.section == section.name) {
                self.write_refused(out, key.path)?;
                match self.origins.find(key) {
                    Some(setting) => line(out, key.name, setting)?,
                    None => writeln!(out, "# {} is not set", key.name)?,
                }
            }
            if section.name == "sqlite" && !self.origins.databases.is_empty() {
                writeln!(out, "\n[sqlite.{DATABASES}]")?;
                self.write_refused_below(out, &format!("sqlite.{DATABASES}."))?;
                self.origins.databases.iter().try_for_each(|(name, file)| line(out, name, file))?;
            }
            if section.name == "snowflake" && !self.origins.session_parameters.is_empty() {
                writeln!(out, "\n[snowflake.{SESSION_PARAMETERS}]")?;
                self.origins.session_parameters.iter().try_for_each(|(name, set)| line(out, name, set))?;
            }
        }
        self.origins
            .connections
            .iter()
            .try_for_each(|(name, connection)| self.write_connection(out, name, connection))?;
        self.origins
            .profiles_in_order()
            .try_for_each(|(name, profile)| self.write_profile(out, name, profile))?;
        roles::names(&self.origins).into_iter().try_for_each(|name| self.write_role(out, name))?;
        self.origins
            .questions
            .iter()
            .try_for_each(|(name, question)| self.write_question(out, name, question))
    }

    fn write_question(&self, out: &mut String, name: &str, question: &QuestionSettings) -> fmt::Result {
        writeln!(out, "\n[{QUERIES}.{name}]")?;
        self.write_refused_below(out, &format!("{QUERIES}.{name}."))?;
        for key in &QUESTION_KEYS {
            question.keys.get(key.name).map_or(Ok(()), |setting| line(out, key.name, setting))?;
        }
        for (parameter, keys) in &question.parameters {
            writeln!(out, "\n[{QUERIES}.{name}.{PARAMETERS}.{parameter}]")?;
            for key in &PARAMETER_KEYS {
                keys.get(key.name).map_or(Ok(()), |setting| line(out, key.name, setting))?;
            }
        }
        Ok(())
    }

    fn write_role(&self, out: &mut String, name: &str) -> fmt::Result {
        writeln!(out, "\n[{ROLES}.{}]", quoted_key(name))?;
        self.write_refused_below(out, &format!("{ROLES}.{name}."))?;
        for (key, _) in roles::role_keys() {
            if let Some((value, origin)) = roles::value_of(&self.origins, name, key) {
                line(out, key, &Setting { value, origin })?;
            }
        }
        Ok(())
    }

    fn write_connection(&self, out: &mut String, name: &str, connection: &NamedConnection) -> fmt::Result {
        let (settings, table) = (&connection.settings, format!("{CONNECTIONS}.{}", quoted_key(name)));
        writeln!(out, "\n[{table}]")?;
        self.write_refused_below(out, &format!("{CONNECTIONS}.{name}."))?;
        line(out, connections::KIND, &connections::shown_kind(connection))?;
        for key in KEYS.iter().filter(|key| key.section == connection.kind()) {
            match settings.find(key) {
                Some(setting) => line(out, key.name, setting)?,
                None => writeln!(out, "# {} is not set", key.name)?,
            }
        }
        for (below, values) in
            [(DATABASES, &settings.databases), (SESSION_PARAMETERS, &settings.session_parameters)]
        {
            if !values.is_empty() {
                writeln!(out, "\n[{table}.{below}]")?;
                values.iter().try_for_each(|(name, value)| line(out, name, value))?;
            }
        }
        Ok(())
    }

    fn write_profile(&self, out: &mut String, name: &str, profile: &ProfileSettings) -> fmt::Result {
        writeln!(out, "\n[{PROFILES}.{}]", quoted_key(name))?;
        self.write_refused_below(out, &format!("{PROFILES}.{name}."))?;
        for key in PROFILE_KEYS {
            match profile.get(key.name) {
                Some(setting) => line(out, key.name, setting)?,
                None => writeln!(out, "# {} is not set: {}", key.name, key.default)?,
            }
        }
        Ok(())
    }

    /// The values of `path` that were not taken, as comments before the one that applies.
    fn write_refused(&self, out: &mut String, path: &str) -> fmt::Result {
        let refused = self.origins.refused.iter().filter(|refused| refused.path == path);
        refused.into_iter().try_for_each(|Refused { value, origin, why, by, .. }| {
            let by = if *by == Origin::Default { "the default".to_owned() } else { by.to_string() };
            writeln!(out, "# {} from {origin} was not taken: it would {why} {by}", value.to_shown())
        })
    }

    /// As [`Self::write_refused`], for every path that begins with `prefix`.
    fn write_refused_below(&self, out: &mut String, prefix: &str) -> fmt::Result {
        let paths = self.origins.refused.iter().map(|refused| &refused.path);
        paths.filter(|path| path.starts_with(prefix)).try_for_each(|path| self.write_refused(out, path))
    }

    /// The same as JSON: `file`, `system_file`, `not_taken` (values against which another protects), `warnings`,
    /// `profile_order` (in which they are tried), `profile_defaults` (what holds for a key that a profile does not set), and
    /// under `settings` the tables of the file, each value with its origin.
    pub fn to_json(&self) -> serde_json::Value {
        let mut settings = Map::new();
        for section in SECTIONS {
            let keys = KEYS.iter().filter(|key| key.section == section.name);
            let unset = || json!({ "value": null, "origin": "default" });
            let values = keys
                .map(|key| (key.name.to_owned(), self.origins.find(key).map_or_else(unset, json_setting)));
            settings.insert(section.name.to_owned(), values.collect());
        }
        let databases = self.origins.databases.iter().map(|(name, file)| (name.clone(), json_setting(file)));
        settings["sqlite"][DATABASES] = databases.collect();
        let parameters = self.origins.session_parameters.iter();
        settings["snowflake"][SESSION_PARAMETERS] =
            parameters.map(|(name, setting)| (name.clone(), json_setting(setting))).collect();
        let profiles = self.origins.profiles.iter().map(|(name, profile)| {
            let values = profile.iter().map(|(key, setting)| ((*key).to_owned(), json_setting(setting)));
            (name.clone(), values.collect::<serde_json::Value>())
        });
        settings.insert(PROFILES.to_owned(), profiles.collect());
        let roles = roles::names(&self.origins).into_iter().map(|name| {
            let values = roles::role_keys().filter_map(|(key, _)| {
                let (value, origin) = roles::value_of(&self.origins, name, key)?;
                Some((key.to_owned(), json_setting(&Setting { value, origin })))
            });
            (name.to_owned(), values.collect::<serde_json::Value>())
        });
        settings.insert(ROLES.to_owned(), roles.collect());
        for (name, question) in &self.origins.questions {
            settings[QUERIES][name] = json_question(question);
        }
        let connections = self.origins.connections.iter();
        let connections = connections.map(|(name, connection)| (name.clone(), json_connection(connection)));
        settings.insert(CONNECTIONS.to_owned(), connections.collect());
        let profile_defaults: Map<_, _> = PROFILE_KEYS
            .iter()
            .map(|key| (key.name.to_owned(), json!(key.default.replace('`', ""))))
            .collect();
        let not_taken: Vec<_> = self.origins.refused.iter().map(json_refused).collect();
        let warnings: Vec<_> = self.warnings.iter().map(ToString::to_string).collect();
        let shown = |file: &Option<PathBuf>| file.as_ref().map(|file| file.to_string_lossy().into_owned());
        json!({
            "file": shown(&self.file),
            "system_file": shown(&self.system_file),
            "not_taken": not_taken,
            "warnings": warnings,
            "profile_order": self.profile_order,
            "profile_defaults": profile_defaults,
            "settings": settings,
        })
    }
}

fn json_question(question: &QuestionSettings) -> serde_json::Value {
    let named = |keys: &ProfileSettings| -> Map<_, _> {
        keys.iter().map(|(key, setting)| ((*key).to_owned(), json_setting(setting))).collect()
    };
    let mut values = named(&question.keys);
    let parameters: Map<_, _> =
        question.parameters.iter().map(|(name, keys)| (name.clone(), named(keys).into())).collect();
    values.insert(PARAMETERS.to_owned(), parameters.into());
    values.into()
}

fn json_connection(connection: &NamedConnection) -> serde_json::Value {
    let named = |values: &BTreeMap<String, Setting>| -> serde_json::Value {
        values.iter().map(|(name, setting)| (name.clone(), json_setting(setting))).collect()
    };
    let settings = &connection.settings;
    let keys = KEYS.iter().filter(|key| key.section == connection.kind());
    let mut values: Map<_, _> =
        keys.filter_map(|key| Some((key.name.to_owned(), json_setting(settings.find(key)?)))).collect();
    values.insert(connections::KIND.to_owned(), json_setting(&connections::shown_kind(connection)));
    for (below, set) in [(DATABASES, &settings.databases), (SESSION_PARAMETERS, &settings.session_parameters)]
    {
        if !set.is_empty() {
            values.insert(below.to_owned(), named(set));
        }
    }
    values.into()
}

fn line(out: &mut String, key: &str, setting: &Setting) -> fmt::Result {
    if let Value::Hidden(_) = setting.value {
        return writeln!(out, "# {} is set, and not shown: {}", quoted_key(key), setting.origin);
    }
    if let Value::SecretCommand(words) = &setting.value
        && words.len() > 1
    {
        let shown = setting.value.to_shown();
        return writeln!(out, "# {} = {shown}, arguments not shown: {}", quoted_key(key), setting.origin);
    }
    writeln!(out, "{} = {}  # {}", quoted_key(key), setting.value.to_toml(), setting.origin)
}

fn quoted_key(key: &str) -> String {
    let is_bare = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '-';
    if !key.is_empty() && key.chars().all(is_bare) {
        return key.to_owned();
    }
    // JSON's escapes are a subset of those of TOML's basic strings.
    serde_json::Value::from(key).to_string()
}

fn json_setting(setting: &Setting) -> serde_json::Value {
    let mut fields = json_origin(&setting.origin);
    fields.insert("value".to_owned(), json_value(&setting.value));
    fields.into()
}

fn json_refused(refused: &Refused) -> serde_json::Value {
    let mut fields = json_origin(&refused.origin);
    fields.insert("key".to_owned(), json!(refused.path));
    fields.insert("value".to_owned(), json_value(&refused.value));
    fields.insert("because_of".to_owned(), json_origin(&refused.by).into());
    fields.into()
}

fn json_value(value: &Value) -> serde_json::Value {
    match value {
        Value::Integer(number) => json!(number),
        Value::Boolean(truth) => json!(truth),
        Value::Text(text) => json!(text),
        Value::SecretCommand(words) => json!(shown_words(words)),
        Value::Command(words) | Value::Texts(words) => json!(words),
        Value::Matches(tables) => tables.iter().map(json_table).collect(),
        Value::Hidden(_) => json!(HIDDEN),
        Value::Path(path) => json!(path.to_string_lossy()),
    }
}

fn json_table(table: &MatchTable) -> serde_json::Value {
    let pair = |(name, pattern): &(&str, String)| ((*name).to_owned(), json!(pattern));
    table.iter().map(pair).collect::<Map<_, _>>().into()
}

fn json_origin(origin: &Origin) -> Map<String, serde_json::Value> {
    let fields = match origin {
        Origin::Default => json!({ "origin": "default" }),
        Origin::File { line, .. } => json!({ "origin": "file", "line": line }),
        Origin::EarlierFile { file, layer, line, .. } => {
            let origin = if *layer == Layer::System { "system file" } else { "usual file" };
            json!({ "origin": origin, "line": line, "file": file.to_string_lossy() })
        }
        Origin::Environment { variable } => json!({ "origin": "environment", "variable": variable }),
        Origin::Connection { name, file } => {
            json!({ "origin": "connection", "connection": name, "file": file.to_string_lossy() })
        }
    };
    match fields {
        serde_json::Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
