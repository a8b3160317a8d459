//! When the files as a whole cannot be used: only then is it an outage of the connection, which holds everybody's
//! requests back.
//!
//! | a request ended with | report |
//! |---|---|
//! | a result, or a statement's own error | they can be used |
//! | a file that is locked, gone, or cannot be read, while another one can be read | nothing: the others are not closed off |
//! | a lock, while a session of this gateway has a transaction open | nothing: its COMMIT must be let through |
//! | the same, and no file can be read; or the folder is gone | a failure |
//! | a refusal, a cancel, a time-out | nothing |
//!
//! The sample data counts only where there is nothing else: it is on this machine, whatever has become of the share.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Files;
use super::checkups::Verdict;
use super::databases::{Databases, Origin};
use crate::backend::{BackendError, Completion, ErrorKind};

/// How long files are looked at, in total; those that were not looked at count as readable.
const LOOK_MAX: Duration = Duration::from_millis(500);

/// Codes that say that a file or its disk, and not the statement, is at fault.
const OF_FILE: [&str; 3] = ["SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_PROTOCOL"];

impl Files {
    /// Reports what a request came to.
    pub(super) fn report(&self, answer: &Result<Completion, BackendError>) {
        let Err(error) = answer else { return self.health.answered() };
        match error.kind {
            ErrorKind::Statement | ErrorKind::NoContext => self.health.answered(),
            ErrorKind::Busy | ErrorKind::Unavailable if is_of_file(error) => {
                if let Some(outage) = self.outage() {
                    self.health.failed(outage, 1);
                }
            }
            _ => {}
        }
    }

    /// Looks whether the files can be used, and reports it.
    ///
    /// # Errors
    /// They cannot.
    pub(super) fn look(&self) -> Result<(), BackendError> {
        match self.outage() {
            None => self.health.answered(),
            Some(outage) => {
                self.health.failed(outage.clone(), 1);
                return Err(outage);
            }
        }
        Ok(())
    }

    /// Why no file can be used; `None`: one can, or there is none to use.
    fn outage(&self) -> Option<BackendError> {
        self.outage_of(&self.folder.list())
    }

    fn outage_of(&self, databases: &Databases) -> Option<BackendError> {
        let looked = self.checkups.check_all(databases, LOOK_MAX);
        let own: Vec<&Verdict> = looked
            .iter()
            .filter(|(database, _)| database.origin != Origin::Sample)
            .map(|(_, verdict)| verdict)
            .collect();
        if own.iter().any(|verdict| matches!(verdict, Verdict::Readable)) {
            return None;
        }
        if let Some(problem) = &databases.problem {
            return Some(problem.clone());
        }
        let is_locked = own.iter().any(|verdict| matches!(verdict, Verdict::Locked));
        match own.len() {
            0 => None,
            // The lock may be that of a session, which must be able to give it up.
            _ if is_locked && self.open_transactions.load(Ordering::Relaxed) > 0 => None,
            _ if is_locked => Some(
                BackendError::new(ErrorKind::Unavailable, "no database can be read: all are locked, by another program or by a statement that writes")
                    .with_next_step("wait for that statement, or end the program that holds the locks"),
            ),
            _ => Some(
                BackendError::new(
                    ErrorKind::Unavailable,
                    format!("no database in {} can be read", databases.folder.display()),
                )
                .with_next_step("check the disk or the share that it is on; list_databases says what is wrong with each file"),
            ),
        }
    }
}

/// Whether a file, its disk or its folder is at fault, and not the statement.
fn is_of_file(error: &BackendError) -> bool {
    match (&error.code, error.kind) {
        (Some(code), ErrorKind::Busy) => code.starts_with("SQLITE_BUSY"),
        (Some(code), _) => OF_FILE.iter().any(|family| code.starts_with(family)),
        // The folder's own.
        (None, kind) => kind == ErrorKind::Unavailable,
    }
}
