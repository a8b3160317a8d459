//! Puts Snowgate's entry into clients' configs, and takes it out again.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::diff::diff;
use super::edit::{EditError, Language, Made};
use super::entry::{Entry, command_of, is_ours, seems_to_be_a_rival};
use super::error::ClientError;
use super::known::{Client, Facts, Scope};
use super::memory::{Memory, Record};
use super::places::Places;
use super::target::{Target, Written};

/// How often a file that another program has just changed is read again.
const ATTEMPTS_MAX: usize = 5;

/// What is to be done with an entry.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// For whom.
    pub(crate) scope: Scope,
    /// The entry's name.
    pub(crate) name: String,
    /// Whether another program's entry of that name may be replaced or removed.
    pub(crate) force: bool,
    /// Whether to say only what would be done.
    pub(crate) dry_run: bool,
}

/// What was done, or would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    /// The entry is new.
    Added,
    /// It was there, and says something else now.
    Updated,
    /// It was there as it is to be.
    Unchanged,
    /// It was there, and is gone.
    Removed,
    /// It was not there.
    Absent,
}

/// What became of one file.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Change {
    /// Whose.
    pub(crate) client: Client,
    /// The file, as the client names it.
    pub(crate) file: PathBuf,
    /// What was done.
    pub(crate) action: Action,
    /// Where the file as it was before is kept, if it was there and was changed.
    pub(crate) backup: Option<PathBuf>,
    /// The change, if it was only asked for.
    pub(crate) diff: Option<String>,
    /// What its user should know.
    pub(crate) notes: Vec<String>,
}

/// A text and what it is to be.
struct Plan {
    action: Action,
    text: String,
    made: Made,
}

/// Changes clients' configs.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    /// Where the files are.
    pub(crate) places: Places,
    /// What they were.
    memory: Memory,
}

impl Desk {
    /// One that remembers in this state folder.
    pub(crate) fn new(places: Places, state_dir: &Path) -> Self {
        Self { places, memory: Memory::in_folder(state_dir) }
    }

    /// Puts `entry` into the files of `client`, one result a file.
    pub(crate) fn install(
        &self,
        client: Client,
        entry: &Entry,
        options: &Options,
    ) -> Vec<Result<Change, ClientError>> {
        self.each_file(client, options, |file| self.install_in(client, file, entry, options))
    }

    /// Takes the entry out of the files of `client`, one result a file.
    pub(crate) fn uninstall(&self, client: Client, options: &Options) -> Vec<Result<Change, ClientError>> {
        self.each_file(client, options, |file| self.uninstall_from(client, file, options))
    }

    fn each_file(
        &self,
        client: Client,
        options: &Options,
        change: impl Fn(&Path) -> Result<Change, ClientError>,
    ) -> Vec<Result<Change, ClientError>> {
        let files = self.places.files(client, options.scope);
        if files.is_empty() {
            return vec![Err(ClientError::NoProject { client: client.facts().title })];
        }
        files.iter().map(|file| change(file)).collect()
    }

    /// Puts `entry` into one file.
    ///
    /// # Errors
    /// The file cannot be changed safely.
    pub(crate) fn install_in(
        &self,
        client: Client,
        file: &Path,
        entry: &Entry,
        options: &Options,
    ) -> Result<Change, ClientError> {
        let _lock = self.lock(file, options)?;
        for _ in 0..ATTEMPTS_MAX {
            let target = Target::read(file)?;
            let plan = plan_install(client, file, target.text(), entry, options)?;
            let notes = notes(client, target.text(), &plan.text);
            let change = change(client, file, &target, &plan, options, notes);
            if plan.action == Action::Unchanged || options.dry_run {
                return Ok(change);
            }
            let backup = self.back_up(&target)?;
            // Before the file: a record of what did not happen is found out, a change without its record is not.
            self.remember(&target, client, &plan, &options.name)?;
            if target.write(&plan.text)? == Written::Changed {
                continue;
            }
            return Ok(Change { backup, ..change });
        }
        Err(ClientError::Changing { path: file.to_owned() })
    }

    /// Takes the entry out of one file.
    ///
    /// # Errors
    /// The file cannot be changed safely.
    pub(crate) fn uninstall_from(
        &self,
        client: Client,
        file: &Path,
        options: &Options,
    ) -> Result<Change, ClientError> {
        let _lock = self.lock(file, options)?;
        for _ in 0..ATTEMPTS_MAX {
            let target = Target::read(file)?;
            let record = self.memory.record(&target.file);
            let original =
                record.as_ref().filter(|it| it.has_original).and_then(|_| self.memory.original(&target.file));
            let plan = plan_uninstall(client, file, target.text(), record.as_ref(), original, options)?;
            let change = change(client, file, &target, &plan, options, Vec::new());
            if plan.action == Action::Absent || options.dry_run {
                return Ok(change);
            }
            let mut record =
                record.unwrap_or_else(|| Record { path: target.file.clone(), ..Record::default() });
            let is_last = !record.entries.keys().any(|name| *name != options.name);
            let is_ours = record.is_created && is_last && client.language().is_blank(&plan.text);
            let backup = self.back_up(&target)?;
            let written = if is_ours { target.delete()? } else { target.write(&plan.text)? };
            if written == Written::Changed {
                continue;
            }
            if is_ours {
                // Only empty ones go, the innermost first.
                record.folders.drain(..).rev().for_each(|folder| drop(fs::remove_dir(folder)));
            }
            record.forget(&options.name);
            record.has_original &= !is_last;
            record.is_created &= !is_last;
            record.note_after(&plan.text);
            // The file is as it is to be: what cannot be written down now is only missing in the record.
            let _ = self.memory.store(&record);
            return Ok(Change { backup, ..change });
        }
        Err(ClientError::Changing { path: file.to_owned() })
    }

