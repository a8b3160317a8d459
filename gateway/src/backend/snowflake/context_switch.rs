//! Bringing a session to the context that a request wants.

use std::sync::PoisonError;
use std::time::Duration;

use snowflake_wire::{Error, RequestId, SessionContext, Statement};
use tokio::time::sleep;

use super::context::{Step, effective, next_step};
use super::failure::{of_connection, stopped_early};
use super::names::quoted;
use super::outages::Outages;
use super::session::{OpenSession, RolesStep};
use super::stop::StopSignals;
use crate::backend::{BackendError, Context};

/// Statements for one switch: role, warehouse, schema, and as many more where the server changes one because
/// of another.
const STEPS_MAX: usize = 6;

/// How long one of those may continue after the request is stopped, so that the session is not lost because
/// of it.
const STEP_GRACE: Duration = Duration::from_secs(2);

/// A switch of a session's context.
pub(super) struct ContextSwitch<'a> {
    pub(super) session: &'a OpenSession,
    pub(super) outages: &'a Outages,
    /// For each statement.
    pub(super) timeout: Duration,
}

/// How a switch ended without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Switched {
    /// The session is in the context, or the request was stopped meanwhile.
    Done,
    /// No statement leads there: it takes a new session.
    NeedsNewSession,
}

/// Why a session did not get to the context.
#[derive(Debug)]
pub(super) enum SwitchError {
    Wire(Error),
    Stopped,
}

impl From<SwitchError> for BackendError {
    fn from(error: SwitchError) -> Self {
        match error {
            SwitchError::Wire(error) => of_connection(&error),
            SwitchError::Stopped => stopped_early(),
        }
    }
}

impl ContextSwitch<'_> {
    /// Changes the session's context to `wanted`.
    pub(super) async fn run(&self, wanted: &Context, stop: &StopSignals) -> Result<Switched, SwitchError> {
        let target = effective(wanted, &self.session.base);
        let switched = self.run_steps(&target, stop).await?;
        match self.session.roles.next_step(wanted.secondary_roles).filter(|_| switched == Switched::Done) {
            Some(RolesStep::StartOver) => return Ok(Switched::NeedsNewSession),
            Some(RolesStep::Use(roles)) if !stop.is_stopped() => {
                let sql = format!("USE SECONDARY ROLES {}", roles.name().to_ascii_uppercase());
                self.run_step(&sql, stop).await?;
                self.session.roles.set(roles);
            }
            _ => {}
        }
        if let (Switched::Done, Some(database), None) = (switched, &target.database, &target.schema)
            && !stop.is_stopped()
        {
            self.use_default_schema(database, stop).await?;
        }
        Ok(switched)
    }

    async fn run_steps(&self, target: &SessionContext, stop: &StopSignals) -> Result<Switched, SwitchError> {
        for _ in 0..STEPS_MAX {
            match next_step(&self.session.wire().context(), target) {
                None => return Ok(Switched::Done),
                Some(Step::StartOver) => return Ok(Switched::NeedsNewSession),
                Some(Step::Run(sql)) => self.run_step(&sql, stop).await?,
            }
            if stop.is_stopped() {
                return Ok(Switched::Done);
            }
        }
        match next_step(&self.session.wire().context(), target) {
            None => Ok(Switched::Done),
            Some(_) => Ok(Switched::NeedsNewSession),
        }
    }

    /// A database that is wanted without a schema means the schema that the server selects for it, not the
    /// one that an earlier request has selected.
    async fn use_default_schema(&self, database: &str, stop: &StopSignals) -> Result<(), SwitchError> {
        let current = || self.session.wire().context().schema;
        let known = self.session.default_schema.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if known.is_some_and(|(of, schema)| of == database && schema == current()) {
            return Ok(());
        }
        self.run_step(&format!("USE DATABASE {}", quoted(database)), stop).await?;
        let selected = Some((database.to_owned(), current()));
        *self.session.default_schema.lock().unwrap_or_else(PoisonError::into_inner) = selected;
        Ok(())
    }

    async fn run_step(&self, sql: &str, stop: &StopSignals) -> Result<(), SwitchError> {
        let wire = self.session.wire();
        let running = async {
            let progress = wire.submit(RequestId::new(), &Statement::new(sql)).await?;
            wire.finish(progress, self.timeout).await
        };
        let stopped = async {
            stop.stopped().await;
            sleep(STEP_GRACE).await;
        };
        tokio::select! {
            biased;
            done = running => {
                self.outages.record(&done);
                done.map(drop).map_err(SwitchError::Wire)
            }
            () = stopped => Err(SwitchError::Stopped),
        }
    }
}
