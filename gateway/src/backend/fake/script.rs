//! What a fake connection does with a statement.

use std::time::Duration;

use super::error;
use crate::backend::{BackendError, ErrorKind, Held};

/// What becomes of one statement: how long it takes, how it ends, and what a cancel does to it.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// `None`: until it is stopped.
    pub(super) takes: Option<Duration>,
    pub(super) end: End,
    pub(super) on_stop: OnStop,
    /// How long it goes on after a cancel.
    pub(super) stop_takes: Duration,
    pub(super) writes: bool,
    pub(super) changes_catalog: bool,
    pub(super) query_id: Option<String>,
    pub(super) breaks_connection: bool,
    /// What the connection holds once it has succeeded; `None`: what it held before.
    pub(super) leaves: Option<Held>,
}

/// How a statement ends that is not stopped.
#[derive(Clone, Debug)]
pub(super) enum End {
    /// With one row, its own text.
    Completes,
    Fails(BackendError),
    Panics,
}

/// What a cancel or a detach does to a running statement.
#[derive(Clone, Debug)]
pub(crate) enum OnStop {
    /// It stops. One with a query id goes on where it is detached.
    Stops,
    /// It takes no notice.
    Ignores,
    /// It took effect before.
    Completes,
    /// It ends with this error.
    Fails(BackendError),
}

/// How a connection opens.
#[derive(Clone, Debug)]
pub(crate) struct ConnectScript {
    pub(super) takes: Duration,
    /// `None`: it succeeds.
    pub(super) error: Option<BackendError>,
}

impl ConnectScript {
    /// It succeeds at once.
    pub(crate) fn succeeds() -> Self {
        Self { takes: Duration::ZERO, error: None }
    }

    /// It fails at once.
    pub(crate) fn fails(kind: ErrorKind) -> Self {
        Self { takes: Duration::ZERO, error: Some(error(kind)) }
    }

    /// It takes this long.
    pub(crate) fn after(self, takes: Duration) -> Self {
        Self { takes, ..self }
    }

    /// It fails at once, and may be tried again.
    pub(crate) fn fails_for_now() -> Self {
        Self { takes: Duration::ZERO, error: Some(error(ErrorKind::Unavailable).with_retry(true)) }
    }
}

impl Script {
    fn new(takes: Option<Duration>, end: End) -> Self {
        Self {
            takes,
            end,
            on_stop: OnStop::Stops,
            stop_takes: Duration::ZERO,
            writes: false,
            changes_catalog: false,
            query_id: None,
            breaks_connection: false,
            leaves: None,
        }
    }

    /// It succeeds at once.
    pub(crate) fn completes() -> Self {
        Self::new(Some(Duration::ZERO), End::Completes)
    }

    /// It fails at once.
    pub(crate) fn fails(kind: ErrorKind) -> Self {
        Self::new(Some(Duration::ZERO), End::Fails(error(kind)))
    }

    /// It fails at once before it is processed.
    pub(crate) fn fails_for_now() -> Self {
        Self::new(Some(Duration::ZERO), End::Fails(error(ErrorKind::Unavailable).with_retry(true)))
    }

    /// It runs until it is stopped.
    pub(crate) fn endless() -> Self {
        Self::new(None, End::Completes)
    }

    /// It panics at once, and breaks its connection.
    pub(crate) fn panics() -> Self {
        Self::new(Some(Duration::ZERO), End::Panics).breaking_its_connection()
    }

    /// It takes this long.
    pub(crate) fn after(self, takes: Duration) -> Self {
        Self { takes: Some(takes), ..self }
    }

    /// It asks the journal before it runs.
    pub(crate) fn writing(self) -> Self {
        Self { writes: true, ..self }
    }

    /// It changes the catalog where it takes effect; if it fails, too.
    pub(crate) fn changing_the_catalog(self) -> Self {
        Self { changes_catalog: true, ..self }
    }

    /// It has this query id, and tells the journal: its result can be fetched later.
    pub(crate) fn with_query_id(self, query_id: &str) -> Self {
        Self { query_id: Some(query_id.to_owned()), ..self }
    }

    /// A cancel does this, after `stop_takes`.
    pub(crate) fn when_stopped(self, on_stop: OnStop, stop_takes: Duration) -> Self {
        Self { on_stop, stop_takes, ..self }
    }

    /// Its connection cannot be used afterwards.
    pub(crate) fn breaking_its_connection(self) -> Self {
        Self { breaks_connection: true, ..self }
    }

    /// Once it has succeeded, its connection holds `held`.
    pub(crate) fn leaving(self, held: Held) -> Self {
        Self { leaves: Some(held), ..self }
    }
}
