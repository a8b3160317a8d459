//! A connection to SQLite files.

use super::check::{Area, Check};
use super::finding::{Examined, Finding};
use crate::backend::BackendError;
use crate::backend::sqlite::{SqliteCheckUp, SqliteSettings, check_up};
use crate::os::disk_of;

/// Files that are named, at most.
const FILES_MAX: usize = 10;

/// What is known of the files.
pub(super) struct SqliteFacts {
    found: SqliteCheckUp,
    /// The kind of the network's file system that the folder is on.
    network: Option<&'static str>,
}

/// Looks.
pub(super) fn gather(settings: &SqliteSettings) -> SqliteFacts {
    let network = disk_of(&settings.folder).ok().and_then(|disk| disk.network);
    SqliteFacts { found: check_up(settings), network }
}

/// What is wrong with them.
pub(super) fn examine(name: &str, settings: &SqliteSettings, facts: &SqliteFacts) -> Examined {
    let SqliteCheckUp { databases, folder, broken, locked, left_out } = &facts.found;
    let mut findings = Vec::new();
    findings.extend(folder.as_ref().map(|error| {
        let what = format!("the databases in {} cannot be served", settings.folder.display());
        of_error(Check::SqliteFolder, what, error)
    }));
    // One file that cannot be used harms no other, unless the configuration names it.
    let is_any_usable = *databases > broken.len() + locked.len();
    for (path, error) in broken.iter().take(FILES_MAX) {
        let what = format!("the database {} cannot be used", path.display());
        let finding = of_error(Check::SqliteFile, what, error);
        let is_named = settings.databases.values().any(|named| named == path);
        findings.push(if is_any_usable && !is_named { as_warning(finding) } else { finding });
    }
    for path in locked.iter().take(FILES_MAX) {
        let shown = path.display();
        let finding = Finding::critical(Check::SqliteLocked, format!("the database {shown} is locked"))
            .because("another program writes to it, or has left a transaction open")
            .mended_by(format!("end that transaction; fuser {shown} shows the process"));
        findings.push(if is_any_usable { as_warning(finding) } else { finding });
    }
    findings.extend(left_out.iter().take(FILES_MAX).map(|said| {
        Finding::warning(Check::SqliteFile, said.clone())
            .because("it is not served under any name")
            .mended_by("rename or mend it, or move it to another folder")
    }));
    if let Some(network) = facts.network {
        findings.push(
            Finding::warning(
                Check::NetworkDisk,
                format!("{} is on a network disk ({network})", settings.folder.display()),
            )
            .because("databases in WAL mode cannot be shared over a network, and locks may not hold")
            .mended_by("keep the databases on a disk of this machine"),
        );
    }
    let said = format!("{databases} SQLite databases in {}", settings.folder.display());
    Examined::new(Area::Connection, said).about(name).with(findings)
}

fn as_warning(finding: Finding) -> Finding {
    Finding { severity: crate::observe::Severity::Warning, ..finding }
}

fn of_error(check: Check, what: String, error: &BackendError) -> Finding {
    Finding::critical(check, what).because(error.message.clone()).mended_by_any(error.next_step.clone())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::doctor::finding::Diagnosis;
    use crate::observe::Severity::{self, Critical, Warning};

    fn settings(folder: &Path) -> SqliteSettings {
        SqliteSettings {
            folder: folder.to_owned(),
            creates_folder: false,
            databases: BTreeMap::new(),
            read_only: true,
            sample_folder: None,
            home_variable: "HOME",
            busy_timeout: Duration::ZERO,
        }
    }

    fn found(settings: &SqliteSettings) -> Vec<(Severity, Check)> {
        let found = Diagnosis::of(vec![examine("sqlite", settings, &gather(settings))]).findings;
        found.into_iter().map(|finding| (finding.severity, finding.check)).collect()
    }

    #[test]
    fn a_file_that_cannot_be_used_is_a_problem_if_nothing_else_can_or_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(folder.path());
        std::fs::write(folder.path().join("bad.db"), "certainly not SQLite. ".repeat(100)).unwrap();
        assert_eq!(found(&settings), [(Critical, Check::SqliteFile)]);
        std::fs::write(folder.path().join("good.db"), "").unwrap();
        assert_eq!(found(&settings), [(Warning, Check::SqliteFile)]);
        settings.databases.insert("x".to_owned(), folder.path().join("missing.db"));
        assert_eq!(found(&settings)[0], (Critical, Check::SqliteFile));
    }

    #[test]
    fn a_missing_folder_is_a_problem_unless_it_is_made_and_a_locked_file_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let mut missing = settings(&folder.path().join("missing"));
        assert_eq!(found(&missing), [(Critical, Check::SqliteFolder)]);
        missing.creates_folder = true;
        assert_eq!(found(&missing), []);
        let file = folder.path().join("a.db");
        let writer = rusqlite::Connection::open(&file).unwrap();
        writer.execute_batch("CREATE TABLE t(x); BEGIN EXCLUSIVE; INSERT INTO t VALUES (1)").unwrap();
        assert_eq!(found(&settings(folder.path())), [(Critical, Check::SqliteLocked)]);
    }
}
