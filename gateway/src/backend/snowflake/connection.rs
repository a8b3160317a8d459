//! One connection: a session with the server, replaced when it is lost, and one request at a time on it.
//!
//! The session is switched to a request's context before the request runs, whatever context an earlier one
//! used. On a connection that sessions share nothing may be created that lives as long as its session: if that is
//! lost, a new one is switched to the context of the next request. What a client's own connection holds
//! (`held`) is lost with its session: the next request is told, and does not run.

use std::sync::Arc;

use snowflake_wire::Error;
use sql_gate::{Dialect, StateChange, Statement};
use tokio::time::timeout;

use super::catalog;
use super::class::{Class, Ground, admit};
use super::context::of_session;
use super::context_switch::{ContextSwitch, SwitchError, Switched};
use super::cost::{self, Costing};
use super::failure::{of_connection, stopped_early};
use super::held;
use super::hints::{self, Missing};
use super::log_in::LoginManager;
use super::run::{Run, RunError, sessions_lost};
use super::session::{OpenSession, SessionHandle};
use super::stop::{RunningRequest, StopSignals};
use super::wall::{Standing, unanswered};
use crate::backend::{
    BackendError, BoxFuture, Cancel, Catalog, Completion, Connection, Context, CostGuard, ErrorKind, Held,
    Operation, Parameters, Request, Transaction, Wall,
};

/// A connection to Snowflake.
pub(super) struct SnowflakeConnection {
    login_manager: Arc<LoginManager>,
    /// `None` after it was lost.
    session: Option<OpenSession>,
    read_only: bool,
    /// What of its client's own the session holds. Written after each statement.
    held: Held,
    /// What a session held that has ended, until a request was told.
    lost: Option<Held>,
    running: Arc<RunningRequest>,
}

impl SnowflakeConnection {
    /// Logs in.
    ///
    /// # Errors
    /// The log-in is refused, or cannot be done.
    pub(super) async fn open(
        login_manager: Arc<LoginManager>,
        read_only: bool,
    ) -> Result<Self, BackendError> {
        let session = Some(login_manager.log_in().await?);
        let (held, lost) = (Held::default(), None);
        Ok(Self { login_manager, session, read_only, held, lost, running: Arc::default() })
    }

