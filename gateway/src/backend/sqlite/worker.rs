//! A connection's own thread: takes jobs, keeps the right file open, answers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::catalog::{self, Reader};
use super::databases::{Database, Databases, check_schema};
use super::failure::{cancelled, from_sqlite};
use super::guard::Phase;
use super::hints;
use super::names::quoted;
use super::open::{NotAttached, OpenDatabase, Opener};
use super::state::end_transaction;
use super::statement::{Failure, Runner};
use super::tokens::Names;
use super::{Files, budget};
use crate::backend::{
    BackendError, Catalog, Completion, Context, ErrorKind, Held, OpenGate, Operation, RelationKind, Request,
    Transaction,
};

mod holding;
mod search;

/// How long list_databases looks at files.
const LIST_LOOK_MAX: Duration = Duration::from_secs(2);

/// The result of a request.
pub(super) type Answer = Result<Completion, BackendError>;

/// What a connection's thread is asked to do, and the channel for its answer.
pub(super) struct Job {
    pub(super) task: Task,
    pub(super) answer: oneshot::Sender<Answer>,
}

pub(super) enum Task {
    Run(Box<Request>),
    /// Ends what is held.
    Reset,
    /// Shows that files can be used, and the open one can be read.
    Check,
}

/// What is known of a connection between two requests. Written by its thread before it answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) held: Held,
    pub(super) context: Option<Context>,
}

/// What a connection's thread tells its handle.
#[derive(Clone)]
pub(super) struct Shared {
    /// Whether the next request may come.
    pub(super) usable: Arc<AtomicBool>,
    pub(super) known: Arc<Mutex<Known>>,
}

/// The state of a connection's thread.
pub(super) struct Worker {
    files: Arc<Files>,
    opener: Opener,
    /// Cleared here, read by the connection's handle: whether the next request may come.
    usable: Arc<AtomicBool>,
    open: Option<OpenDatabase>,
    known: Arc<Mutex<Known>>,
    /// The context that the open file was opened for, as its request had it.
    context: Option<Context>,
    /// The session of the last statement.
    session: String,
    /// Whether its open transaction counts among those of the backend.
    is_counted: bool,
}

impl Worker {
    /// A worker without an open file.
    pub(super) fn new(files: Arc<Files>, opener: Opener, shared: Shared) -> Self {
        let Shared { usable, known } = shared;
        Self {
            files,
            opener,
            usable,
            open: None,
            known,
            context: None,
            session: String::new(),
            is_counted: false,
        }
    }

    /// Serves jobs until the connection's handle is dropped.
    pub(super) fn serve(mut self, jobs: &Receiver<Job>) {
        budget::open_account();
        while let Ok(job) = jobs.recv() {
            budget::begin();
            let answer = self.answer(&job.task);
            self.release_memory();
            self.publish();
            if matches!(job.task, Task::Run(_)) {
                self.files.report(&answer);
            }
            self.opener.interrupt.end();
            // The caller may have dropped its future.
            let _ = job.answer.send(answer);
        }
    }

    fn publish(&mut self) {
        let held = self.open.as_ref().map(OpenDatabase::held).unwrap_or_default();
        if held.transaction != self.is_counted {
            self.is_counted = held.transaction;
            match held.transaction {
                true => self.files.open_transactions.fetch_add(1, Ordering::Relaxed),
                false => self.files.open_transactions.fetch_sub(1, Ordering::Relaxed),
            };
        }
        let context = self.context.clone().filter(|_| self.open.is_some());
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Known { held, context };
    }

    /// Runs one request; a panic, or an error that says the file is broken, closes the file and retires the
    /// connection.
    fn answer(&mut self, task: &Task) -> Answer {
        let result = catch_unwind(AssertUnwindSafe(|| match task {
            Task::Run(request) => self.run(request).map_err(|failure| match request.gate.looks_at_names() {
                true => Failure { error: hints::without_names(failure.error), ..failure },
                false => failure,
            }),
            Task::Reset => self.reset(),
            Task::Check => self.check(),
        }));
        self.opener.guard.enter(Phase::Internal);
        let failure = match result {
            Ok(Ok(completion)) => return Ok(completion),
            Ok(Err(failure)) => failure,
            Err(_) => Failure { error: internal_error(), breaks: true },
        };
        if failure.breaks {
            self.usable.store(false, Ordering::Release);
            self.open = None;
        }
        Err(self.with_holders(failure.error))
    }

