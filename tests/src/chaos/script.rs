//! What one client does, drawn from the run's seed. Pure.

use std::time::Duration;

use super::backend::Backend;
use super::databases::{DATABASES, Database};
use super::step::{Cancel, Step, Task};
use crate::harness::Random;

/// Requests of one client on their way at once, at most: one of these.
const IN_FLIGHT_MAX: [usize; 4] = [1, 2, 3, 4];

/// From an endless read to its cancel, in ms.
const ENDLESS_MS: (u64, u64) = (20, 300);

/// From a write to its cancel, in ms: most are answered by then.
const REGRET_MS_MAX: u64 = 5;

/// Of a hundred cancelled reads, those whose id is used again at once.
const REUSE_PERCENT: u64 = 40;

/// Of a hundred writes, those in a transaction, and those that are cancelled.
const TRANSACTION_PERCENT: u64 = 25;
const REGRET_PERCENT: u64 = 3;

/// A kind of step.
#[derive(Clone, Copy)]
enum Kind {
    Constant,
    WhoAmI,
    Elsewhere,
    ListTables,
    SessionInfo,
    SetContext,
    Write,
    Long,
    Endless,
}

/// How often each kind is drawn, of a thousand.
const WEIGHTS: [(u64, Kind); 9] = [
    (204, Kind::Constant),
    (214, Kind::WhoAmI),
    (60, Kind::Elsewhere),
    (60, Kind::ListTables),
    (100, Kind::SessionInfo),
    (100, Kind::SetContext),
    (250, Kind::Write),
    (6, Kind::Long),
    (6, Kind::Endless),
];

/// What is left of a shim's opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opening {
    Open,
    /// A shim may be given the context of an earlier one of the same client, and of no other: so it looks
    /// where it is,
    Look,
    /// and goes where it wants to be.
    SetContext,
    Done,
}

/// One client's script. It has no end.
#[derive(Debug)]
pub(super) struct Script {
    random: Random,
    backend: Backend,
    think_ms_max: u64,
    opening: Opening,
}

impl Script {
    /// That of the client with this number, of so many.
    pub(super) fn new(seed: u64, backend: Backend, client: u64, clients: u64) -> Self {
        // Branch 0 is that of the faults.
        let random = Random::branch(seed, client + 1);
        let think_ms_max = backend.think_ms_max_each() * clients;
        Self { random, backend, think_ms_max, opening: Opening::Open }
    }

    /// A new shim: it is opened first.
    pub(super) fn reopen(&mut self) {
        self.opening = Opening::Open;
    }

    /// Whether the shim's opening is behind it.
    pub(super) fn is_open(&self) -> bool {
        self.opening == Opening::Done
    }

    /// How many requests may be on their way when the next one is sent.
    pub(super) fn in_flight_max(&mut self) -> usize {
        *self.random.pick(&IN_FLIGHT_MAX)
    }

    /// How long the client thinks before it asks again.
    pub(super) fn think(&mut self) -> Duration {
        Duration::from_micros(self.random.below(self.think_ms_max * 1000))
    }

    /// What it does next.
    pub(super) fn next(&mut self) -> Task {
        match self.opening {
            Opening::Open => {
                self.opening = Opening::Look;
                Step::Open.into()
            }
            Opening::Look => {
                self.opening = Opening::SetContext;
                Step::SessionInfo.into()
            }
            Opening::SetContext => {
                self.opening = Opening::Done;
                Step::SetContext(self.database()).into()
            }
            Opening::Done => self.draw(),
        }
    }

    fn draw(&mut self) -> Task {
        match self.random.weighted(&WEIGHTS) {
            Kind::Constant => Step::Constant(self.random.below(1_000_000)).into(),
            Kind::WhoAmI => Step::WhoAmI.into(),
            Kind::Elsewhere => Step::Elsewhere(self.database()).into(),
            Kind::ListTables => Step::ListTables.into(),
            Kind::SessionInfo => Step::SessionInfo.into(),
            Kind::SetContext => Step::SetContext(self.database()).into(),
            Kind::Write => self.write(),
            Kind::Long => {
                let (least, most) = self.backend.long_rows();
                Step::Long { rows: self.random.between(least, most) }.into()
            }
            Kind::Endless => self.endless(),
        }
    }

    fn write(&mut self) -> Task {
        let step = Step::Write { transaction: self.random.percent(TRANSACTION_PERCENT) };
        let regrets = self.random.percent(REGRET_PERCENT);
        let after = Duration::from_millis(self.random.below(REGRET_MS_MAX + 1));
        // Its answer may be under way when it is cancelled, so its id must not be used again.
        Task { step, cancel: regrets.then_some(Cancel { after, reuse_id: false }) }
    }

    fn endless(&mut self) -> Task {
        let after = Duration::from_millis(self.random.between(ENDLESS_MS.0, ENDLESS_MS.1));
        let reuse_id = self.random.percent(REUSE_PERCENT);
        Task { step: Step::Endless, cancel: Some(Cancel { after, reuse_id }) }
    }

    fn database(&mut self) -> Database {
        self.random.pick::<Database>(&DATABASES)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn script(seed: u64, client: u64) -> Script {
        Script::new(seed, Backend::Sqlite, client, 2)
    }

    fn tasks(mut script: Script, count: usize) -> Vec<Task> {
        (0..count).map(|_| script.next()).collect()
    }

    #[test]
    fn a_seed_gives_the_same_script_and_each_client_its_own() {
        assert_eq!(tasks(script(7, 0), 500), tasks(script(7, 0), 500));
        assert_ne!(tasks(script(7, 0), 500), tasks(script(7, 1), 500));
        assert_ne!(tasks(script(7, 0), 500), tasks(script(8, 0), 500));
    }

    #[test]
    fn a_new_shim_is_opened_looks_around_and_goes_where_it_wants_to_be() {
        let mut script = script(7, 0);
        for _ in 0..3 {
            script.reopen();
            assert_eq!(script.next().step, Step::Open);
            assert_eq!(script.next().step, Step::SessionInfo);
            assert!(matches!(script.next().step, Step::SetContext(_)));
        }
    }

    #[test]
    fn every_kind_comes_up() {
        let names: BTreeSet<&str> = tasks(script(7, 0), 2000).iter().map(|task| task.step.name()).collect();
        assert_eq!(names.len(), WEIGHTS.len() + 1, "{names:?}");
    }

    #[test]
    fn what_never_ends_is_cancelled_and_only_its_id_is_used_again() {
        for task in tasks(script(7, 0), 20_000) {
            assert!(task.step != Step::Endless || task.cancel.is_some());
            assert!(task.step == Step::Endless || task.cancel.is_none_or(|cancel| !cancel.reuse_id));
        }
    }
}
