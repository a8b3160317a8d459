//! Does the damage, one fault after the other.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

use super::fault::{Fault, Kind};
use super::plan::Plan;
use super::stage::Stage;
use super::tally::Tally;
use crate::harness::Home;
use crate::harness::Random;
use crate::harness::binaries;
use crate::harness::{freeze, kill, thaw};
use warehouse::support::{last_within, patience, until};

/// Faults in a row that a client may see without an answer in between before the next one waits for it: its
/// shim gives up after five gateways. Not fewer, because shims that have lost a few in a row are to be tried,
/// too.
const UNHEARD_MAX: u64 = 2;

/// What `snowgate stop` and `snowgate restart` say where no gateway runs: its socket may just have been
/// deleted.
const NO_GATEWAY: i32 = 3;

/// The one that does the damage.
pub(super) struct Saboteur<'a> {
    home: &'a Home,
    stage: &'a Stage,
    plan: &'a Plan,
    random: Random,
    /// The faults that cannot be had here.
    impossible: Vec<Kind>,
    done: Damage,
}

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Damage {
    /// Each fault, and when.
    pub(super) faults: Vec<(Duration, Fault)>,
    /// The longest that nobody was answered after a fault.
    pub(super) longest_silence: Duration,
    /// What went wrong with the damage itself.
    pub(super) tally: Tally,
}

impl Damage {
    /// How many faults there were of each kind.
    pub(super) fn counts(&self) -> BTreeMap<Kind, u64> {
        let mut counts = BTreeMap::new();
        for (_, fault) in &self.faults {
            *counts.entry(fault.kind()).or_default() += 1;
        }
        counts
    }
}

impl<'a> Saboteur<'a> {
    /// One that has not done anything.
    pub(super) fn new(home: &'a Home, stage: &'a Stage, plan: &'a Plan, impossible: Vec<Kind>) -> Self {
        Self { home, stage, plan, random: Random::branch(plan.seed, 0), impossible, done: Damage::default() }
    }

    /// Does damage until as many gateways are killed as planned; the last fault is such a kill.
    pub(super) fn do_damage(mut self) -> Damage {
        let _end = self.stage.end_on_drop();
        let mut kills = 0;
        while kills < self.plan.gateway_kills && self.is_going_on() {
            // No wait for anything: the moment is what is random here.
            sleep(Duration::from_millis(self.random.below(1 + self.plan.pause_ms_max)));
            let fault = Fault::draw(&mut self.random, self.plan.clients, &self.impossible);
            self.done.faults.push((self.stage.now(), fault));
            kills += u64::from(self.commit(fault));
            self.stage.next_epoch();
        }
        self.done
    }

    /// Waits until a client is answered again after the last fault, and none has seen too many of them
    /// without an answer; gives whether another fault may follow.
    fn is_going_on(&mut self) -> bool {
        let since = self.stage.now();
        let is_answered = self.comes("nobody is", Stage::is_answered);
        self.done.longest_silence = self.done.longest_silence.max(self.stage.now() - since);
        let goes_on = is_answered && self.comes("a client is not", |stage| stage.unheard() <= UNHEARD_MAX);
        goes_on && !self.stage.is_broken()
    }

    fn comes(&mut self, who: &str, holds: impl Fn(&Stage) -> bool) -> bool {
        let in_time = last_within(patience(), || holds(self.stage), |&holds| holds);
        if !in_time {
            self.violation(format!("{who} answered for {:?}", patience()));
        }
        in_time
    }

    /// Commits a fault; gives whether a gateway was killed.
    fn commit(&mut self, fault: Fault) -> bool {
        match fault {
            Fault::KillGateway => return self.kill_gateway(),
            Fault::Restart => self.run("restart"),
            Fault::Stop => self.run("stop"),
            Fault::Freeze(time) => self.freeze(time),
            Fault::KillShims(clients) => self.kill_shims(clients),
            // It may not be there: a gateway may be about to start.
            Fault::DeleteSocket => drop(std::fs::remove_file(self.home.socket())),
            Fault::FillDisk(time) => {
                self.on_full_disk(|_| sleep(time));
            }
            Fault::KillOnFullDisk(time) => {
                return self.on_full_disk(|saboteur| {
                    sleep(time / 2);
                    let killed = saboteur.kill_gateway();
                    sleep(time / 2);
                    killed
                });
            }
        }
        false
    }

    fn kill_gateway(&mut self) -> bool {
        let gateways = self.home.gateways();
        gateways.iter().for_each(|gateway| kill(gateway.pid));
        until("the killed gateway is gone", || gateways.iter().all(|gateway| !gateway.runs()));
        // Not only the intermediate that is about to start one.
        gateways.iter().any(|gateway| gateway.has_become(&binaries().gateway))
    }

    fn kill_shims(&self, clients: [u64; 2]) {
        let shims = clients.map(|client| self.stage.condemn(client));
        shims.into_iter().flatten().for_each(kill);
    }

    fn run(&mut self, command: &str) {
        let output = self.home.run(&[command]);
        if !matches!(output.code, Some(0 | NO_GATEWAY)) {
            self.violation(format!("snowgate {command}: {output:?}"));
        }
    }

    fn freeze(&self, time: Duration) {
        let gateways = self.home.gateways();
        gateways.iter().for_each(|gateway| freeze(gateway.pid));
        sleep(time);
        gateways.iter().for_each(|gateway| thaw(gateway.pid));
    }

    fn on_full_disk<T: Default>(&mut self, then: impl FnOnce(&mut Self) -> T) -> T {
        let Some(disk) = self.home.state_disk() else { return T::default() };
        self.stage.disk_changes();
        let done = match disk.fill() {
            Ok(_full) => then(self),
            Err(error) => {
                self.violation(format!("filling the disk: {error}"));
                T::default()
            }
        };
        self.stage.disk_changes();
        done
    }

    fn violation(&mut self, why: String) {
        self.stage.violated();
        self.done.tally.violation(self.stage.now(), "the saboteur", None, why);
    }
}
