//! One client at work: asks by its script, cancels, listens, and starts over with a new shim where its own
//! was killed.

use std::process::ExitStatus;
use std::time::Duration;

use super::era::Era;
use super::judge::Outcome;
use super::ledger::{Checked, Ledger, Sent};
use super::plan::Plan;
use super::script::Script;
use super::stage::Stage;
use super::step::{Cancel, Step, Task};
use super::tally::Tally;
use super::writes::Writes;
use crate::harness::Home;
use crate::harness::{Client, Received};
use warehouse::support::{last_within, patience};

/// The longest wait for a line before the client looks whether anything else is to do.
const LISTEN_MAX: Duration = Duration::from_millis(20);

/// Steps of an opening, at most: an error of the shim makes it begin anew.
const OPENING_STEPS_MAX: usize = 10;

/// What each client asks before anything goes wrong: all that may leave a file, and what takes a connection.
const WARM_UP: [Step; 3] = [Step::WhoAmI, Step::Write { transaction: false }, Step::ListTables];

/// A cancel that is to come.
struct Regret {
    due: Duration,
    number: u64,
    reuse_id: bool,
}

/// One client.
pub(super) struct Actor<'a> {
    home: &'a Home,
    stage: &'a Stage,
    number: u64,
    shim: Client,
    script: Script,
    ledger: Ledger,
    regrets: Vec<Regret>,
    /// When it asks again.
    next_at: Duration,
    /// How many requests may be on their way then.
    in_flight_max: usize,
    tally: Tally,
}

impl<'a> Actor<'a> {
    /// The client with this number, its shim started.
    pub(super) fn new(home: &'a Home, stage: &'a Stage, plan: &Plan, number: u64) -> Self {
        let Plan { seed, backend, clients, .. } = *plan;
        let shim = home.client();
        stage.enter(number, shim.pid());
        Self {
            home,
            stage,
            number,
            shim,
            script: Script::new(seed, backend, number, clients),
            ledger: Ledger::new(Era::of(number), backend, format!("c{number:02}")),
            regrets: Vec::new(),
            next_at: Duration::ZERO,
            in_flight_max: 1,
            tally: Tally::default(),
        }
    }

    /// Its shim's process id.
    pub(super) fn pid(&self) -> u32 {
        self.shim.pid()
    }

    /// Opens the session and asks a few things, before anything goes wrong.
    pub(super) fn warm_up(&mut self) {
        self.open();
        WARM_UP.into_iter().for_each(|step| self.ask(step.into()));
        self.settle();
    }

    /// Works until the run is over, then waits for what is still to be answered.
    pub(super) fn work(&mut self) {
        while !self.stage.is_over() {
            self.cancel_due();
            self.ask_if_due();
            self.listen(self.pause());
            self.complain_of_waits();
        }
        self.settle();
    }

    /// Asks once more where it is, now that nothing goes wrong any more.
    pub(super) fn check_context(&mut self) {
        self.open();
        for step in [Step::SessionInfo, Step::WhoAmI, Step::ListTables] {
            self.ask(step.into());
        }
        self.settle();
    }

    /// Hangs up; gives what it has counted, and its writes.
    pub(super) fn leave(mut self) -> (Tally, Writes) {
        self.shim.close_stdin();
        let deadline = self.stage.now() + patience();
        while self.stage.now() < deadline {
            match self.shim.next_line(LISTEN_MAX) {
                Received::Line(line) => self.judge(&line),
                Received::Nothing => {}
                Received::End => break,
            }
        }
        let status = self.ended();
        if !status.is_some_and(|status| status.success()) {
            self.violation(None, format!("its shim left with {status:?}: {}", self.shim.stderr()));
        }
        (self.tally, self.ledger.into_writes())
    }

    /// What a new shim begins with, one after the other.
    fn open(&mut self) {
        for _ in 0..OPENING_STEPS_MAX {
            if self.script.is_open() {
                return;
            }
            self.take_up();
            self.settle();
        }
    }

    fn take_up(&mut self) {
        let task = self.script.next();
        self.ask(task);
    }

