//! Finding the databases: the files in the folder and those that the config names.
//!
//! The folder is read for every request, so a new file is available at once.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::databases::{Database, Databases, LeftOut, Origin, SAMPLE_DATABASE, fold};
use super::diagnosis::other_kind;
use super::names::objection;
use super::settings::SqliteSettings;
use crate::backend::{BackendError, ErrorKind};
use crate::os;

/// The extensions of database files in the folder, in any case.
const EXTENSIONS: [&str; 7] = ["db", "db3", "gpkg", "s3db", "sl3", "sqlite", "sqlite3"];

/// The name of the sample data's file.
pub(super) const SAMPLE_FILE: &str = "SNOWFLAKE_SAMPLE_DATA.db";

/// The folder and the config's files.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    configured: Vec<Database>,
    /// The sample data's file, if it is to be served.
    sample: Option<PathBuf>,
    /// Why the sample data could not be made. Written at the start.
    not_made: Mutex<Option<BackendError>>,
    /// Files that were already logged: one line per file, not one per statement.
    warned: Mutex<BTreeSet<PathBuf>>,
    /// What the last look found. Written by each.
    last: Mutex<LastLook>,
}

/// What a look at the folder found, for people.
#[derive(Clone, Debug, Default)]
pub(super) struct LastLook {
    /// What kept databases from being found.
    pub(super) problem: Option<BackendError>,
    /// Files that are not served.
    pub(super) left_out: Vec<LeftOut>,
    /// The database that was chosen last for a context that names none.
    pub(super) default: Option<String>,
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
        let (not_made, warned, last) = (Mutex::default(), Mutex::default(), Mutex::default());
        Ok(Self { path, configured, sample, not_made, warned, last })
    }

    /// Creates the folder if it is the default one. One that the config names is not made, because its name may
    /// be misspelt.
    ///
    /// # Errors
    /// It cannot be created: this user has no place for data at all.
    pub(super) fn prepare(&self, settings: &SqliteSettings) -> Result<(), BackendError> {
        // Something else in its place is told by the tools.
        if !settings.creates_folder || self.path.exists() {
            return Ok(());
        }
        create(&self.path, settings.home_variable)
    }

    /// The sample data could not be made: what is there is served all the same.
    pub(super) fn note_not_made(&self, error: BackendError) {
        tracing::warn!(%error, "cannot write the sample data");
        locked(&self.not_made).get_or_insert(error);
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What the last look found.
    pub(super) fn last_look(&self) -> LastLook {
        locked(&self.last).clone()
    }

    /// Contexts that name no database have this one now.
    pub(super) fn note_default(&self, name: &str) {
        locked(&self.last).default = Some(name.to_owned());
    }

    /// Every database that exists now.
    ///
    /// A file's name is that without its extension. Where that is not free (`sales.db` and `sales.sqlite`, or a
    /// database of the config has it) or not allowed (`main.db`), it is the whole name, and where that is not
    /// free either, the file is left out. The config's files come first, then the folder's in the order of their
    /// names.
    pub(super) fn list(&self) -> Databases {
        let found = self.configured.iter().map(|database| (fold(&database.name), database.clone()));
        let mut databases = Databases::new(found.collect());
        databases.folder.clone_from(&self.path);
        match self.files(&mut databases.left_out) {
            Ok(files) => name_files(files, &mut databases),
            Err(error) => databases.problem = Some(error),
        }
        let sample = self.sample.as_ref().filter(|path| path.is_file() && databases.is_free(SAMPLE_DATABASE));
        if let Some(path) = sample {
            databases.add(Database {
                name: SAMPLE_DATABASE.into(),
                path: path.clone(),
                origin: Origin::Sample,
            });
        }
        if databases.is_empty() && databases.problem.is_none() {
            databases.problem = locked(&self.not_made).clone();
        }
        self.note(&databases);
        databases
    }

    fn note(&self, databases: &Databases) {
        for left in &databases.left_out {
            self.warn(&left.path, &left.why);
        }
        let mut last = locked(&self.last);
        last.problem = match databases.is_empty() {
            true => Some(databases.none()),
            false => databases.problem.clone(),
        };
        last.left_out.clone_from(&databases.left_out);
    }

    /// The folder's database files, in the order of their names; what only looks like one is left out.
    fn files(&self, left_out: &mut Vec<LeftOut>) -> Result<Vec<PathBuf>, BackendError> {
        let entries = std::fs::read_dir(&self.path).map_err(|cause| match cause.kind() {
            std::io::ErrorKind::NotFound => missing(&self.path),
            _ => unreadable(&self.path, &cause),
        })?;
        let mut files = Vec::new();
        for path in entries.flatten().map(|entry| entry.path()).filter(|path| has_database_name(path)) {
            match objection_to_file(&path) {
                None => files.push(path),
                Some(why) => left_out.push(LeftOut { path, why }),
            }
        }
        files.sort();
        left_out.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    fn warn(&self, path: &Path, why: &str) {
        if locked(&self.warned).insert(path.to_owned()) {
            tracing::warn!(file = %path.display(), why, "file is not served as a database");
        }
    }
}

/// Creates a folder of Snowgate's own, only for its owner, if it is missing.
pub(super) fn create(path: &Path, home_variable: &str) -> Result<(), BackendError> {
    if path.is_dir() {
        return Ok(());
    }
    os::make_private_folders(path).map_err(|cause| {
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

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn has_database_name(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    !hidden && EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// Why what is at `path` cannot be a database.
fn objection_to_file(path: &Path) -> Option<String> {
    if path.to_str().is_none() {
        return Some("its name is not UTF-8".to_owned());
    }
    match std::fs::metadata(path) {
        Ok(found) => other_kind(&found).map(|kind| format!("it is {kind}, not a file")),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            Some("it is a link to a file that does not exist".to_owned())
        }
        Err(cause) => Some(format!("it cannot be read: {cause}")),
    }
}

/// Names each of `files`, and adds it; see [`Folder::list`].
fn name_files(files: Vec<PathBuf>, databases: &mut Databases) {
    let text = |part: Option<&OsStr>| part.and_then(OsStr::to_str).unwrap_or_default().to_owned();
    let mut others = Vec::new();
    for path in files {
        let name = text(path.file_stem());
        // A file that the config names has the name that stands there.
        if databases.has_file(&path) {
            continue;
        }
        match objection(&name).is_none() && databases.is_free(&name) {
            true => databases.add(Database { name, path, origin: Origin::Folder }),
            false => others.push(path),
        }
    }
    for path in others {
        let name = text(path.file_name());
        let why = match objection(&name) {
            Some(objection) => format!("its name cannot be a database's: {objection}; rename it"),
            None if databases.is_free(&name) => {
                databases.add(Database { name, path, origin: Origin::Folder });
                continue;
            }
            None => databases.find(&name).map(|other| taken(&name, other)).unwrap_or_default(),
        };
        databases.left_out.push(LeftOut { path, why });
    }
}

/// Why a file cannot have the `name` that the database `other` has.
fn taken(name: &str, other: &Database) -> String {
    let path = other.path.display();
    if name == other.name {
        return format!("the database {name} is the file {path}; rename one of the two");
    }
    format!("its name differs from that of the file {path} only in upper and lower case; rename one")
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

fn missing(path: &Path) -> BackendError {
    let command = os::System::OWN.command_to_make(path);
    let path = path.display();
    let what = format!("there is no database: the folder {path} (sqlite.folder) does not exist");
    BackendError::new(ErrorKind::Unavailable, what).with_next_step(format!(
        "create it ({command}) and put SQLite files in it, or correct sqlite.folder in config.toml"
    ))
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
        folder.list().iter().map(|database| database.name.clone()).collect()
    }

    #[test]
    fn only_database_files_are_served() {
        let (_dir, folder) = folder_with(&[
            "b.db",
            "A.sqlite",
            "c.SQLITE3",
            "d.db3",
            "e.gpkg",
            "f.s3db",
            "g.sl3",
            "notes.txt",
            "b.db-wal",
            ".hidden.db",
            "x.2024.db",
        ]);
        assert_eq!(names(&folder), ["A", "b", "c", "d", "e", "f", "g", "x.2024"]);
    }

    #[test]
    #[cfg(unix)]
    fn every_file_with_a_name_is_served_and_the_rest_is_named() {
        let odd =
            ["main.db", "TEMP.db", "a\"b.db", "it's.db", "x [2024].db", "good.db", " .db", "new\nline.db"];
        let (dir, folder) = folder_with(&odd);
        std::fs::create_dir(dir.path().join("folder.db")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("nowhere"), dir.path().join("gone.db")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket.db")).unwrap();
        assert_eq!(names(&folder), [" .db", "a\"b", "good", "it's", "main.db", "TEMP.db", "x [2024]"]);
        let left_out: Vec<(String, String)> = folder
            .list()
            .left_out
            .into_iter()
            .map(|left| (left.path.file_name().unwrap().to_string_lossy().into_owned(), left.why))
            .collect();
        let expected = [
            ("folder.db", "it is a folder, not a file"),
            ("gone.db", "it is a link to a file that does not exist"),
            ("socket.db", "it is a pipe, socket or device, not a file"),
            ("new\nline.db", "its name cannot be a database's: it contains a control character; rename it"),
        ];
        assert_eq!(left_out, expected.map(|(name, why)| (name.to_owned(), why.to_owned())));
    }

    #[test]
    fn a_new_file_is_served_at_once() {
        let (dir, folder) = folder_with(&["a.db"]);
        std::fs::write(dir.path().join("b.db"), "").unwrap();
        assert_eq!(names(&folder), ["a", "b"]);
    }

    #[test]
    fn of_files_with_one_name_the_first_has_it_and_the_others_their_whole_names() {
        let (dir, folder) = folder_with(&["sales.sqlite", "sales.db", "sales.DB3", "Sales.gpkg"]);
        let list = folder.list();
        let file = |name: &str| list.find(name).unwrap().path.strip_prefix(dir.path()).unwrap().to_owned();
        assert_eq!(file("SALES"), Path::new("Sales.gpkg"));
        assert_eq!(file("sales.db"), Path::new("sales.db"));
        assert_eq!(names(&folder), ["Sales", "sales.db", "sales.DB3", "sales.sqlite"]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn of_files_that_differ_only_in_case_two_are_served() {
        let (_dir, folder) = folder_with(&["sales.db", "Sales.db", "SALES.db"]);
        assert_eq!(names(&folder), ["SALES", "Sales.db"]);
        let left = &folder.list().left_out[0];
        assert!(left.path.ends_with("sales.db") && left.why.contains("upper and lower case"), "{left:?}");
        assert!(left.why.contains("Sales.db"), "{left:?}");
    }

    #[test]
    fn a_file_whose_name_another_one_has_without_its_ending_is_left_out_and_says_so() {
        let (_dir, folder) = folder_with(&["DUP.gpkg", "dup.db.db", "dup.db"]);
        assert_eq!(names(&folder), ["DUP", "dup.db"]);
        let left = &folder.list().left_out[0];
        assert!(left.path.ends_with("dup.db") && left.why.contains("dup.db.db; rename one"), "{left:?}");
        assert!(left.why.starts_with("the database dup.db is the file "), "{left:?}");
    }

    #[test]
    fn a_file_in_the_config_wins_over_one_in_the_folder() {
        let (dir, _) = folder_with(&["sales.db", "same.db"]);
        let (other, same) = (dir.path().join("elsewhere"), dir.path().join("same.db"));
        let settings = settings(dir.path(), &[("Sales", &other), ("crm", &same)]);
        let folder = Folder::new(&settings).unwrap();
        assert_eq!(folder.list().find("sales").unwrap().path, other);
        assert_eq!(names(&folder), ["crm", "Sales", "sales.db"]);
    }

    #[test]
    fn only_the_default_folder_is_created() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("missing");
        let named = SqliteSettings { creates_folder: false, ..settings(&missing, &[]) };
        let folder = Folder::new(&named).unwrap();
        folder.prepare(&named).unwrap();
        let error = folder.list().problem.unwrap();
        assert!(error.message.contains("does not exist") && !missing.exists(), "{error}");
        let command = os::System::OWN.command_to_make(&missing);
        assert!(error.next_step.unwrap().starts_with(&format!("create it ({command}) ")));
        let default = settings(&missing, &[]);
        Folder::new(&default).unwrap().prepare(&default).unwrap();
        assert!(missing.is_dir());
        assert_eq!(folder.list().problem, None, "it is there now");
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
