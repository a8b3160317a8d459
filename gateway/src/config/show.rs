//! The effective configuration as text: the output of `config show`.

use std::fmt::{self, Write};

use serde_json::{Map, json};

use super::Config;
use super::keys::{DATABASES, KEYS, PROFILES, SECTIONS};
use super::kind::Value;
use super::settings::{Origin, Setting};

impl Config {
    /// Every effective value as TOML that [`Config::load`] reads back, each with its origin in a comment.
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
        for section in SECTIONS {
            writeln!(out, "\n[{}]", section.name)?;
            for key in KEYS.iter().filter(|key| key.section == section.name) {
                match self.origins.find(key) {
                    Some(setting) => line(out, key.name, setting)?,
                    None => writeln!(out, "# {} is not set", key.name)?,
                }
            }
            if section.name == "sqlite" && !self.origins.databases.is_empty() {
                writeln!(out, "\n[sqlite.{DATABASES}]")?;
                self.origins.databases.iter().try_for_each(|(name, file)| line(out, name, file))?;
            }
        }
        for (name, profile) in &self.origins.profiles {
            writeln!(out, "\n[{PROFILES}.{}]", quoted_key(name))?;
            profile.iter().try_for_each(|(key, setting)| line(out, key, setting))?;
        }
        Ok(())
    }

    /// The same as JSON: `file`, and under `settings` the tables of the file, each value with its origin.
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
        let profiles = self.origins.profiles.iter().map(|(name, profile)| {
            let values = profile.iter().map(|(key, setting)| ((*key).to_owned(), json_setting(setting)));
            (name.clone(), values.collect::<serde_json::Value>())
        });
        settings.insert(PROFILES.to_owned(), profiles.collect());
        json!({ "file": self.file.as_ref().map(|file| file.to_string_lossy()), "settings": settings })
    }
}

fn line(out: &mut String, key: &str, setting: &Setting) -> fmt::Result {
    writeln!(out, "{} = {}  # {}", quoted_key(key), toml_value(&setting.value), setting.origin)
}

fn toml_value(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        Value::Boolean(truth) => truth.to_string(),
        Value::Text(text) => toml::Value::from(text.as_str()).to_string(),
        Value::Path(path) => toml::Value::from(path.to_string_lossy().as_ref()).to_string(),
    }
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
    let value = match &setting.value {
        Value::Integer(number) => json!(number),
        Value::Boolean(truth) => json!(truth),
        Value::Text(text) => json!(text),
        Value::Path(path) => json!(path.to_string_lossy()),
    };
    match &setting.origin {
        Origin::Default => json!({ "value": value, "origin": "default" }),
        Origin::File { line, .. } => json!({ "value": value, "origin": "file", "line": line }),
        Origin::Environment { variable } => {
            json!({ "value": value, "origin": "environment", "variable": variable })
        }
        Origin::Connection { name, file } => {
            json!({ "value": value, "origin": "connection", "connection": name, "file": file.to_string_lossy() })
        }
    }
}
