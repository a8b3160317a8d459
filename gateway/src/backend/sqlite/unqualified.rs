//! Keeps the unqualified names of a client's text to the context's database.
//!
//! SQLite looks for an unqualified name in every open database, and its authorizer does not learn how a name was
//! written. So a text in which the name of a table or view stands bare that only other databases have is compiled
//! once more, while temporary views of these names hide them: SQLite looks there first, and a view that reads
//! itself cannot be read or written. If that fails, the text meant one of them. What was a column, an alias or a
//! common table expression compiles as before, and so do the file's views and triggers, whose names are always
//! those of their own database.

use std::collections::{HashMap, HashSet};

use rusqlite::Error;

use super::budget;
use super::compile::Compiled;
use super::databases::fold;
use super::guard::Phase;
use super::names::quoted;
use super::rules::Denial;
use super::statement::{Failure, Runner};
use super::tokens::Names;
use crate::backend::{ErrorKind, Ownership};

/// The most names that are tried alone, to say which of them it is.
const TRIED_ALONE_MAX: usize = 16;

impl Runner<'_> {
    /// Returns `compiled`, or a new one, if all unqualified names of `sql` are those of the context's database.
    pub(super) fn keep_to_context<'a>(
        &'a self,
        sql: &str,
        compiled: Compiled<'a>,
    ) -> Result<Compiled<'a>, Failure> {
        if !self.has_others {
            return Ok(compiled);
        }
        let names = Names::of(sql);
        self.guard.enter(Phase::Internal);
        let elsewhere = self.elsewhere().map_err(|error| self.failure(&error))?;
        let mut bare: Vec<&str> =
            elsewhere.keys().map(String::as_str).filter(|name| names.have_bare(name)).collect();
        bare.sort_unstable();
        let compiled = if bare.is_empty() {
            compiled
        } else {
            // It is of before the views; a change of the temporary schema makes it void.
            drop(compiled);
            if let Some(stray) = self.stray(sql, &bare)? {
                let denial = match self.held_in {
                    Some(held_in) => Denial::held_elsewhere(stray, self.main, held_in),
                    None => Denial::unqualified(stray, &elsewhere[stray]),
                };
                return Err(denial.into_error().into());
            }
            self.compile(sql)?
        };
        if names.has_pragma_function() {
            self.guard.keep_pragmas_from(elsewhere);
        }
        Ok(compiled)
    }

    /// The tables and views for which SQLite would not look in the context's database, but in another that is open: in
    /// lower case, with its name. From what SQLite has in memory: no file is waited for. What is temporary is the
    /// session's own, and found first.
    fn elsewhere(&self) -> Result<HashMap<String, String>, Error> {
        let sql = "SELECT l.name, l.schema, l.schema COLLATE NOCASE IN (?1, 'temp') FROM pragma_table_list AS l, \
                   pragma_database_list AS d WHERE l.schema = d.name ORDER BY d.name <> 'temp', d.seq";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([self.main])?;
        let (mut elsewhere, mut own) = (HashMap::new(), HashSet::new());
        while let Some(row) = rows.next()? {
            // A name that is no text cannot stand in one.
            let Ok(name) = row.get_ref(0)?.as_str().map(fold) else { continue };
            if is_every_file_s(&name) {
                continue;
            }
            if elsewhere.contains_key(&name) || own.contains(&name) {
                continue;
            }
            if row.get(2)? {
                own.insert(name);
            } else {
                elsewhere.insert(name, row.get(1)?);
            }
        }
        Ok(elsewhere)
    }

    /// That of the names `bare` which `sql`, which compiles, refers to. Names of SQLite's own tables cannot be
    /// hidden, and are refused wherever they stand.
    fn stray<'n>(&self, sql: &str, bare: &[&'n str]) -> Result<Option<&'n str>, Failure> {
        if let Some(internal) = bare.iter().find(|name| name.starts_with("sqlite_")) {
            return Ok(Some(internal));
        }
        if self.compiles_without(sql, bare)? {
            return Ok(None);
        }
        for name in bare.iter().take(TRIED_ALONE_MAX) {
            if !self.compiles_without(sql, &[name])? {
                return Ok(Some(name));
            }
        }
        Ok(bare.first().copied())
    }

    /// Whether `sql` compiles while `names` are hidden.
    fn compiles_without(&self, sql: &str, names: &[&str]) -> Result<bool, Failure> {
        let hide: String = names
            .iter()
            .map(|name| format!("CREATE TEMP VIEW {0} AS SELECT * FROM temp.{0};", quoted(name)))
            .collect();
        let show: String =
            names.iter().map(|name| format!("DROP VIEW IF EXISTS temp.{};", quoted(name))).collect();
        let result = self.own(&hide).map(|()| self.compile(sql).map(drop));
        // Taken here: our own statements below have none.
        let _ = self.guard.take_denial();
        // What stays hidden would be so for other sessions, too.
        self.own(&show).map_err(|failure| Failure { breaks: true, ..failure })?;
        match result? {
            Ok(()) => Ok(true),
            // Anything else than what was hidden, like a cancel or memory: it is no answer.
            Err(failure) if !matches!(failure.error.kind, ErrorKind::Statement | ErrorKind::Refused) => {
                Err(failure)
            }
            Err(_) => Ok(false),
        }
    }

    /// Runs a text of ours, which changes nothing but the temporary database, where the files are read-only, too.
    fn own(&self, sql: &str) -> Result<(), Failure> {
        self.guard.enter(Phase::Internal);
        let query_only = |on: bool| match self.read_only && self.ownership == Ownership::Shared {
            true => self.connection.pragma_update(None, "query_only", on),
            false => Ok(()),
        };
        let run = || {
            query_only(false)?;
            let done = self.connection.execute_batch(sql);
            query_only(true)?;
            done
        };
        budget::leniently(run).map_err(|error| Failure { breaks: true, ..self.failure(&error) })
    }
}

/// Whether SQLite has a table of this name for each database: its schema.
fn is_every_file_s(name: &str) -> bool {
    ["sqlite_schema", "sqlite_master", "sqlite_temp_schema", "sqlite_temp_master"].contains(&name)
}