    async fn answer(&mut self, request: &Request, stop: &StopSignals) -> Result<Completion, BackendError> {
        let statement = read_statement(request);
        let ground = Ground { ownership: request.ownership, held: &self.held, read_only: self.read_only };
        let class = match (&request.operation, &statement) {
            (Operation::Statement { transaction, .. }, Some(statement)) => {
                admit(statement, *transaction, ground)
                    .map_err(|error| before_sending(request, Class::Write, stop, error))?
            }
            _ => Class::Read,
        };
        if let Some(lost) = self.take_lost() {
            return Err(held::lost(&lost));
        }
        let was_in_transaction = self.held.transaction;
        let done = self.run_on_session(request, class, statement.as_deref(), stop).await;
        if let Some(statement) = &statement {
            self.note(statement, &done);
        }
        let error = match done {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        // What it was in is rolled back, whatever became of the statement.
        if error.kind == ErrorKind::OutcomeUnknown
            && class == Class::Change
            && was_in_transaction
            && let Some(lost) = self.take_lost()
        {
            return Err(held::lost_meanwhile(&lost));
        }
        Err(self.with_names(request, stop, error).await)
    }

    /// Runs the request, on a new session if the first is lost and no state with it.
    async fn run_on_session(
        &mut self,
        request: &Request,
        class: Class,
        statement: Option<&Statement>,
        stop: &StopSignals,
    ) -> Result<Completion, BackendError> {
        // What changes its session is nothing that another session could fetch.
        let is_of_session =
            |statement: &Statement| !matches!(statement.change, StateChange::None | StateChange::Anything);
        let in_transaction = self.held.transaction || statement.is_some_and(is_of_session);
        let done = match self.try_once(request, class, in_transaction, stop).await {
            Err(RunError::SessionLost(_)) => {
                self.drop_session();
                if let Some(lost) = self.take_lost() {
                    return Err(held::lost(&lost));
                }
                self.try_again(request, class, stop).await
            }
            Err(RunError::QueryDetached(query)) => {
                // Its result comes first; what was lost with the session, the next request is told.
                self.drop_session();
                let request = Request { earlier: Some(query.to_string()), ..request.clone() };
                self.try_again(&request, class, stop).await
            }
            done => done,
        };
        done.map_err(|error| match error {
            RunError::Failed(error) | RunError::Aborted(error) => error,
            RunError::SessionLost(error) => of_connection(&error),
            RunError::QueryDetached(query) => sessions_lost(&query, class.writes()),
        })
    }

    /// `error`, with the names that there are if it is about a database or schema that there is not.
    async fn with_names(&self, request: &Request, stop: &StopSignals, error: BackendError) -> BackendError {
        let (Some(missing), Some(session)) = (Missing::of(&error), &self.session) else { return error };
        if error.next_step.is_some() || stop.is_stopped() || !self.is_logged_in() {
            return error;
        }
        let ask = async |missing: &Missing| {
            let question = missing.question(request);
            let run =
                Run::new(session.handle(), &self.login_manager.outages, &question, stop, Class::Read, false);
            match run.run().await {
                Ok(done) => Ok(missing.next_step(&done.rows)),
                Err(RunError::Failed(error)) => Err(Missing::of(&error)),
                // The first error says enough.
                Err(_) => Err(None),
            }
        };
        let asking = async {
            match ask(&missing).await {
                // The database of the schema is missing, too.
                Err(Some(Missing::Database)) => ask(&Missing::Database).await.ok().flatten(),
                next_step => next_step.ok().flatten(),
            }
        };
        match timeout(hints::TIMEOUT, asking).await {
            Ok(Some(next_step)) => error.with_next_step(next_step),
            Ok(None) | Err(_) => error,
        }
    }

    async fn try_again(
        &mut self,
        request: &Request,
        class: Class,
        stop: &StopSignals,
    ) -> Result<Completion, RunError> {
        tracing::info!("the session with the warehouse was lost; logging in again");
        self.drop_session();
        self.try_once(request, class, false, stop).await
    }

    async fn try_once(
        &mut self,
        request: &Request,
        class: Class,
        in_transaction: bool,
        stop: &StopSignals,
    ) -> Result<Completion, RunError> {
        let session = self.prepare_session(request, stop).await;
        let session = session.map_err(|error| before_sending(request, class, stop, error))?;
        // A request that fetches a query's result still has to abort that query.
        if stop.is_stopped() && request.earlier.is_none() {
            return Err(stopped_early().into());
        }
        if let Some(cost) = request.cost.as_deref()
            && cost.bounds.has_scan_bounds()
            && request.earlier.is_none()
        {
            self.check_cost(cost, request, &session, stop, in_transaction).await?;
        }
        let run = Run::new(&session, &self.login_manager.outages, request, stop, class, in_transaction);
        let done = run.run().await;
        if run.leaves_state_unknown() {
            self.drop_session();
        }
        done
    }

    /// Whether the request's statement costs no more than it may. Nothing of it has been sent, nor begun in the journal.
    async fn check_cost(
        &self,
        cost: &CostGuard,
        request: &Request,
        session: &SessionHandle,
        stop: &StopSignals,
        in_transaction: bool,
    ) -> Result<(), RunError> {
        let (sql, parameters) = match (&request.operation, read_statement(request)) {
            (Operation::Statement { sql, parameters, .. }, Some(statement)) => {
                match cost::costing(&statement) {
                    Costing::Free => return Ok(()),
                    Costing::Unknown(why) => return Ok(cost.check_unknown(why)?),
                    Costing::Explained => (sql.clone(), parameters.clone()),
                }
            }
            (Operation::Catalog(catalog @ Catalog::Rows(_)), _) => {
                let context = of_session(&session.wire.context());
                (catalog::question(catalog, &context, request.caps.rows_max).sql, Parameters::default())
            }
            _ => return Ok(()),
        };
        let (sql, transaction) = (cost::question(&sql), Transaction::None);
        let operation = Operation::Statement { sql, transaction, parameters };
        // An id of EXPLAIN's in the journal would be taken for the statement's.
        let journal = Arc::new(cost::NoJournal);
        let question = Request {
            operation,
            caps: cost::CAPS,
            statement: None,
            row_filter: None,
            journal,
            ..request.clone()
        };
        let outages = &self.login_manager.outages;
        let run = Run::new(session, outages, &question, stop, Class::Read, in_transaction);
        match run.explain().await {
            Ok(done) => match done.rows.first_cell().and_then(cost::estimate) {
                Some(estimate) => Ok(cost.check(estimate)?),
                None => Ok(cost.check_unknown("EXPLAIN has no figures for it")?),
            },
            // If the statement is wrong, it says so itself.
            Err(RunError::Failed(error)) if error.kind == ErrorKind::Statement => {
                Ok(cost.check_unknown(&format!("EXPLAIN failed: {}", error.message))?)
            }
            Err(error) => Err(error),
        }
    }

    fn is_logged_in(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.wire().is_alive())
    }

