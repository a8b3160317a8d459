//! Puts Snowgate's entry into clients' configs, and takes it out again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::diff::diff;
use super::edit::EditError;
use super::entry::{Entry, is_ours, variables_of};
use super::error::ClientError;
use super::known::{Client, Scope};
use super::lock::ClientLock;
use super::memory::{Memory, Record};
use super::places::Places;
use super::plan::{
    Plan, entry_in, is_entry_ours, keys, notes, notes_of_removal, plan_install, plan_uninstall,
};
use super::target::{Target, Written, behind_links};
use crate::os::umask_of_caller;

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
#[serde(rename_all = "snake_case")]
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
    /// Nothing more: the file is one that was named before, under another path.
    SameFile,
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
    /// The path under which the file was named before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) same_as: Option<PathBuf>,
}

/// What became of each file of each client.
pub(crate) type Results = Vec<(Client, Result<Change, ClientError>)>;

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

    /// Puts `entry` into the files of `clients`, one result a file.
    pub(crate) fn install(&self, clients: &[Client], entry: &Entry, options: &Options) -> Results {
        self.each_file(clients, options, |client, file| self.install_in(client, file, entry, options))
    }

    /// Takes the entry out of the files of `clients`, one result a file.
    pub(crate) fn uninstall(&self, clients: &[Client], options: &Options) -> Results {
        self.each_file(clients, options, |client, file| self.uninstall_from(client, file, options))
    }

    /// The variables that the entry of this name in `file` sets, if it is ours: they choose the gateway, and its config.
    pub(crate) fn variables(&self, client: Client, file: &Path, name: &str) -> BTreeMap<String, String> {
        let target = Target::read(file);
        let entry = target.ok().and_then(|target| entry_in(client, target.text(), name));
        entry.filter(is_ours).as_ref().map(variables_of).unwrap_or_default()
    }

    /// Has each file changed once, also one that has several paths (links), or several clients.
    fn each_file(
        &self,
        clients: &[Client],
        options: &Options,
        change: impl Fn(Client, &Path) -> Result<Change, ClientError>,
    ) -> Results {
        let mut named: Vec<(PathBuf, &[&str], PathBuf)> = Vec::new();
        let mut results = Vec::new();
        for &client in clients {
            let files = match self.files_of(client, options) {
                Ok(files) => files,
                Err(error) => {
                    results.push((client, Err(error)));
                    continue;
                }
            };
            for file in files {
                let (real, keys) = (behind_links(&file), client.facts().path);
                let before = named.iter().find(|(known, of, _)| (known, *of) == (&real, keys));
                let result = match before {
                    Some((.., first)) => Ok(same_file(client, &file, first)),
                    None => change(client, &file),
                };
                named.push((real, keys, file));
                results.push((client, result));
            }
        }
        results
    }

    fn files_of(&self, client: Client, options: &Options) -> Result<Vec<PathBuf>, ClientError> {
        if options.scope == Scope::Project && self.places.project.is_none() {
            return Err(ClientError::NoFolder);
        }
        let files = self.places.files(client, options.scope);
        if files.is_empty() {
            return Err(ClientError::NoProject { client: client.facts().title });
        }
        Ok(files)
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
            let target = Target::read(file)?.with_new_mode(new_mode(options.scope));
            let plan = plan_install(client, file, target.text(), entry, options)?;
            let of_file = notes(client, target.text(), &plan.text);
            let notes = plan.notes.iter().cloned().chain(of_file).collect();
            let change = change(client, file, &target, &plan, options, notes);
            if plan.action == Action::Unchanged || options.dry_run {
                return Ok(change);
            }
            // Before anything is kept of it: one that is refused again and again would push older backups out.
            target.check_writable()?;
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
            let mut record =
                record.unwrap_or_else(|| Record { path: target.file.clone(), ..Record::default() });
            let is_last = !record.entries.keys().any(|name| *name != options.name);
            let is_ours = plan.action == Action::Removed
                && record.is_created
                && is_last
                && client.language().is_blank(&plan.text);
            let notes = notes_of_removal(client, &plan, is_ours);
            let change = change(client, file, &target, &plan, options, notes);
            if plan.action == Action::Absent || options.dry_run {
                return Ok(change);
            }
            target.check_writable()?;
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
        let own = self.memory.lock(file)?;
        Ok(Some((ClientLock::take(file), own)))
    }

    fn back_up(&self, target: &Target) -> Result<Option<PathBuf>, ClientError> {
        let Some(text) = &target.before else { return Ok(None) };
        let backup = self.memory.back_up(&target.file, text);
        backup.map(Some).map_err(|source| self.memory.failed(&target.file, source))
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
                stored.map_err(|source| self.memory.failed(&target.file, source))?;
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
        stored.map_err(|source| self.memory.failed(&target.file, source))
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
    let (file, action) = (file.to_owned(), plan.action);
    Change { client, file, action, backup: None, diff: shown, notes, same_as: None }
}

fn same_file(client: Client, file: &Path, first: &Path) -> Change {
    let (file, same_as) = (file.to_owned(), Some(first.to_owned()));
    Change { client, file, action: Action::SameFile, backup: None, diff: None, notes: Vec::new(), same_as }
}

