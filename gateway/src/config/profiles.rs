//! `[profiles.NAME]` of a file: read by the table of keys, with the place of every entry of a list.
//!
//! Whose profile it is, where several files have one of the same name:
//!
//! | it is in the | the user's file |
//! |---|---|
//! | system's file | changes nothing of it |
//! | usual file, and a variable names another | keeps what protects in it (`match`, lists, caps ...), and may choose where it runs |
//!
//! Profiles are tried in the order of their files, and in each in the order of the lines: none of a later file comes
//! before one of an earlier file.

use toml::de::DeValue;

use super::document::{DocumentReader, SpannedValue};
use super::error::InvalidValue;
use super::keys::{PROFILE_DEFAULT, PROFILES};
use super::kind::{Kind, RawValue, TextList, Value, written};
use super::matches::{self, MATCH, MATCHES_MAX, MatchTable, SUBJECTS};
use super::profile_keys::{self, EXPORT_FOLDER, PROFILE_KEYS, ProfileKey, TOOLS};
use super::questions::is_question_name;
use super::settings::{Layer, Origin, ProfileSettings, Setting};
use super::{keys, suggest};

/// Entries of one list, at most.
const ENTRIES_MAX: usize = 1_000;

/// The longest entry, in bytes: three quoted names and their dots.
const ENTRY_BYTES_MAX: usize = 1_600;

