//! A call's work on a connection: admitted by the session's profile, on the terms of its isolation level.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fair_queue::Lane;
use sql_gate::{Access, Class, Object, ObjectKind, ObjectName, StateChange, Statement};

use super::call::{Call, Work};
use super::execute_query::{is_harmless, transaction_lost};
use super::facts::RowFormat;
use super::progress::Running;
use super::tool_name::ToolName;
use crate::backend::{
    Backend, BackendError, Caps, Catalog, Completion, Context, CostGuard, ErrorKind, Operation, Ownership,
    Relation, Request, RequestOrigin, RowFilter, Rule, StatementGate as _, Taking, Transaction,
};
use crate::config::IsolationLevel;
use crate::isolation::{ListingFilter, SeenObjects, SessionGate};
use crate::multiplexer::{RunTimes, StopReason, Terms, shown, stopped_while_waiting};
use crate::session::{NoRoom, Profile, Reservation};

/// Bytes of the result of a statement whose rows all go elsewhere.
const WRITTEN_BYTES_MAX: u64 = 4 << 10;

impl Call {
    pub(super) async fn run(&self, context: Context, work: Work) -> Result<Completion, BackendError> {
        let limits = &self.profile.caps;
        self.record.seen().context = Some(context.clone());
        let Work { operation, rows_max, earlier, journal, statement, sink, rows_skipped } = work;
        self.take_audit_place()?;
        let pool = self.shared.pool(&self.profile).await?;
        let mut gate = SessionGate::new(&self.session, &self.profile, &context, pool.backend());
        let objects = gate.collect_objects(&self.shared.telemetry.audit);
        // What has run was let in by the gateway that ran it.
        if earlier.is_none() {
            self.admit(&mut gate, &operation, statement.as_ref(), pool.backend()).await?;
        }
        let mut terms = self.terms(&operation, statement.as_deref());
        // What is written for one call is not another's result.
        terms.is_repeatable &= sink.is_none();
        if terms.makes_state && earlier.is_none() {
            self.refuse_unkept_state("the statement makes state on its connection")?;
        }
        let cost = self.cost_guard(&operation).filter(|_| earlier.is_none());
        let row_filter = row_filter(&self.profile, &gate, &operation, statement.as_deref());
        // What is read again is kept already.
        let sink = match (sink, rows_skipped) {
            (Some(sink), _) => Some(sink),
            (None, Some(_)) => None,
            (None, None) => self.rest_sink(&operation, pool.backend(), row_filter.is_some()),
        };
        let is_written = sink.as_ref().is_some_and(|sink| sink.taking == Taking::All);
        let request = Request {
            context,
            caps: Caps {
                rows_max,
                bytes_max: match self.facts.line.format {
                    _ if is_written => WRITTEN_BYTES_MAX,
                    RowFormat::Text => limits.bytes_max,
                    RowFormat::Json => limits.row_bytes_max,
                },
                count_rows_max: if is_written { 0 } else { limits.count_rows_max },
            },
            timeout: limits.statement_timeout,
            origin: RequestOrigin {
                client: self.session.client().name,
                session: self.session.key.id.clone(),
                number: self.facts.number,
                found_by: self.found_by(),
            },
            earlier,
            journal,
            ownership: Ownership::Shared,
            is_running: Some(self.active.is_running()),
            row_filter,
            statement,
            gate: Arc::new(gate),
            wall: self.profile.wall(),
            cost: cost.clone(),
            sink,
            rows_skipped: rows_skipped.unwrap_or(0),
            only_reads_earlier: rows_skipped.is_some(),
            operation,
        };
        let transaction = match &request.operation {
            Operation::Statement { transaction, .. } => *transaction,
            Operation::Catalog(_) | Operation::UseContext => Transaction::None,
        };
        // Before a connection is asked for: a client that does not read holds none while it waits.
        let reservation = self.reserve(request.caps.bytes_max, request.earlier.as_deref()).await?;
        let mut times = RunTimes::default();
        // At the last moment: another request may have found out meanwhile. The first one hears it from the pool.
        let held = pool.held_by(&self.session.key.id);
        let is_first = self.session.notice_lost_transaction(held.as_ref());
        let change = request.statement.as_ref().map(|statement| statement.change.clone());
        let ends_it =
            matches!(change, Some(StateChange::Begin | StateChange::Commit | StateChange::Rollback));
        if !is_first && !ends_it && self.session.has_lost_transaction() {
            let statement = request.statement.as_deref().filter(|_| request.earlier.is_none());
            if statement.is_some_and(|statement| !is_harmless(statement)) {
                return Err(transaction_lost("not run"));
            }
        }
        let report = self.progress.as_ref().map(|progress| progress.report(self.running()));
        terms.told = report.as_ref().map(|(told, _)| Arc::clone(told));
        let done = pool.run_on(request, &terms, self.wait_for_stop(), &mut times).await;
        // Nothing is told behind the answer.
        drop(report);
        self.note_objects(&objects);
        self.note_run(&times, &done);
        self.charge_run(&times, done.as_ref().map_or(0, |done| done.rows.row_count() as u64));
        if let Some(estimate) = cost.and_then(|cost| cost.estimate()) {
            self.record.seen().estimate = Some(estimate);
        }
        // It may have made or kept state by a profile that a reload has narrowed meanwhile.
        self.shared.revoke_held(&self.session, &self.profile);
        let held = pool.held_by(&self.session.key.id);
        // One that went with a statement that failed or was stopped, or that was begun and is not there.
        let is_begun = change == Some(StateChange::Begin) && done.is_ok();
        if is_begun && !held.as_ref().is_some_and(|held| held.transaction) {
            self.session.lose_transaction();
        } else if !ends_it && done.is_err() {
            self.session.notice_lost_transaction(held.as_ref());
        }
        self.session.note_held(held.as_ref());
        if ends_it && done.as_ref().is_err_and(|error| error.kind == ErrorKind::StateLost) {
            self.session.forget_lost_transaction();
        }
        let query_id = done.as_ref().map_or_else(|error| &error.query_id, |done| &done.query_id);
        if let Some(query_id) = query_id {
            // The request's span: what is logged about it from here on names the query.
            tracing::Span::current().record("query_id", query_id);
        }
        let done = done?;
        self.keep(reservation, &done, transaction)?;
        self.session.counters.rows.fetch_add(done.rows.row_count() as u64, Ordering::Relaxed);
        Ok(done)
    }

