//! Finding the databases: the files in the folder and those that the config names.
//!
//! The folder is read for every request, so a new file is available at once.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::databases::{Database, Databases, Origin, SAMPLE_DATABASE, fold};
use super::names::objection;
use super::settings::SqliteSettings;
use crate::backend::{BackendError, ErrorKind};
use crate::os;

/// The extensions of database files in the folder.
const EXTENSIONS: [&str; 3] = ["db", "sqlite", "sqlite3"];

/// The name of the sample data's file.
pub(super) const SAMPLE_FILE: &str = "SNOWFLAKE_SAMPLE_DATA.db";

/// The folder and the config's files.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    configured: Vec<Database>,
    /// The sample data's file, if it is to be served.
    sample: Option<PathBuf>,
    /// Files that were already logged: one line per file, not one per statement.
    warned: Mutex<BTreeSet<PathBuf>>,
}

impl Folder {
    /// Checks the database names in `settings`.
    pub(super) fn new(settings: &SqliteSettings) -> Result<Self, BackendError> {
        let mut seen = BTreeMap::new();
        let mut configured = Vec::new();
        for (name, path) in &settings.databases {
            let database = configured_database(name, path)?;
            if let Some(other) = seen.insert(fold(name), name) {
                return Err(config_error(
                    name,
                    &format!("differs from sqlite.databases.{other} only in case"),
                    "rename one of them",
                ));
            }
            configured.push(database);
        }
        let sample = settings.sample_folder.as_deref().map(|folder| absolute(&folder.join(SAMPLE_FILE)));
        let (path, sample) = (absolute(&settings.folder)?, sample.transpose()?);
        Ok(Self { path, configured, sample, warned: Mutex::default() })
    }

    /// Creates the folder if it is the default one.
    ///
    /// # Errors
    /// It cannot be created, or it is missing: a folder that the config names is not made, because its name
    /// may be misspelt. Then files that the config names beside it do not help either: what was meant to be
    /// served is not there.
    pub(super) fn prepare(&self, settings: &SqliteSettings) -> Result<(), BackendError> {
        if settings.creates_folder {
            return create(&self.path, settings.home_variable);
        }
        match std::fs::metadata(&self.path) {
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
                let path = self.path.display();
                let what = format!("sqlite.folder: the folder {path} does not exist");
                Err(BackendError::new(ErrorKind::Unavailable, what).with_next_step(format!(
                    "create it (mkdir -p {path}), or correct sqlite.folder in config.toml"
                )))
            }
            // Every other problem is reported when the folder is read.
            _ => Ok(()),
        }
    }

    /// The files the config names.
    pub(super) fn configured(&self) -> &[Database] {
        &self.configured
    }

    /// Every database that exists now. If two files have the same name, the config's file wins, then the
    /// first by file name.
    pub(super) fn list(&self) -> Result<Databases, BackendError> {
        let mut found: BTreeMap<String, Database> =
            self.configured.iter().map(|database| (fold(&database.name), database.clone())).collect();
        for path in self.files()? {
            let Some(database) = self.folder_database(path) else { continue };
            let key = fold(&database.name);
            match found.get(&key) {
                Some(other) => {
                    self.warn(&database.path, &format!("name already taken by {}", other.path.display()));
                }
                None => drop(found.insert(key, database)),
            }
        }
        if let Some(path) = self.sample.as_ref().filter(|path| path.is_file()) {
            let sample =
                Database { name: SAMPLE_DATABASE.into(), path: path.clone(), origin: Origin::Sample };
            found.entry(fold(SAMPLE_DATABASE)).or_insert(sample);
        }
        Ok(Databases::new(found))
    }

    /// The folder's database files, in the order of their names.
    fn files(&self) -> Result<Vec<PathBuf>, BackendError> {
        let entries = match std::fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(cause) => return Err(unreadable(&self.path, &cause)),
        };
        let mut files: Vec<PathBuf> =
            entries.flatten().map(|entry| entry.path()).filter(|path| is_database_file(path)).collect();
        files.sort();
        Ok(files)
    }

    fn folder_database(&self, path: PathBuf) -> Option<Database> {
        let name = path.file_stem().and_then(OsStr::to_str).filter(|_| path.to_str().is_some());
        let Some(name) = name.map(str::to_owned) else {
            self.warn(&path, "its name is not UTF-8");
            return None;
        };
        if let Some(objection) = objection(&name) {
            self.warn(&path, &format!("not a valid database name: {objection}"));
            return None;
        }
        Some(Database { name, path, origin: Origin::Folder })
    }

    fn warn(&self, path: &Path, why: &str) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.insert(path.to_owned()) {
            tracing::warn!(file = %path.display(), why, "file is not served as a database");
        }
    }
}

/// Creates a folder of Snowgate's own, only for its owner, if it is missing.
pub(super) fn create(path: &Path, home_variable: &str) -> Result<(), BackendError> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|cause| {
        BackendError::new(
            ErrorKind::Unavailable,
            format!("cannot create the folder {}: {cause}", path.display()),
        )
        .with_next_step(format!(
            "set {home_variable} to a folder that you can write to; or set sqlite.folder in config.toml to one that \
             exists, and sample_data = false"
        ))
    })
}

