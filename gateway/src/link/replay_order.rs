//! A property of `intake/admission` and both halves of the link together: whatever the order in which requests
//! start, and whenever a gateway drains or dies, a line that was ever started and is not answered reaches the next
//! gateway as a replay, and each is answered once.
//!
//! DRAIN names one number, the highest that was started. Requests that wait in a lane or a queue start in another
//! order than that of their numbers, so lines below it may not have started: they are replays all the same, which
//! the journal sorts out. None above it was started.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use rmcp::model::RequestId;
use snowgate_link::credit::Window;
use snowgate_link::frame::{Decoder, Frame, Kind};
use snowgate_link::hello::{Resume, Welcome};
use snowgate_link::{GatewayLink, Inbound, Incoming, ShimLink};

use crate::intake::{Admission, Arrival, Backlog, Cancelled, Limits, Next, Ready, RequestKind};

const WINDOW: Window = Window { frames: 12, bytes: 1 << 16 };
const LIMITS: Limits =
    Limits { running_max: 4, subscriptions_max: 1, backlog_bytes_max: 1 << 20, ids_repeat: false };
const READY: Ready = Ready { has_profile: true, is_registered: true };

/// One event. A number picks one of those there are.
#[derive(Clone, Debug)]
enum Step {
    /// The client writes a request.
    Request,
    /// A line that the gateway holds is admitted; whatever may start, starts.
    Admit(usize),
    /// A request that runs is answered.
    Answer(usize),
    /// The client cancels a request that was sent.
    Cancel(usize),
    /// The gateway says how far it got, and starts nothing more; it still answers what runs.
    Drain,
    /// The connection is lost, and there is a new gateway.
    NextGateway,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Request),
        6 => any::<usize>().prop_map(Step::Admit),
        3 => any::<usize>().prop_map(Step::Answer),
        1 => any::<usize>().prop_map(Step::Cancel),
        1 => Just(Step::Drain),
        1 => Just(Step::NextGateway),
    ]
}

/// A gateway's side of one connection.
struct Gateway {
    link: GatewayLink,
    admission: Admission<()>,
    /// Lines that are not admitted, in order of arrival: a front that lets some pass others.
    held: Vec<(u64, bool)>,
    running: BTreeSet<u64>,
    is_draining: bool,
    last_received: u64,
}

struct System {
    shim: ShimLink,
    gateway: Gateway,
    last_line: u64,
    /// How often the client had an answer, or needs none any more, by line.
    settled: BTreeMap<u64, u32>,
    /// Lines that any gateway has started.
    started: BTreeSet<u64>,
    /// No line above this may come as a replay.
    replays_up_to: u64,
}

fn kind_of(line: u64) -> RequestKind {
    match line % 7 {
        0 => RequestKind::SetContext,
        1 | 2 => RequestKind::Plain,
        _ => RequestKind::Call,
    }
}

fn id(line: u64) -> RequestId {
    RequestId::Number(i64::try_from(line).unwrap())
}

fn new_gateway() -> Gateway {
    Gateway {
        link: GatewayLink::new(WINDOW, WINDOW),
        admission: Admission::new(LIMITS, READY),
        held: Vec::new(),
        running: BTreeSet::new(),
        is_draining: false,
        last_received: 0,
    }
}

impl System {
    fn new() -> Self {
        let mut system = Self {
            shim: ShimLink::new(WINDOW),
            gateway: new_gateway(),
            last_line: 0,
            settled: BTreeMap::new(),
            started: BTreeSet::new(),
            replays_up_to: 0,
        };
        system.connect(Resume::New);
        system
    }

    fn apply(&mut self, step: &Step) {
        match *step {
            Step::Request => {
                if self.shim.accepts_line() {
                    self.last_line += 1;
                    self.settled.insert(self.last_line, 0);
                    self.shim.line(self.last_line.to_string().as_bytes());
                    self.carry_up();
                }
            }
            Step::Admit(pick) => self.admit(pick),
            Step::Answer(pick) => self.answer(pick),
            Step::Cancel(pick) => self.cancel(pick),
            Step::Drain => self.drain(),
            Step::NextGateway => self.next_gateway(),
        }
    }

    fn connect(&mut self, resume: Resume) {
        let welcome =
            Welcome { proto: 1, build: String::new(), pid: 0, session: None, resume, window: WINDOW };
        assert!(self.shim.connected(&welcome).is_empty(), "nothing is given up");
        self.carry_up();
    }

    /// Everything that the shim may send arrives, and the credit for it goes back.
    fn carry_up(&mut self) {
        loop {
            let mut decoder = Decoder::new();
            while let Some(frame) = self.shim.next_to_send() {
                decoder.push(frame);
            }
            let mut credit = Vec::new();
            while let Some(frame) = decoder.frame().unwrap() {
                let Incoming::Line { seq, replay, payload, .. } = self.gateway.link.received(&frame).unwrap()
                else {
                    panic!("only lines are sent")
                };
                self.gateway.link.processed(payload.len(), &mut credit);
                self.arrive(seq, replay);
            }
            if credit.is_empty() {
                return;
            }
            self.carry_down(&credit);
        }
    }

