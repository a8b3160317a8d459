//! What is wrong with the files of a configuration, for `snowgate doctor`: nothing is made, and nothing waited for.

use std::path::PathBuf;
use std::time::Duration;

use super::checkups::{Checkups, Verdict};
use super::databases::LeftOut;
use super::folder::Folder;
use super::{SqliteSettings, install_budgets};
use crate::backend::BackendError;

/// How long files are looked at, in total.
const LOOK_MAX: Duration = Duration::from_secs(5);

/// Files as they are found.
#[derive(Clone, Debug, Default)]
pub struct SqliteCheckUp {
    /// Databases.
    pub databases: usize,
    /// Why the folder cannot be used.
    pub folder: Option<BackendError>,
    /// Files that cannot be used, and why.
    pub broken: Vec<(PathBuf, BackendError)>,
    /// Files that another program has locked.
    pub locked: Vec<PathBuf>,
    /// Files that look like databases and are not served, with the reason.
    pub left_out: Vec<String>,
}

/// Looks at the files of `settings`. Blocks.
pub fn check_up(settings: &SqliteSettings) -> SqliteCheckUp {
    install_budgets();
    let folder = match Folder::new(settings) {
        Ok(folder) => folder,
        Err(error) => return SqliteCheckUp { folder: Some(error), ..SqliteCheckUp::default() },
    };
    if settings.creates_folder && !settings.folder.exists() && settings.databases.is_empty() {
        // The first gateway makes it.
        return SqliteCheckUp::default();
    }
    let databases = folder.list();
    let mut found = SqliteCheckUp {
        databases: databases.iter().count(),
        folder: databases.problem.clone(),
        left_out: databases.left_out.iter().map(LeftOut::said).collect(),
        ..SqliteCheckUp::default()
    };
    for (database, verdict) in Checkups::new(settings.read_only).check_all(&databases, LOOK_MAX) {
        match verdict {
            Verdict::Readable => {}
            Verdict::Locked => found.locked.push(database.path.clone()),
            Verdict::Broken(error) => found.broken.push((database.path.clone(), error)),
        }
    }
    found
}
