//! One client from its start to its end: it asks, cancels, and leaves in one of three ways.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, Random, Received, Signal, patience};

use crate::book::{Book, Ran};
use crate::call::{Call, Kind};

/// Requests of one life that are cancelled, at least and at most.
const CANCELS: (u64, u64) = (10, 40);

/// Requests that are not answered, at most.
const IN_FLIGHT_MAX: u64 = 5;

/// Of a hundred requests so many are to be cancelled.
const TO_CANCEL: u64 = 85;

/// Of a hundred clients so many make state.
const MAKES_STATE: u64 = 10;

/// What an answer takes before the first one has come.
const FIRST_GUESS: Duration = Duration::from_millis(10);

/// What the answer to a call says that a person has stopped.
const STOPPED: &str = "`snowgate kill`";

/// How a client ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It waits for its answers.
    Patient,
    /// It closes its stdin while requests are unanswered.
    Leaves,
    /// Its shim is killed while requests are unanswered.
    Killed,
}

struct Pending {
    kind: Kind,
    key: Option<String>,
    sent: Instant,
    cancel_at: Option<Instant>,
    is_cancelled: bool,
}

/// What an answer to each kind takes just now.
pub(crate) struct Times(BTreeMap<Kind, Duration>);

impl Times {
    pub(crate) fn new() -> Self {
        Self(Kind::ALL.map(|kind| (kind, FIRST_GUESS)).into())
    }

    fn learn(&mut self, kind: Kind, took: Duration) {
        let mean = self.0.entry(kind).or_insert(took);
        *mean = (*mean * 3 + took) / 4;
    }
}

/// A client at work.
pub(crate) struct Life<'a> {
    client: Client,
    random: &'a mut Random,
    book: &'a mut Book,
    name: String,
    /// Whether it makes state, and so wants a connection of its own.
    makes_state: bool,
    /// Nothing can be sent any more.
    has_ended: bool,
    /// Not answered, and not known to be silenced.
    pending: BTreeMap<u64, Pending>,
    /// Pings behind cancels, and the request that each cancel was for.
    fences: BTreeMap<u64, u64>,
    /// Cancelled requests whose shim has read the cancel: no answer may come.
    silenced: BTreeSet<u64>,
    times: &'a mut Times,
}

