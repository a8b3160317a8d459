//! Reaching databases while the session holds a transaction or temporary objects in the file that is open.
//!
//! The file stays: it is the main database, to which unqualified names belong. A context that has changed since is
//! attached beside it; a name that would then be looked up in the wrong one is an error (see
//! [`super::super::unqualified`]).

use super::{
    Database, Failure, NotAttached, OpenDatabase, Phase, Request, Worker, cancelled, internal_failure, misses,
};
use crate::backend::sqlite::tokens::Names;
use crate::backend::{BackendError, ErrorKind, Ownership};

/// Functions that show what the connection did last.
const FUNCTIONS_OF_CONNECTION: [&str; 3] = ["changes", "total_changes", "last_insert_rowid"];

impl Drop for Worker {
    fn drop(&mut self) {
        self.open = None;
        self.publish();
    }
}

impl Worker {
    /// Whether the open file holds something of the session's own.
    pub(super) fn is_holding(&self) -> bool {
        let holds = |open: &OpenDatabase| !open.connection().is_autocommit() || open.traces.temporary.get();
        self.open.as_ref().is_some_and(holds)
    }

    /// A session that asks what its connection did last must not see what another one did: the file is opened anew.
    pub(super) fn keep_apart(&mut self, names: &Names, request: &Request) {
        let is_other = self.session != request.origin.session;
        let asks = || FUNCTIONS_OF_CONNECTION.iter().any(|name| names.define(name));
        if is_other && request.ownership == Ownership::Owned && !self.is_holding() && asks() {
            self.open = None;
        }
        if is_other {
            self.session.clone_from(&request.origin.session);
        }
    }

    /// Opens what `sql` needs of `main`, its context's database, and `beside` it.
    pub(super) fn reach_held(
        &mut self,
        main: &Database,
        beside: &[&Database],
        names: &Names,
        sql: &str,
        request: &Request,
    ) -> Result<(), Failure> {
        let absent = self.open_more(main, beside)?;
        let own = self.open.as_ref().ok_or_else(internal_failure)?.main().name.clone();
        if own != main.name && names.depend_on_main() {
            return Err(unclear_main(&own, &main.name).into());
        }
        let Some(first) = absent.into_iter().next() else { return Ok(()) };
        if first.name == main.name {
            return Err(first.error.into());
        }
        match self.runner(main, request)?.check(sql) {
            Err(failure) if misses(&failure.error, &first.name) => Err(first.error.into()),
            _ => Ok(()),
        }
    }

    /// Attaches `main`, if it is not the open file, and `beside`; returns those that cannot be attached.
    pub(super) fn open_more(
        &mut self,
        main: &Database,
        beside: &[&Database],
    ) -> Result<Vec<NotAttached>, Failure> {
        self.opener.guard.enter(Phase::Internal);
        if self.opener.interrupt.is_cancelled() {
            return Err(cancelled().into());
        }
        let open = self.open.as_mut().ok_or_else(internal_failure)?;
        if !open.is_current() {
            return Err(Failure { error: replaced(open.main()), breaks: true });
        }
        let own = open.main().clone();
        let wanted: Vec<&Database> =
            std::iter::once(main).chain(beside.iter().copied()).filter(|wanted| **wanted != own).collect();
        Ok(open.attach_more(&self.opener, &wanted)?)
    }
}

fn replaced(database: &Database) -> BackendError {
    let message = format!(
        "the file of the database {} was replaced or removed while the session held a transaction or temporary objects in \
         it: they are gone, and nothing of this statement ran",
        database.name
    );
    BackendError::new(ErrorKind::StateLost, message)
        .with_next_step("begin the transaction again; make the objects again")
}

fn unclear_main(own: &str, context: &str) -> BackendError {
    let message = format!(
        "`main`, SQLite's own tables and the functions of pragmas are not clear here: the session's open transaction or \
         temporary objects are in the database {own}, and its context is {context}"
    );
    BackendError::new(ErrorKind::Statement, message)
        .with_next_step(format!("write {own} or {context} before the name, or end what is open first"))
}
