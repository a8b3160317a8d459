//! SQLite's authorizer hook: decides what a client's statement may do.
//!
//! SQLite calls it while it compiles a statement (and the statements that its views, virtual tables and
//! VACUUM compile in turn). A refusal is kept here until the error is mapped, because SQLite itself only
//! reports "not authorized". Our own statements, the ATTACH and BEGIN around the client's, run in
//! [`Phase::Internal`] and are always allowed.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization, TransactionOperation};
use sql_gate::Access;

pub(super) use super::rules::Phase;
use super::rules::{Denial, is_of_connection, rule};
use super::tokens::Names;
use crate::backend::Ownership;

/// The authorizer's state, shared between a connection's thread and its hook (which runs on that thread).
#[derive(Debug, Default)]
pub(super) struct Guard(Mutex<State>);

/// What a statement does to the transaction of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Control {
    Begin,
    Commit,
    Rollback,
    /// SAVEPOINT, which begins a transaction where none is open.
    Savepoint,
    /// RELEASE, which ends the transaction where its savepoint began it.
    Release,
    RollbackTo,
}

/// A table or view that a statement touches, as SQLite names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Touch {
    pub(super) name: String,
    pub(super) database: Option<String>,
    /// The view, trigger or common table expression that does it; `None`: the text itself.
    pub(super) accessor: Option<String>,
    pub(super) access: Access,
    /// Whether rows are put in.
    inserts: bool,
}

/// What a statement touches.
#[derive(Debug, Default)]
pub(super) struct Touched {
    pub(super) touches: HashSet<Touch>,
    /// PRAGMA: its name in lower case, value and database.
    pub(super) pragmas: Vec<(String, Option<String>, Option<String>)>,
    /// Whether it defines what reads other tables when it is used: a view, a trigger, a virtual table.
    pub(super) defines_readers: bool,
    /// The module of a new virtual table, in lower case.
    pub(super) module: Option<String>,
    /// Whether it is an ALTER TABLE.
    pub(super) alters: bool,
    /// Whether it has a SELECT of its own.
    selects: bool,
}

impl Touched {
    /// Whether it may copy another table as a whole, which SQLite does not report: rows are put in from a SELECT, and
    /// nothing is read.
    pub(super) fn copies(&self, main: &str) -> bool {
        let own = |touch: &&Touch| touch.accessor.is_none();
        let place = |touch: &Touch| {
            let database = touch.database.as_deref().unwrap_or(main).to_ascii_lowercase();
            (database, touch.name.to_ascii_lowercase())
        };
        let targets: HashSet<_> =
            self.touches.iter().filter(own).filter(|touch| touch.inserts).map(place).collect();
        let is_other = |touch: &Touch| touch.access == Access::Read && !targets.contains(&place(touch));
        self.selects && !targets.is_empty() && !self.touches.iter().filter(own).any(is_other)
    }

    fn note(&mut self, context: &AuthContext<'_>) {
        if let AuthAction::Pragma { pragma_name, pragma_value } = context.action {
            let owned = |text: Option<&str>| text.map(str::to_owned);
            let pragma =
                (pragma_name.to_ascii_lowercase(), owned(pragma_value), owned(context.database_name));
            return self.pragmas.push(pragma);
        }
        match context.action {
            AuthAction::CreateView { .. } | AuthAction::CreateTrigger { .. } => self.defines_readers = true,
            AuthAction::CreateTempTrigger { .. } => self.defines_readers = true,
            AuthAction::CreateVtable { module_name, .. } => {
                self.defines_readers = true;
                self.module = Some(module_name.to_ascii_lowercase());
            }
            AuthAction::AlterTable { .. } => self.alters = true,
            AuthAction::Select => self.selects = true,
            _ => {}
        }
        let Some((access, name)) = access_of(&context.action) else { return };
        let database = match context.action {
            AuthAction::AlterTable { database_name, .. } => Some(database_name),
            _ => context.database_name,
        };
        self.touches.insert(Touch {
            name: name.to_owned(),
            database: database.map(str::to_owned),
            accessor: context.accessor.map(str::to_owned),
            access,
            inserts: matches!(context.action, AuthAction::Insert { .. }) && !is_internal(name),
        });
    }
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    /// Whether what is touched is collected.
    collects: bool,
    touched: Touched,
    /// How many names are noted, at most.
    names_max: usize,
    /// Databases and names of what is touched, each once: cheaper than all of `touched`.
    names_touched: Vec<(String, String)>,
    /// The values that functions of pragmas may have, in lower case; `None`: all.
    pragma_values: Option<HashSet<String>>,
    /// Whose connection the statement runs on.
    ownership: Ownership,
    /// What it does to the transaction.
    control: Option<Control>,
    /// Whether it would change a table of a file, or what a file defines.
    writes_files: bool,
    /// Whether it would change something temporary.
    writes_temporary: bool,
    /// The names in the client's text.
    names: Names,
    /// The database that unqualified names belong to.
    main: String,
    /// Databases the statement writes to, in lower case: checking foreign keys reads tables that its text
    /// does not name.
    written: HashSet<String>,
    /// The first change that it would make, as SQL.
    write: Option<String>,
    /// Whether it would change anything at all: `write` does not include SQLite's internal tables.
    writes: bool,
    /// Tables and views that only other databases than the context's have, in lower case, with their database:
    /// a function of a pragma is refused them without it.
    elsewhere: HashMap<String, String>,
    denial: Option<Denial>,
}