impl<'a> Life<'a> {
    pub(crate) fn begin(
        home: &Home,
        name: &str,
        (random, times, book): (&'a mut Random, &'a mut Times, &'a mut Book),
    ) -> Self {
        let mut client = home.client();
        client.initialize_as(name, "2025-11-25");
        let makes_state = random.percent(MAKES_STATE);
        Self {
            client,
            makes_state,
            random,
            book,
            name: name.to_owned(),
            has_ended: false,
            pending: BTreeMap::new(),
            fences: BTreeMap::new(),
            silenced: BTreeSet::new(),
            times,
        }
    }

    /// Cancels some of the requests that are `left` to be cancelled; returns whether there are more.
    pub(crate) fn live(mut self, left: &AtomicU64) -> bool {
        let wanted = self.random.between(CANCELS.0, CANCELS.1);
        let mine =
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(wanted)));
        let mine = mine.unwrap_or_default().min(wanted);
        let end = self.random.weighted(&[(4, End::Patient), (3, End::Leaves), (3, End::Killed)]);
        let before = self.book.cancelled;
        while self.book.cancelled - before < mine {
            if self.in_flight() < IN_FLIGHT_MAX {
                self.ask();
            } else {
                self.listen();
            }
        }
        self.end(end);
        mine == wanted
    }

    fn in_flight(&self) -> u64 {
        self.pending.values().filter(|pending| !pending.is_cancelled).count() as u64
    }

    fn ask(&mut self) {
        let call = Call::draw(self.random, self.makes_state);
        let id = self.client.send("tools/call", &call.params()).as_u64().expect("a number");
        let takes = self.times.0[&call.kind];
        // At once, at any moment up to well after the answer, or about when it is due.
        let part = match self.random.below(10) {
            0 => 0,
            1..=4 => self.random.below(1_300),
            _ => self.random.between(700, 1_200),
        };
        let delay = takes * u32::try_from(part).expect("a small number") / 1_000;
        let sent = Instant::now();
        let cancel_at = self.random.percent(TO_CANCEL).then(|| sent + delay);
        self.pending
            .insert(id, Pending { kind: call.kind, key: call.key, sent, cancel_at, is_cancelled: false });
        self.cancel_what_is_due();
    }

    fn cancel_what_is_due(&mut self) {
        let now = Instant::now();
        let is_due =
            |pending: &Pending| !pending.is_cancelled && pending.cancel_at.is_some_and(|at| at <= now);
        let due: Vec<u64> =
            self.pending.iter().filter(|(_, pending)| is_due(pending)).map(|(&id, _)| id).collect();
        for id in due {
            self.client.notify("notifications/cancelled", &json!({"requestId": id}));
            let fence = self.client.send("ping", &json!({})).as_u64().expect("a number");
            self.fences.insert(fence, id);
            self.book.cancelled += 1;
            self.pending.get_mut(&id).expect("a pending request").is_cancelled = true;
        }
    }

    /// Takes one line in, or waits until the next cancel is due.
    fn listen(&mut self) {
        let due =
            self.pending.values().filter(|pending| !pending.is_cancelled).filter_map(|it| it.cancel_at).min();
        let wait = due.map_or(patience(), |due| due.saturating_duration_since(Instant::now()));
        match self.client.next_line(wait) {
            Received::Line(line) => self.hear(&line),
            Received::Nothing if due.is_some() => {}
            Received::Nothing => panic!("{}: no answer to {:?}", self.name, self.unanswered()),
            Received::End => panic!("{}: its shim ended: {}", self.name, self.client.stderr()),
        }
        self.cancel_what_is_due();
    }

    fn unanswered(&self) -> Vec<u64> {
        self.pending.keys().chain(self.fences.keys()).copied().collect()
    }

    fn hear(&mut self, line: &[u8]) {
        let message: Value = serde_json::from_slice(line).expect("JSON");
        if message.get("method").is_some() {
            return;
        }
        let id = message["id"].as_u64().expect("an id of ours");
        if let Some(cancelled) = self.fences.remove(&id) {
            // Unless its answer has come before.
            if let Some(pending) = self.pending.remove(&cancelled) {
                self.silenced.insert(cancelled);
                self.note_write(pending.key, Ran::AtMostOnce);
            }
        } else if let Some(pending) = self.pending.remove(&id) {
            self.answered(id, pending, &message);
        } else if self.silenced.contains(&id) {
            self.book.violation(format!("{}: an answer after the cancel of {id}: {message}", self.name));
        } else {
            self.book.violation(format!("{}: a second answer, or one to nothing: {message}", self.name));
        }
    }

    fn answered(&mut self, id: u64, pending: Pending, message: &Value) {
        let is_ok = message.get("error").is_none() && message["result"]["isError"] != true;
        let is_stopped = !is_ok && message.to_string().contains(STOPPED);
        if pending.is_cancelled {
            self.book.crossed += 1;
        } else {
            self.book.answered += 1;
            self.book.stopped += u64::from(is_stopped);
            self.times.learn(pending.kind, pending.sent.elapsed());
            if !self.has_ended && pending.cancel_at.is_some() && self.random.percent(50) {
                // It comes too late, and changes nothing.
                self.book.late += 1;
                self.client.notify("notifications/cancelled", &json!({"requestId": id}));
            }
            if !is_ok && !is_stopped {
                self.book.violation(format!("{}: {id} failed: {message}", self.name));
            }
        }
        let ran = match (is_ok, is_stopped) {
            (true, _) => Ran::Once,
            (false, true) => Ran::Never,
            (false, false) => Ran::AtMostOnce,
        };
        self.note_write(pending.key, ran);
    }

    fn note_write(&mut self, key: Option<String>, ran: Ran) {
        if let Some(key) = key {
            self.book.write(key, ran);
        }
    }

    fn end(mut self, end: End) {
        match end {
            End::Patient => {
                while !self.pending.is_empty() || !self.fences.is_empty() {
                    self.listen();
                }
                self.client.close_stdin();
            }
            End::Leaves | End::Killed => {
                while self.in_flight() < IN_FLIGHT_MAX {
                    self.ask();
                }
                if end == End::Leaves {
                    self.client.close_stdin();
                } else {
                    self.client.signal(Signal::KILL);
                }
            }
        }
        self.has_ended = true;
        self.hear_the_rest(end);
        let unanswered = self.in_flight();
        match end {
            End::Patient => {}
            End::Leaves => {
                self.book.left += unanswered;
                self.book.exits += 1;
            }
            End::Killed => {
                self.book.killed += unanswered;
                self.book.kills += 1;
            }
        }
        for pending in std::mem::take(&mut self.pending).into_values() {
            self.note_write(pending.key, Ran::AtMostOnce);
        }
        let status = self.client.wait();
        if end != End::Killed && !status.success() {
            self.book.violation(format!("{}: {status}: {}", self.name, self.client.stderr()));
        }
    }

    /// What still comes before the shim's end; the last line of a killed one may be a half.
    fn hear_the_rest(&mut self, end: End) {
        loop {
            match self.client.next_line(patience()) {
                Received::Line(line) if line.ends_with(b"\n") => self.hear(&line),
                Received::Line(_) if end == End::Killed => {}
                Received::Line(line) => {
                    let text = String::from_utf8_lossy(&line).into_owned();
                    self.book.violation(format!("{}: half a line: {text}", self.name));
                }
                Received::Nothing => panic!("{}: its shim does not end", self.name),
                Received::End => return,
            }
        }
    }
}
