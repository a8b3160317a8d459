//! Questions about the catalog that need not be asked again: the same one at the same time runs once (`flights`), and
//! its answer is kept for a short while (`cache`).
//!
//! Both only for a session that has nothing of its own: one with an open transaction or temporary objects sees its own,
//! and asks for itself.
//!
//! | a statement | while it runs (from when it was sent) | when it ends, however it does |
//! |---|---|---|
//! | only reads, begins a transaction | | |
//! | changes rows, or the state of its own session | what is kept is dropped when it begins | dropped |
//! | anything else: DDL, grants, COMMIT, procedures, what is not understood | nothing is kept, shared or answered from before | dropped |
//! | the same, and whether it took effect is open | | the same for [`OPEN_OUTCOME`] more |
//!
//! So an answer is never older than the last change that was answered: what is asked after that was asked of the
//! backend after that, too.

mod cache;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fair_queue::Lane;
use serde::{Deserialize, Serialize};
use sql_gate::{Class, StateChange};
use tokio::time::Instant;

pub(super) use cache::Generation;
use cache::{Cache, CacheKey};

use super::desk::Desk;
use super::flights::{Audience, FlightKey, Question};
use super::terms::Terms;
use crate::backend::{BackendError, Catalog, Completion, Operation, Request};

/// How long nothing is kept or shared after a statement whose outcome is open: it may take effect later.
const OPEN_OUTCOME: Duration = Duration::from_secs(60);

/// What became of questions about the catalog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataCounters {
    /// Answered from what was kept.
    pub hits: u64,
    /// Answered by the same question of another request that ran at the time.
    pub shared: u64,
    /// Asked of the backend.
    pub asked: u64,
    /// Answers dropped because a statement may have changed the catalog.
    pub dropped: u64,
    /// Answers that are kept now.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl MetadataCounters {
    /// Both together.
    #[must_use]
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            hits: self.hits + other.hits,
            shared: self.shared + other.shared,
            asked: self.asked + other.asked,
            dropped: self.dropped + other.dropped,
            entries: self.entries + other.entries,
            bytes: self.bytes + other.bytes,
        }
    }
}

/// The answers of all connections of one kind: two of them may lead to the same data, so a change through one counts
/// for all.
#[derive(Default)]
pub(super) struct MetadataCache(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    cache: Cache,
    counters: MetadataCounters,
}

/// What a statement may do to what the catalog says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Nothing,
    /// It changes rows, so estimates of them; or what only its own session sees.
    Rows,
    /// Which objects there are, or who sees them.
    Catalog,
}

/// A statement that may change what the catalog says, until it ends. Dropped before that, its outcome is open.
pub(super) struct Change<'a> {
    cache: &'a MetadataCache,
    effect: Effect,
    outcome: Outcome,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Open,
    Known,
}

/// How one pool uses what is kept for all.
pub(super) struct MetadataReads {
    cache: Arc<MetadataCache>,
    connection: Arc<str>,
    keep_for: Duration,
}

/// A question that may be answered by another's answer.
pub(super) struct Shareable {
    key: CacheKey,
    generation: Generation,
}

impl MetadataCache {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn counters(&self) -> MetadataCounters {
        let inner = self.inner();
        let (entries, bytes) = inner.cache.size();
        MetadataCounters { entries, bytes, dropped: inner.cache.dropped(), ..inner.counters }
    }

    /// Drops all that is kept: a connection is gone.
    pub(super) fn clear(&self) {
        self.inner().cache.drop_all();
    }

    /// Keeps the answer to what was asked in `generation`, unless something may have changed since.
    pub(super) fn keep(&self, kept: &Kept, answer: &Completion) {
        // Copied before the lock is held.
        let answer = Arc::new(answer.clone());
        let mut inner = self.inner();
        inner.cache.keep(kept.key.clone(), kept.generation, answer, Instant::now(), kept.keep_for);
    }
}

/// Where the answer of a run is to be kept.
pub(super) struct Kept {
    cache: Arc<MetadataCache>,
    key: CacheKey,
    generation: Generation,
    keep_for: Duration,
}

impl Kept {
    /// The run has ended with `answer`. Errors are not kept.
    pub(super) fn note(&self, answer: &Result<Completion, BackendError>) {
        if let Ok(answer) = answer
            && cache::fits(&self.key, answer)
        {
            self.cache.keep(self, answer);
        }
    }
}

impl MetadataReads {
    pub(super) fn new(cache: Arc<MetadataCache>, connection: &str, keep_for: Duration) -> Self {
        Self { cache, connection: Arc::from(connection), keep_for }
    }

