//! What every backend implements.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use sql_gate::Dialect;

use super::{
    BackendError, Completion, Context, ErrorKind, Health, Held, LogInError, LogInNeed, LogInRequest, Request,
};

/// A boxed future: what lets [`Backend`] and [`Connection`] be trait objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The state of a backend, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackendStatus {
    /// Where it is, if one line can say that.
    pub target: Option<String>,
    /// What keeps it from working, and what to do: an address to log in at, for example.
    pub problem: Option<String>,
    /// What the account's own wall around the last log-in was found to be, where a profile requires one.
    pub wall: Option<String>,
}

/// A warehouse, or what acts as one. Shared by all sessions.
pub trait Backend: Send + Sync + 'static {
    /// The backend's kind as config names it: `sqlite`, `snowflake`.
    fn kind(&self) -> &'static str;

    /// The account at the other end, in the one form that tells it from others, where the backend has accounts.
    fn account(&self) -> Option<&str> {
        None
    }

    /// What else tells the data behind it from another's: the folder, or the user.
    fn site(&self) -> Option<&str> {
        None
    }

    /// Whose SQL its statements are.
    fn dialect(&self) -> Dialect;

    /// Whether its engine tells which objects a statement touches: then the backend asks the request's gate.
    fn sees_objects(&self) -> bool {
        false
    }

    /// A name as a context has it, as the backend stores it: to compare it with lists of names.
    fn stored_name(&self, name: &str) -> String {
        name.to_owned()
    }

    /// A stored name as a context has it: [`Backend::stored_name`] the other way round.
    fn written_name(&self, stored: &str) -> String {
        stored.to_owned()
    }

    /// Whether quotes around a name that a tool is given are read as SQL reads them. Elsewhere they are part of it.
    fn reads_quoted_names(&self) -> bool {
        false
    }

    /// Fills what `wanted` leaves open (a database, its schema) and spells each name as the backend does.
    ///
    /// # Errors
    /// A name that does not exist, with the names that do as the next step.
    fn resolve<'a>(&'a self, wanted: &'a Context) -> BoxFuture<'a, Result<Context, BackendError>>;

    /// `context` with what it leaves open, as far as that is known without asking: for people.
    fn completed(&self, context: &Context) -> Context {
        context.clone()
    }

    /// Whether [`Operation::UseContext`] is needed to learn if a context exists, because [`Backend::resolve`]
    /// cannot see all names.
    ///
    /// [`Operation::UseContext`]: super::Operation::UseContext
    fn tells_contexts(&self) -> bool {
        false
    }

    /// Whether connections are opened that no request needs yet: at the gateway's start, and ahead of need.
    fn connects_early(&self) -> bool {
        true
    }

    /// How long answers about its catalog are kept where the configuration does not say.
    fn metadata_kept_for(&self) -> Duration {
        Duration::ZERO
    }

    /// Whether the other end keeps the rows of each query for a while, so that they can be read again by the query's id.
    fn keeps_results(&self) -> bool {
        false
    }

    /// Its state, for `status`.
    fn status(&self) -> BackendStatus {
        BackendStatus::default()
    }

    /// From here on it reports to `health` whether its other end answers.
    fn report_to(&self, health: Arc<dyn Health>) {
        let _ = health;
    }

    /// Logs in because somebody asks for it, whatever was refused before.
    ///
    /// # Errors
    /// Nobody is logged in, or not yet.
    fn log_in(&self, request: LogInRequest) -> BoxFuture<'_, Result<(), LogInError>> {
        let _ = request;
        let message = format!("the backend ({}) has no log-in", self.kind());
        let error = BackendError::new(ErrorKind::Refused, message)
            .with_next_step("nothing is to be done: its files are opened without one");
        Box::pin(std::future::ready(Err(LogInError { error, needs: LogInNeed::Unsupported })))
    }

    /// Tells the other end that the gateway shuts down, within a bound of the backend's own.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Opens one connection.
    ///
    /// # Errors
    /// The backend cannot be reached or refuses the login; [`ErrorKind::Exhausted`] if there is a connection
    /// already, and no more can be opened. A pool may try again at once, so a backend pauses before it says
    /// so.
    ///
    /// [`ErrorKind::Exhausted`]: super::ErrorKind::Exhausted
    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Connection>, BackendError>>;
}

/// One connection: one request at a time.
pub trait Connection: Send {
    /// Runs `request` to its end. The future must be driven to completion: to stop early, signal it through
    /// [`Connection::canceller`] and go on awaiting. What it returns then depends on how far the statement
    /// was:
    ///
    /// | when the signal arrives | result |
    /// |---|---|
    /// | not sent yet | `Cancelled`: it does not run |
    /// | it runs | `Cancelled`: it was stopped, and nothing took effect |
    /// | it runs, after [`Cancel::detach`], and has a query id | `Detached`: it goes on |
    /// | it has taken effect | its completion |
    /// | it ended, and the backend does not say how | `Unavailable` or `OutcomeUnknown` |
    ///
    /// A request with `earlier` has been sent already, by an earlier gateway.
    ///
    /// # Errors
    /// What the backend says about the statement. Only the kinds for which
    /// [`BackendError::leaves_outcome_open`] holds leave it open whether the statement took effect.
    fn run(&mut self, request: Request) -> BoxFuture<'_, Result<Completion, BackendError>>;

    /// A handle that stops the running request from another task.
    fn canceller(&self) -> Arc<dyn Cancel>;

    /// Whether the connection can serve another request; if not, a pool drops it.
    fn is_usable(&self) -> bool;

    /// The context that it is in, where that is known: a pool prefers the connection that need not be switched.
    fn context(&self) -> Option<Context> {
        None
    }

    /// What of a session's own it holds now. Known without asking, after each request.
    fn held(&self) -> Held {
        Held::default()
    }

    /// Rolls back what is open and removes all that [`Connection::held`] names, so that another session can have it.
    ///
    /// # Errors
    /// It could not, or not all: the connection must be closed.
    fn reset(&mut self) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Asks the other end whether the connection still works.
    ///
    /// # Errors
    /// It does not: the connection must be closed.
    fn check(&mut self) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Stops what a connection runs. A signal returns at once; [`Connection::run`] has the matrix of what
/// follows.
///
/// Signals count while the future of [`Connection::run`] is at work: before its first poll and after its end
/// they do nothing, and they never reach the next request.
pub trait Cancel: Send + Sync {
    /// Stops the running request: its result is not wanted any more.
    fn cancel(&self);

    /// Stops waiting for the running request, because the gateway shuts down and its next one asks for the
    /// same request. A statement whose result can be fetched later goes on ([`ErrorKind::Detached`]); any
    /// other is stopped.
    ///
    /// [`ErrorKind::Detached`]: super::ErrorKind::Detached
    fn detach(&self) {
        self.cancel();
    }
}