    /// A lock may be another session's: then the error says so.
    fn with_holders(&self, error: BackendError) -> BackendError {
        let others = self.files.open_transactions.load(Ordering::Relaxed) - usize::from(self.is_counted);
        if error.kind != ErrorKind::Busy || others == 0 || self.is_counted {
            return error;
        }
        let sessions = if others == 1 {
            "another session of this gateway has"
        } else {
            "other sessions of this gateway have"
        };
        error.with_next_step(format!(
            "{sessions} a transaction open, which may hold the file's lock; try again in a moment: it ends with their COMMIT \
             or ROLLBACK, or after pin_idle_ms without a statement"
        ))
    }

    /// Ends what is held: nothing of the session's own is left.
    fn reset(&mut self) -> Result<Completion, Failure> {
        self.opener.guard.enter(Phase::Internal);
        if let Some(open) = &self.open {
            end_transaction(open.connection())?;
            if !open.held().is_empty() {
                self.open = None;
            }
        }
        Ok(Completion::of_context(Context::default()))
    }

    fn check(&mut self) -> Result<Completion, Failure> {
        self.opener.guard.enter(Phase::Internal);
        self.files.look()?;
        if let Some(open) = &self.open {
            let checked = open.connection().query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
            checked.map_err(|error| Failure { breaks: true, error: from_sqlite(&error) })?;
        }
        Ok(Completion::of_context(Context::default()))
    }

    /// What is cached beyond a little is not kept for as long as the connection is idle.
    fn release_memory(&self) {
        if let Some(open) = self.open.as_ref().filter(|_| budget::is_large()) {
            // It frees what it can, and has no failure to speak of.
            let _ = open.connection().release_memory();
        }
    }

    fn run(&mut self, request: &Request) -> Result<Completion, Failure> {
        let files = Arc::clone(&self.files);
        let databases = files.folder.list();
        let main = || databases.main_of(&request.context, |databases| files.default_of(databases));
        match &request.operation {
            Operation::Statement { sql, transaction, .. } => {
                self.statement(&databases, main()?, sql, *transaction, request)
            }
            Operation::Catalog(Catalog::Databases) => {
                let verdicts = files.checkups.check_all(&databases, LIST_LOOK_MAX);
                Ok(catalog::databases(&databases, &verdicts, request.caps, request.row_filter.as_deref()))
            }
            Operation::Catalog(Catalog::Search { what, like, database }) => {
                self.search(&databases, *what, like, database.as_deref(), request)
            }
            Operation::Catalog(Catalog::SemanticViews { .. } | Catalog::SemanticView(_)) => {
                Err(no_semantic_views().into())
            }
            Operation::Catalog(catalog) => {
                check_schema(catalog::schema_of(catalog))?;
                // It alone is opened: what has become of the context's file does not matter.
                let asked = catalog::database_of(catalog).map_or_else(main, |name| databases.find(name))?;
                self.catalog(asked, catalog, request).map_err(|mut failure| {
                    if let (false, Some(open)) = (failure.breaks, &self.open) {
                        let sql = catalog.relation().map(|relation| quoted(&relation.name));
                        hints::add(
                            &mut failure.error,
                            open.connection(),
                            &databases,
                            &sql.unwrap_or_default(),
                            request.gate.looks_at_names(),
                        );
                    }
                    failure
                })
            }
            Operation::UseContext => {
                main().map(|_| Completion::of_context(request.context.clone())).map_err(Failure::from)
            }
        }
    }

    fn statement(
        &mut self,
        databases: &Databases,
        main: &Database,
        sql: &str,
        transaction: Transaction,
        request: &Request,
    ) -> Result<Completion, Failure> {
        let names = Names::of(sql);
        let beside: Vec<&Database> =
            databases.iter().filter(|database| *database != main && names.mention(&database.name)).collect();
        self.keep_apart(&names, request);
        match self.is_holding() {
            true => self.reach_held(main, &beside, &names, sql, request)?,
            false => {
                self.reach(main, &beside, &names, sql, request)?;
                let is_own = self.open.as_ref().is_some_and(|open| open.main() == main);
                self.context = is_own.then(|| request.context.clone());
            }
        }
        let runner = self.runner(main, request)?;
        runner.run(sql, transaction, request.caps).map_err(|mut failure| {
            if !failure.breaks {
                hints::add(
                    &mut failure.error,
                    runner.connection,
                    databases,
                    sql,
                    request.gate.looks_at_names(),
                );
            }
            failure
        })
    }