    /// Keeps other `snowgate`s from changing configs meanwhile.
    fn lock(&self, file: &Path, options: &Options) -> Result<Option<fs::File>, ClientError> {
        if options.dry_run {
            return Ok(None);
        }
        self.memory.lock().map(Some).map_err(|source| ClientError::Memory { path: file.to_owned(), source })
    }

    fn back_up(&self, target: &Target) -> Result<Option<PathBuf>, ClientError> {
        let Some(text) = &target.before else { return Ok(None) };
        let backup = self.memory.back_up(&target.file, text);
        backup.map(Some).map_err(|source| ClientError::Memory { path: target.file.clone(), source })
    }

    /// The record of a file before it gets an entry. The original is kept if all that lies between is ours.
    fn record_of(&self, target: &Target, client: Client, name: &str) -> Result<Record, ClientError> {
        let mut record = self.memory.record(&target.file).unwrap_or_default();
        let is_there = |name: &String| {
            let keys = keys(client, target.text());
            let keys: Vec<_> = keys.iter().copied().chain([name.as_str()]).collect();
            matches!(client.language().get(target.text(), &keys), Ok(Some(_)))
        };
        record.entries.retain(|name, _| is_there(name));
        if record.entries.is_empty() {
            record = Record { is_created: target.before.is_none(), ..Record::default() };
            record.path.clone_from(&target.file);
            // One of ours that something else has put there is no part of what `uninstall` restores.
            record.has_original = target.before.is_some() && !is_entry_ours(client, target.text(), name);
            if record.has_original {
                let stored = self.memory.store_original(&target.file, target.text());
                stored.map_err(|source| ClientError::Memory { path: target.file.clone(), source })?;
            }
        } else if !record.is_current(target.text()) {
            record.has_original = false;
        }
        Ok(record)
    }

    /// Writes down what the file was, and what it is about to be.
    fn remember(&self, target: &Target, client: Client, plan: &Plan, name: &str) -> Result<(), ClientError> {
        let mut record = self.record_of(target, client, name)?;
        if plan.action == Action::Added {
            record.entries.insert(name.to_owned(), plan.made.clone());
        } else {
            record.entries.entry(name.to_owned()).or_default();
        }
        record.folders.extend(target.missing_folders());
        record.note_after(&plan.text);
        let stored = self.memory.store(&record);
        stored.map_err(|source| ClientError::Memory { path: target.file.clone(), source })
    }
}

fn change(
    client: Client,
    file: &Path,
    target: &Target,
    plan: &Plan,
    options: &Options,
    notes: Vec<String>,
) -> Change {
    let shown = options.dry_run.then(|| diff(&file.display().to_string(), target.text(), &plan.text));
    Change { client, file: file.to_owned(), action: plan.action, backup: None, diff: shown, notes }
}

/// The keys that lead to the entries in this text. opencode's next version has them one level deeper.
pub(super) fn keys(client: Client, text: &str) -> Vec<&'static str> {
    const NESTED: &[&str] = &["mcp", "servers"];
    if client == Client::OpenCode {
        let servers = client.language().get(text, NESTED);
        let is_entry = |servers: &Map<String, Value>| {
            ["type", "command", "url"].iter().any(|key| servers.contains_key(*key))
        };
        if matches!(servers, Ok(Some(Value::Object(servers))) if !is_entry(&servers)) {
            return NESTED.to_vec();
        }
    }
    client.facts().path.to_vec()
}

fn is_entry_ours(client: Client, text: &str, name: &str) -> bool {
    let keys: Vec<_> = keys(client, text).into_iter().chain([name]).collect();
    matches!(client.language().get(text, &keys), Ok(Some(entry)) if is_ours(&entry))
}

