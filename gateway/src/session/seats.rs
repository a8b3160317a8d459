//! How many sessions a client has open, where that is limited.
//!
//! | one more opens | the client's others | what happens |
//! |---|---|---|
//! | there is room | | it takes a seat |
//! | there is none | one is idle | the one that has been idle for the longest time is closed, and this takes its seat |
//! | there is none | all are busy | its calls are refused until there is room |
//!
//! Idle: nothing runs, no result waits to be read, and its connection holds nothing of it. Closing loses nothing: a shim
//! that has nothing to send does not connect again by itself, so the session that was closed comes back only when its
//! client uses it; then it is one more, and its next result says why it was away.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::{Principal, Session};

/// Sessions that were closed and are remembered until they come back, at most; the oldest are forgotten first.
const CLOSED_MAX: usize = 1_024;

/// A client has as many sessions as it may, and none is idle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{max} sessions of the client `{client}` are open, and none of them is idle ({setting} = {max})")]
pub struct NoSeat {
    /// The client.
    pub client: String,
    /// So many it may have.
    pub max: usize,
    /// The setting that says so.
    pub setting: String,
}

impl NoSeat {
    /// What to do about it.
    pub fn next_step(&self) -> String {
        let (section, key) = self.setting.rsplit_once('.').unwrap_or(("limits", &self.setting));
        format!(
            "close one of them, or try again when one is idle; to allow more, change `{key}` under [{section}] and run \
             `snowgate reload`"
        )
    }
}

/// The seats of all clients that have a limit.
#[derive(Debug, Default)]
pub(super) struct Seats {
    /// One lock, held for a few steps in memory.
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    by_client: HashMap<Principal, Vec<Weak<Session>>>,
    /// The ids of sessions that were closed, and what their clients are to be told.
    closed: VecDeque<(String, String)>,
}

impl Seats {
    /// Has `session` take a seat, unless it has one.
    ///
    /// # Errors
    /// There is none, and none is idle.
    pub(super) fn take(&self, session: &Arc<Session>) -> Result<(), NoSeat> {
        let limits = &session.profile.limits;
        let max = limits.sessions_max;
        if max == 0 || session.has_seat.load(Ordering::Acquire) {
            return Ok(());
        }
        let client = session.principal();
        let mut taken = self.lock();
        let Taken { by_client, closed } = &mut *taken;
        by_client.retain(|_, sessions| {
            sessions.retain(|other| other.upgrade().is_some_and(|other| is_open(&other)));
            !sessions.is_empty()
        });
        let sessions = by_client.entry(client.clone()).or_default();
        while sessions.len() >= max {
            let idle = sessions.iter().filter_map(Weak::upgrade).filter(|other| other.is_unused());
            let Some(oldest) = idle.max_by_key(|other| other.idle_ms()) else {
                let setting = limits.sessions_setting(&session.profile.name);
                return Err(NoSeat { client: client.to_string(), max, setting });
            };
            let setting = limits.sessions_setting(&session.profile.name);
            let told = format!(
                "Note: this session was closed while it was idle, because the client `{client}` opened more than {max} sessions \
                 ({setting} = {max}). Nothing is lost; it is open again."
            );
            closed.push_back((oldest.key.id.clone(), told));
            if closed.len() > CLOSED_MAX {
                closed.pop_front();
            }
            oldest
                .span
                .in_scope(|| tracing::info!(max, "closing an idle session: its client opened another"));
            sessions.retain(|other| !std::ptr::eq(other.as_ptr(), Arc::as_ptr(&oldest)));
            oldest.gone.cancel();
        }
        sessions.push(Arc::downgrade(session));
        session.has_seat.store(true, Ordering::Release);
        Ok(())
    }

    /// What the client of the session `id` is to be told, if that was closed for another.
    pub(super) fn take_closed(&self, id: &str) -> Option<String> {
        let mut taken = self.lock();
        let at = taken.closed.iter().position(|(closed, _)| closed == id)?;
        taken.closed.remove(at).map(|(_, told)| told)
    }

    /// The clients that have seats, how many, how many they may have, and what says so.
    pub(super) fn counts(&self) -> Vec<(Principal, usize, usize, String)> {
        let taken = self.lock();
        let count = |(client, sessions): (&Principal, &Vec<Weak<Session>>)| {
            let open: Vec<_> =
                sessions.iter().filter_map(Weak::upgrade).filter(|other| is_open(other)).collect();
            let limits = &open.first()?.profile.limits;
            Some((client.clone(), open.len(), limits.sessions_max, limits.sessions_setting(&client.profile)))
        };
        taken.by_client.iter().filter_map(count).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_open(session: &Session) -> bool {
    session.is_connected() && !session.gone.is_cancelled()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::{ClientLimits, LimitValues, ProfileLimits, UsageLimits};
    use crate::session::{ClientIdentity, Opening, Profile, SessionContext, SessionTable};

    fn session(max: usize) -> Arc<Session> {
        let (each, all) = (LimitValues::default(), LimitValues::default());
        let general = UsageLimits { each, all, sessions_max: max, result_bytes: 1, all_result_bytes: 1 };
        let limits = Arc::new(ClientLimits::of(&general, &ProfileLimits::default()));
        let mut opening = Opening::of(SessionTable::fresh_key());
        opening.profile = Arc::new(Profile { limits, name: "default".to_owned(), ..Profile::default() });
        let session = Arc::new(Session::new(opening, SessionContext::default()));
        session.set_client(ClientIdentity { name: Some("editor".to_owned()), ..ClientIdentity::default() });
        session
    }

    #[test]
    fn the_session_that_was_idle_for_the_longest_time_goes_and_hears_why() {
        let seats = Seats::default();
        let sessions: Vec<_> = (0..3).map(|_| session(2)).collect();
        seats.take(&sessions[0]).unwrap();
        seats.take(&sessions[1]).unwrap();
        std::thread::sleep(Duration::from_millis(5));
        sessions[0].touch();
        seats.take(&sessions[2]).unwrap();
        let closed = sessions.iter().map(|session| session.gone.is_cancelled()).collect::<Vec<_>>();
        assert_eq!(closed, [false, true, false]);
        assert_eq!(seats.take_closed(&sessions[0].key.id), None);
        let told = seats.take_closed(&sessions[1].key.id).unwrap();
        assert!(told.contains("more than 2 sessions (limits.sessions_per_client_max = 2)"), "{told}");
        assert_eq!(seats.take_closed(&sessions[1].key.id), None);
    }

    #[test]
    fn where_none_is_idle_the_newcomer_is_refused_until_one_ends() {
        let seats = Seats::default();
        let (busy, newcomer) = (session(1), session(1));
        seats.take(&busy).unwrap();
        busy.counters.running.fetch_add(1, Ordering::Relaxed);
        let full = seats.take(&newcomer).unwrap_err();
        assert!(full.to_string().starts_with("1 sessions of the client `editor` are open"), "{full}");
        seats.take(&busy).unwrap();
        busy.gone.cancel();
        seats.take(&newcomer).unwrap();
        assert_eq!(seats.counts().len(), 1);
        seats.take(&session(0)).unwrap();
    }
}
