//! A connection's own thread: takes jobs, keeps the right file open, answers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;

use tokio::sync::oneshot;

use super::budget;
use super::catalog::{self, Reader};
use super::databases::{Database, Databases, check_schema};
use super::failure::cancelled;
use super::folder::Folder;
use super::guard::Phase;
use super::hints;
use super::open::{OpenDatabase, Opener};
use super::statement::{Failure, Runner};
use super::tokens::Names;
use crate::backend::{BackendError, Caps, Catalog, Completion, ErrorKind, Operation, Request, Transaction};

/// The result of a request.
pub(super) type Answer = Result<Completion, BackendError>;

/// A request and the channel for its answer.
pub(super) struct Job {
    pub(super) request: Request,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// The state of a connection's thread.
pub(super) struct Worker {
    folder: Arc<Folder>,
    opener: Opener,
    /// Cleared here, read by the connection's handle: whether the next request may come.
    usable: Arc<AtomicBool>,
    open: Option<OpenDatabase>,
}

impl Worker {
    /// A worker without an open file.
    pub(super) fn new(folder: Arc<Folder>, opener: Opener, usable: Arc<AtomicBool>) -> Self {
        Self { folder, opener, usable, open: None }
    }

    /// Serves jobs until the connection's handle is dropped.
    pub(super) fn serve(mut self, jobs: &Receiver<Job>) {
        budget::open_account();
        while let Ok(job) = jobs.recv() {
            budget::begin();
            let answer = self.answer(&job.request);
            self.release_memory();
            self.opener.interrupt.end();
            // The caller may have dropped its future.
            let _ = job.answer.send(answer);
        }
    }

    /// Runs one request; a panic, or an error that says the file is broken, closes the file and retires the
    /// connection.
    fn answer(&mut self, request: &Request) -> Answer {
        let result = catch_unwind(AssertUnwindSafe(|| self.run(request)));
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
        Err(failure.error)
    }

    /// What is cached beyond a little is not kept for as long as the connection is idle.
    fn release_memory(&self) {
        if let Some(open) = self.open.as_ref().filter(|_| budget::is_large()) {
            // It frees what it can, and has no failure to speak of.
            let _ = open.connection().release_memory();
        }
    }

    fn run(&mut self, request: &Request) -> Result<Completion, Failure> {
        let databases = self.folder.list()?;
        if request.operation == Operation::Catalog(Catalog::Databases) {
            return Ok(catalog::databases(&databases, request.caps));
        }
        let main = databases.main_of(&request.context)?;
        match &request.operation {
            Operation::Statement { sql, transaction } => {
                self.statement(&databases, main, sql, *transaction, request)
            }
            Operation::Catalog(catalog) => self.catalog(&databases, main, catalog, request),
            // The context was checked above.
            Operation::UseContext => Ok(Completion::of_context(request.context.clone())),
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
        self.open(main, &beside)?;
        let runner = self.runner(request)?;
        runner.run(sql, transaction, request.caps).map_err(|mut failure| {
            if !failure.breaks {
                hints::add(&mut failure.error, runner.connection, databases, sql);
            }
            failure
        })
    }

    fn catalog(
        &mut self,
        databases: &Databases,
        main: &Database,
        catalog: &Catalog,
        request: &Request,
    ) -> Result<Completion, Failure> {
        check_schema(catalog::schema_of(catalog))?;
        let asked = catalog::database_of(catalog).map_or(Ok(main), |name| databases.find(name))?;
        let caps = request.caps;
        match catalog {
            Catalog::Databases => Ok(catalog::databases(databases, caps)),
            Catalog::Schemas { .. } => Ok(catalog::schemas(&asked.name, caps)),
            Catalog::Tables { like, .. } => self.reader(main, asked, caps)?.tables(like.as_deref()),
            Catalog::Views { .. } => self.reader(main, asked, caps)?.views(),
            Catalog::Describe { kind, relation } => {
                self.reader(main, asked, caps)?.describe(*kind, &relation.name)
            }
            Catalog::Definition(relation) => self.reader(main, asked, caps)?.definition(&relation.name),
            Catalog::Rows(relation) => {
                let sql = self.reader(main, asked, caps)?.select_all(&relation.name)?;
                self.runner(request)?.run(&sql, Transaction::None, caps)
            }
        }
    }

    /// Opens `main`, and `asked` beside it if it is another, and reads the catalog of `asked`.
    fn reader<'a>(
        &'a mut self,
        main: &Database,
        asked: &'a Database,
        caps: Caps,
    ) -> Result<Reader<'a>, Failure> {
        let beside: Vec<&Database> = (asked != main).then_some(asked).into_iter().collect();
        self.open(main, &beside)?;
        let connection = self.open.as_ref().ok_or_else(internal_failure)?.connection();
        Ok(Reader { connection, database: &asked.name, caps })
    }

    /// Makes `main` the open file and attaches exactly `beside` to it.
    fn open(&mut self, main: &Database, beside: &[&Database]) -> Result<(), Failure> {
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
        open.attach_exactly(&self.opener, beside)?;
        self.open = Some(open);
        Ok(())
    }

    fn runner<'a>(&'a self, request: &'a Request) -> Result<Runner<'a>, Failure> {
        let open = self.open.as_ref().ok_or_else(internal_failure)?;
        Ok(Runner {
            connection: open.connection(),
            guard: &self.opener.guard,
            interrupt: &self.opener.interrupt,
            main: &open.main().name,
            has_attached: open.has_attached(),
            read_only: self.opener.read_only,
            journal: &*request.journal,
        })
    }
}

fn internal_failure() -> Failure {
    Failure { error: internal_error(), breaks: true }
}

fn internal_error() -> BackendError {
    BackendError::new(ErrorKind::Unavailable, "an internal error occurred in the connection's thread")
        .with_next_step("try again; the connection is replaced, and the log has the cause")
}
