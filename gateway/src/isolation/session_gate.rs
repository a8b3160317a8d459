//! The rules of a session's profile, for one request.

use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use sql_gate::{Access, Class, Dialect, NameContext, Object, ObjectKind, ObjectName, Statement};

use super::denial::{self, Cause};
use super::listing::ListingFilter;
use crate::audit::Audit;
use crate::backend::{Backend, BackendError, BoxFuture, Catalog, Context, RowFilter, StatementGate};
use crate::session::{Profile, Session};
use crate::telemetry::StatementFacts;
use crate::validator::{NoVerdict, Question, QuestionObject, Validator, Validators};

/// Decides for one session in one context.
#[derive(Clone, Debug)]
pub(crate) struct SessionGate {
    session: Arc<Session>,
    /// The session's profile as it was when the call began: a reload meanwhile counts for the next one.
    profile: Arc<Profile>,
    /// The context as the request has it.
    request_context: Context,
    context: NameContext,
    dialect: Dialect,
    /// Who is asked about the statement, and what the question says of it.
    asked: Option<Asked>,
    /// Where the names are put of what is touched.
    seen: SeenObjects,
}

/// The names of objects that a gate was asked about; [`StatementFacts::OBJECTS_MAX`] at most.
#[derive(Clone, Debug, Default)]
pub(crate) struct SeenObjects(Option<Arc<Mutex<Vec<String>>>>);

impl SeenObjects {
    /// What was seen.
    pub(crate) fn take(&self) -> Vec<String> {
        let seen = self.0.as_ref().map(|seen| seen.lock().unwrap_or_else(PoisonError::into_inner));
        seen.map(|mut seen| std::mem::take(&mut *seen)).unwrap_or_default()
    }

    fn note<'a>(&self, names: impl IntoIterator<Item = &'a ObjectName>) {
        if let Some(seen) = &self.0 {
            *seen.lock().unwrap_or_else(PoisonError::into_inner) = texts_of(names);
        }
    }
}

/// The names of `objects`, as records have them.
pub(crate) fn object_names(objects: &[Object]) -> Vec<String> {
    texts_of(objects.iter().map(|object| &object.name))
}

