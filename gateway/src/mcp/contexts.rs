//! The context that a call runs in, and what happens where it cannot be used.
//!
//! | the session's context is | a call that needs one | one that needs none |
//! |---|---|---|
//! | usable | runs in it | runs in it |
//! | without a database, as none was there | runs in the one that is there now, and so does every later one | a statement: the same |
//! | gone: set, or the profile's | fails | runs in the profile's, or in none |
//! | gone: inherited, not used yet | the session falls back to the profile's, and it runs there | the same |
//! | lost: a later gateway could not restore it | is stopped, unless it is there again | runs in the profile's, or in none |

use super::call::{Call, Work};
use crate::backend::{BackendError, Completion, Context, ErrorKind, Operation};
use crate::session::{ContextOrigin, INHERITED, SessionContext, fallback_notice};

/// The context of a call, and what the call changes of the session's.
pub(super) struct CallContext {
    /// The session's.
    now: Context,
    change: Context,
    /// Both.
    pub(super) context: Context,
}

impl Call {
    /// The session's context, changed by `change` for this call.
    pub(super) async fn call_context(&self, change: Context) -> Result<CallContext, BackendError> {
        let now = self.filled(self.context().await?).await;
        let context = self.apply(now.clone(), change.clone()).await?;
        Ok(CallContext { now, change, context })
    }

    /// Runs `work` in `of`.
    pub(super) async fn run_in(&self, of: CallContext, work: Work) -> Result<Completion, BackendError> {
        let CallContext { now, change, context } = of;
        if self.facts.context.origin != ContextOrigin::Tentative {
            let done = self.run(context.clone(), work).await.map_err(|error| naming(error, &context));
            if context.database == now.database {
                self.settle(&now, &done);
            }
            return done;
        }
        let done = self.run(context, work.clone()).await;
        let Some(gone) = self.look_at_inherited(&now, &change, &done).await else { return done };
        let profile = self.fall_back(&now, &gone).await?;
        let context = self.apply(profile, change).await?;
        self.run(context.clone(), work).await.map_err(|error| naming(error, &context))
    }

    /// Runs `work`, which does the same in every context, in the first one that can be used.
    pub(super) async fn run_anywhere(&self, work: Work) -> Result<Completion, BackendError> {
        let SessionContext { context, lost, origin, .. } = &self.facts.context;
        let mut tried = None;
        if lost.is_none() {
            // Where a statement ran, the next one runs, too; what is asked of the catalog here names its database.
            let is_statement = matches!(work.operation, Operation::Statement { .. });
            let now = if is_statement { self.filled(context.clone()).await } else { context.clone() };
            match self.run(now.clone(), work.clone()).await {
                Err(gone) if gone.kind == ErrorKind::NoContext => tried = Some(gone),
                done => {
                    self.confirm_inherited(context, &done);
                    self.settle(&now, &done);
                    return done;
                }
            }
        }
        let profile = match tried {
            Some(gone) if *origin == ContextOrigin::Tentative => self.fall_back(context, &gone).await,
            _ => self.profile_context().await,
        };
        match self.run(profile.unwrap_or_default(), work.clone()).await {
            Err(gone) if gone.kind == ErrorKind::NoContext => self.run(Context::default(), work).await,
            done => done,
        }
    }

    /// The session's context with `wanted` in it, as the backend has it. Where the session's cannot be used
    /// any more, it is the profile's with `wanted` in it.
    pub(super) async fn changed_context(&self, wanted: &Context) -> Result<Context, BackendError> {
        let SessionContext { context, lost, origin, at } = &self.facts.context;
        let is_replaceable = lost.is_some() || *origin == ContextOrigin::Tentative;
        if !is_replaceable {
            return self.verified(context.clone(), wanted).await;
        }
        let pool = self.shared.pool(&self.profile).await?;
        // The names of another connection mean nothing here, even where there are such names.
        if at.as_ref().is_none_or(|at| !at.is_other_than(pool.place())) {
            match self.verified(context.clone(), wanted).await {
                Err(gone) if gone.kind == ErrorKind::NoContext => {}
                changed => return changed,
            }
        }
        self.verified(self.profile_context().await?, wanted).await
    }

    /// `now`, in the database that is there by now if there was none when the session began.
    async fn filled(&self, now: Context) -> Context {
        if now.database.is_some() {
            return now;
        }
        // What is wrong is told by the request itself.
        self.shared.resolve(&self.profile, &now).await.unwrap_or(now)
    }

    /// A request ran in `used`: a session that had no database stays there.
    fn settle(&self, used: &Context, done: &Result<Completion, BackendError>) {
        let was_unsettled = self.facts.context.context.database.is_none();
        if was_unsettled && used.database.is_some() && done.is_ok() {
            self.session.settle(used);
            tracing::info!(context = %used, "the session stays in the database that it found first");
        }
    }

    async fn verified(&self, now: Context, wanted: &Context) -> Result<Context, BackendError> {
        let context = self.apply(now, wanted.clone()).await?;
        self.verify(context).await
    }