impl Guard {
    /// Called before a client's statement is compiled for the database `main`.
    pub(super) fn begin(&self, sql: &str, main: &str, ownership: Ownership) {
        let mut state = self.state();
        *state = State {
            phase: Phase::Prepare,
            collects: state.collects,
            names_max: state.names_max,
            ownership,
            names: Names::of(sql),
            main: main.to_ascii_lowercase(),
            ..State::default()
        };
    }

    /// The statement enters `phase`.
    pub(super) fn enter(&self, phase: Phase) {
        self.state().phase = phase;
    }

    /// Takes the refusal, if there was one.
    pub(super) fn take_denial(&self) -> Option<Denial> {
        self.state().denial.take()
    }

    /// The statement's functions of pragmas, which are looked up only while it runs, do not find the tables and
    /// views `elsewhere` without their database.
    pub(super) fn keep_pragmas_from(&self, elsewhere: HashMap<String, String>) {
        self.state().elsewhere = elsewhere;
    }

    /// Whether what statements touch is collected from now on.
    pub(super) fn collect(&self, collects: bool) {
        self.state().collects = collects;
    }

    /// How many names of what statements touch are noted from now on.
    pub(super) fn note_names(&self, names_max: usize) {
        self.state().names_max = names_max;
    }

    /// Takes the databases and names of what the statement touches.
    pub(super) fn take_names(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.state().names_touched)
    }

    /// Takes what the statement touches.
    pub(super) fn take_touched(&self) -> Touched {
        std::mem::take(&mut self.state().touched)
    }

    /// The statement's functions of pragmas, which are looked up only while it runs, may have these values.
    pub(super) fn keep_pragmas_to(&self, values: HashSet<String>) {
        self.state().pragma_values = Some(values);
    }

    /// Whether the statement would change anything.
    pub(super) fn writes(&self) -> bool {
        self.state().writes
    }

    /// Whether all that the statement would change is temporary.
    pub(super) fn writes_only_temporary(&self) -> bool {
        let state = self.state();
        state.writes_temporary && !state.writes_files
    }

    /// Whether the statement would change something temporary.
    pub(super) fn writes_temporary(&self) -> bool {
        self.state().writes_temporary
    }

    /// What the statement does to the transaction of its connection.
    pub(super) fn control(&self) -> Option<Control> {
        self.state().control
    }

    /// The databases that the statement writes to, in lower case.
    pub(super) fn written(&self) -> Vec<String> {
        self.state().written.iter().filter(|name| *name != "temp").cloned().collect()
    }

    /// The change that the statement would make, as `UPDATE orders`.
    pub(super) fn write(&self) -> Option<String> {
        self.state().write.clone()
    }

    /// The hook.
    pub(super) fn authorize(&self, context: &AuthContext<'_>) -> Authorization {
        let mut state = self.state();
        if state.phase == Phase::Internal {
            return Authorization::Allow;
        }
        match state.check(context) {
            Ok(()) => Authorization::Allow,
            Err(denial) => {
                state.denial.get_or_insert(denial);
                Authorization::Deny
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn check(&mut self, context: &AuthContext<'_>) -> Result<(), Denial> {
        self.note_place(context)?;
        let write = write_of(&context.action).filter(|(_, name)| !is_internal(name));
        if let (None, Some((verb, name))) = (&self.write, write) {
            self.write = Some(format!("{verb} {name}"));
        }
        if !self.is_of_trigger(context) {
            rule(&context.action, context.database_name, self.phase, self.ownership)?;
        }
        self.control = control_of(&context.action).or(self.control);
        if self.collects && self.phase == Phase::Prepare {
            self.touched.note(context);
        }
        if self.names_max > 0 && self.phase == Phase::Prepare {
            self.note_name(context);
        }
        self.check_pragma(context)?;
        // What triggers write is in their own database. A client's own text writes only at its top level.
        if self.phase != Phase::Prepare || context.accessor.is_some() {
            return Ok(());
        }
        match (&context.action, write) {
            (AuthAction::Reindex { .. } | AuthAction::Analyze { .. }, _) | (_, None) => Ok(()),
            (AuthAction::AlterTable { database_name, .. }, Some((_, name))) => {
                self.check_write(name, database_name)
            }
            (_, Some((_, name))) => self.check_write(name, context.database_name.unwrap_or_default()),
        }
    }

    /// Notes the name of what is touched. SQLite comes once a column, those of a table one behind the other.
    fn note_name(&mut self, context: &AuthContext<'_>) {
        let Some((_, name)) = access_of(&context.action) else { return };
        let database = match context.action {
            AuthAction::AlterTable { database_name, .. } => Some(database_name),
            _ => context.database_name,
        };
        // Without a database it is a common table expression; what is temporary is the session's own.
        let Some(database) = database.filter(|name| *name != "temp") else { return };
        let is_full = self.names_touched.len() >= self.names_max;
        let is_known = |(place, known): &(String, String)| known == name && place == database;
        if is_full || self.names_touched.iter().rev().any(is_known) {
            return;
        }
        if !is_internal(name) || self.names.contain(name) {
            self.names_touched.push((database.to_owned(), name.to_owned()));
        }
    }

    /// Notes where the statement writes. SQLite's own tables are written for what an action of its own stands for, or for
    /// the sake of a virtual table that only exists in memory, unless the text names them.
    fn note_place(&mut self, context: &AuthContext<'_>) -> Result<(), Denial> {
        let Some((verb, name)) = write_of(&context.action) else { return Ok(()) };
        self.writes = true;
        if is_temporary(context) {
            self.writes_temporary = true;
        } else if !is_internal(name) || self.names.contain(name) {
            // What virtual tables write while they run is compiled only then.
            if self.phase == Phase::Step && self.writes_temporary && !self.writes_files {
                return Err(Denial::hidden_write(verb, name));
            }
            self.writes_files = true;
        }
        Ok(())
    }

    /// Whether it is a function of the connection that a trigger of the file calls: it sees what its own statement
    /// did, not what another session did before. The accessor alone does not tell: SQLite has the name of a common
    /// table expression or an alias of the client's text there, too. What the text does not name, it cannot call.
    fn is_of_trigger(&self, context: &AuthContext<'_>) -> bool {
        let AuthAction::Function { function_name } = context.action else { return false };
        is_of_connection(&context.action)
            && context.accessor.is_some()
            && self.write.is_some()
            && !self.names.define(function_name)
    }

    fn check_pragma(&self, context: &AuthContext<'_>) -> Result<(), Denial> {
        let AuthAction::Pragma { pragma_value: Some(value), .. } = context.action else { return Ok(()) };
        if let (Some(values), Phase::Step) = (&self.pragma_values, self.phase)
            && !values.contains(&value.to_ascii_lowercase())
        {
            return Err(Denial::unnamed_value(value));
        }
        if context.database_name.is_some() {
            return Ok(());
        }
        match self.elsewhere.get(&value.to_ascii_lowercase()) {
            Some(database) => Err(Denial::unqualified_value(value, database)),
            None => Ok(()),
        }
    }

    fn check_write(&mut self, name: &str, database: &str) -> Result<(), Denial> {
        self.check_place(name, database)?;
        self.written.insert(database.to_ascii_lowercase());
        Ok(())
    }

    /// What is written without its database is the context's: also if that is not open, and another stands in for
    /// it, which is what a new table would be written to. (What is found in another is known before: see
    /// [`super::unqualified`].)
    fn check_place(&self, name: &str, database: &str) -> Result<(), Denial> {
        let folded = database.to_ascii_lowercase();
        let is_main = [self.main.as_str(), "main", "temp", ""].contains(&folded.as_str());
        if is_main
            || is_internal(name)
            || self.written.contains(&folded)
            || self.names.qualify(database, name)
        {
            return Ok(());
        }
        Err(Denial::unqualified(name, database))
    }
}

/// Whether `table` is internal to SQLite.
fn is_internal(table: &str) -> bool {
    table.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("sqlite_"))
}

/// What is done with which table or view.
fn access_of<'a>(action: &AuthAction<'a>) -> Option<(Access, &'a str)> {
    Some(match *action {
        AuthAction::Read { table_name, .. } | AuthAction::Analyze { table_name } => {
            (Access::Read, table_name)
        }
        AuthAction::Insert { table_name }
        | AuthAction::Update { table_name, .. }
        | AuthAction::Delete { table_name } => (Access::Write, table_name),
        AuthAction::CreateTable { table_name }
        | AuthAction::DropTable { table_name }
        | AuthAction::AlterTable { table_name, .. }
        | AuthAction::CreateVtable { table_name, .. }
        | AuthAction::DropVtable { table_name, .. }
        | AuthAction::CreateIndex { table_name, .. }
        | AuthAction::DropIndex { table_name, .. }
        | AuthAction::CreateTrigger { table_name, .. }
        | AuthAction::DropTrigger { table_name, .. } => (Access::Define, table_name),
        AuthAction::CreateView { view_name } | AuthAction::DropView { view_name } => {
            (Access::Define, view_name)
        }
        _ => return None,
    })
}