    /// A session in the request's context: the connection's own, or a new one if that is lost or cannot be
    /// switched.
    async fn prepare_session(
        &mut self,
        request: &Request,
        stop: &StopSignals,
    ) -> Result<SessionHandle, BackendError> {
        let mut is_second_try = false;
        loop {
            if !self.is_logged_in() {
                // Close the old one first: the account may allow only one.
                self.session = None;
                self.session = Some(self.log_in(stop).await?);
            }
            let Some(session) = &self.session else { continue };
            if let Some(wall) = &request.wall
                && let Err(error) = self.check_wall(session, wall, stop).await
            {
                if session.wire().is_alive() || is_second_try {
                    return Err(error);
                }
                is_second_try = true;
                continue;
            }
            let outages = &self.login_manager.outages;
            let switch = ContextSwitch { session, outages, timeout: request.timeout };
            let switched = switch.run(&request.context, stop).await;
            match after_switch(&switched, is_second_try) {
                AfterSwitch::Ready => return Ok(session.handle().clone()),
                AfterSwitch::NewSession if !self.held.is_empty() => {
                    return Err(self.lost_in_switch(&switched));
                }
                AfterSwitch::NewSession => self.session = None,
                AfterSwitch::Report { keeps_session } => {
                    if !keeps_session {
                        self.drop_session();
                    }
                    return Err(report_switch(switched));
                }
            }
            is_second_try = true;
        }
    }

    /// Whether the session is what the request's profile requires. It is asked once, before anything else runs there.
    async fn check_wall(
        &self,
        session: &OpenSession,
        wall: &Wall,
        stop: &StopSignals,
    ) -> Result<(), BackendError> {
        if let Some(standing) = session.standing.get() {
            return standing.check(wall);
        }
        let asked = tokio::select! {
            biased;
            asked = Standing::ask(session.wire()) => asked,
            () = stop.stopped() => return Err(stopped_early()),
        };
        self.login_manager.outages.record(&asked);
        let standing = asked.map_err(|error| unanswered(wall, &error))?;
        self.login_manager.wall.set(standing.shown());
        session.standing.get_or_init(|| standing).check(wall)
    }

    /// Logs in, unless the request is stopped. A log-in that was sent is completed in the background.
    async fn log_in(&self, stop: &StopSignals) -> Result<OpenSession, BackendError> {
        tokio::select! {
            biased;
            session = self.login_manager.log_in() => session,
            () = stop.stopped() => Err(stopped_early()),
        }
    }
}

