//! The file layer: reads a TOML document by the table of keys.
//!
//! It works on the parsed document with its positions, not on derived types, because those stop at the first
//! error and do not report its position.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Paths;
use super::connections;
use super::corrections;
use super::error::{ConfigError, InvalidValue, Place};
use super::hints;
use super::keys::{
    self, CONNECTIONS, DATABASES, Key, PROFILES, QUERIES, ROLES, SECTIONS, SESSION_PARAMETERS,
};
use super::kind::{Kind, RawValue, Value, written};
use super::lines::Lines;
use super::repair;
use super::resolver::Resolver;
use super::settings::{Layer, Origin, Refused, SectionUse, Setting, Settings};
use super::snowflake::{SECRET_NAMES, session_parameters};
use crate::backend::sqlite::{DATABASE_NAME, database_name_objection};

/// One file of the configuration.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) text: &'a str,
    pub(super) file: &'a Path,
    pub(super) layer: Layer,
}

/// Reads `source` into `settings`; returns its errors, in file order.
pub(super) fn apply(source: Source<'_>, paths: &Paths, settings: &mut Settings) -> Vec<ConfigError> {
    // Some editors write a byte order mark; positions are counted behind it.
    let text = source.text.strip_prefix('\u{feff}').unwrap_or(source.text);
    let resolver = Resolver { base: source.file.parent(), home: paths.home_dir.as_deref() };
    let source = Source { text, ..source };
    let mut reader =
        DocumentReader { lines: Lines::new(text), source, resolver, paths, settings, errors: Vec::new() };
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

pub(super) type SpannedValue<'i> = Spanned<DeValue<'i>>;

pub(super) struct DocumentReader<'a> {
    lines: Lines<'a>,
    pub(super) source: Source<'a>,
    pub(super) resolver: Resolver<'a>,
    pub(super) paths: &'a Paths,
    pub(super) settings: &'a mut Settings,
    pub(super) errors: Vec<ConfigError>,
}