    /// Notes that `request` may change what the catalog says; `None`: it cannot.
    pub(super) fn begin_change(&self, request: &Request, terms: &Terms) -> Option<Change<'_>> {
        let effect = effect(request);
        if effect == Effect::Nothing || terms.is_repeatable {
            return None;
        }
        self.cache.inner().cache.begin_change(effect == Effect::Catalog);
        Some(Change { cache: &self.cache, effect, outcome: Outcome::Open })
    }

    /// Something was changed by a statement that was taken for a read.
    pub(super) fn note_unforeseen(&self, done: &Result<Completion, BackendError>) {
        if done.as_ref().is_ok_and(|done| done.affected.is_some()) {
            self.cache.clear();
        }
    }

    /// The generation of what is asked now; `None`: the catalog may be changing.
    pub(super) fn generation(&self) -> Option<Generation> {
        self.cache.inner().cache.generation(Instant::now())
    }

    /// Whether `request` of a session on `terms` asks what others ask, too; `None`: it is to run by itself.
    pub(super) fn shareable(&self, desk: &Desk, request: &Request, terms: &Terms) -> Option<Shareable> {
        if !is_question(request) || sees_its_own(desk, &request.origin.session) {
            return None;
        }
        let generation = self.generation()?;
        let key = CacheKey {
            connection: Arc::clone(&self.connection),
            names: Arc::clone(&terms.names),
            question: Question::of(request),
        };
        Some(Shareable { key, generation })
    }

    /// The answer, if it is kept.
    pub(super) fn kept(&self, asked: &Shareable) -> Option<Completion> {
        let kept = {
            let mut inner = self.cache.inner();
            let kept = inner.cache.find(&asked.key, asked.generation, Instant::now())?;
            inner.counters.hits += 1;
            kept
        };
        // A copy of what may be large, with no lock held.
        Some((*kept).clone())
    }

    /// The run that answers a question, and where its answer is to be kept.
    pub(super) fn flight(
        &self,
        asked: Shareable,
        request: &Request,
        lane: Lane,
    ) -> (FlightKey, Option<Kept>) {
        let Shareable { key, generation } = asked;
        let flight = FlightKey {
            audience: Audience::Lists { names: Arc::clone(&key.names), generation },
            question: key.question.clone(),
            timeout: request.timeout,
            lane,
        };
        let (cache, keep_for) = (Arc::clone(&self.cache), self.keep_for);
        (flight, (!keep_for.is_zero()).then_some(Kept { cache, key, generation, keep_for }))
    }

    /// A question was asked, or answered by another's run.
    pub(super) fn count(&self, has_joined: bool) {
        let mut inner = self.cache.inner();
        *(if has_joined { &mut inner.counters.shared } else { &mut inner.counters.asked }) += 1;
    }
}

impl Change<'_> {
    /// The statement has ended; `has_run`: it reached the backend.
    pub(super) fn end(mut self, done: &Result<Completion, BackendError>, has_run: bool) {
        let is_open = has_run && done.as_ref().is_err_and(BackendError::leaves_outcome_open);
        self.outcome = if is_open { Outcome::Open } else { Outcome::Known };
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        let is_catalog = self.effect == Effect::Catalog;
        let pause_until =
            (is_catalog && self.outcome == Outcome::Open).then(|| Instant::now() + OPEN_OUTCOME);
        self.cache.inner().cache.end_change(is_catalog, pause_until);
    }
}

/// Whether it is one of the listing tools' questions. The rows of a view are not.
fn is_question(request: &Request) -> bool {
    matches!(&request.operation, Operation::Catalog(catalog) if !matches!(catalog, Catalog::Rows(_)))
}

/// Whether `session` sees, or may see, something else than others do, or is to be told that it has lost it.
fn sees_its_own(desk: &Desk, session: &str) -> bool {
    desk.board().sessions.get(session).is_some_and(super::board::SessionState::sees_its_own)
}

fn effect(request: &Request) -> Effect {
    if !matches!(request.operation, Operation::Statement { .. }) {
        return Effect::Nothing;
    }
    let Some(statement) = &request.statement else { return Effect::Catalog };
    match (statement.class, &statement.change) {
        (_, StateChange::Anything) => Effect::Catalog,
        (Class::Read | Class::Context, _) | (Class::Transaction, StateChange::Begin) => Effect::Nothing,
        (Class::Write | Class::Session, _) => Effect::Rows,
        (Class::Ddl | Class::Transaction | Class::Admin | Class::Call | Class::File | Class::Unknown, _) => {
            Effect::Catalog
        }
    }
}
