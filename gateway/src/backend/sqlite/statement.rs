//! Running one statement of a client: compile, wrap in a transaction, step, collect.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Error, Statement, TransactionState};

use super::budget;
use super::compile::{Compiled, Compiler};
use super::cost;
use super::databases::fold;
use super::diagnosis::is_hot_journal;
use super::failure::{breaks_connection, cancelled, from_sqlite, is_locked, locked, several_statements};
use super::guard::{Guard, Phase};
use super::interrupt::Interrupt;
use super::names::quoted;
use super::rules::Denial;
use super::state::Traces;
use super::tokens::Tokens;
use super::turns::{NoTurn, Turn, WriteTurns};
use super::{oversize, value};
use crate::backend::delivery::Delivery;
use crate::backend::journal::wait_unless;
use crate::backend::{
    BackendError, Caps, Collector, Completion, CostBounds, CostGuard, ErrorKind, Flow, Held, Ownership,
    Parameter, SinkUse, StatementGate, Taking, Transaction, WriteJournal,
};

/// The most time spent on counting rows that are not returned.
const COUNT_TIME_MAX: Duration = Duration::from_millis(200);

/// The environment that a statement runs in.
pub(super) struct Runner<'a> {
    pub(super) connection: &'a Connection,
    pub(super) guard: &'a Guard,
    pub(super) interrupt: &'a Arc<Interrupt>,
    /// Whose turn it is to write, and how long a turn is waited for.
    pub(super) turns: &'a WriteTurns,
    pub(super) busy_timeout: Duration,
    /// The name of the context's database.
    pub(super) main: &'a str,
    /// Whether other databases than the context's are open.
    pub(super) has_others: bool,
    pub(super) read_only: bool,
    /// Whether locks are waited for.
    pub(super) is_patient: &'a AtomicBool,
    /// Asked before the statement changes anything.
    pub(super) journal: &'a dyn WriteJournal,
    /// Decides whether it may run.
    pub(super) gate: &'a dyn StatementGate,
    /// Whose connection it is.
    pub(super) ownership: Ownership,
    /// What statements have left on it.
    pub(super) traces: &'a Traces,
    /// The database of the connection's own, while the session holds state in it and its context is another.
    pub(super) held_in: Option<&'a str>,
    /// What it may cost.
    pub(super) cost: Option<&'a CostGuard>,
    /// Who takes its rows beside the caps.
    pub(super) sink: Option<&'a SinkUse>,
    /// What is bound to its parameters.
    pub(super) parameters: &'a [Parameter],
}

/// An error, and whether it broke the connection.
pub(super) struct Failure {
    pub(super) error: BackendError,
    pub(super) breaks: bool,
}

impl From<BackendError> for Failure {
    fn from(error: BackendError) -> Self {
        Self { error, breaks: false }
    }
}