fn is_database_file(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    !hidden && EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known)) && path.is_file()
}

fn configured_database(name: &str, path: &Path) -> Result<Database, BackendError> {
    if let Some(objection) = objection(name) {
        return Err(config_error(
            name,
            &format!("is not a valid database name: {objection}"),
            "choose another name",
        ));
    }
    let path = absolute(path)?;
    if path.to_str().is_none() {
        let what = format!("has a path that is not UTF-8: {}", path.display());
        return Err(config_error(name, &what, "move the file"));
    }
    Ok(Database { name: name.to_owned(), path, origin: Origin::Config })
}

fn absolute(path: &Path) -> Result<PathBuf, BackendError> {
    std::path::absolute(path).map_err(|cause| unreadable(path, &cause))
}

fn config_error(name: &str, what: &str, next_step: &str) -> BackendError {
    BackendError::new(ErrorKind::Unavailable, format!("sqlite.databases.{name} {what}"))
        .with_next_step(format!("{next_step} in config.toml"))
}

fn unreadable(path: &Path, cause: &std::io::Error) -> BackendError {
    BackendError::new(ErrorKind::Unavailable, format!("cannot read {}: {cause}", path.display()))
        .with_next_step(match os::is_out_of_descriptors(cause) {
            true => os::RAISE_LIMIT,
            false => {
                "check that the path exists and that you can read it; it is sqlite.folder in config.toml"
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn settings(folder: &Path, databases: &[(&str, &Path)]) -> SqliteSettings {
        SqliteSettings {
            folder: folder.to_owned(),
            databases: databases.iter().map(|(name, path)| ((*name).into(), (*path).to_owned())).collect(),
            creates_folder: true,
            read_only: true,
            sample_folder: None,
            home_variable: "HOME",
            busy_timeout: Duration::ZERO,
        }
    }

    fn folder_with(files: &[&str]) -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            std::fs::write(dir.path().join(file), "").unwrap();
        }
        let folder = Folder::new(&settings(dir.path(), &[])).unwrap();
        (dir, folder)
    }

    fn names(folder: &Folder) -> Vec<String> {
        folder.list().unwrap().iter().map(|database| database.name.clone()).collect()
    }

    #[test]
    fn only_database_files_are_served() {
        let (_dir, folder) = folder_with(&[
            "b.db",
            "A.sqlite",
            "c.SQLITE3",
            "notes.txt",
            "b.db-wal",
            ".hidden.db",
            "x.2024.db",
        ]);
        assert_eq!(names(&folder), ["A", "b", "c", "x.2024"]);
    }

    #[test]
    #[cfg(unix)]
    fn files_with_invalid_names_are_ignored() {
        let (dir, folder) = folder_with(&["main.db", "TEMP.db", "a\"b.db", "it's.db", "good.db", " .db"]);
        std::fs::create_dir(dir.path().join("folder.db")).unwrap();
        assert_eq!(names(&folder), ["good"]);
    }

    #[test]
    fn a_new_file_is_served_at_once() {
        let (dir, folder) = folder_with(&["a.db"]);
        std::fs::write(dir.path().join("b.db"), "").unwrap();
        assert_eq!(names(&folder), ["a", "b"]);
    }

    #[test]
    fn of_two_files_with_one_name_the_first_is_served() {
        let (_dir, folder) = folder_with(&["sales.db", "sales.sqlite"]);
        let list = folder.list().unwrap();
        assert!(list.find("SALES").unwrap().path.ends_with("sales.db"));
        assert_eq!(list.iter().count(), 1);
    }

    #[test]
    fn a_file_in_the_config_wins_over_one_in_the_folder() {
        let (dir, _) = folder_with(&["sales.db"]);
        let other = dir.path().join("elsewhere");
        let folder = Folder::new(&settings(dir.path(), &[("Sales", &other)])).unwrap();
        assert_eq!(folder.list().unwrap().find("sales").unwrap().path, other);
    }

    #[test]
    fn only_the_default_folder_is_created() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("missing");
        let named = SqliteSettings { creates_folder: false, ..settings(&missing, &[]) };
        let error = Folder::new(&named).unwrap().prepare(&named).unwrap_err();
        assert!(error.message.contains("does not exist") && !missing.exists(), "{error}");
        assert!(error.next_step.unwrap().starts_with("create it (mkdir -p "));
        let default = settings(&missing, &[]);
        Folder::new(&default).unwrap().prepare(&default).unwrap();
        assert!(missing.is_dir());
        std::fs::write(dir.path().join("file"), "").unwrap();
        let default = settings(&dir.path().join("file/below"), &[]);
        let error = Folder::new(&default).unwrap().prepare(&default).unwrap_err();
        assert!(error.next_step.unwrap().starts_with("set HOME to a folder"));
    }

    #[test]
    fn duplicate_and_invalid_names_in_the_config_are_errors() {
        let path = Path::new("x.db");
        let error = Folder::new(&settings(path, &[("a", path), ("A", path)])).unwrap_err();
        assert_eq!(error.message, "sqlite.databases.a differs from sqlite.databases.A only in case");
        let error = Folder::new(&settings(path, &[("main", path)])).unwrap_err();
        assert!(error.message.starts_with("sqlite.databases.main is not a valid database name"), "{error}");
    }
}
