//! What stops the statement that a fake connection runs.

use tokio::sync::watch;

use super::{Event, FakeBackend};
use crate::backend::Cancel;

/// The signal of one connection.
pub(super) struct Signal {
    connection: u64,
    backend: FakeBackend,
    state: watch::Sender<State>,
}

/// What the connection is doing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Running,
    Cancelled,
    Detached,
}

impl Signal {
    pub(super) fn new(connection: u64, backend: FakeBackend) -> Self {
        Self { connection, backend, state: watch::Sender::new(State::Idle) }
    }

    pub(super) fn begin(&self) {
        self.state.send_replace(State::Running);
    }

    pub(super) fn end(&self) {
        self.state.send_replace(State::Idle);
    }

    /// Waits until the statement is to stop; returns whether it is only detached.
    pub(super) async fn stopped(&self) -> bool {
        let mut state = self.state.subscribe();
        let stopped = state.wait_for(|state| matches!(state, State::Cancelled | State::Detached)).await;
        // The sender is `self`.
        stopped.is_ok_and(|state| *state == State::Detached)
    }

    fn stop(&self, to: State, event: Event) {
        let stopped = self.state.send_if_modified(|state| {
            let runs = *state == State::Running;
            if runs {
                *state = to;
            }
            runs
        });
        if stopped {
            self.backend.record(event);
        }
    }
}

impl Cancel for Signal {
    fn cancel(&self) {
        self.stop(State::Cancelled, Event::Cancelled(self.connection));
    }

    fn detach(&self) {
        self.stop(State::Detached, Event::Detached(self.connection));
    }
}