impl Runner<'_> {
    /// Runs the client's `sql`. Afterwards no transaction is open, even after an error, unless one was open before, or
    /// the statement began one.
    pub(super) fn run(&self, sql: &str, transaction: Transaction, caps: Caps) -> Result<Completion, Failure> {
        let result = self.run_once(sql, None, transaction, caps);
        match result {
            // Who takes all rows takes them whole.
            Err(failure) if oversize::is_too_big(&failure.error) && !self.is_written() => {
                self.run_shortened(sql, transaction, caps).unwrap_or(Err(failure))
            }
            other => other,
        }
    }

    /// Whether all rows go to a sink.
    fn is_written(&self) -> bool {
        self.sink.is_some_and(|sink| sink.taking == Taking::All)
    }

    /// Whether the client's `sql` can be run, as far as its compiler can tell.
    pub(super) fn check(&self, sql: &str) -> Result<(), Failure> {
        let result = self.prepare(sql).map(drop);
        self.guard.enter(Phase::Internal);
        result
    }

    /// `columns`: the names of those to show, if they are not all that `sql` has.
    fn run_once(
        &self,
        sql: &str,
        columns: Option<Vec<String>>,
        transaction: Transaction,
        caps: Caps,
    ) -> Result<Completion, Failure> {
        let (was_open, mut begins, mut turn) = (!self.connection.is_autocommit(), false, None);
        self.guard.collect(self.gate.is_asked());
        self.guard.note_names(if self.gate.is_asked() { 0 } else { self.gate.names_max() });
        let result = self.set_query_only().and_then(|()| self.prepare(sql)).and_then(|mut compiled| {
            compiled.columns = columns.unwrap_or(compiled.columns);
            self.bind(&mut compiled.statement)?;
            self.check_control(!compiled.statement.readonly(), transaction)?;
            self.ask_gate(sql)?;
            self.check_cost(sql, &compiled.statement)?;
            turn = Some(self.take_turn(&compiled.statement, transaction)?);
            self.ask_journal(&compiled.statement, transaction)?;
            begins = self.begins();
            self.prefer_wal(&compiled.statement, transaction);
            self.note_traces(&compiled.statement, was_open);
            self.run_in(compiled, transaction, caps)
        });
        self.guard.enter(Phase::Internal);
        self.interrupt.count_until(None);
        let result = self.settle(was_open, begins, result);
        if let Some(turn) = &mut turn
            && result.as_ref().is_err_and(|failure| is_locked(&failure.error))
        {
            turn.was_in_vain();
        }
        result
    }

    /// Whether the statement costs no more than it may. Asked before the journal is: nothing of it has begun.
    fn check_cost(&self, sql: &str, statement: &Statement<'_>) -> Result<(), Failure> {
        if statement.is_explain() != 0
            && let Some(cost) = self.cost.filter(|cost| cost.bounds == CostBounds::default())
            && let Some(explained) = cost::explained(sql)
        {
            // It is asked what that would cost, and nothing bounds it.
            self.guard.enter(Phase::Internal);
            return match cost::estimate(self.connection, self.main, explained) {
                Some(estimate) => Ok(cost.check(estimate)?),
                None => Ok(()),
            };
        }
        let bounded = self.cost.filter(|cost| cost.bounds.rows.is_some());
        let Some(cost) = bounded.filter(|_| statement.is_explain() == 0) else { return Ok(()) };
        self.guard.enter(Phase::Internal);
        match cost::estimate(self.connection, self.main, sql) {
            Some(estimate) => cost.check(estimate)?,
            None if self.interrupt.is_cancelled() => return Err(cancelled().into()),
            None => cost.check_unknown("its plan cannot be read")?,
        }
        Ok(())
    }

    fn note_traces(&self, statement: &Statement<'_>, is_open: bool) {
        if self.guard.writes_temporary() && statement.is_explain() == 0 {
            self.traces.temporary.set(true);
        }
        if is_open && self.writes(statement) {
            self.traces.wrote.set(true);
        }
    }

    /// Runs `sql`, in whose rows a value is too long, without such values; `None` if that is no help.
    fn run_shortened(
        &self,
        sql: &str,
        transaction: Transaction,
        caps: Caps,
    ) -> Option<Result<Completion, Failure>> {
        // Its text would have the values in it.
        if !self.parameters.is_empty() {
            return None;
        }
        let prepared = self.prepare(sql).ok().filter(|compiled| !self.writes(&compiled.statement));
        let shortened = prepared.and_then(|Compiled { statement, columns, .. }| {
            Some((oversize::shortened(&statement.expanded_sql()?, &columns)?, columns))
        });
        self.guard.enter(Phase::Internal);
        let (shortened, columns) = shortened?;
        match self.run_once(&shortened, Some(columns), transaction, caps) {
            Ok(done) => Some(Ok(done)),
            Err(failure) => (failure.error.kind == ErrorKind::Cancelled).then_some(Err(failure)),
        }
    }

    /// Switches the files that `statement` writes to WAL mode, so that their readers and their writer do not
    /// block each other. The mode is stored in the file, so one that is only read keeps its own. Failure is
    /// not an error: the file may be in use or write-protected, and works in its old mode too.
    fn prefer_wal(&self, statement: &Statement<'_>, transaction: Transaction) {
        let changes = self.writes(statement) || (self.begins() && self.gate.objection_to_writes().is_none());
        // In a transaction the mode cannot be changed: one that begins may write later.
        if self.read_only
            || transaction == Transaction::Rollback
            || !changes
            || !self.connection.is_autocommit()
        {
            return;
        }
        let mut databases = self.guard.written();
        if self.begins() {
            databases.push(self.main.to_owned());
        }
        self.guard.enter(Phase::Internal);
        self.is_patient.store(false, Ordering::Relaxed);
        for database in databases {
            let pragma = "journal_mode";
            let changed: Result<String, Error> =
                self.connection.pragma_update_and_check(Some(&database), pragma, "wal", |row| row.get(0));
            if !changed.as_ref().is_ok_and(|mode| mode == "wal") {
                tracing::debug!(database, "the file keeps its journal mode");
            }
        }
        self.is_patient.store(true, Ordering::Relaxed);
    }

    fn prepare(&self, sql: &str) -> Result<Compiled<'_>, Failure> {
        if sql.contains('\0') {
            return Err(plain("the statement contains a NUL character", "remove it").into());
        }
        let compiled = match self.compile(sql) {
            Err(_) if is_alter(sql) => {
                self.reload_schemas();
                self.compile(sql)?
            }
            done => done?,
        };
        self.find_parameters(&compiled.statement)?;
        let compiled = self.keep_to_context(sql, compiled)?;
        if self.writes(&compiled.statement) {
            if self.read_only {
                return Err(self.read_only_error().into());
            }
            if let Some(objection) = self.gate.objection_to_writes() {
                return Err(objection.into());
            }
        }
        Ok(compiled)
    }

    /// Has SQLite notice what others have changed in the schemas of the open files. It does by itself where a
    /// name is not found, but not for a column that ALTER names.
    fn reload_schemas(&self) {
        for (name, _) in self.open_files().unwrap_or_default() {
            // It fails for a file that is locked: then so does the statement, which says why.
            let sql = format!("SELECT 1 FROM {}.sqlite_schema LIMIT 1", quoted(&name));
            let _ = self.connection.query_row(&sql, [], |_| Ok(()));
        }
    }

    /// Waits until no other statement of this process that came before writes to the files of this one.
    fn take_turn(&self, statement: &Statement<'_>, transaction: Transaction) -> Result<Turn<'_>, Failure> {
        let files = self.files_to_lock(statement, transaction);
        let taken = self.turns.take(files, self.interrupt, self.busy_timeout);
        taken.map_err(|none| match none {
            NoTurn::Cancelled => cancelled().into(),
            NoTurn::Stuck => locked().into(),
        })
    }

    /// The files whose locks for writing the statement waits for. None of those that its session's transaction has read or
    /// written: SQLite does not wait for them either, and others may wait for the transaction's end.
    fn files_to_lock(&self, statement: &Statement<'_>, transaction: Transaction) -> Vec<String> {
        let begins = self.begins() && !statement.readonly();
        if !begins && !self.writes(statement) {
            return Vec::new();
        }
        let written = self.guard.written();
        // BEGIN IMMEDIATE locks all that is open. What ANALYZE and REINDEX write is not said.
        let all = begins || transaction != Transaction::None || written.is_empty();
        let will_lock = |name: &str| {
            let state = self.connection.transaction_state(Some(name));
            name != "temp"
                && (all || written.contains(&fold(name)))
                && state.is_ok_and(|state| state == TransactionState::None)
        };
        // Without the list, it looks for the lock as any other process does.
        let open = self.open_files().unwrap_or_default();
        open.into_iter().filter(|(name, _)| will_lock(name)).map(|(_, file)| file).collect()
    }

    /// The names of the open databases, and their files as SQLite has found them.
    fn open_files(&self) -> Result<Vec<(String, String)>, Error> {
        self.guard.enter(Phase::Internal);
        let mut list = self.connection.prepare("SELECT name, file FROM pragma_database_list")?;
        list.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    }

    /// Asks whether a write may run; one that is rolled back does not count as a write.
    fn ask_journal(&self, statement: &Statement<'_>, transaction: Transaction) -> Result<(), Failure> {
        if transaction == Transaction::Rollback || !(self.writes(statement) || self.commits()) {
            return Ok(());
        }
        // It waits for another thread. A statement that is stopped meanwhile is not in the journal.
        let asked = wait_unless(self.journal.begin(None), || self.interrupt.is_cancelled());
        Ok(asked.unwrap_or_else(|| Err(cancelled()))?)
    }

    /// Whether running `statement` may change a file. SQLite counts some pragmas that only read among the
    /// writers, what is temporary, and a BEGIN that locks.
    fn writes(&self, statement: &Statement<'_>) -> bool {
        let reads = statement.readonly()
            || statement.is_explain() != 0
            || self.guard.control().is_some()
            || self.guard.writes_only_temporary();
        !reads && (statement.column_count() == 0 || self.guard.writes())
    }

    /// Compiles `sql`, whose unqualified names may be any open database's.
    pub(super) fn compile(&self, sql: &str) -> Result<Compiled<'_>, Failure> {
        let compiler = Compiler {
            connection: self.connection,
            guard: self.guard,
            main: self.main,
            ownership: self.ownership,
        };
        compiler.compile(sql).map_err(|error| self.prepare_failure(&error))
    }

    fn prepare_failure(&self, error: &Error) -> Failure {
        match error {
            Error::MultipleStatement => several_statements().into(),
            Error::Empty => {
                plain("the statement is empty", "send one SQL statement; a comment is not a statement").into()
            }
            other => self.failure(other),
        }
    }

    fn run_in(
        &self,
        mut compiled: Compiled<'_>,
        transaction: Transaction,
        caps: Caps,
    ) -> Result<Completion, Failure> {
        if transaction == Transaction::None {
            return self.step(&mut compiled, caps);
        }
        self.control(if self.writes(&compiled.statement) { "BEGIN IMMEDIATE" } else { "BEGIN" })?;
        let completion = self.step(&mut compiled, caps)?;
        if self.interrupt.is_cancelled() {
            return Err(cancelled().into());
        }
        // An open statement would keep the transaction from ending.
        drop(compiled);
        self.control(if transaction == Transaction::Commit { "COMMIT" } else { "ROLLBACK" })?;
        Ok(completion)
    }

    /// Runs a statement of ours.
    fn control(&self, sql: &str) -> Result<(), Failure> {
        self.guard.enter(Phase::Internal);
        budget::leniently(|| self.connection.execute_batch(sql)).map_err(|error| {
            // A COMMIT that failed for its own reason while a cancel arrived is not a cancelled statement.
            if is_interruption(&error) {
                return self.failure(&error);
            }
            Failure { error: from_sqlite(&error), breaks: breaks_connection(&error) }
        })
    }

    fn step(&self, compiled: &mut Compiled<'_>, caps: Caps) -> Result<Completion, Failure> {
        self.guard.enter(Phase::Step);
        let before = self.connection.total_changes();
        let mut delivery = Delivery::new(Collector::new(caps), self.sink.cloned());
        delivery.set_columns(std::mem::take(&mut compiled.columns), Vec::new())?;
        let statement = &mut compiled.statement;
        let (columns, writes) = (statement.column_count(), self.writes(statement));
        let is_whole = self.collect(statement, &mut delivery)?;
        // A write that got here took effect and is reported as such: its cancel came too late.
        if self.interrupt.is_cancelled() && !writes {
            return Err(cancelled().into());
        }
        delivery.finish(is_whole)?;
        // Only INSERT, UPDATE and DELETE set the count of changes; anything else leaves that of an earlier
        // statement.
        let changed = if self.connection.total_changes() == before { 0 } else { self.connection.changes() };
        let affected = (writes || columns == 0).then_some(changed);
        let overflow = delivery.overflow();
        Ok(Completion {
            rows: delivery.rows,
            affected,
            query_id: None,
            context: None,
            held: Held::default(),
            overflow,
        })
    }

    /// Returns whether all rows were seen.
    fn collect(&self, statement: &mut Statement<'_>, delivery: &mut Delivery) -> Result<bool, Failure> {
        // The client's; behind them may be counts of ours.
        let columns = delivery.rows.columns().len() + delivery.rows.columns_cut();
        let writes = self.writes(statement);
        let mut flow = if columns == 0 { Flow::Stop } else { Flow::More };
        let mut rows = statement.raw_query();
        loop {
            let row = match rows.next() {
                Ok(Some(row)) => row,
                Ok(None) => return Ok(true),
                Err(error) => return self.finish_count(&error, &mut delivery.rows).map(|()| false),
            };
            let mut is_whole = false;
            let failed = |error: Error| self.failure(&error);
            flow = match flow {
                Flow::More => {
                    let pushed = value::push(&mut delivery.rows, row, columns).map_err(failed)?;
                    is_whole = pushed.1;
                    pushed.0
                }
                Flow::CountOnly => delivery.rows.count(1),
                Flow::Stop => Flow::Stop,
            };
            if delivery.wants_row(is_whole)? {
                value::copy(delivery.row(), row, columns).map_err(failed)?;
                if delivery.end_row() {
                    delivery.hand_on()?;
                }
            }
            match (flow, delivery.reads_on()) {
                (Flow::More, _) => {}
                // The statement has made its changes by now; it is stepped to its end and never interrupted
                // halfway.
                _ if writes => {}
                (_, Some(time_max)) => self.start_count(time_max),
                (Flow::Stop, None) => return Ok(false),
                (Flow::CountOnly, None) if delivery.has_enough() => {
                    delivery.rows.stop_counting();
                    return Ok(false);
                }
                (Flow::CountOnly, None) => self.start_count(Some(COUNT_TIME_MAX)),
            }
            if self.interrupt.is_cancelled() {
                return Ok(false);
            }
        }
    }

    /// Starts the clock for reading rows that are not returned, once; `None`: as long as the statement may take.
    fn start_count(&self, time_max: Option<Duration>) {
        if let Some(time_max) = time_max.filter(|_| !self.interrupt.is_counting()) {
            self.interrupt.count_until(Some(Instant::now() + time_max));
        }
    }

    /// An interruption at the end of the time for counting is not an error: the count becomes a lower bound.
    fn finish_count(&self, error: &Error, collector: &mut Collector) -> Result<(), Failure> {
        if self.interrupt.count_is_over() && !self.interrupt.is_cancelled() && is_interruption(error) {
            collector.stop_counting();
            return Ok(());
        }
        Err(self.failure(error))
    }

    pub(super) fn failure(&self, error: &Error) -> Failure {
        if self.interrupt.is_cancelled() {
            return cancelled().into();
        }
        if let Some(mut denial) = self.guard.take_denial() {
            if let (Some(held_in), Some(name)) = (self.held_in, &denial.unqualified) {
                denial = Denial::held_elsewhere(name, self.main, held_in);
            }
            return denial.into_error().into();
        }
        let is_stale = error.sqlite_error().is_some_and(|failure| is_hot_journal(failure.extended_code));
        if self.read_only && !is_stale && error.sqlite_error_code() == Some(rusqlite::ErrorCode::ReadOnly) {
            return self.read_only_error().into();
        }
        Failure { error: from_sqlite(error), breaks: breaks_connection(error) }
    }

    fn read_only_error(&self) -> BackendError {
        let what = self.guard.write().unwrap_or_else(|| "the statement".into());
        BackendError::new(
            ErrorKind::Refused,
            format!("{what} is refused: it writes, and the databases are read-only"),
        )
        .with_next_step("to allow writes, set read_only = false under [sqlite] in config.toml")
    }
}

fn is_interruption(error: &Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted)
}

pub(super) fn plain(message: &str, next_step: &str) -> BackendError {
    BackendError::new(ErrorKind::Statement, message).with_next_step(next_step)
}

fn is_alter(sql: &str) -> bool {
    Tokens::of(sql).next().and_then(|first| first.name()).is_some_and(|word| word == "alter")
}