fn texts_of<'a>(objects: impl IntoIterator<Item = &'a ObjectName>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for object in objects {
        let name: String = object.to_string().chars().take(OBJECT_CHARS_MAX).collect();
        if names.len() >= StatementFacts::OBJECTS_MAX {
            break;
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// A longer name is cut in records, to this many characters.
const OBJECT_CHARS_MAX: usize = 512;

/// A statement that a validator is asked about.
#[derive(Clone, Debug)]
struct Asked {
    validator: Arc<Validator>,
    statement: Arc<Statement>,
    digest: String,
    /// Where the profile lets it have that.
    text: Option<String>,
}

impl SessionGate {
    /// The gate of `session`, whose profile is `profile`, for what runs in `context` on `backend`.
    pub(crate) fn new(
        session: &Arc<Session>,
        profile: &Arc<Profile>,
        context: &Context,
        backend: &dyn Backend,
    ) -> Self {
        let context = backend.completed(context);
        let stored = |name: &Option<String>| name.as_deref().map(|name| backend.stored_name(name));
        Self {
            session: Arc::clone(session),
            profile: Arc::clone(profile),
            request_context: context.clone(),
            asked: None,
            seen: SeenObjects::default(),
            context: NameContext { database: stored(&context.database), schema: stored(&context.schema) },
            dialect: backend.dialect(),
        }
    }

    /// Has the validator of the session's profile asked about `statement`, whose text is `sql`.
    pub(crate) fn ask_about(&mut self, validators: &Validators, statement: &Arc<Statement>, sql: &str) {
        let Some(config) = &self.profile.validator else { return };
        self.asked = Some(Asked {
            validator: validators.of(&config.command),
            statement: Arc::clone(statement),
            digest: Sha256::digest(sql.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect(),
            text: config.sends_text.then(|| sql.to_owned()),
        });
    }

    /// Where the names are put of what the gate is asked about, if `audit` has records.
    pub(crate) fn collect_objects(&mut self, audit: &Audit) -> SeenObjects {
        self.seen = SeenObjects(audit.is_on().then(Arc::default));
        self.seen.clone()
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
        let profile = &self.profile;
        if profile.statements.contains(class) || self.is_left_to_engine(class) {
            return Ok(());
        }
        Err(self.denied(Cause::Class(class), denial::of_class(statement, class, profile, self.dialect)))
    }

    /// A read-only connection refuses changes by itself, and SQLite names what would be changed, and tells a slip from a
    /// statement.
    fn is_left_to_engine(&self, class: Class) -> bool {
        let is_by_connection = !self.profile.has_own_statements && class.may_change();
        // It knows which tables are temporary, and is told that nothing else may be written.
        let is_by_engine = class == Class::Write
            && self.profile.statements.contains(Class::Session)
            && self.objection_to_writes().is_some();
        is_by_connection || (self.dialect == Dialect::Sqlite && (class == Class::Unknown || is_by_engine))
    }

    /// Whether a statement may run whose text names all that it touches.
    ///
    /// # Errors
    /// A part of it is not understood although there are lists, or an object is denied.
    pub(crate) async fn admit_text(&self, statement: &Statement) -> Result<(), BackendError> {
        if self.looks_at_names()
            && let Some(part) = &statement.not_understood
        {
            let error = denial::of_unclear(part, &self.profile);
            return Err(self.denied(Cause::NotUnderstood, error));
        }
        self.admit(&statement.objects).await
    }

    /// Whether the validator allows the statement, which touches `objects`.
    async fn ask(&self, objects: &[Object]) -> Result<(), BackendError> {
        let Some(Asked { validator, statement, digest, text }) = &self.asked else { return Ok(()) };
        let (session, client) = (&self.session, self.session.client().name);
        let (profile, context) = (&self.profile, &self.request_context);
        let question = Question {
            session: &session.key.id,
            client: client.as_deref(),
            key: session.api_key.as_ref().map(|key| key.name.as_str()),
            parent: session.origin.parent_exe.as_deref(),
            folder: session.origin.cwd.as_deref(),
            profile: &profile.name,
            connection: &profile.connection,
            class: statement.class.name(),
            verb: &statement.verb,
            objects: objects.iter().map(asked_object).collect(),
            not_understood: statement.not_understood.as_deref(),
            role: context.role.as_deref(),
            database: self.context.database.as_deref(),
            schema: self.context.schema.as_deref(),
            digest: digest.clone(),
            text: text.as_deref(),
        };
        match validator.ask(&question).await {
            Ok(verdict) if verdict.allow => Ok(()),
            Ok(verdict) => {
                let error = denial::of_verdict(verdict.reason.as_deref(), profile);
                Err(self.denied(Cause::Validator, error))
            }
            Err(NoVerdict(why)) => {
                Err(self.denied(Cause::Validator, denial::of_silent_validator(&why, profile)))
            }
        }
    }

    /// Whether all of `objects` may be used.
    ///
    /// # Errors
    /// One of them may not.
    pub(crate) fn admit_objects(&self, objects: &[Object]) -> Result<(), BackendError> {
        let profile = &self.profile;
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
    fn denied(&self, cause: Cause, mut error: BackendError) -> BackendError {
        error.rule = error.rule.or_else(|| Some(cause.rule()));
        self.session.note_denial();
        tracing::warn!(
            profile = self.profile.name,
            setting = cause.setting(),
            cause = ?cause,
            "a statement was refused by the session's profile"
        );
        error
    }
}

impl StatementGate for SessionGate {
    fn looks_at_names(&self) -> bool {
        self.profile.names.has_lists()
    }

    fn is_asked(&self) -> bool {
        self.looks_at_names() || self.asked.is_some()
    }

    fn names_max(&self) -> usize {
        if self.seen.0.is_some() { StatementFacts::OBJECTS_MAX } else { 0 }
    }

    fn note_names(&self, names: Vec<ObjectName>) {
        self.seen.note(&names);
    }

    fn rows_of(&self, catalog: &Catalog) -> Option<Arc<dyn RowFilter>> {
        let listing = ListingFilter::listing_of(catalog)?;
        let filter = ListingFilter::new(&self.profile.names, &listing, self.context.clone())?;
        Some(filter)
    }

    fn objection_to_writes(&self) -> Option<BackendError> {
        let profile = &self.profile;
        let may = [Class::Write, Class::Ddl, Class::Call, Class::Admin]
            .iter()
            .any(|class| profile.statements.contains(*class));
        // What is read-only as a whole says so by itself.
        (profile.has_own_statements && !may).then(|| denial::of_writes(profile))
    }

    fn admit<'a>(&'a self, objects: &'a [Object]) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move {
            self.seen.note(objects.iter().map(|object| &object.name));
            self.admit_objects(objects)?;
            self.ask(objects).await
        })
    }
}

fn asked_object(object: &Object) -> QuestionObject<'_> {
    let kind = match object.kind {
        ObjectKind::Relation => "relation",
        ObjectKind::Schema => "schema",
        ObjectKind::Database => "database",
        ObjectKind::Stage => "stage",
        ObjectKind::Function => "function",
        ObjectKind::Other => "other",
        ObjectKind::Account => "account",
    };
    let access = match object.access {
        Access::Read => "read",
        Access::Write => "write",
        Access::Define => "define",
        Access::Use => "use",
    };
    QuestionObject { kind, name: &object.name.0, access }
}