fn plan_install(
    client: Client,
    file: &Path,
    text: &str,
    entry: &Entry,
    options: &Options,
) -> Result<Plan, ClientError> {
    let (language, shape) = (client.language(), client.facts().shape);
    let edit = |source| ClientError::Edit { path: file.to_owned(), source };
    let keys = keys(client, text);
    let keys: Vec<_> = keys.iter().copied().chain([options.name.as_str()]).collect();
    let existing = language.get(text, &keys).map_err(edit)?;
    let mut plan = Plan { action: Action::Added, text: text.to_owned(), made: Made::default() };
    match &existing {
        Some(existing) if is_ours(existing) => {
            for (below, value) in entry.changes(shape, existing) {
                let keys: Vec<_> = keys.iter().copied().chain(below).collect();
                plan.text = language.set(&plan.text, &keys, &value).map_err(edit)?.0;
            }
            plan.action = if plan.text == text { Action::Unchanged } else { Action::Updated };
        }
        Some(existing) if !options.force => return Err(foreign(file, &options.name, existing)),
        Some(_) => {
            let without = language.remove(text, &keys, &Made::default()).map_err(edit)?;
            (plan.text, plan.made) = language.set(&without, &keys, &entry.value(shape)).map_err(edit)?;
            plan.action = Action::Updated;
        }
        None => (plan.text, plan.made) = language.set(text, &keys, &entry.value(shape)).map_err(edit)?,
    }
    check_rest(language, file, (text, &plan.text), &keys)?;
    Ok(plan)
}

fn plan_uninstall(
    client: Client,
    file: &Path,
    text: &str,
    record: Option<&Record>,
    original: Option<String>,
    options: &Options,
) -> Result<Plan, ClientError> {
    let language = client.language();
    let edit = |source| ClientError::Edit { path: file.to_owned(), source };
    let keys = keys(client, text);
    let keys: Vec<_> = keys.iter().copied().chain([options.name.as_str()]).collect();
    let Some(existing) = language.get(text, &keys).map_err(edit)? else {
        return Ok(Plan { action: Action::Absent, text: text.to_owned(), made: Made::default() });
    };
    if !is_ours(&existing) && !options.force {
        return Err(foreign(file, &options.name, &existing));
    }
    let made = record.and_then(|record| record.entries.get(&options.name)).cloned().unwrap_or_default();
    let is_only = record.is_some_and(|it| it.entries.len() == 1 && it.entries.contains_key(&options.name));
    let is_as_left = record.is_some_and(|record| record.is_current(text));
    let text_after = match original {
        // Nothing but our changes lies between.
        Some(original) if is_only && is_as_left => original,
        _ => {
            let after = language.remove(text, &keys, &made).map_err(edit)?;
            check_rest(language, file, (text, &after), &keys)?;
            after
        }
    };
    Ok(Plan { action: Action::Removed, text: text_after, made: Made::default() })
}

fn foreign(file: &Path, name: &str, existing: &Value) -> ClientError {
    let command = command_of(existing).map_or_else(|| "another server".to_owned(), |it| format!("`{it}`"));
    ClientError::Foreign { path: file.to_owned(), name: name.to_owned(), command }
}

/// Reads both texts again: whatever is beside the entry at `keys` has to say the same in both.
fn check_rest(
    language: Language,
    file: &Path,
    (before, after): (&str, &str),
    keys: &[&str],
) -> Result<(), ClientError> {
    let rest = |text: &str| -> Result<Value, EditError> {
        let mut document = language.get(text, &[])?.unwrap_or_else(|| json!({}));
        prune(&mut document, keys);
        Ok(document)
    };
    match (rest(before), rest(after)) {
        (Ok(before), Ok(after)) if before == after => Ok(()),
        _ => Err(ClientError::Unsafe { path: file.to_owned() }),
    }
}

/// Takes the value at `keys` out of `document`, and the objects around it that are empty then.
fn prune(document: &mut Value, keys: &[&str]) {
    let (Some((first, rest)), Value::Object(members)) = (keys.split_first(), document) else { return };
    if rest.is_empty() {
        members.remove(*first);
    } else if let Some(inner) = members.get_mut(*first) {
        prune(inner, rest);
        if inner.as_object().is_some_and(Map::is_empty) {
            members.remove(*first);
        }
    }
}

/// What a client's user should know of the file.
fn notes(client: Client, before: &str, after: &str) -> Vec<String> {
    let Facts { title, reads_comments, .. } = client.facts();
    let mut notes = Vec::new();
    let is_strict = |text: &str| serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}')).is_ok();
    if !reads_comments && !before.trim().is_empty() && !is_strict(before) {
        notes.push(format!("the file has comments or a comma too many, which {title} may not read"));
    }
    let rivals = rivals(client, after);
    if !rivals.is_empty() {
        notes.push(format!(
            "other servers there seem to be for the same warehouse: {}; remove those that Snowgate replaces",
            rivals.join(", ")
        ));
    }
    notes
}

/// The names of the entries that seem to be other servers for such a warehouse.
pub(super) fn rivals(client: Client, text: &str) -> Vec<String> {
    let Ok(Some(Value::Object(entries))) = client.language().get(text, &keys(client, text)) else {
        return Vec::new();
    };
    entries
        .iter()
        .filter(|(name, entry)| seems_to_be_a_rival(name, entry))
        .map(|(name, _)| name.clone())
        .collect()
}

/// A whole config with nothing but the entry, to be copied by hand.
///
/// # Errors
/// None with these texts.
pub(crate) fn snippet(client: Client, name: &str, entry: &Entry) -> Result<String, EditError> {
    let keys: Vec<_> = client.facts().path.iter().copied().chain([name]).collect();
    let (text, _) = client.language().set("", &keys, &entry.value(client.facts().shape))?;
    Ok(text)
}
