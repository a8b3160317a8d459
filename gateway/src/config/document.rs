//! The file layer: reads a TOML document by the table of keys.
//!
//! It works on the parsed document with its positions, not on derived types, because those stop at the first
//! error and do not report its position.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Paths;
use super::error::{ConfigError, InvalidValue, Place};
use super::hints;
use super::keys::{self, DATABASES, PROFILE_KEYS, PROFILES, SECTIONS};
use super::kind::{Kind, RawValue, Value};
use super::lines::Lines;
use super::resolver::Resolver;
use super::settings::{Origin, ProfileSettings, Setting, Settings};
use super::snowflake::SECRET_NAMES;
use super::suggest;
use crate::backend::sqlite::{DATABASE_NAME, database_name_objection};

/// Reads `text` into `settings`; returns its errors, in file order.
pub(super) fn apply(text: &str, paths: &Paths, settings: &mut Settings) -> Vec<ConfigError> {
    let resolver = Resolver { base: paths.config_file.parent(), home: paths.home_dir.as_deref() };
    let mut reader =
        DocumentReader { lines: Lines::new(text), paths, resolver, settings, errors: Vec::new() };
    let (document, syntax_errors) = DeTable::parse_recoverable(text);
    if syntax_errors.is_empty() {
        reader.document(document.get_ref());
    } else {
        reader.syntax(&syntax_errors);
    }
    let mut errors = reader.errors;
    errors.sort_by_key(|error| match error.place {
        Place::Position { line, column, .. } => (line, column),
        _ => (0, 0),
    });
    errors
}

type SpannedValue<'i> = Spanned<DeValue<'i>>;

struct DocumentReader<'a> {
    lines: Lines<'a>,
    paths: &'a Paths,
    resolver: Resolver<'a>,
    settings: &'a mut Settings,
    errors: Vec<ConfigError>,
}

