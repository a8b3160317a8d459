//! One connection: a session with the server, replaced where it is lost, and one request at a time on it.
//!
//! A request's context is put in place before it runs, whatever an earlier one left behind. Nothing that lives as long as
//! a session may be made on it, because sessions of clients share it: so a session that is lost is no loss to anybody, and
//! its successor is brought to the context that the next request names.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::task::TaskTracker;

use super::catalog;
use super::class::{Class, class_of};
use super::context::{Step, effective, next_step, of_session};
use super::failure::{of_connection, stopped_early};
use super::health::Health;
use super::log_in::Logins;
use super::names::quoted;
use super::run::{Run, left};
use super::session::OpenSession;
use super::stop::{Running, Stop};
use crate::backend::{
    BackendError, BoxFuture, Cancel, Catalog, Completion, Connection, Context, ErrorKind, Operation, Request,
    Transaction,
};
use snowflake_wire::{Error, QueryId, RequestId, Session, SessionContext, Statement};

/// Statements that lead from one context to another: role, warehouse, schema, and as many more where the server changes one
/// because of another.
const STEPS_MAX: usize = 6;

/// How long one of those may go on once the request is stopped, so that the session is not lost for it.
const STEP_GRACE: Duration = Duration::from_secs(2);

/// A connection to Snowflake.
pub(super) struct SnowflakeConnection {
    logins: Arc<Logins>,
    /// `None` after it was lost.
    session: Option<OpenSession>,
    read_only: bool,
    running: Arc<Running>,
}

impl SnowflakeConnection {
    /// Logs in.
    ///
    /// # Errors
    /// Why that is refused or cannot be done.
    pub(super) async fn open(logins: Arc<Logins>, read_only: bool) -> Result<Self, BackendError> {
        let session = Some(logins.log_in().await?);
        Ok(Self { logins, session, read_only, running: Arc::default() })
    }

    async fn answer(&mut self, request: &Request, stop: &Stop) -> Result<Completion, BackendError> {
        let class = match &request.operation {
            Operation::Statement { sql, transaction } => self
                .admit(sql, *transaction)
                .map_err(|error| unanswered(request, Class::Write, stop, error))?,
            Operation::Catalog(_) | Operation::UseContext => Class::Read,
        };
        // A log-in looks itself, and only one may be let through to try.
        if self.is_logged_in()
            && let Err(error) = self.logins.health.check()
        {
            return Err(unanswered(request, class, stop, error));
        }
        let done = match self.try_once(request, class, stop).await {
            // Refused because of the session: nothing of it was carried out.
            Err(Ended::SessionLost(_)) => self.try_again(request, class, stop).await,
            // It goes on without the session.
            Err(Ended::QueryLeft(query)) => {
                let request = Request { earlier: Some(query.to_string()), ..request.clone() };
                self.try_again(&request, class, stop).await
            }
            done => done,
        };
        done.map_err(|ended| match ended {
            Ended::Failed(error) | Ended::Aborted(error) => error,
            Ended::SessionLost(error) => of_connection(&error),
            Ended::QueryLeft(query) => of_lost_query(&query, class != Class::Read),
        })
    }

    async fn try_again(&mut self, request: &Request, class: Class, stop: &Stop) -> Result<Completion, Ended> {
        tracing::info!("a session with the warehouse was lost; logging in again");
        self.session = None;
        self.try_once(request, class, stop).await
    }

