//! What a statement hears that asked the journal whether it may run.

use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::jobs::{Ask, Asked, Job};
use super::{Entry, StateStore, journal};

/// How long a statement that did not run after all waits for being forgotten.
const UNDO_TIMEOUT: Duration = Duration::from_secs(60);

/// Whether a statement may run.
#[derive(Debug)]
pub enum Begin {
    /// It is in the journal, and may run.
    Begun(Begun),
    /// It was there already: another run of the same request may have reached the backend.
    Conflict(Box<Entry>),
}

/// A statement that is in the journal and may run. One that is dropped did not run: the journal forgets it.
#[derive(Debug)]
pub struct Begun(Option<Undo>);

impl Begin {
    pub(super) fn of(conflict: Option<Entry>, undo: Option<Undo>) -> Self {
        conflict.map_or_else(|| Self::Begun(Begun(undo)), |entry| Self::Conflict(Box::new(entry)))
    }
}

impl Begun {
    /// The statement is about to run.
    pub fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if let Some(undo) = self.0.take() {
            undo.ask();
        }
    }
}

/// How a statement is forgotten that did not run.
#[derive(Debug)]
pub(super) struct Undo {
    /// `None` where there is no thread to do it, and nothing to undo.
    jobs: Option<Sender<Box<dyn Job>>>,
    session: String,
    request: u64,
}

impl Undo {
    pub(super) fn new(store: &StateStore, session: &str, request: u64) -> Self {
        Self { jobs: store.jobs.clone(), session: session.to_owned(), request }
    }

    fn ask(self) {
        let Self { jobs, session, request } = self;
        // Nobody waits for it, and it takes no place: there are never more than statements that write.
        let (answer, _) = oneshot::channel::<Result<(), _>>();
        let job = Asked {
            ask: Ask { timeout: UNDO_TIMEOUT, ..Ask::FOR_GOOD },
            at: Instant::now(),
            run: move |access: &mut super::file::Access<'_>| journal::forget(access, &session, request),
            tell: |()| (),
            answer: Some(answer),
            _place: None,
        };
        // Without a thread the statement stays in the journal: a replay is told that its outcome is unknown.
        let _ = jobs.map(|jobs| jobs.send(Box::new(job)));
    }
}