    fn arrive(&mut self, seq: u64, replay: bool) {
        assert!(seq > self.gateway.last_received, "line {seq} comes twice, or late");
        self.gateway.last_received = seq;
        assert_eq!(self.settled[&seq], 0, "line {seq} comes again, and needs no answer");
        assert!(replay || !self.started.contains(&seq), "line {seq} was started, and is no replay");
        assert!(!replay || seq <= self.replays_up_to, "line {seq} was never started, and is a replay");
        self.gateway.held.push((seq, replay));
    }

    /// What the gateway has written arrives.
    fn carry_down(&mut self, bytes: &[u8]) {
        let mut decoder = Decoder::new();
        decoder.push(bytes);
        while let Some(frame) = decoder.frame().unwrap() {
            match self.shim.received(&frame).unwrap() {
                Inbound::Deliver => {
                    *self.settled.get_mut(&frame.re).unwrap() += 1;
                    // The shim's credit frame, straight to the gateway.
                    if let Some(credit) = self.shim.delivered(frame.payload.len()) {
                        let mut decoder = Decoder::new();
                        decoder.push(&credit);
                        let grant = decoder.frame().unwrap().unwrap();
                        self.gateway.link.received(&grant).unwrap();
                    }
                }
                Inbound::Control | Inbound::Drain => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn admit(&mut self, pick: usize) {
        if self.gateway.is_draining {
            return;
        }
        if !self.gateway.held.is_empty() {
            let (number, replayed) = self.gateway.held.remove(pick % self.gateway.held.len());
            let (id, kind) = (id(number), kind_of(number));
            let arrival = Arrival { number, id, kind, replayed, is_acknowledged: false, parcel: () };
            self.gateway.admission.admit(arrival).unwrap();
        }
        self.start_what_may();
    }

    fn start_what_may(&mut self) {
        while let Next::Start(arrival) = self.gateway.admission.next(Backlog::default()) {
            self.gateway.running.insert(arrival.number);
            self.started.insert(arrival.number);
        }
    }

    fn answer(&mut self, pick: usize) {
        let running: Vec<u64> = self.gateway.running.iter().copied().collect();
        let Some(&number) = running.get(pick % running.len().max(1)) else { return };
        self.gateway.running.remove(&number);
        self.gateway.admission.end(number);
        if self.gateway.admission.answer(number).is_some() {
            let mut out = Vec::new();
            self.gateway.link.line(b"answer", number, &mut out);
            self.carry_down(&out);
        }
        if !self.gateway.is_draining {
            self.start_what_may();
        }
    }

    fn cancel(&mut self, pick: usize) {
        let open: Vec<u64> =
            self.settled.iter().filter(|(_, times)| **times == 0).map(|(&line, _)| line).collect();
        let Some(&number) = open.get(pick % open.len().max(1)) else { return };
        match self.gateway.admission.cancel(&id(number)) {
            // It is not admitted, and cancels keep their place behind it: later.
            Cancelled::Unknown => return,
            Cancelled::Waiting(_) | Cancelled::Running { .. } => {}
        }
        *self.settled.get_mut(&number).unwrap() += 1;
        self.carry_down(&Frame::control(Kind::Ack, number, b"").to_bytes());
    }

    fn drain(&mut self) {
        if self.gateway.is_draining {
            return;
        }
        let last_started = self.gateway.admission.last_started();
        assert!(self.gateway.running.iter().all(|&number| number <= last_started));
        self.replays_up_to = self.replays_up_to.max(last_started);
        self.gateway.is_draining = true;
        self.gateway.admission.drop_waiting();
        self.carry_down(&Frame::control(Kind::Drain, last_started, b"").to_bytes());
    }

    fn next_gateway(&mut self) {
        if !self.gateway.is_draining {
            // It was killed, and how far it got is not known.
            self.replays_up_to = self.replays_up_to.max(self.gateway.last_received);
        }
        self.shim.disconnected();
        self.gateway = new_gateway();
        self.connect(Resume::Rebuilt);
    }

    /// Everything that waits is started and answered.
    fn settle(&mut self) {
        self.next_gateway();
        for _ in 0..=self.last_line {
            self.admit(0);
            self.answer(0);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_was_started_comes_back_as_a_replay_whatever_the_order(steps in prop::collection::vec(step(), 1..200)) {
        let mut system = System::new();
        for step in &steps {
            system.apply(step);
        }
        system.settle();
        prop_assert!(system.settled.values().all(|&times| times == 1), "{:?}", system.settled);
    }
}