    async fn try_once(&mut self, request: &Request, class: Class, stop: &Stop) -> Result<Completion, Ended> {
        let entered = self.enter(request, stop).await;
        let entered = entered.map_err(|error| unanswered(request, class, stop, error))?;
        // Whoever fetches a query's result has that stopped, too.
        if stop.is_signalled() && request.earlier.is_none() {
            return Err(stopped_early().into());
        }
        let stands_alone = !matches!(&request.operation, Operation::Statement { transaction, .. } if *transaction != Transaction::None);
        let run = Run {
            session: &entered.wire,
            aborts: &entered.aborts,
            is_left: &entered.is_left,
            health: &self.logins.health,
            request,
            stop,
            class,
            stands_alone,
            in_doubt: AtomicBool::new(false),
        };
        let done = match &request.operation {
            Operation::UseContext => Ok(Completion::of_context(of_session(&entered.wire.context()))),
            Operation::Catalog(asked) => self.look_up(&run, asked).await,
            Operation::Statement { sql, transaction } => self.execute(&run, sql, *transaction).await,
        };
        if run.in_doubt.into_inner() {
            self.session = None;
        }
        done
    }

    async fn look_up(&self, run: &Run<'_>, asked: &Catalog) -> Result<Completion, Ended> {
        // With what the request's context leaves open.
        let context = of_session(&run.session.context());
        let question = catalog::question(asked, &context, run.request.caps.rows_max);
        let done = run.question(&question).await;
        match catalog::second_question(asked, &context) {
            // A server that has no such function: the first one's words tell what is wrong otherwise.
            Some(second) if matches!(&done, Err(Ended::Failed(error)) if error.kind == ErrorKind::Statement) => {
                run.question(&second).await.or(done)
            }
            // One more than these was not to be had: it is not known whether there are more.
            _ => done.map(|mut done| {
                if question.is_cut(done.rows.rows().len()) {
                    done.rows.stop_counting();
                }
                done
            }),
        }
    }

    async fn execute(&self, run: &Run<'_>, sql: &str, transaction: Transaction) -> Result<Completion, Ended> {
        if let Some(query) = run.request.earlier.as_deref().and_then(QueryId::parse) {
            match run.earlier(&query).await {
                // A read runs again where nobody knows of it any more.
                Err(Ended::Failed(error) | Ended::Aborted(error))
                    if !run.writes() && error.kind != ErrorKind::Detached =>
                {
                    tracing::info!(%query, code = error.code, "the result of an earlier gateway's query is gone");
                }
                // Only who looks after queries can say that it failed: a result may be gone, or not for this role.
                Err(Ended::Failed(error) | Ended::Aborted(error)) if error.kind == ErrorKind::Statement => {
                    return Err(run.judged(&query, error).await.into());
                }
                done => return done,
            }
        } else if run.request.earlier.is_some() && run.writes() {
            return Err(BackendError::new(
                ErrorKind::OutcomeUnknown,
                "outcome unknown: its name is unreadable",
            )
            .into());
        }
        // What is rolled back in any case changes nothing, however often it runs.
        if run.writes() && transaction != Transaction::Rollback {
            run.request.journal.begin(None)?;
        }
        run.in_transaction(sql, transaction).await
    }

    /// What the statement is, unless it must not run on a connection that sessions share, or at all.
    fn admit(&self, sql: &str, transaction: Transaction) -> Result<Class, BackendError> {
        let class = class_of(sql);
        match class {
            Class::ConnectionState("LAST_QUERY_ID") => Err(refused(
                "LAST_QUERY_ID is refused: sessions share the connection, and its last query may be another's"
                    .to_owned(),
                "name the query id that stands at the end of each result",
            )),
            Class::ConnectionState(name) => Err(refused(
                format!(
                    "{name} is refused: sessions share the connection, and what it sets would reach others"
                ),
                "set use_transaction on the call for a transaction; use WITH in place of a temporary table",
            )),
            Class::Use => Err(refused(
                "USE is refused: sessions share the connection".to_owned(),
                "call set_context with the role, warehouse, database or schema",
            )),
            Class::Nothing => Err(refused("there is no statement in the text".to_owned(), "send one SQL statement")),
            Class::Change | Class::Write | Class::Call if self.read_only => Err(refused(
                "the statement is refused: it may change something, and the connection is read-only"
                    .to_owned(),
                "to allow writing, set read_only = false under [snowflake] in config.toml",
            )),
            Class::Write | Class::Call if transaction == Transaction::Rollback => Err(refused(
                "the statement is refused: it commits by itself, so that it cannot be tried without effect"
                    .to_owned(),
                "auto_commit = false goes with INSERT, UPDATE, DELETE and MERGE only",
            )),
            Class::Read | Class::Change | Class::Write | Class::Call => Ok(class),
        }
    }