impl DocumentReader<'_> {
    pub(super) fn profiles(&mut self, value: &SpannedValue<'_>) {
        let Some(table) = self.table(PROFILES, value) else { return };
        let mut profiles: Vec<_> = table.iter().collect();
        // In a parsed table they are in the order of their names.
        profiles.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in profiles {
            let (start, name) = (name.span().start, name.get_ref().to_string());
            let path = format!("{PROFILES}.{name}");
            if let Err(refusal) = Kind::Name.check(RawValue::Text(name.clone()), &self.resolver) {
                self.report(start, Some(&path), refusal);
            }
            let Some(profile) = self.profile(&name, &path, value) else { continue };
            self.take_profile(name, &path, profile, start);
        }
    }

    /// Has the settings take `profile`, as far as an earlier file does not protect against it.
    fn take_profile(&mut self, name: String, path: &str, profile: ProfileSettings, start: usize) {
        let (layer, origin) = (self.source.layer, self.origin(start));
        let earlier = self.settings.protected_profiles.get(&name).cloned();
        match earlier.as_ref().map(Origin::layer) {
            Some(Layer::System) if layer == Layer::System => {}
            Some(Layer::System) => {
                if let (Some(by), Layer::User) = (earlier, layer) {
                    self.refuse_profile(path, profile, &by);
                }
                return;
            }
            _ => {}
        }
        let protects = |key: &str| profile_keys::find(key).is_some_and(|key| key.protects);
        if layer < Layer::User {
            self.settings.protected_profiles.insert(name.clone(), origin);
        }
        if !self.settings.profile_order.contains(&name) {
            self.settings.profile_order.push(name.clone());
        }
        let mut known = self.settings.profiles.remove(&name).unwrap_or_default();
        for (key, setting) in profile {
            // Without a folder a profile decides that nothing is exported.
            let is_decided = known.contains_key(key) || key == MATCH || key == EXPORT_FOLDER;
            match &earlier {
                _ if layer == Layer::Usual && !protects(key) => {}
                Some(by) if layer == Layer::User && protects(key) && is_decided => {
                    if known.get(key).is_none_or(|decided| decided.value != setting.value) {
                        self.refuse(format!("{path}.{key}"), setting, by.clone());
                    }
                }
                _ => drop(known.insert(key, setting)),
            }
        }
        self.settings.profiles.insert(name, known);
    }

    fn refuse_profile(&mut self, path: &str, profile: ProfileSettings, by: &Origin) {
        for (key, setting) in profile {
            self.refuse(format!("{path}.{key}"), setting, by.clone());
        }
    }

    fn profile(&mut self, name: &str, path: &str, value: &SpannedValue<'_>) -> Option<ProfileSettings> {
        let mut profile = ProfileSettings::new();
        for (key, value) in self.table(path, value)? {
            let path = format!("{path}.{}", key.get_ref());
            let Some(known) = profile_keys::find(key.get_ref()) else {
                let refusal = InvalidValue::with_hint("unknown key", hint(key.get_ref()));
                self.report(key.span().start, Some(&path), refusal);
                continue;
            };
            if known.name == MATCH && name == PROFILE_DEFAULT {
                let refusal = InvalidValue::with_hint(
                    "`default` is for every session that no other profile fits, so it has no `match`",
                    "remove the key, or give the profile another name",
                );
                self.report(key.span().start, Some(&path), refusal);
                continue;
            }
            profile.extend(self.profile_value(&path, known, value).map(|set| (known.name, set)));
        }
        Some(profile)
    }

    fn profile_value(&mut self, path: &str, key: &ProfileKey, value: &SpannedValue<'_>) -> Option<Setting> {
        match key.kind {
            Kind::Matches => self.matches(path, value),
            Kind::Texts(list) => self.texts(path, key.kind, list, value),
            kind => self.value(path, kind, value),
        }
    }

    /// A list of texts; each entry that is wrong is reported where it stands.
    pub(super) fn texts(
        &mut self,
        path: &str,
        kind: Kind,
        list: TextList,
        value: &SpannedValue<'_>,
    ) -> Option<Setting> {
        let DeValue::Array(entries) = value.get_ref() else { return self.value(path, kind, value) };
        let errors_before = self.errors.len();
        let mut texts: Vec<String> = Vec::new();
        for entry in entries.iter().take(ENTRIES_MAX) {
            let start = entry.span().start;
            match check_entry(list, &written(entry.get_ref()), &texts) {
                Ok(text) => texts.push(text),
                Err(refusal) => self.report(start, Some(path), refusal),
            }
        }
        if entries.len() > ENTRIES_MAX {
            let message = format!("expected {ENTRIES_MAX} entries at most, got {}", entries.len());
            self.report(value.span().start, Some(path), InvalidValue::new(message));
        }
        if entries.is_empty() && matches!(list, TextList::Words(_) | TextList::Tools) {
            let refusal = InvalidValue::with_hint(
                "the list is empty, so nothing would be allowed",
                format!(
                    "remove the key to leave it unset, or name {}",
                    kind.describe().replace("a list of ", "")
                ),
            );
            self.report(value.span().start, Some(path), refusal);
        }
        (self.errors.len() == errors_before).then(|| self.setting(value.span().start, Value::Texts(texts)))
    }

    /// A list of tables, or one table.
    fn matches(&mut self, path: &str, value: &SpannedValue<'_>) -> Option<Setting> {
        let errors_before = self.errors.len();
        let mut tables = Vec::new();
        let start = value.span().start;
        match value.get_ref() {
            DeValue::Table(_) => tables.extend(self.match_table(path, value)),
            DeValue::Array(entries) if entries.is_empty() => {
                let refusal = InvalidValue::with_hint(
                    "the list is empty, so it would fit no session",
                    "remove the key: the profile is then used by its name (--profile)",
                );
                self.report(start, Some(path), refusal);
            }
            DeValue::Array(entries) if entries.len() > MATCHES_MAX => {
                let message = format!("expected {MATCHES_MAX} tables at most, got {}", entries.len());
                self.report(start, Some(path), InvalidValue::new(message));
            }
            DeValue::Array(entries) => {
                for entry in entries {
                    if let Some(table) = self.match_table(path, entry) {
                        if tables.contains(&table) {
                            let refusal = InvalidValue::with_hint(
                                "the same table is there twice",
                                "remove one of them",
                            );
                            self.report(entry.span().start, Some(path), refusal);
                        }
                        tables.push(table);
                    }
                }
            }
            other => self.report(start, Some(path), no_table(&written(other))),
        }
        (self.errors.len() == errors_before).then(|| self.setting(start, Value::Matches(tables)))
    }

    fn match_table(&mut self, path: &str, value: &SpannedValue<'_>) -> Option<MatchTable> {
        let start = value.span().start;
        let Some(table) = value.get_ref().as_table() else {
            self.report(start, Some(path), no_table(&written(value.get_ref())));
            return None;
        };
        if table.is_empty() {
            let refusal = InvalidValue::with_hint(
                "the table is empty, so it would fit every session",
                "write `{ client = \"*\" }` if that is meant",
            );
            self.report(start, Some(path), refusal);
            return None;
        }
        let mut found = MatchTable::new();
        for (name, value) in table {
            let path = format!("{path}.{}", name.get_ref());
            let Some(subject) = SUBJECTS.into_iter().find(|subject| subject == name.get_ref()) else {
                let refusal = InvalidValue::with_hint("unknown key", matches::hint(name.get_ref()));
                self.report(name.span().start, Some(&path), refusal);
                continue;
            };
            let checked = match written(value.get_ref()) {
                RawValue::Text(text) => matches::check(subject, &text).map(|()| text),
                other => {
                    Err(InvalidValue::new(format!("expected a pattern in quotes, got {}", other.describe())))
                }
            };
            match checked {
                Ok(pattern) => found.push((subject, pattern)),
                Err(refusal) => self.report(value.span().start, Some(&path), refusal),
            }
        }
        found.sort_by_key(|(subject, _)| SUBJECTS.iter().position(|known| known == subject));
        Some(found)
    }
}