impl DocumentReader<'_> {
    /// Reports one error per line: the parser's further errors on a line follow from the first.
    fn syntax(&mut self, syntax_errors: &[toml::de::Error]) {
        let mut line_last = 0;
        for error in syntax_errors {
            let offset = error.span().map_or(0, |span| span.start);
            let (line, _) = self.lines.at(offset);
            if line != line_last {
                self.report(offset, None, InvalidValue::new(format!("invalid TOML: {}", error.message())));
            }
            line_last = line;
        }
    }

    fn document(&mut self, document: &DeTable<'_>) {
        for (name, value) in document {
            let known = SECTIONS.iter().find(|section| section.name == name.get_ref().as_ref());
            match known {
                Some(section) => self.section(section.name, value),
                None if name.get_ref() == PROFILES => self.profiles(value),
                None => {
                    let hint = hints::for_section(name.get_ref());
                    let refusal = InvalidValue::with_hint("unknown key or table", hint);
                    self.report(name.span().start, Some(name.get_ref()), refusal);
                }
            }
        }
    }

    fn section(&mut self, section: &str, value: &SpannedValue<'_>) {
        let Some(table) = self.table(section, value) else { return };
        for (name, value) in table {
            let path = format!("{section}.{}", name.get_ref());
            match keys::find(section, name.get_ref()) {
                Some(key) => {
                    if let Some(Setting { value, origin }) = self.value(&path, key.kind, value) {
                        self.settings.set(key, value, origin);
                    }
                }
                None if section == "sqlite" && name.get_ref() == DATABASES => self.databases(&path, value),
                None => {
                    let is_secret = section == "snowflake" && SECRET_NAMES.contains(&name.get_ref().as_ref());
                    let hint = if is_secret {
                        "put secrets in environment variables (SNOWFLAKE_PASSWORD, SNOWFLAKE_TOKEN, \
                         SNOWFLAKE_PRIVATE_KEY_PASSPHRASE) or in Snowflake's connections.toml"
                            .to_owned()
                    } else {
                        hints::for_key(section, name.get_ref())
                    };
                    self.report(name.span().start, Some(&path), InvalidValue::with_hint("unknown key", hint));
                }
            }
        }
    }

    fn databases(&mut self, path: &str, value: &SpannedValue<'_>) {
        let Some(table) = self.table(path, value) else { return };
        for (name, value) in table {
            let path = format!("{path}.{}", name.get_ref());
            let refusal = check_database_name(name.get_ref(), self.settings);
            if let Some(refusal) = refusal {
                self.report(name.span().start, Some(&path), refusal);
            } else if let Some(setting) = self.value(&path, Kind::Path, value) {
                self.settings.databases.insert(name.get_ref().to_string(), setting);
            }
        }
    }

    fn profiles(&mut self, value: &SpannedValue<'_>) {
        let Some(table) = self.table(PROFILES, value) else { return };
        for (name, value) in table {
            let path = format!("{PROFILES}.{}", name.get_ref());
            if let Err(refusal) = Kind::Name.check(RawValue::Text(name.get_ref().to_string()), &self.resolver)
            {
                self.report(name.span().start, Some(&path), refusal);
            }
            if let Some(profile) = self.profile(&path, value) {
                self.settings.profiles.insert(name.get_ref().to_string(), profile);
            }
        }
    }

    fn profile(&mut self, path: &str, value: &SpannedValue<'_>) -> Option<ProfileSettings> {
        let mut profile = ProfileSettings::new();
        for (name, value) in self.table(path, value)? {
            let path = format!("{path}.{}", name.get_ref());
            let names = PROFILE_KEYS.iter().map(|(name, _)| *name);
            match names.clone().find(|known| known == name.get_ref()) {
                Some(known) => profile.extend(self.value(&path, Kind::Name, value).map(|set| (known, set))),
                None => {
                    let hint = match suggest::nearest(name.get_ref(), names.clone()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("valid keys of a profile: {}", names.collect::<Vec<_>>().join(", ")),
                    };
                    self.report(name.span().start, Some(&path), InvalidValue::with_hint("unknown key", hint));
                }
            }
        }
        Some(profile)
    }

    fn table<'v, 'i>(&mut self, path: &str, value: &'v SpannedValue<'i>) -> Option<&'v DeTable<'i>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            let refusal =
                InvalidValue::with_hint("expected a table", format!("write [{path}] on a separate line"));
            self.report(value.span().start, Some(path), refusal);
        }
        table
    }

    fn value(&mut self, path: &str, kind: Kind, value: &SpannedValue<'_>) -> Option<Setting> {
        let start = value.span().start;
        match kind.check(written(value.get_ref()), &self.resolver) {
            Ok(value) => Some(self.setting(start, value)),
            Err(refusal) => {
                self.report(start, Some(path), refusal);
                None
            }
        }
    }

    fn setting(&self, offset: usize, value: Value) -> Setting {
        let (line, column) = self.lines.at(offset);
        Setting { value, origin: Origin::File { line, column } }
    }

    fn report(&mut self, offset: usize, key: Option<&str>, refusal: InvalidValue) {
        let (line, column) = self.lines.at(offset);
        self.errors.push(ConfigError {
            place: Place::Position { file: self.paths.config_file.clone(), line, column },
            key: key.map(str::to_owned),
            message: refusal.message,
            hint: refusal.hint,
        });
    }
}

fn written(value: &DeValue<'_>) -> RawValue {
    match value {
        DeValue::String(text) => RawValue::Text(text.to_string()),
        DeValue::Boolean(truth) => RawValue::Boolean(*truth),
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
            .map_or(RawValue::Other("a number that is too large"), RawValue::Integer),
        DeValue::Float(_) => RawValue::Other("a decimal number"),
        DeValue::Datetime(_) => RawValue::Other("a date or time"),
        DeValue::Array(_) => RawValue::Other("an array"),
        DeValue::Table(_) => RawValue::Other("a table"),
    }
}

/// Applies the backend's own rule, so that every name accepted here works there. SQL ignores case in names
/// (ASCII letters).
fn check_database_name(name: &str, settings: &Settings) -> Option<InvalidValue> {
    if let Some(objection) = database_name_objection(name) {
        let hint = format!("choose another name: {DATABASE_NAME}");
        return Some(InvalidValue::with_hint(format!("not a valid database name: {objection}"), hint));
    }
    let twin = settings.databases.keys().find(|other| other.eq_ignore_ascii_case(name))?;
    Some(InvalidValue::with_hint(format!("differs from `{twin}` only in case"), "rename one of them"))
}