    fn is_logged_in(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.wire.is_alive())
    }

    /// A session in the request's context: the connection's own, or a new one where that is lost or cannot get there.
    async fn enter(&mut self, request: &Request, stop: &Stop) -> Result<Entered, BackendError> {
        let mut has_started_over = false;
        loop {
            if !self.is_logged_in() {
                // Before the next one: there may be no place for two.
                self.session = None;
                self.session = Some(log_in(&self.logins, stop).await?);
            }
            let Some(session) = &self.session else { continue };
            let walk = Walk { session, health: &self.logins.health, timeout: request.timeout };
            match walk.to(&request.context, stop).await {
                Ok(true) => return Ok(Entered::of(session)),
                Ok(false) if has_started_over => return Err(unreachable_context()),
                // Nothing leads back to the log-in's context but a log-in.
                Ok(false) => {}
                // Nothing of the request has been sent yet, so a session that is lost is no loss.
                Err(Lost::Wire(error)) if error.ends_session() && !has_started_over => {}
                Err(Lost::Wire(error @ Error::Statement(_))) => {
                    let next_step =
                        "list_databases and list_schemas show what there is; set_context changes the context";
                    return Err(of_connection(&error).with_next_step(next_step));
                }
                Err(lost) => {
                    // Where a statement may have been carried out, it is not known in which context the session is.
                    if !matches!(&lost, Lost::Wire(error) if error.is_untaken()) {
                        self.session = None;
                    }
                    return Err(lost.into());
                }
            }
            has_started_over = true;
            self.session = None;
        }
    }
}

/// A session that is where a request wants it.
struct Entered {
    wire: Session,
    aborts: TaskTracker,
    is_left: Arc<AtomicBool>,
}

impl Entered {
    fn of(session: &OpenSession) -> Self {
        Self {
            wire: session.wire.clone(),
            aborts: session.aborts.clone(),
            is_left: Arc::clone(&session.is_left),
        }
    }
}

/// Logs in, unless the request is stopped. A log-in that nobody waits for any more goes on by itself.
async fn log_in(logins: &Arc<Logins>, stop: &Stop) -> Result<OpenSession, BackendError> {
    tokio::select! {
        biased;
        session = logins.log_in() => session,
        () = stop.signalled() => Err(stopped_early()),
    }
}

/// The way of a session from one context to another.
struct Walk<'a> {
    session: &'a OpenSession,
    health: &'a Health,
    /// For each statement.
    timeout: Duration,
}

/// Why a session did not get there.
enum Lost {
    Wire(Error),
    Stopped,
}

impl From<Lost> for BackendError {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Wire(error) => of_connection(&error),
            Lost::Stopped => stopped_early(),
        }
    }
}