fn no_table(raw: &RawValue) -> InvalidValue {
    let message = format!("expected {}, got {}", Kind::Matches.describe(), raw.describe());
    let hint = match raw {
        RawValue::Text(text) => format!("write `match = [{{ client = {text:?} }}]`"),
        _ => "write `match = [{ client = \"name\" }]`".to_owned(),
    };
    InvalidValue::with_hint(message, hint)
}

fn check_entry(list: TextList, raw: &RawValue, before: &[String]) -> Result<String, InvalidValue> {
    let RawValue::Text(text) = raw else {
        return Err(InvalidValue::new(format!("expected a text in quotes, got {}", raw.describe())));
    };
    match list {
        TextList::Words(accepted) if !accepted.contains(&text.as_str()) => {
            return Err(unknown_word(accepted, text));
        }
        TextList::Tools if !TOOLS.contains(&text.as_str()) && !is_question_name(text) => {
            return Err(unknown_word(TOOLS, text));
        }
        TextList::Names if text.trim().is_empty() => {
            return Err(InvalidValue::with_hint(
                "the pattern is empty",
                "remove it, or write \"*\" for any name",
            ));
        }
        TextList::Names if text.contains(char::is_control) => {
            return Err(InvalidValue::new("the pattern contains a control character"));
        }
        TextList::Names if text.len() > ENTRY_BYTES_MAX => {
            let bytes = text.len();
            return Err(InvalidValue::new(format!("expected {ENTRY_BYTES_MAX} bytes at most, got {bytes}")));
        }
        _ => {}
    }
    if before.contains(text) {
        return Err(InvalidValue::with_hint(format!("{text:?} is there twice"), "remove one of them"));
    }
    Ok(text.clone())
}

/// What people call a class, or a tool.
const WORDS: &[(&str, &str)] = &[
    ("select", "read"),
    ("query", "read"),
    ("show", "read"),
    ("use", "context"),
    ("insert", "write"),
    ("update", "write"),
    ("delete", "write"),
    ("merge", "write"),
    ("dml", "write"),
    ("create", "ddl"),
    ("alter", "ddl"),
    ("drop", "ddl"),
    ("begin", "transaction"),
    ("commit", "transaction"),
    ("temporary", "session"),
    ("set", "session"),
    ("grant", "admin"),
    ("put", "file"),
    ("get", "file"),
];

fn unknown_word(accepted: &[&str], text: &str) -> InvalidValue {
    let plain = text.trim().to_ascii_lowercase();
    let meant = WORDS.iter().find(|(word, _)| *word == plain).map(|(_, class)| *class);
    let meant = meant.filter(|class| accepted.contains(class));
    let near = meant.or_else(|| suggest::nearest(text, accepted.iter().copied()));
    let hint = near.map(|near| format!("did you mean {near:?}?"));
    let accepted: Vec<_> = accepted.iter().map(|word| format!("{word:?}")).collect();
    InvalidValue { message: format!("expected one of {}, got {text:?}", accepted.join(", ")), hint }
}

/// What to do about the unknown key `name` of a profile.
fn hint(name: &str) -> String {
    match name {
        "read_only" | "readonly" => {
            return "`read_only` belongs to a connection ([sqlite], [snowflake]); in a profile, `statements` lists what may \
                    run: statements = [\"read\", \"context\"]"
                .to_owned();
        }
        "permissions" => {
            return "permissions belong in [roles.NAME]; a profile names its role by `access_role`"
                .to_owned();
        }
        "client" | "parent" | "folder" | "key" => return format!("write `match = [{{ {name} = \"...\" }}]`"),
        _ => {}
    }
    let names = PROFILE_KEYS.iter().map(|key| key.name);
    if let Some(near) = suggest::nearest(name, names.clone()) {
        return format!("did you mean `{near}`?");
    }
    match keys::KEYS.iter().find(|key| key.name == name) {
        Some(key) => format!("`{name}` belongs in [{}]", key.section),
        None => format!("valid keys of a profile: {}", names.collect::<Vec<_>>().join(", ")),
    }
}