    /// The context `now` with `change` applied. A database without a schema means that database's default
    /// schema.
    async fn apply(&self, now: Context, change: Context) -> Result<Context, BackendError> {
        if change == Context::default() {
            return Ok(now);
        }
        let schema = if change.database.is_some() { change.schema } else { change.schema.or(now.schema) };
        let wanted = Context {
            role: change.role.or(now.role),
            warehouse: change.warehouse.or(now.warehouse),
            database: change.database.or(now.database),
            schema,
            secondary_roles: change.secondary_roles.or(now.secondary_roles),
        };
        let resolved = self.shared.resolve(&self.profile, &wanted).await;
        resolved.map_err(|error| match self.profile.names.has_lists() {
            // Which names there are is filtered in the list tools only.
            true => error.with_next_step("list_databases and list_schemas show what may be used"),
            false => error,
        })
    }

    /// `context` as the backend has it, where only the backend knows whether it exists.
    async fn verify(&self, context: Context) -> Result<Context, BackendError> {
        if !self.shared.pool(&self.profile).await?.backend().tells_contexts() {
            return Ok(context);
        }
        let done = self.run(context.clone(), Work::reading(Operation::UseContext, 0)).await?;
        Ok(done.context.unwrap_or(context))
    }

    /// The context to run a statement in.
    async fn context(&self) -> Result<Context, BackendError> {
        if let Some(found) = self.found_again().await {
            return Ok(found);
        }
        let SessionContext { context, lost, origin, .. } = &self.facts.context;
        let refused = |message: String| {
            let next_step = "call set_context with the database to work in; nothing runs until then";
            Err(BackendError::new(ErrorKind::Refused, message).with_next_step(next_step))
        };
        match lost {
            Some(why) if *context == Context::default() => {
                refused(format!("the context of this session could not be restored: {why}"))
            }
            Some(why) => {
                refused(format!("the context of this session ({context}) could not be restored: {why}"))
            }
            None if *origin == ContextOrigin::Fallback && self.facts.replayed => {
                let message =
                    "not run: the context that this was sent in is gone, and the session has another now";
                Err(BackendError::new(ErrorKind::Refused, message)
                    .with_next_step("call session_info to see where statements run now, then send it again"))
            }
            None => Ok(context.clone()),
        }
    }

    /// The session's context, if it was lost and is there again.
    async fn found_again(&self) -> Option<Context> {
        let SessionContext { context, lost, at, .. } = &self.facts.context;
        lost.as_ref().filter(|_| *context != Context::default())?;
        let pool = self.shared.pool(&self.profile).await.ok()?;
        // Who cannot see whether it exists has not lost it for that.
        if pool.backend().tells_contexts() || at.as_ref().is_some_and(|at| at.is_other_than(pool.place())) {
            return None;
        }
        let found = self.shared.resolve(&self.profile, context).await.ok()?;
        if self.session.find_again(context, found.clone(), pool.place()) {
            tracing::info!(context = %found, "the session's context is there again");
        }
        Some(found)
    }

    /// The context that sessions of this profile start in.
    async fn profile_context(&self) -> Result<Context, BackendError> {
        self.shared.resolve(&self.profile, &self.profile.context).await
    }

    /// After the first use of an inherited context: why it cannot be used, if that is so.
    async fn look_at_inherited(
        &self,
        now: &Context,
        change: &Context,
        done: &Result<Completion, BackendError>,
    ) -> Option<BackendError> {
        let gone = match done {
            Err(error) if error.kind == ErrorKind::NoContext => error,
            _ if *change == Context::default() => {
                self.confirm_inherited(now, done);
                return None;
            }
            // It was another context that was used.
            _ => return None,
        };
        if *change == Context::default() {
            return Some(gone.clone());
        }
        // Perhaps it is only the change that cannot be used.
        let used = self.run(now.clone(), Work::reading(Operation::UseContext, 0)).await;
        self.confirm_inherited(now, &used);
        used.err().filter(|error| error.kind == ErrorKind::NoContext)
    }

    /// Something ran in `context`: that can be used.
    fn confirm_inherited(&self, context: &Context, done: &Result<Completion, BackendError>) {
        let was_used = match done {
            Ok(_) => true,
            Err(error) => error.kind == ErrorKind::Statement,
        };
        if was_used && self.facts.context.origin == ContextOrigin::Tentative {
            self.session.confirm_inherited(context);
        }
    }

    /// The inherited context `gone` cannot be used: the session goes on in its profile's, and says so once.
    async fn fall_back(&self, gone: &Context, why: &BackendError) -> Result<Context, BackendError> {
        let now = self.profile_context().await?;
        let shown = self.shared.pool(&self.profile).await?.backend().completed(&now);
        let notice = fallback_notice(INHERITED, gone, &why.message, &shown);
        if self.session.fall_back(gone, now.clone(), notice) {
            tracing::warn!(%gone, why = why.message, now = %shown, "cannot use this client's previous context");
        }
        Ok(now)
    }
}

/// The error, with the context that could not be used.
fn naming(mut error: BackendError, context: &Context) -> BackendError {
    if error.kind == ErrorKind::NoContext {
        error.message = format!("cannot run in the context ({context}): {}", error.message);
    }
    error
}
