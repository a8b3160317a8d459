//! The rules of a session's profile, for one request.

use std::future::ready;
use std::sync::Arc;

use sql_gate::{Access, Class, Dialect, NameContext, Object, ObjectKind, ObjectName, Statement};

use super::denial::{self, Cause};
use crate::backend::{Backend, BackendError, BoxFuture, Context, StatementGate};
use crate::session::Session;

/// Decides for one session in one context.
#[derive(Clone, Debug)]
pub(crate) struct SessionGate {
    session: Arc<Session>,
    context: NameContext,
    dialect: Dialect,
}

impl SessionGate {
    /// The gate of `session` for what runs in `context` on `backend`.
    pub(crate) fn new(session: &Arc<Session>, context: &Context, backend: &dyn Backend) -> Self {
        let context = backend.completed(context);
        let stored = |name: &Option<String>| name.as_deref().map(|name| backend.stored_name(name));
        Self {
            session: Arc::clone(session),
            context: NameContext { database: stored(&context.database), schema: stored(&context.schema) },
            dialect: backend.dialect(),
        }
    }

    /// What completes the names of statements.
    pub(crate) fn context(&self) -> &NameContext {
        &self.context
    }

    /// Whether a statement of this kind may run, as far as its text tells without its objects.
    ///
    /// # Errors
    /// It is refused.
    pub(crate) fn admit_kind(&self, statement: &Statement) -> Result<(), BackendError> {
        if let Some(refusal) = &statement.refusal {
            return Err(self.denied(Cause::Always, denial::of_refusal(refusal)));
        }
        self.admit_class(statement, statement.class)
    }

    /// Whether something of `class` that is no statement may be done.
    ///
    /// # Errors
    /// It is refused.
    pub(crate) fn admit_tool(&self, class: Class, tool: &str) -> Result<(), BackendError> {
        let statement = Statement { class, verb: tool.to_owned(), ..Statement::unknown() };
        self.admit_class(&statement, class)
    }

    fn admit_class(&self, statement: &Statement, class: Class) -> Result<(), BackendError> {
        let profile = &self.session.profile;
        if profile.statements.contains(class) || self.is_left_to_engine(class) {
            return Ok(());
        }
        Err(self.denied(Cause::Class(class), denial::of_class(statement, class, profile, self.dialect)))
    }

    /// SQLite itself tells a slip from a statement, and keeps a read-only database from changes, naming what it would
    /// change.
    fn is_left_to_engine(&self, class: Class) -> bool {
        let is_by_connection = !self.session.profile.has_own_statements && class.may_change();
        self.dialect == Dialect::Sqlite && (class == Class::Unknown || is_by_connection)
    }

    /// Whether a statement may run whose text names all that it touches.
    ///
    /// # Errors
    /// A part of it is not understood although there are lists, or an object is denied.
    pub(crate) fn admit_text(&self, statement: &Statement) -> Result<(), BackendError> {
        if !self.looks_at_names() {
            return Ok(());
        }
        if let Some(part) = &statement.not_understood {
            let error = denial::of_unclear(part, &self.session.profile);
            return Err(self.denied(Cause::NotUnderstood, error));
        }
        self.admit_objects(&statement.objects)
    }

    /// Whether all of `objects` may be used.
    ///
    /// # Errors
    /// One of them may not.
    pub(crate) fn admit_objects(&self, objects: &[Object]) -> Result<(), BackendError> {
        let profile = &self.session.profile;
        for object in objects {
            if let Err(denied) = profile.names.check(object, &self.context) {
                let cause = Cause::Names(denied.setting);
                return Err(self.denied(cause, denial::of_object(&denied, profile)));
            }
        }
        Ok(())
    }

    /// Whether a session may make `context` its own.
    ///
    /// # Errors
    /// Its database or schema is denied.
    pub(crate) fn admit_context(&self, backend: &dyn Backend, context: &Context) -> Result<(), BackendError> {
        let stored = |name: &Option<String>| name.as_deref().map(|name| backend.stored_name(name));
        let Some(database) = stored(&context.database) else { return Ok(()) };
        let of = |kind, name| Object { kind, name: ObjectName(name), access: Access::Use };
        let mut objects = vec![of(ObjectKind::Database, vec![database.clone()])];
        if let Some(schema) = stored(&context.schema) {
            objects.push(of(ObjectKind::Schema, vec![database, schema]));
        }
        self.admit_objects(&objects)
    }

    /// Counts and logs the refusal.
    fn denied(&self, cause: Cause, error: BackendError) -> BackendError {
        self.session.note_denial();
        tracing::warn!(
            profile = self.session.profile.name,
            setting = cause.setting(),
            cause = ?cause,
            "a statement was refused by the session's profile"
        );
        error
    }
}

impl StatementGate for SessionGate {
    fn looks_at_names(&self) -> bool {
        self.session.profile.names.has_lists()
    }

    fn admit<'a>(&'a self, objects: &'a [Object]) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(ready(self.admit_objects(objects)))
    }
}