impl DocumentReader<'_> {
    /// Reports one error per line: the parser's further errors on a line follow from the first.
    fn syntax(&mut self, syntax_errors: &[toml::de::Error]) {
        let mut line_last = 0;
        for error in syntax_errors {
            let offset = error.span().map_or(0, |span| span.start);
            let (line, _) = self.lines.at(offset);
            if line != line_last {
                let message = format!("invalid TOML: {}", error.message());
                let hint = self.syntax_hint(line, error.message());
                self.report(offset, None, InvalidValue { message, hint });
            }
            line_last = line;
        }
    }

    /// What to write instead of a line with a syntax error.
    fn syntax_hint(&self, line: usize, message: &str) -> Option<String> {
        if repair::has_old_line_ends(self.source.text) {
            return Some(
                "lines end with CR only: save the file with the line ends of Unix or Windows".to_owned(),
            );
        }
        if message.contains("duplicate") {
            return Some(repair::duplicate(self.source.text, line));
        }
        repair::hint(self.source.text.lines().nth(line.checked_sub(1)?)?)
    }

    fn document(&mut self, document: &DeTable<'_>) {
        // What protects in the sections of the built-in ones is read before.
        let mut later = None;
        for (name, value) in document {
            let known = SECTIONS.iter().find(|section| section.name == name.get_ref().as_ref());
            match known {
                Some(section) => self.section(section.name, name.span().start, value),
                None if name.get_ref() == PROFILES => self.profiles(value),
                None if name.get_ref() == ROLES => self.roles(value),
                None if name.get_ref() == CONNECTIONS => later = Some(value),
                None => {
                    let hint = hints::for_section(name.get_ref());
                    let refusal = InvalidValue::with_hint("unknown key or table", hint);
                    self.report(name.span().start, Some(name.get_ref()), refusal);
                }
            }
        }
        if let Some(value) = later {
            self.connections(value);
        }
    }

    fn section(&mut self, section: &'static str, start: usize, value: &SpannedValue<'_>) {
        let origin = self.origin(start);
        let Some(table) = self.table(section, value) else { return };
        let is_filled = self.keys_of(section, section, table);
        if self.source.layer != Layer::Usual {
            self.settings.sections.push(SectionUse { name: section, origin, is_filled });
        }
    }

    /// Reads the keys of `section`, which stand in the table `prefix`: that, or a connection of its kind. Returns whether
    /// there is one; in the system's file, one that does more than to protect.
    pub(super) fn keys_of(&mut self, section: &'static str, prefix: &str, table: &DeTable<'_>) -> bool {
        let mut is_filled = false;
        for (name, value) in table {
            let path = format!("{prefix}.{}", name.get_ref());
            match keys::find(section, name.get_ref()) {
                Some(key) => {
                    let only_protects = key.protection.is_policy();
                    is_filled |= !(only_protects && self.source.layer == Layer::System);
                    self.key(key, &path, value);
                }
                None if prefix != section && name.get_ref() == connections::KIND => {}
                None if section == "sqlite" && name.get_ref() == DATABASES => {
                    is_filled |= value.get_ref().as_table().is_some_and(|table| !table.is_empty());
                    self.databases(&path, value);
                }
                None if section == "snowflake" && name.get_ref() == SESSION_PARAMETERS => {
                    is_filled |= value.get_ref().as_table().is_some_and(|table| !table.is_empty());
                    self.session_parameters(&path, value);
                }
                None if section == QUERIES && value.get_ref().is_table() => {
                    self.question(name.get_ref(), name.span().start, value);
                    is_filled = true;
                }
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
        is_filled
    }

    fn key(&mut self, key: &Key, path: &str, value: &SpannedValue<'_>) {
        let Some(Setting { value, origin }) = self.value(path, key.kind, value) else { return };
        if self.source.layer != Layer::Usual || key.protection.is_policy() {
            self.settings.offer(key, value, origin);
        }
    }

    /// Notes that a list or profile of the system's file stays as it is there.
    pub(super) fn refuse(&mut self, path: String, Setting { value, origin }: Setting, by: Origin) {
        self.settings.refused.push(Refused { path, value, origin, by, why: "change what is set by" });
    }

    fn databases(&mut self, path: &str, value: &SpannedValue<'_>) {
        let Some(table) = self.table(path, value) else { return };
        if self.source.layer == Layer::System {
            self.settings.databases_of_system = Some(self.origin(value.span().start));
        }
        for (name, value) in table {
            let path = format!("{path}.{}", name.get_ref());
            let refusal = self.check_database_name(name.get_ref());
            if let Some(refusal) = refusal {
                self.report(name.span().start, Some(&path), refusal);
            } else if let Some(setting) = self.value(&path, Kind::Path, value) {
                match &self.settings.databases_of_system {
                    _ if self.source.layer == Layer::Usual => {}
                    Some(by) if self.source.layer == Layer::User => {
                        let by = by.clone();
                        self.refuse(path, setting, by);
                    }
                    _ => drop(self.settings.databases.insert(name.get_ref().to_string(), setting)),
                }
            }
        }
    }

    fn session_parameters(&mut self, path: &str, value: &SpannedValue<'_>) {
        let Some(table) = self.table(path, value) else { return };
        for (name, value) in table {
            let path = format!("{path}.{}", name.get_ref());
            let checked = session_parameters::check(name.get_ref(), written(value.get_ref()));
            let room = session_parameters::check_room(&self.settings.session_parameters, name.get_ref());
            match checked.map_err(InvalidValue::from).and_then(|checked| room.map(|()| checked)) {
                Ok((name, checked)) => {
                    if self.source.layer != Layer::Usual {
                        let setting = self.setting(value.span().start, checked);
                        self.settings.session_parameters.insert(name, setting);
                    }
                }
                Err(refusal) => self.report(name.span().start, Some(&path), refusal),
            }
        }
    }

    /// Applies the backend's own rule, so that every name accepted here works there. SQL ignores case in names
    /// (ASCII letters).
    fn check_database_name(&self, name: &str) -> Option<InvalidValue> {
        if let Some(objection) = database_name_objection(name) {
            let hint = format!("choose another name: {DATABASE_NAME}");
            return Some(InvalidValue::with_hint(format!("not a valid database name: {objection}"), hint));
        }
        if self.settings.databases_of_system.is_some() && self.source.layer != Layer::System {
            return None;
        }
        let twin = self.settings.databases.keys().find(|other| other.eq_ignore_ascii_case(name))?;
        Some(InvalidValue::with_hint(format!("differs from `{twin}` only in case"), "rename one of them"))
    }

    pub(super) fn table<'v, 'i>(
        &mut self,
        path: &str,
        value: &'v SpannedValue<'i>,
    ) -> Option<&'v DeTable<'i>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            let refusal =
                InvalidValue::with_hint("expected a table", format!("write [{path}] on a separate line"));
            self.report(value.span().start, Some(path), refusal);
        }
        table
    }

    pub(super) fn value(&mut self, path: &str, kind: Kind, value: &SpannedValue<'_>) -> Option<Setting> {
        let start = value.span().start;
        let raw = written(value.get_ref());
        if let Some(refusal) = self.escape_in_path(path, kind, &raw, value) {
            self.report(start, Some(path), refusal);
            return None;
        }
        match kind.check(raw.clone(), &self.resolver) {
            Ok(value) => Some(self.setting(start, value)),
            Err(mut refusal) => {
                let name = path.rsplit('.').next().unwrap_or(path);
                if let Some(better) = corrections::suggest(name, kind, &raw) {
                    refusal.hint = Some(format!("write `{name} = {better}`"));
                }
                self.report(start, Some(path), refusal);
                None
            }
        }
    }

    /// A Windows path in double quotes whose backslashes happen to be escapes: `"C:\temp"` has a tab.
    fn escape_in_path(
        &self,
        path: &str,
        kind: Kind,
        raw: &RawValue,
        value: &SpannedValue<'_>,
    ) -> Option<InvalidValue> {
        let (Kind::Path, RawValue::Text(text)) = (kind, raw) else { return None };
        if !text.contains(char::is_control) || text.contains('\0') {
            return None;
        }
        let name = path.rsplit('.').next().unwrap_or(path);
        let inner = self.source.text.get(value.span()).unwrap_or_default().trim_matches('"');
        let what = "the path contains a control character: a backslash in double quotes starts an escape";
        let hint = format!("use single quotes: write `{name} = '{inner}'`");
        Some(InvalidValue::with_hint(what, hint))
    }

    pub(super) fn setting(&self, offset: usize, value: Value) -> Setting {
        Setting { value, origin: self.origin(offset) }
    }

    pub(super) fn origin(&self, offset: usize) -> Origin {
        let (line, column) = self.lines.at(offset);
        match self.source.layer {
            Layer::User => Origin::File { line, column },
            layer => Origin::EarlierFile { file: self.source.file.to_owned(), layer, line, column },
        }
    }

    pub(super) fn report(&mut self, offset: usize, key: Option<&str>, refusal: InvalidValue) {
        let (line, column) = self.lines.at(offset);
        self.errors.push(ConfigError {
            place: Place::Position { file: self.source.file.to_owned(), line, column },
            key: key.map(str::to_owned),
            message: refusal.message,
            hint: refusal.hint,
        });
    }
}