/// Whether what `context` changes is in the temporary database.
fn is_temporary(context: &AuthContext<'_>) -> bool {
    use AuthAction::{
        CreateTempIndex, CreateTempTable, CreateTempTrigger, CreateTempView, DropTempIndex, DropTempTable,
        DropTempTrigger, DropTempView,
    };
    let is_temp = |name: &str| name.eq_ignore_ascii_case("temp");
    match context.action {
        CreateTempIndex { .. }
        | CreateTempTable { .. }
        | CreateTempTrigger { .. }
        | CreateTempView { .. } => true,
        DropTempIndex { .. } | DropTempTable { .. } | DropTempTrigger { .. } | DropTempView { .. } => true,
        AuthAction::AlterTable { database_name, .. } => is_temp(database_name),
        _ => context.database_name.is_some_and(is_temp),
    }
}

fn control_of(action: &AuthAction<'_>) -> Option<Control> {
    Some(match *action {
        AuthAction::Transaction { operation } => match operation {
            TransactionOperation::Begin => Control::Begin,
            TransactionOperation::Rollback => Control::Rollback,
            _ => Control::Commit,
        },
        AuthAction::Savepoint { operation, .. } => match operation {
            TransactionOperation::Begin => Control::Savepoint,
            TransactionOperation::Rollback => Control::RollbackTo,
            _ => Control::Release,
        },
        _ => return None,
    })
}

