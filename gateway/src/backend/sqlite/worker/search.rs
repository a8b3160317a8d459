//! Names looked for in all databases.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::super::catalog::{Found, Reader};
use super::super::databases::{Database, Databases, SCHEMA};
use super::super::guard::Phase;
use super::super::open::OpenDatabase;
use super::super::statement::Failure;
use super::Worker;
use crate::backend::{Caps, Completion, ErrorKind, Request, SearchFor, is_like};

/// Databases that are opened for one search, at most.
const DATABASES_MAX: usize = 200;

/// How long databases are opened for one search.
const LOOK_MAX: Duration = Duration::from_secs(5);

/// What is found goes into what it is found for.
const NO_ROWS: Caps = Caps { rows_max: 0, bytes_max: 0, count_rows_max: 0 };

impl Worker {
    /// What is called `like` in `database`, or in all databases. One that cannot be opened, and those that there is no time
    /// for, are left out; that more may be there is said. The open file stays as it is.
    pub(super) fn search(
        &mut self,
        databases: &Databases,
        what: SearchFor,
        like: &str,
        database: Option<&str>,
        request: &Request,
    ) -> Result<Completion, Failure> {
        self.opener.guard.enter(Phase::Internal);
        // A locked file is left out, unless it alone is asked about.
        self.opener.is_patient.store(database.is_some(), Ordering::Relaxed);
        let found = self.search_all(databases, what, like, database, request);
        self.opener.is_patient.store(true, Ordering::Relaxed);
        if let Some(open) = &self.open {
            // A cancel is meant for the open file again.
            self.opener.interrupt.set_handle(open.connection().get_interrupt_handle());
        }
        found
    }

    fn search_all(
        &self,
        databases: &Databases,
        what: SearchFor,
        like: &str,
        database: Option<&str>,
        request: &Request,
    ) -> Result<Completion, Failure> {
        let asked: Vec<&Database> = match database {
            Some(name) => vec![databases.find(name)?],
            None => databases.iter().collect(),
        };
        let columns: &[&str] = match what {
            SearchFor::Schemas => &Found::SCHEMAS,
            SearchFor::Relations => &Found::RELATIONS,
            SearchFor::Columns => &Found::COLUMNS,
        };
        let mut found = Found::new(request.caps, columns, request.row_filter.as_deref());
        let (until, mut has_all) = (Instant::now() + LOOK_MAX, true);
        for (at, asked) in asked.iter().enumerate() {
            if what == SearchFor::Schemas {
                if is_like(SCHEMA, like) {
                    found.push(vec![Some(asked.name.clone()), Some(SCHEMA.to_owned())]);
                }
                continue;
            }
            if found.is_full {
                break;
            }
            if at >= DATABASES_MAX || Instant::now() >= until {
                has_all = false;
                break;
            }
            match self.search_in(asked, what, like, &mut found) {
                Ok(()) => {}
                Err(failure) if database.is_some() || failure.error.kind == ErrorKind::Cancelled => {
                    return Err(failure);
                }
                // The list of databases says which cannot be read, and why.
                Err(failure) => has_all &= failure.error.kind != ErrorKind::Busy,
            }
        }
        if !has_all {
            found.collector.stop_counting();
        }
        Ok(Completion::of_rows(found.collector))
    }

    fn search_in(
        &self,
        database: &Database,
        what: SearchFor,
        like: &str,
        found: &mut Found<'_>,
    ) -> Result<(), Failure> {
        let own;
        let open: &OpenDatabase = match &self.open {
            Some(open) if open.is(database) => open,
            _ => {
                own = self.opener.open(database)?;
                &own
            }
        };
        let reader =
            Reader { connection: open.connection(), database: &database.name, caps: NO_ROWS, filter: None };
        match what {
            SearchFor::Columns => reader.search_columns(like, found),
            _ => reader.search_relations(like, found),
        }
    }
}