    /// Opens what `sql` needs of `main`, its context's database, and `beside`, those that it may mention. What it
    /// does not need may be locked, broken or of another encoding: it is not waited for, and no error.
    ///
    /// | what cannot be opened at once | then |
    /// |---|---|
    /// | nothing | all is open |
    /// | some of `beside`, and `sql` compiles without | the names were something else's: aliases, mostly |
    /// | `main`, or both together, and `sql` compiles without `main` | another one is opened in its place |
    /// | what `sql` needs | locks are waited for; what fails then is the statement's error |
    fn reach(
        &mut self,
        main: &Database,
        beside: &[&Database],
        names: &Names,
        sql: &str,
        request: &Request,
    ) -> Result<(), Failure> {
        match self.open_at_once(main, beside) {
            Ok(absent) if absent.is_empty() => return Ok(()),
            Ok(absent) => {
                let checked = self.runner(main, request)?.check(sql);
                let needs =
                    |failure: Failure| absent.iter().any(|absent| misses(&failure.error, &absent.name));
                if !names.has_pragma_function() && !checked.err().is_some_and(needs) {
                    return Ok(());
                }
            }
            Err(_) => {}
        }
        let besides: Vec<&str> = beside.iter().map(|database| database.name.as_str()).collect();
        if let Some((first, others)) = beside.split_first()
            && names.are_placed(&besides)
            && self.open_at_once(first, others).is_ok_and(|absent| absent.is_empty())
        {
            let open: Vec<String> =
                self.open.iter().flat_map(OpenDatabase::names).map(str::to_owned).collect();
            let checked = self.runner(main, request)?.check(sql);
            if !checked.err().is_some_and(|failure| misses_other(&failure.error, &open)) {
                return Ok(());
            }
        }
        match self.open(main, beside)?.into_iter().next() {
            Some(absent) => Err(absent.error.into()),
            None => Ok(()),
        }
    }

    fn catalog(
        &mut self,
        asked: &Database,
        catalog: &Catalog,
        request: &Request,
    ) -> Result<Completion, Failure> {
        let caps = request.caps;
        if let Catalog::Schemas { .. } = catalog {
            return Ok(catalog::schemas(&asked.name, caps));
        }
        if self.is_holding() {
            if let Some(absent) = self.open_more(asked, &[])?.into_iter().next() {
                return Err(absent.error.into());
            }
        } else {
            self.open(asked, &[])?;
            self.context = Some(Context { database: Some(asked.name.clone()), ..request.context.clone() });
        }
        let connection = self.open.as_ref().ok_or_else(internal_failure)?.connection();
        let reader =
            Reader { connection, database: &asked.name, caps, filter: request.row_filter.as_deref() };
        match catalog {
            Catalog::Tables { like, .. } => reader.tables(like.as_deref()),
            Catalog::Views { .. } => reader.views(),
            Catalog::Describe { kind, relation } => {
                let described = reader.describe(*kind, &relation.name)?;
                if *kind == RelationKind::View {
                    // It has columns, but its rows may need what this engine has not.
                    let checked = self.runner(asked, request)?.check(&reader.select_all(&relation.name)?);
                    if let Err(failure) = checked
                        && failure.error.kind == ErrorKind::Statement
                    {
                        return Err(failure);
                    }
                }
                Ok(described)
            }
            Catalog::Definition(relation) => reader.definition(&relation.name),
            Catalog::Rows(relation) => {
                let sql = reader.select_all(&relation.name)?;
                // Its name has been admitted.
                let runner = Runner { gate: &OpenGate, ..self.runner(asked, request)? };
                runner.run(&sql, Transaction::None, caps)
            }
            Catalog::About(relation) => reader.about(&relation.name),
            Catalog::Databases
            | Catalog::Schemas { .. }
            | Catalog::ForeignKeys(_)
            | Catalog::Search { .. }
            | Catalog::SemanticViews { .. }
            | Catalog::SemanticView(_) => Err(internal_failure()),
        }
    }