    /// What is seen of the call once it runs.
    fn running(&self) -> Running {
        Running { is_running: self.active.is_running(), read: Arc::clone(&self.kept.read) }
    }

    /// By what the client's own records find the request.
    fn found_by(&self) -> Vec<(&'static str, String)> {
        let parts = self.facts.correlation.parts().into_iter();
        parts.filter_map(|(name, value)| Some((name, value?.to_owned()))).collect()
    }

    /// A place for its record, where nothing runs without one.
    pub(super) fn take_audit_place(&self) -> Result<(), BackendError> {
        if self.record.seen().place.is_some() {
            return Ok(());
        }
        let place = self.shared.telemetry.audit.admit().map_err(|problem| no_audit(&problem))?;
        self.record.seen().place = place;
        Ok(())
    }

    /// Notes the objects that the engine has seen, which are more than those of the text.
    fn note_objects(&self, objects: &SeenObjects) {
        let objects = objects.take();
        if !objects.is_empty()
            && let Some(statement) = &mut self.record.seen().statement
        {
            statement.objects = objects;
        }
    }

    /// Memory for a result of `bytes_max` bytes at most, of the query `earlier` if it ran before.
    pub(super) async fn reserve(
        &self,
        bytes_max: u64,
        earlier: Option<&str>,
    ) -> Result<Reservation, BackendError> {
        let max_wait = self.shared.config.pool.allocator.max_wait;
        tokio::select! {
            biased;
            reservation = self.session.results.reserve(bytes_max) => Ok(reservation),
            () = tokio::time::sleep(max_wait) => Err(no_memory(max_wait)),
            stop = self.wait_for_stop() => {
                let error = stopped_while_waiting(stop, earlier);
                Err(match earlier {
                    Some(query_id) if error.kind != ErrorKind::Detached => error.of_unfetched(query_id),
                    _ => error,
                })
            }
        }
    }

    /// The result is there: its memory is given back once its answer is written.
    pub(super) fn keep(
        &self,
        reservation: Reservation,
        done: &Completion,
        transaction: Transaction,
    ) -> Result<(), BackendError> {
        match reservation.keep(done.rows.bytes()) {
            Ok(Some(kept)) => self.session.results.put(self.facts.number, kept),
            Ok(None) => {}
            Err(full) => {
                let may_change =
                    !matches!(self.record.seen().class, Some("read" | "context" | "metadata") | None);
                return Err(no_room(&full, may_change || done.affected.is_some(), transaction));
            }
        }
        Ok(())
    }

