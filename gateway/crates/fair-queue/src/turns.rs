//! The requests of one flow that wait: its sessions in turn, and those of one session in order of arrival.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use crate::queue::RequestId;

/// See the module. Every step takes time that grows with the logarithm of what waits.
#[derive(Debug)]
pub(crate) struct Turns<S> {
    sessions: HashMap<S, Session>,
    /// The sessions that have something waiting, by their turn.
    order: BTreeMap<u64, S>,
    next_turn: u64,
    waiting: usize,
}

#[derive(Debug)]
struct Session {
    turn: u64,
    /// In order of arrival: ids grow.
    waiting: BTreeMap<RequestId, ()>,
}

impl<S: Clone + Eq + Hash> Turns<S> {
    pub(crate) fn new() -> Self {
        Self { sessions: HashMap::new(), order: BTreeMap::new(), next_turn: 0, waiting: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting
    }

    pub(crate) fn push(&mut self, session: &S, id: RequestId) {
        let Self { sessions, order, next_turn, waiting } = self;
        let entry = sessions.entry(session.clone()).or_insert_with(|| {
            let turn = *next_turn;
            *next_turn += 1;
            order.insert(turn, session.clone());
            Session { turn, waiting: BTreeMap::new() }
        });
        entry.waiting.insert(id, ());
        *waiting += 1;
    }

    /// The next one: of the session whose turn it is, which then comes last.
    pub(crate) fn pop(&mut self) -> Option<RequestId> {
        let (_, session) = self.order.pop_first()?;
        let entry = self.sessions.get_mut(&session)?;
        let (id, ()) = entry.waiting.pop_first()?;
        self.waiting -= 1;
        if entry.waiting.is_empty() {
            self.sessions.remove(&session);
        } else {
            entry.turn = self.next_turn;
            self.order.insert(self.next_turn, session);
            self.next_turn += 1;
        }
        Some(id)
    }

    /// Removes `id`, which waits in `session`.
    pub(crate) fn remove(&mut self, session: &S, id: RequestId) {
        let Some(entry) = self.sessions.get_mut(session) else { return };
        if entry.waiting.remove(&id).is_none() {
            return;
        }
        self.waiting -= 1;
        if entry.waiting.is_empty() {
            self.order.remove(&entry.turn);
            self.sessions.remove(session);
        }
    }

    /// How many of the flow start before `id`, if none comes or goes. Takes time in proportion to the sessions that wait,
    /// and to what waits in its own.
    pub(crate) fn ahead_of(&self, session: &S, id: RequestId) -> usize {
        let Some(own) = self.sessions.get(session) else { return 0 };
        let ahead_of_own = own.waiting.range(..id).count();
        let before = |other: &Session| {
            let rounds = ahead_of_own + usize::from(other.turn < own.turn);
            other.waiting.len().min(rounds)
        };
        let others = self.sessions.values().filter(|other| other.turn != own.turn);
        ahead_of_own + others.map(before).sum::<usize>()
    }

    /// What waits of `session`.
    pub(crate) fn len_of(&self, session: &S) -> usize {
        self.sessions.get(session).map_or(0, |session| session.waiting.len())
    }

    /// The sessions that have something waiting.
    pub(crate) fn sessions(&self) -> usize {
        self.sessions.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(turns: &mut Turns<&'static str>) -> Vec<u64> {
        std::iter::from_fn(|| turns.pop()).map(|id| id.0).collect()
    }

    #[test]
    fn sessions_take_turns_and_each_keeps_its_order() {
        let mut turns = Turns::new();
        for (id, session) in [(1, "a"), (2, "a"), (3, "a"), (4, "b"), (5, "c"), (6, "b")] {
            turns.push(&session, RequestId(id));
        }
        let ahead: Vec<_> = [(1, "a"), (2, "a"), (3, "a"), (4, "b"), (5, "c"), (6, "b")]
            .map(|(id, session)| turns.ahead_of(&session, RequestId(id)))
            .into();
        assert_eq!(ahead, [0, 3, 5, 1, 2, 4]);
        assert_eq!(ids(&mut turns), [1, 4, 5, 2, 6, 3]);
        assert_eq!((turns.len(), turns.sessions()), (0, 0));
    }

    #[test]
    fn what_is_removed_leaves_nothing_and_the_others_keep_their_turn() {
        let mut turns = Turns::new();
        for (id, session) in [(1, "a"), (2, "b"), (3, "b"), (4, "c")] {
            turns.push(&session, RequestId(id));
        }
        turns.remove(&"a", RequestId(1));
        turns.remove(&"a", RequestId(1));
        turns.remove(&"b", RequestId(2));
        turns.remove(&"c", RequestId(99));
        assert_eq!((turns.len(), turns.sessions()), (2, 2));
        turns.push(&"a", RequestId(5));
        assert_eq!(ids(&mut turns), [3, 4, 5]);
    }
}