/// What is known of the request's statement; `None`: it has none.
fn read_statement(request: &Request) -> Option<Arc<Statement>> {
    let Operation::Statement { sql, .. } = &request.operation else { return None };
    let read = || Arc::new(sql_gate::read(sql, Dialect::Snowflake));
    Some(request.statement.clone().unwrap_or_else(read))
}

/// What follows from a context switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AfterSwitch {
    /// The session is ready.
    Ready,
    /// Try once more, with a new session.
    NewSession,
    /// Report the error.
    Report {
        /// Whether the session's context is still known.
        keeps_session: bool,
    },
}

/// What follows from a context switch. `is_second_try`: the first switch
/// needed a new session, and this is it.
///
/// | switch | first try | second try |
/// |---|---|---|
/// | done | ready | ready |
/// | needs a new session | new session | report |
/// | the session has ended | new session | report |
/// | the server refused a statement | report | report |
/// | not processed | report | report |
/// | maybe processed, stopped | report, the session goes | report, the session goes |
fn after_switch(switched: &Result<Switched, SwitchError>, is_second_try: bool) -> AfterSwitch {
    match switched {
        Ok(Switched::Done) => AfterSwitch::Ready,
        Ok(Switched::NeedsNewSession) if is_second_try => AfterSwitch::Report { keeps_session: true },
        Ok(Switched::NeedsNewSession) => AfterSwitch::NewSession,
        // Nothing of the request was sent yet, so nothing is lost with the session.
        Err(SwitchError::Wire(error)) if error.ends_session() && !is_second_try => AfterSwitch::NewSession,
        Err(SwitchError::Wire(Error::Statement(_))) => AfterSwitch::Report { keeps_session: true },
        Err(SwitchError::Wire(error)) => AfterSwitch::Report { keeps_session: error.was_not_processed() },
        Err(SwitchError::Stopped) => AfterSwitch::Report { keeps_session: false },
    }
}

fn report_switch(switched: Result<Switched, SwitchError>) -> BackendError {
    match switched {
        Ok(_) => BackendError::new(ErrorKind::NoContext, "the new session could not switch to it")
            .with_next_step("call set_context with all of role, warehouse, database and schema"),
        // The server looked at it: a name in it does not exist, or this user must not use it.
        Err(SwitchError::Wire(Error::Statement(failure)))
            if !failure.is_timed_out() && !failure.is_aborted() =>
        {
            let error = of_connection(&Error::Statement(failure));
            BackendError { kind: ErrorKind::NoContext, ..error }.with_next_step(
                "use list_databases and list_schemas to see what exists; set_context changes the context",
            )
        }
        Err(error) => error.into(),
    }
}

/// The error of a request that was not sent to the server because of `error`. If it was to fetch the result
/// of a query, that query was executed nonetheless.
fn before_sending(request: &Request, class: Class, stop: &StopSignals, error: BackendError) -> BackendError {
    match &request.earlier {
        Some(query) if stop.detach.is_cancelled() => BackendError::detached(query),
        Some(query) if class.writes() => error.of_unfetched(query),
        _ => error,
    }
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

    fn context(&self) -> Option<Context> {
        let session = self.session.as_ref().filter(|session| session.wire().is_alive())?;
        Some(Context { secondary_roles: session.roles.now(), ..of_session(&session.wire().context()) })
    }

    fn held(&self) -> Held {
        self.lost.as_ref().unwrap_or(&self.held).clone()
    }

    fn reset(&mut self) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async move { self.undo().await })
    }

    fn check(&mut self) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async move {
            let Some(session) = &self.session else { return Ok(()) };
            let asked = session.wire().heartbeat().await;
            self.login_manager.outages.record(&asked);
            asked.map_err(|error| of_connection(&error))
        })
    }
}

mod state;
#[cfg(test)]
mod tests;
