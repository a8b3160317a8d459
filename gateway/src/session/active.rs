//! The tool calls of a session that are under way, for people: who waits, and what `snowgate kill` stops.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::view::CallView;

/// See the module. Each call is entered when it starts, and leaves when its guard is dropped.
#[derive(Debug, Default)]
pub struct ActiveCalls {
    calls: Mutex<BTreeMap<u64, Active>>,
    /// The highest number of a request that has come.
    arrived: AtomicU64,
    /// Requests up to this number are stopped, also those that have not started yet.
    killed_through: AtomicU64,
}

#[derive(Debug)]
struct Active {
    kill: CancellationToken,
    since: Instant,
    tool: Option<&'static str>,
    pattern: Option<Arc<str>>,
    /// Whether it has a connection: set by the pool.
    is_running: Arc<AtomicBool>,
}

/// A call that is under way, until this is dropped.
#[derive(Debug)]
pub struct ActiveCall {
    calls: Arc<ActiveCalls>,
    number: u64,
    kill: CancellationToken,
    is_running: Arc<AtomicBool>,
}

impl ActiveCalls {
    /// Request `number` has come.
    pub fn note_arrival(&self, number: u64) {
        self.arrived.fetch_max(number, Ordering::Relaxed);
    }

    /// Request `number` starts.
    pub fn begin(self: &Arc<Self>, number: u64) -> ActiveCall {
        let kill = CancellationToken::new();
        let is_running = Arc::new(AtomicBool::new(false));
        let active = Active {
            kill: kill.clone(),
            since: Instant::now(),
            tool: None,
            pattern: None,
            is_running: Arc::clone(&is_running),
        };
        self.lock().insert(number, active);
        // After it is entered: a kill finds it in one way or the other.
        if number <= self.killed_through.load(Ordering::Acquire) {
            kill.cancel();
        }
        ActiveCall { calls: Arc::clone(self), number, kill, is_running }
    }

    /// Stops request `number`. Returns whether it is under way.
    pub fn kill(&self, number: u64) -> bool {
        let calls = self.lock();
        let call = calls.get(&number);
        if let Some(call) = call {
            call.kill.cancel();
        }
        call.is_some()
    }

    /// Stops all that has come so far. Returns the numbers of those that are under way.
    pub fn kill_all(&self) -> Vec<u64> {
        self.killed_through.fetch_max(self.arrived.load(Ordering::Relaxed), Ordering::AcqRel);
        let calls = self.lock();
        calls.values().for_each(|call| call.kill.cancel());
        calls.keys().copied().collect()
    }

    /// The numbers of those that are under way, and for how long each is.
    pub fn listed(&self) -> Vec<(u64, Duration)> {
        self.lock().iter().map(|(&number, call)| (number, call.since.elapsed())).collect()
    }

    /// The same for people, with what they do. What waits for the run of an identical statement waits.
    pub fn views(&self) -> Vec<CallView> {
        let view = |(&number, call): (&u64, &Active)| CallView {
            number,
            since_ms: u64::try_from(call.since.elapsed().as_millis()).unwrap_or(u64::MAX),
            tool: call.tool.map(str::to_owned),
            phase: Some(
                if call.is_running.load(Ordering::Relaxed) { "running" } else { "waiting" }.to_owned(),
            ),
            pattern: call.pattern.as_deref().map(str::to_owned),
        };
        self.lock().iter().map(view).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Active>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ActiveCall {
    /// One of no session.
    #[cfg(test)]
    pub(crate) fn stopped_by(kill: CancellationToken) -> Self {
        Self { calls: Arc::default(), number: 0, kill, is_running: Arc::default() }
    }

    /// Fires when a person stops the call.
    pub fn killed(&self) -> &CancellationToken {
        &self.kill
    }

    /// To be set while it runs on a connection.
    pub fn is_running(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_running)
    }

    /// It is a call of `tool`.
    pub fn note_tool(&self, tool: &'static str) {
        if let Some(call) = self.calls.lock().get_mut(&self.number) {
            call.tool = Some(tool);
        }
    }

    /// Its statement without literals.
    pub fn note_pattern(&self, pattern: &Arc<str>) {
        if let Some(call) = self.calls.lock().get_mut(&self.number) {
            call.pattern = Some(Arc::clone(pattern));
        }
    }
}

impl Drop for ActiveCall {
    fn drop(&mut self) {
        self.calls.lock().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_come_is_stopped_also_where_it_has_not_started() {
        let calls = Arc::new(ActiveCalls::default());
        for number in 1..=3 {
            calls.note_arrival(number);
        }
        let (first, second) = (calls.begin(1), calls.begin(2));
        assert!(calls.kill(1) && first.killed().is_cancelled() && !second.killed().is_cancelled());
        drop(first);
        assert!(!calls.kill(1) && calls.listed().len() == 1);
        assert_eq!(calls.kill_all(), [2]);
        assert!(second.killed().is_cancelled() && calls.begin(3).killed().is_cancelled());
        assert!(!calls.begin(4).killed().is_cancelled());
    }
}