/// The mode of a config that is made: others who work on a project read its files, too.
fn new_mode(scope: Scope) -> u32 {
    match scope {
        Scope::User => 0o600,
        Scope::Project => 0o600 | (0o644 & !umask_of_caller()),
    }
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

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::os::System;

    fn desk(root: &Path) -> Desk {
        let home = root.join("home");
        fs::create_dir(&home).unwrap();
        let env = BTreeMap::<String, String>::new();
        Desk::new(Places::of(System::Linux, &env, home.clone(), home), &root.join("state"))
    }

    fn entry() -> Entry {
        Entry { command: "/opt/snowgate-shim".into(), flags: Vec::new(), home: None }
    }

    fn options(name: &str) -> Options {
        Options { scope: Scope::User, name: name.into(), force: false, dry_run: false }
    }

    fn changes(results: Results) -> Vec<Change> {
        results.into_iter().map(|(_, result)| result.unwrap()).collect()
    }

    #[test]
    fn a_file_with_two_paths_or_two_clients_is_changed_once_and_that_is_said() {
        let root = tempfile::tempdir().unwrap();
        let desk = desk(root.path());
        let home = root.path().join("home");
        fs::create_dir_all(home.join(".codeium/windsurf")).unwrap();
        symlink("windsurf", home.join(".codeium/windsurf-next")).unwrap();
        fs::create_dir(home.join(".cursor")).unwrap();
        symlink("../.codeium/windsurf/mcp_config.json", home.join(".cursor/mcp.json")).unwrap();
        let clients = [Client::Cursor, Client::Windsurf];
        let actions = |changes: &[Change]| changes.iter().map(|change| change.action).collect::<Vec<_>>();
        let dry = Options { dry_run: true, ..options("snowgate") };
        for (options, install) in [(&dry, true), (&options("snowgate"), true), (&options("snowgate"), false)]
        {
            let results = if install {
                desk.install(&clients, &entry(), options)
            } else {
                desk.uninstall(&clients, options)
            };
            let changes = changes(results);
            let first = if install { Action::Added } else { Action::Removed };
            assert_eq!(actions(&changes), [first, Action::SameFile, Action::SameFile]);
            assert_eq!(changes[1].same_as.as_ref(), Some(&changes[0].file));
            assert_eq!(serde_json::to_value(changes[1].action).unwrap(), "same_file");
        }
        assert!(home.join(".cursor/mcp.json").is_symlink());
    }

    #[test]
    fn a_file_that_may_not_be_changed_costs_no_backup() {
        let root = tempfile::tempdir().unwrap();
        let desk = desk(root.path());
        let file = root.path().join("home/.cursor/mcp.json");
        fs::create_dir(file.parent().unwrap()).unwrap();
        changes(desk.install(&[Client::Cursor], &entry(), &options("snowgate")));
        fs::hard_link(&file, root.path().join("also")).unwrap();
        let kept = || {
            let record = desk.memory.record(&file).unwrap();
            (record.is_current(&fs::read_to_string(&file).unwrap()), record.entries.len())
        };
        let before = kept();
        for _ in 0..7 {
            let results = desk.install(&[Client::Cursor], &entry(), &options("other"));
            assert!(matches!(results[0].1, Err(ClientError::HardLinked { .. })));
        }
        assert_eq!((before, kept()), ((true, 1), (true, 1)));
        let backups = fs::read_dir(root.path().join("state/clients")).into_iter().flatten();
        let files = backups.flatten().flat_map(|folder| fs::read_dir(folder.path()).into_iter().flatten());
        let names: Vec<_> = files.flatten().map(|file| file.file_name().into_string().unwrap()).collect();
        assert!(!names.iter().any(|name| name.ends_with("-mcp.json")), "{names:?}");
    }

    #[test]
    fn behind_a_link_to_nothing_or_a_home_that_is_a_link_nothing_is_left() {
        let root = tempfile::tempdir().unwrap();
        let real = root.path().join("real");
        fs::create_dir(&real).unwrap();
        symlink("real", root.path().join("home")).unwrap();
        fs::create_dir(real.join(".cursor")).unwrap();
        symlink("../dotfiles/mcp.json", real.join(".cursor/mcp.json")).unwrap();
        symlink(root.path().join("home/stow"), real.join(".gemini")).unwrap();
        let env = BTreeMap::<String, String>::new();
        let home = root.path().join("home");
        let places = Places::of(System::Linux, &env, home.clone(), home);
        let desk = Desk::new(places, &root.path().join("state"));
        let clients = [Client::Cursor, Client::GeminiCli, Client::Codex];
        changes(desk.install(&clients, &entry(), &options("snowgate")));
        assert!(real.join("dotfiles/mcp.json").is_file() && real.join("stow/settings.json").is_file());
        for change in changes(desk.uninstall(&clients, &options("snowgate"))) {
            assert_eq!(change.action, Action::Removed, "{}", change.file.display());
        }
        let mut left: Vec<_> = fs::read_dir(&real).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".cursor", ".gemini"]);
        assert!(real.join(".cursor/mcp.json").is_symlink());
    }

    #[test]
    fn what_goes_with_an_entry_and_what_stays_of_ours_is_said() {
        let root = tempfile::tempdir().unwrap();
        let desk = desk(root.path());
        for name in ["one", "two"] {
            changes(desk.install(&[Client::Cursor], &entry(), &options(name)));
        }
        let notes = |name: &str| changes(desk.uninstall(&[Client::Cursor], &options(name))).remove(0).notes;
        assert!(notes("three")[0].ends_with("takes out: one, two"));
        assert!(notes("one")[0].ends_with("takes out: two"));
        assert!(notes("two")[0].contains("it is removed, too"));
        assert_eq!(fs::read_dir(root.path().join("home")).unwrap().count(), 0);
    }
}