impl Walk<'_> {
    /// Changes the session's context to `wanted`; `false` where no statement leads there.
    async fn to(&self, wanted: &Context, stop: &Stop) -> Result<bool, Lost> {
        let target = effective(wanted, &self.session.base);
        let is_there = self.by_steps(&target, stop).await?;
        if let (true, Some(database), None) = (is_there, &target.database, &target.schema)
            && !stop.is_signalled()
        {
            self.to_own_schema(database, stop).await?;
        }
        Ok(is_there)
    }

    async fn by_steps(&self, target: &SessionContext, stop: &Stop) -> Result<bool, Lost> {
        for _ in 0..STEPS_MAX {
            match next_step(&self.session.wire.context(), target) {
                None => return Ok(true),
                Some(Step::StartOver) => return Ok(false),
                Some(Step::Run(sql)) => self.step(&sql, stop).await?,
            }
            if stop.is_signalled() {
                return Ok(true);
            }
        }
        Ok(next_step(&self.session.wire.context(), target).is_none())
    }

    /// A database that is wanted without a schema is wanted with the one that it brings, not with the one that an earlier
    /// request went to.
    async fn to_own_schema(&self, database: &str, stop: &Stop) -> Result<(), Lost> {
        let now = || self.session.wire.context().schema;
        let brought = self.session.brought.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if brought.is_some_and(|(of, schema)| of == database && schema == now()) {
            return Ok(());
        }
        self.step(&format!("USE DATABASE {}", quoted(database)), stop).await?;
        let brought = Some((database.to_owned(), now()));
        *self.session.brought.lock().unwrap_or_else(PoisonError::into_inner) = brought;
        Ok(())
    }

    async fn step(&self, sql: &str, stop: &Stop) -> Result<(), Lost> {
        let wire = &self.session.wire;
        let running = async {
            let progress = wire.submit(RequestId::new(), &Statement::new(sql)).await?;
            wire.finish(progress, self.timeout).await
        };
        let stopped = async {
            stop.signalled().await;
            sleep(STEP_GRACE).await;
        };
        tokio::select! {
            biased;
            done = running => {
                self.health.note(&done);
                done.map(drop).map_err(Lost::Wire)
            }
            () = stopped => Err(Lost::Stopped),
        }
    }
}

/// What is said of a request that did not get as far as the server, because of `error`. Where it was to fetch the result of a
/// query, that is none the less carried out.
fn unanswered(request: &Request, class: Class, stop: &Stop, error: BackendError) -> BackendError {
    match &request.earlier {
        Some(query) if stop.leave.is_cancelled() => left(query),
        Some(query) if class != Class::Read => error.of_unfetched(query),
        _ => error,
    }
}

/// Why a request came to nothing.
pub(super) enum Ended {
    Failed(BackendError),
    /// The session was gone before the request reached it.
    SessionLost(Error),
    /// The session is gone, and the query that it ran goes on.
    QueryLeft(QueryId),
    /// The server has aborted it, and nobody here told it to.
    Aborted(BackendError),
}

impl From<BackendError> for Ended {
    fn from(error: BackendError) -> Self {
        Self::Failed(error)
    }
}

fn refused(message: String, next_step: &str) -> BackendError {
    BackendError::new(ErrorKind::Refused, message).with_next_step(next_step)
}

fn of_lost_query(query: &QueryId, writes: bool) -> BackendError {
    let (kind, unknown) = match writes {
        true => (ErrorKind::OutcomeUnknown, "outcome unknown: "),
        false => (ErrorKind::Unavailable, ""),
    };
    let message =
        format!("{unknown}the sessions that asked for the query's result were lost, one after the other");
    let mut error = BackendError::new(kind, message).with_next_step("look at the query history");
    error.query_id = Some(query.to_string());
    error
}

fn unreachable_context() -> BackendError {
    let message = "a new session does not come to the context of this one";
    BackendError::new(ErrorKind::Statement, message)
        .with_next_step("call set_context with all of role, warehouse, database and schema")
}

impl Connection for SnowflakeConnection {
    fn run(&mut self, request: Request) -> BoxFuture<'_, Result<Completion, BackendError>> {
        Box::pin(async move {
            let running = Arc::clone(&self.running);
            let stop = running.begin();
            let answer = self.answer(&request, &stop).await;
            running.end();
            answer
        })
    }

    fn canceller(&self) -> Arc<dyn Cancel> {
        Arc::clone(&self.running) as Arc<dyn Cancel>
    }

    fn is_usable(&self) -> bool {
        // A session that is lost is replaced by the next request.
        true
    }
}