    /// Notes for the log what a run on a connection came to.
    fn note_run(&self, times: &RunTimes, done: &Result<Completion, BackendError>) {
        let mut seen = self.record.seen();
        seen.waited = Some(seen.waited.unwrap_or_default() + times.waited);
        seen.ran = times.ran.map(|ran| seen.ran.unwrap_or_default() + ran).or(seen.ran);
        let Ok(done) = done else { return };
        seen.rows = Some(done.rows.row_count() as u64);
        seen.changed = done.affected;
        // SQL may begin with WITH.
        if done.affected.is_some() && seen.class == Some("read") {
            seen.class = Some("write");
        }
        seen.query_id.clone_from(&done.query_id);
    }

    /// Waits until the request is to stop.
    async fn wait_for_stop(&self) -> StopReason {
        tokio::select! {
            biased;
            () = self.session.gone.cancelled() => {}
            () = self.cancel.cancelled() => {}
            () = self.active.killed().cancelled() => {}
        }
        // The gateway shuts down, and the client stays: its shim asks the next gateway.
        let is_asked_again = self.shared.shutdown.drain.is_cancelled()
            && self.session.gone.is_cancelled()
            && !self.session.is_over();
        if is_asked_again { StopReason::Detach } else { StopReason::Cancel }
    }

    /// Whether the session's profile lets `operation` run, as far as that is known before a connection is asked.
    async fn admit(
        &self,
        gate: &mut SessionGate,
        operation: &Operation,
        statement: Option<&Arc<Statement>>,
        backend: &dyn Backend,
    ) -> Result<(), BackendError> {
        match (operation, statement) {
            (Operation::UseContext, _) => Ok(()),
            (Operation::Catalog(catalog), _) => {
                let tool = self.record.seen().tool.map_or("the question", |tool| tool.as_str());
                gate.admit_tool(Class::Read, tool)?;
                let objects = objects_of(catalog, backend);
                if let Catalog::Rows(relation) = catalog {
                    let statement = Statement {
                        class: Class::Read,
                        verb: tool.to_owned(),
                        not_understood: None,
                        ..Statement::unknown()
                    };
                    gate.ask_about(&self.shared.validators, &Arc::new(statement), &relation.name);
                }
                gate.admit(&objects).await
            }
            (Operation::Statement { sql, .. }, Some(statement)) => {
                gate.admit_kind(statement)?;
                gate.ask_about(&self.shared.validators, statement, sql);
                if backend.sees_objects() { Ok(()) } else { gate.admit_text(statement).await }
            }
            (Operation::Statement { .. }, None) => gate.admit_kind(&Statement::unknown()),
        }
    }

    /// What a statement, or the rows of a view, may cost; `None`: anything.
    fn cost_guard(&self, operation: &Operation) -> Option<Arc<CostGuard>> {
        let reads_rows = match operation {
            Operation::Statement { .. } => true,
            Operation::Catalog(catalog) => matches!(catalog, Catalog::Rows(_)),
            Operation::UseContext => false,
        };
        if self.record.seen().tool == Some(ToolName::ExplainQuery) {
            // It is not run: what it would cost is what is asked.
            return Some(Arc::new(CostGuard::default()));
        }
        let bounds = self.profile.cost_bounds().filter(|_| reads_rows)?;
        Some(Arc::new(CostGuard::new(self.consent.bounds(bounds))))
    }

    /// How much of a connection the session has to itself.
    fn isolation(&self) -> IsolationLevel {
        match self.profile.isolation {
            // Nothing of it is there for the next request.
            IsolationLevel::Moderate if self.session.front.is_anonymous => IsolationLevel::Relaxed,
            level => level,
        }
    }

    /// What the session may expect of the pool for this.
    fn terms(&self, operation: &Operation, statement: Option<&Statement>) -> Terms {
        let profile = &self.profile;
        let is_plain = matches!(operation, Operation::Statement { transaction: Transaction::None, .. });
        let makes_state = statement
            .is_some_and(|statement| !matches!(statement.change, StateChange::None | StateChange::Anything));
        // A program that is asked about each statement is asked for each client.
        let is_repeatable = is_plain
            && profile.validator.is_none()
            && statement.is_some_and(|statement| statement.class == Class::Read && statement.is_repeatable);
        Terms {
            profile: Arc::from(profile.name.as_str()),
            level: self.isolation(),
            makes_state,
            is_repeatable,
            // Two profiles of one name may have other lists.
            policy: Arc::as_ptr(profile) as usize as u64,
            names: Arc::clone(&profile.names),
            requests_max: profile.caps.requests_max,
            lease_idle: profile.lease_idle,
            pin_idle: profile.pin_idle,
            flow: Some(self.session.flow()),
            share: profile.share,
            lane: lane(operation),
            told: None,
            has_slot: None,
        }
    }
}

