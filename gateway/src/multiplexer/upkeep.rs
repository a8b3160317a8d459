//! What is done for a pool while nobody asks it for anything: connections that are idle, old or silent, and those that
//! sessions have to themselves and do not use.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::choice::Idle;
use super::desk::Desk;
use super::manager::OpenConnection;
use super::views::CloseReason;

/// The longest and the shortest time between two looks.
const LOOKS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(600));

impl Desk {
    /// Does what is due.
    pub(super) async fn look_after(self: &Arc<Self>) {
        let now = Instant::now();
        self.expire_own(now, false);
        self.close_idle();
        self.close_aged();
        self.check_silent().await;
        self.board().forget_silent(now);
    }

    /// When something is due next, as far as is known; what becomes due earlier wakes the upkeep.
    pub(super) fn plan(&self) -> Instant {
        let now = Instant::now();
        let idle = {
            let board = self.board();
            let keeps_idle = self.opener.status().size <= self.config.connections_min;
            let due = |idle: &Idle<OpenConnection>| {
                if keeps_idle { self.kept_due(&idle.connection) } else { self.idle_due(&idle.connection) }
            };
            board.idle.iter().map(due).min()
        };
        let due = [idle, self.own_due()].into_iter().flatten().min();
        let looks_at = due.map_or(now + LOOKS.1, |due| due.clamp(now + LOOKS.0, now + LOOKS.1));
        self.board().looks_at = Some(looks_at);
        looks_at
    }

    /// As `idle_due`, of a connection that is not closed for being idle.
    fn kept_due(&self, connection: &OpenConnection) -> Instant {
        (connection.answered_at + self.config.check_after).min(connection.opened_at + self.config.max_age)
    }

    /// Closes connections above the minimum that were last leased `idle_timeout` ago or earlier, and are not
    /// in use.
    pub(super) fn close_idle(&self) {
        let mut spare = self.opener.status().size.saturating_sub(self.config.connections_min);
        let idle = self.board().idle.take_where(|idle| {
            let closes = spare > 0 && idle.connection.leased_at.elapsed() >= self.config.idle_timeout;
            spare -= usize::from(closes);
            closes
        });
        self.close_all(idle, CloseReason::Idle);
    }

    fn close_aged(&self) {
        let max_age = self.config.max_age;
        let aged = self.board().idle.take_where(|idle| idle.connection.opened_at.elapsed() >= max_age);
        self.close_all(aged, CloseReason::Aged);
    }

    /// Closes all that are idle.
    pub(super) fn close_every(&self, reason: CloseReason) {
        let idle = self.board().idle.take_where(|_| true);
        self.close_all(idle, reason);
    }

    fn close_all(&self, idle: Vec<Idle<OpenConnection>>, reason: CloseReason) {
        for idle in idle {
            self.close(idle.connection, reason);
        }
    }

    /// Asks each connection that has not answered for `check_after` whether it works. It takes a slot like a request;
    /// where none is free, connections are in use, and answer.
    async fn check_silent(self: &Arc<Self>) {
        let check_after = self.config.check_after;
        let is_silent = |idle: &Idle<OpenConnection>| idle.connection.answered_at.elapsed() >= check_after;
        loop {
            let Some(_slot) = self.slots.try_unclaimed() else { return };
            let mut is_taken = false;
            let silent = self.board().idle.take_where(|idle| {
                let takes = !is_taken && is_silent(idle);
                is_taken |= takes;
                takes
            });
            let Some(mut idle) = silent.into_iter().next() else { return };
            if self.check(&mut idle.connection).await {
                let Idle { connection, context, favourite, .. } = idle;
                self.give_back(connection, context, favourite);
            } else {
                self.close_unchecked(idle.connection);
            }
        }
    }
}
