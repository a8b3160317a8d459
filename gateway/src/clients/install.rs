//! Puts Snowgate's entry into clients' configs, and takes it out again.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::diff::diff;
use super::edit::EditError;
use super::entry::Entry;
use super::error::ClientError;
use super::known::{Client, Scope};
use super::lock::ClientLock;
use super::memory::{Memory, Record};
use super::places::Places;
use super::plan::{Plan, is_entry_ours, keys, notes, plan_install, plan_uninstall};
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
        if options.scope == Scope::Project && self.places.project.is_none() {
            return vec![Err(ClientError::NoFolder)];
        }
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
        let lock = self.lock(file, options)?;
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
            let folders = if is_ours { std::mem::take(&mut record.folders) } else { Vec::new() };
            record.forget(&options.name);
            // What another program has changed since is no part of the original.
            record.has_original &= !is_last && record.is_current(target.text());
            record.is_created &= !is_last;
            record.note_after(&plan.text);
            // The file is as it is to be: what cannot be written down now is only missing in the record.
            let _ = self.memory.store(&record);
            drop(lock);
            // Only empty ones go, the innermost first.
            folders.iter().rev().for_each(|folder| drop(fs::remove_dir(folder)));
            return Ok(Change { backup, ..change });
        }
        Err(ClientError::Changing { path: file.to_owned() })
    }

    /// Keeps other `snowgate`s from changing configs meanwhile, and the client, if it has a lock.
    fn lock(&self, file: &Path, options: &Options) -> Result<Option<(ClientLock, fs::File)>, ClientError> {
        if options.dry_run {
            return Ok(None);
        }
        let own = self.memory.lock();
        let own = own.map_err(|source| ClientError::Memory { path: file.to_owned(), source })?;
        Ok(Some((ClientLock::take(file), own)))
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

/// A whole config with nothing but the entry, to be copied by hand.
///
/// # Errors
/// None with these texts.
pub(crate) fn snippet(client: Client, name: &str, entry: &Entry) -> Result<String, EditError> {
    let keys: Vec<_> = client.facts().path.iter().copied().chain([name]).collect();
    let (text, _) = client.language().set("", &keys, &entry.value(client.facts().shape))?;
    Ok(text)
}