/// Questions about the catalog are short, except for a view's rows.
fn lane(operation: &Operation) -> Lane {
    match operation {
        Operation::Catalog(Catalog::Rows(_)) | Operation::Statement { .. } => Lane::Ordinary,
        Operation::Catalog(_) | Operation::UseContext => Lane::Interactive,
    }
}

/// The objects that a question about the catalog names.
fn objects_of(catalog: &Catalog, backend: &dyn Backend) -> Vec<Object> {
    let stored = |name: &String| backend.stored_name(name);
    let object = |kind, parts: Vec<String>| Object { kind, name: ObjectName(parts), access: Access::Read };
    let place = |database: Option<&String>, schema: Option<&String>| match (database, schema) {
        (Some(database), Some(schema)) => {
            Some(object(ObjectKind::Schema, vec![stored(database), stored(schema)]))
        }
        (Some(database), None) => Some(object(ObjectKind::Database, vec![stored(database)])),
        (None, Some(schema)) => Some(object(ObjectKind::Schema, vec![stored(schema)])),
        (None, None) => None,
    };
    let relation = |relation: &Relation| {
        let parts = [relation.database.as_ref(), relation.schema.as_ref(), Some(&relation.name)];
        object(ObjectKind::Relation, parts.into_iter().flatten().map(stored).collect())
    };
    match catalog {
        Catalog::Databases => Vec::new(),
        Catalog::Schemas { database } => place(database.as_ref(), None).into_iter().collect(),
        Catalog::Tables { database, schema, .. } => {
            place(database.as_ref(), schema.as_ref()).into_iter().collect()
        }
        Catalog::Views { database, schema } => place(Some(database), schema.as_ref()).into_iter().collect(),
        Catalog::SemanticViews { database, schema } => {
            place(database.as_ref(), schema.as_ref()).into_iter().collect()
        }
        Catalog::Search { database, .. } => place(database.as_ref(), None).into_iter().collect(),
        Catalog::Describe { relation: asked, .. }
        | Catalog::Definition(asked)
        | Catalog::Rows(asked)
        | Catalog::About(asked)
        | Catalog::ForeignKeys(asked)
        | Catalog::SemanticView(asked) => vec![relation(asked)],
    }
}

/// Which rows of the result the client may see, where it is a list of objects.
fn row_filter(
    profile: &Profile,
    gate: &SessionGate,
    operation: &Operation,
    statement: Option<&Statement>,
) -> Option<Arc<dyn RowFilter>> {
    let listing = match operation {
        Operation::Catalog(catalog) => ListingFilter::listing_of(catalog),
        Operation::Statement { .. } => statement.and_then(|statement| statement.listing.clone()),
        Operation::UseContext => None,
    };
    let filter = ListingFilter::new(&profile.names, &listing?, gate.context().clone())?;
    Some(filter)
}

/// The audit trail cannot be written, and nothing may run without it.
pub(super) fn no_audit(problem: &dyn std::fmt::Display) -> BackendError {
    let message = format!("not run: `audit.required = true`, and {problem}");
    let next_step = "have the person who runs this gateway make the folder writable, or free space there \
                     (`snowgate status` shows it); then send the statement again";
    BackendError::new(ErrorKind::Refused, message).with_rule(Rule::Audit).with_next_step(next_step)
}

/// The client's results, running and unread, took all of its memory for as long as a request may wait.
pub(super) fn no_memory(waited: Duration) -> BackendError {
    let message = format!(
        "this client's other results took all the memory that it has for results (`result_bytes_in_flight_max`) for {}",
        shown(waited)
    );
    BackendError::new(ErrorKind::Busy, message).with_next_step(
        "read the answers that wait, send fewer requests at once, or raise `result_bytes_in_flight_max` under [limits] in the \
         config; nothing of this one ran",
    )
    .with_retry_after(Duration::from_secs(1))
}

/// The result of a statement that ran cannot be kept; `may_change`: whether it is more than a question.
pub(super) fn no_room(full: &NoRoom, may_change: bool, transaction: Transaction) -> BackendError {
    let (what, next_step) = match (may_change, transaction) {
        (true, Transaction::Rollback) => {
            ("the statement ran and was rolled back", "try again in a moment, or request less data at once")
        }
        (true, Transaction::None | Transaction::Commit) => {
            ("the statement ran and took effect", "do not run it again; read its rows with a query later")
        }
        (false, _) => ("the result was dropped", "try again in a moment, or request less data at once"),
    };
    BackendError::new(ErrorKind::Busy, format!("{what}, but {full}")).with_next_step(next_step)
}