fn write_of<'a>(action: &AuthAction<'a>) -> Option<(&'static str, &'a str)> {
    Some(match *action {
        AuthAction::Insert { table_name } => ("INSERT INTO", table_name),
        AuthAction::Update { table_name, .. } => ("UPDATE", table_name),
        AuthAction::Delete { table_name } => ("DELETE FROM", table_name),
        AuthAction::CreateTable { table_name } => ("CREATE TABLE", table_name),
        AuthAction::CreateTempTable { table_name } => ("CREATE TEMP TABLE", table_name),
        AuthAction::CreateTempView { view_name } => ("CREATE TEMP VIEW", view_name),
        AuthAction::CreateTempIndex { index_name, .. } => ("CREATE TEMP INDEX", index_name),
        AuthAction::CreateTempTrigger { trigger_name, .. } => ("CREATE TEMP TRIGGER", trigger_name),
        AuthAction::DropTempTable { table_name } => ("DROP TABLE", table_name),
        AuthAction::DropTempView { view_name } => ("DROP VIEW", view_name),
        AuthAction::DropTempIndex { index_name, .. } => ("DROP INDEX", index_name),
        AuthAction::DropTempTrigger { trigger_name, .. } => ("DROP TRIGGER", trigger_name),
        AuthAction::CreateVtable { table_name, .. } => ("CREATE VIRTUAL TABLE", table_name),
        AuthAction::CreateView { view_name } => ("CREATE VIEW", view_name),
        AuthAction::CreateIndex { index_name, .. } => ("CREATE INDEX", index_name),
        AuthAction::CreateTrigger { trigger_name, .. } => ("CREATE TRIGGER", trigger_name),
        AuthAction::DropTable { table_name } | AuthAction::DropVtable { table_name, .. } => {
            ("DROP TABLE", table_name)
        }
        AuthAction::DropView { view_name } => ("DROP VIEW", view_name),
        AuthAction::DropIndex { index_name, .. } => ("DROP INDEX", index_name),
        AuthAction::DropTrigger { trigger_name, .. } => ("DROP TRIGGER", trigger_name),
        AuthAction::AlterTable { table_name, .. } => ("ALTER TABLE", table_name),
        AuthAction::Reindex { index_name } => ("REINDEX", index_name),
        AuthAction::Analyze { table_name } => ("ANALYZE", table_name),
        _ => return None,
    })
}