    fn ask_if_due(&mut self) {
        // A client waits for the answer to its opening before it asks anything else.
        let is_free = self.ledger.open() < self.in_flight_max && !self.ledger.is_opening();
        if is_free && self.stage.now() >= self.next_at {
            self.take_up();
            self.next_at = self.stage.now() + self.script.think();
            self.in_flight_max = self.script.in_flight_max();
        }
    }

    fn ask(&mut self, Task { step, cancel }: Task) {
        *self.tally.asked.entry(step.name()).or_default() += 1;
        let now = self.stage.moment();
        let (number, line) = self.ledger.send(step, now);
        self.write(&line);
        if let Some(Cancel { after, reuse_id }) = cancel {
            self.regrets.push(Regret { due: now.at + after, number, reuse_id });
        }
    }

    fn cancel_due(&mut self) {
        let now = self.stage.now();
        let due: Vec<Regret> = self.regrets.extract_if(.., |regret| regret.due <= now).collect();
        for Regret { number, reuse_id, .. } in due {
            if let Some(line) = self.ledger.cancel(number, reuse_id) {
                self.tally.cancelled += 1;
                self.write(&line);
            }
        }
    }

    /// Where the shim is gone, [`Actor::listen`] sees that too.
    fn write(&mut self, line: &str) {
        let _ = self.shim.try_write(line.as_bytes());
    }

    /// Until there is something to do besides listening.
    fn pause(&self) -> Duration {
        let regret = self.regrets.iter().map(|regret| regret.due).min();
        let due = regret.map_or(self.next_at, |due| due.min(self.next_at));
        due.saturating_sub(self.stage.now()).clamp(Duration::from_millis(1), LISTEN_MAX)
    }

    fn listen(&mut self, limit: Duration) {
        match self.shim.next_line(limit) {
            Received::Line(line) => self.judge(&line),
            Received::Nothing => {}
            Received::End => self.start_over(),
        }
    }

    fn judge(&mut self, line: &[u8]) {
        // The last thing that a killed shim wrote.
        if !line.ends_with(b"\n") && self.stage.is_condemned(self.shim.pid()) {
            return;
        }
        let now = self.stage.moment();
        match self.ledger.receive(line, now) {
            Checked::Answered(sent, outcome) => {
                self.tally.answered(&sent, outcome, now.at);
                self.stage.answered(self.number, sent.when.epoch);
                if sent.step == Step::Open {
                    self.opened(outcome);
                }
            }
            Checked::Late => self.tally.answered_late += 1,
            Checked::Wrong(sent, why) => self.violation(sent.as_ref(), why),
        }
    }

    fn opened(&mut self, outcome: Outcome) {
        if outcome != Outcome::Right {
            return self.script.reopen();
        }
        if let Some(line) = self.ledger.era().opened() {
            self.write(&line);
        }
    }

    /// The shim is gone: the client is replaced by one with a new shim.
    fn start_over(&mut self) {
        let status = self.ended();
        if !self.stage.is_condemned(self.shim.pid()) {
            self.violation(None, format!("its shim ended by itself with {status:?}: {}", self.shim.stderr()));
        }
        self.tally.abandoned += self.ledger.abandon() as u64;
        self.regrets.clear();
        self.script.reopen();
        self.shim = self.home.client();
        self.stage.enter(self.number, self.shim.pid());
    }

    /// How the shim, which is about to end, has ended.
    fn ended(&mut self) -> Option<ExitStatus> {
        last_within(patience(), || self.shim.ended(), Option::is_some)
    }

    /// Waits for everything that is not answered yet.
    fn settle(&mut self) {
        let deadline = self.stage.now() + patience();
        while self.ledger.open() > 0 && self.stage.now() < deadline {
            self.cancel_due();
            self.listen(self.pause());
        }
        self.complain_of(Duration::MAX);
    }

    fn complain_of_waits(&mut self) {
        if let Some(at) = self.stage.now().checked_sub(patience()) {
            self.complain_of(at);
        }
    }

    fn complain_of(&mut self, older_than: Duration) {
        for sent in self.ledger.take_older(older_than) {
            let why = format!("hangs: not answered; stderr: {}", self.shim.stderr());
            self.violation(Some(&sent), why);
        }
    }

    fn violation(&mut self, sent: Option<&Sent>, why: String) {
        self.stage.violated();
        self.tally.violation(self.stage.now(), self.ledger.client(), sent, why);
    }
}