    /// As [`Self::open`], without waiting for locks.
    fn open_at_once(&mut self, main: &Database, beside: &[&Database]) -> Result<Vec<NotAttached>, Failure> {
        let is_patient = Arc::clone(&self.opener.is_patient);
        is_patient.store(false, Ordering::Relaxed);
        let opened = self.open(main, beside);
        is_patient.store(true, Ordering::Relaxed);
        opened
    }

    /// Makes `main` the open file and attaches exactly `beside` to it; returns those that cannot be attached.
    fn open(&mut self, main: &Database, beside: &[&Database]) -> Result<Vec<NotAttached>, Failure> {
        self.opener.guard.enter(Phase::Internal);
        if self.opener.interrupt.is_cancelled() {
            return Err(cancelled().into());
        }
        let mut open = match self.open.take() {
            Some(open) if open.is(main) => open,
            other => {
                drop(other);
                self.opener.open(main)?
            }
        };
        // After an error it is unknown what is attached: the file is closed, and opened again by the next
        // request.
        let absent = open.attach_exactly(&self.opener, beside)?;
        self.open = Some(open);
        Ok(absent)
    }

    /// Runs statements of the context `main` on what is open.
    fn runner<'a>(&'a self, main: &'a Database, request: &'a Request) -> Result<Runner<'a>, Failure> {
        let open = self.open.as_ref().ok_or_else(internal_failure)?;
        let is_elsewhere = open.main() != main && self.is_holding();
        Ok(Runner {
            connection: open.connection(),
            guard: &self.opener.guard,
            interrupt: &self.opener.interrupt,
            turns: &self.files.turns,
            busy_timeout: self.opener.busy_timeout,
            main: &main.name,
            has_others: open.has_attached() || open.main() != main,
            read_only: self.opener.read_only,
            is_patient: &self.opener.is_patient,
            journal: &*request.journal,
            gate: &*request.gate,
            ownership: request.ownership,
            traces: &open.traces,
            held_in: is_elsewhere.then(|| open.main().name.as_str()),
            cost: request.cost.as_deref(),
            sink: request.sink.as_ref(),
            parameters: match &request.operation {
                Operation::Statement { parameters, .. } => parameters.as_slice(),
                Operation::Catalog(_) | Operation::UseContext => &[],
            },
        })
    }
}

/// What SQLite did not find, as the statement has it.
fn missed(error: &BackendError) -> Option<&str> {
    const BEFORE: [&str; 5] =
        ["no such table: ", "no such index: ", "no such view: ", "no such trigger: ", "unknown database "];
    let name = BEFORE.iter().find_map(|before| error.message.strip_prefix(before))?;
    let name = name.get(..name.rfind(" (line ").unwrap_or(name.len()))?;
    // It quotes some.
    Some(name.strip_prefix('\'').and_then(|name| name.strip_suffix('\'')).unwrap_or(name))
}

/// Whether `error` is that something of the database `name` is not there.
fn misses(error: &BackendError, name: &str) -> bool {
    missed(error).is_some_and(|missed| {
        let qualifier = missed.rsplit_once('.').map_or(missed, |(qualifier, _)| qualifier);
        qualifier.eq_ignore_ascii_case(name) || missed.eq_ignore_ascii_case(name)
    })
}

/// Whether `error` is that something is not there that is in none of the databases `open`.
fn misses_other(error: &BackendError, open: &[String]) -> bool {
    missed(error).is_some_and(|_| !open.iter().any(|name| misses(error, name)))
}

fn no_semantic_views() -> BackendError {
    BackendError::new(ErrorKind::Refused, "SQLite has no semantic views: they are objects of Snowflake")
        .with_next_step("use list_views and describe_view")
}

fn internal_failure() -> Failure {
    Failure { error: internal_error(), breaks: true }
}

fn internal_error() -> BackendError {
    BackendError::new(ErrorKind::Unavailable, "an internal error occurred in the connection's thread")
        .with_next_step("try again; the connection is replaced, and the log has the cause")
}
