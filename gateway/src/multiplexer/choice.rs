//! Which idle connection a request gets. Pure: no clock, no lock, and one pass over the idle connections.
//!
//! | rank | the connection | among several |
//! |---|---|---|
//! | 1 | is in the context, and the session's favourite | the last used |
//! | 2 | is in the context, and nobody's favourite | the last used |
//! | 3 | is in the context, and another's favourite | the last used |
//! | 4 | is the session's favourite | the last used |
//! | 5 | is nobody's favourite | the one unused for longest |
//! | 6 | is another's favourite | the one unused for longest |
//!
//! A connection is the favourite of the session that used it last, for a while: sessions work in bursts, and the
//! next statement of one finds its connection as it left it. Only where none is idle is one opened.

use std::sync::Arc;

use tokio::time::Instant;

use crate::backend::Context;

/// The session that a connection is kept for, if it can be.
#[derive(Clone, Debug)]
pub(super) struct Favourite {
    pub(super) session: Arc<str>,
    pub(super) until: Instant,
}

/// A connection that nobody uses.
#[derive(Debug)]
pub(super) struct Idle<T> {
    pub(super) connection: T,
    /// The context that it is in, where that is known: as a request asked for it, or as the connection tells it.
    pub(super) context: Option<Context>,
    pub(super) favourite: Option<Favourite>,
    pub(super) used_at: Instant,
}

/// All of them.
#[derive(Debug)]
pub(super) struct IdleSet<T>(Vec<Idle<T>>);

impl<T> Default for IdleSet<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> IdleSet<T> {
    pub(super) fn put(&mut self, idle: Idle<T>) {
        self.0.push(idle);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Idle<T>> {
        self.0.iter()
    }

    /// Takes the best one for a request of `session` in the context `wanted`.
    pub(super) fn take(&mut self, session: &str, wanted: &Context, now: Instant) -> Option<Idle<T>> {
        let mut best: Option<(usize, u8)> = None;
        for (at, idle) in self.0.iter().enumerate() {
            let rank = idle.rank(session, wanted, now);
            let is_better = best.is_none_or(|(best, best_rank)| {
                let used_at = self.0[best].used_at;
                rank < best_rank
                    || (rank == best_rank
                        && if rank <= 4 { idle.used_at > used_at } else { idle.used_at < used_at })
            });
            if is_better {
                best = Some((at, rank));
            }
        }
        // The others keep their order, which decides between equals.
        best.map(|(at, _)| self.0.remove(at))
    }

    /// Takes all that `wanted` picks, from the one that is idle for longest on.
    pub(super) fn take_where(&mut self, mut wanted: impl FnMut(&Idle<T>) -> bool) -> Vec<Idle<T>> {
        self.0.extract_if(.., |idle| wanted(idle)).collect()
    }

    /// Nothing is kept for `session` any more.
    pub(super) fn forget(&mut self, session: &str) {
        for idle in &mut self.0 {
            if idle.favourite.as_ref().is_some_and(|favourite| &*favourite.session == session) {
                idle.favourite = None;
            }
        }
    }
}

impl<T> Idle<T> {
    fn rank(&self, session: &str, wanted: &Context, now: Instant) -> u8 {
        let is_mine = self
            .favourite
            .as_ref()
            .filter(|favourite| favourite.until > now)
            .map(|favourite| &*favourite.session == session);
        match (self.context.as_ref() == Some(wanted), is_mine) {
            (true, Some(true)) => 1,
            (true, None) => 2,
            (true, Some(false)) => 3,
            (false, Some(true)) => 4,
            (false, None) => 5,
            (false, Some(false)) => 6,
        }
    }
}

#[cfg(test)]
mod tests;
