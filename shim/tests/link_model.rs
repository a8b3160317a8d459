//! Both halves of the link against a reference model: with any cuts, kills and delays, the client sees each
//! answer exactly once, in bounded memory.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;
use snowgate_link::credit::Window;
use snowgate_link::frame::Decoder;
use snowgate_link::hello::{Resume, Welcome};
use snowgate_link::{GatewayLink, Inbound, Incoming, ShimLink};

/// One event.
#[derive(Clone, Debug)]
enum Step {
    /// The client writes a request of so many bytes.
    Request(usize),
    /// The client writes a notification.
    Notification,
    /// So many bytes travel from the shim to the gateway.
    Up(usize),
    /// So many bytes travel back.
    Down(usize),
    /// The gateway accepts the oldest line that it holds.
    Work { pin: bool },
    /// The gateway is killed: everything in flight in both directions is lost.
    Kill,
    /// A gateway accepts the shim.
    Connect(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0usize..6000).prop_map(Step::Request),
        1 => Just(Step::Notification),
        4 => (1usize..4000).prop_map(Step::Up),
        4 => (1usize..4000).prop_map(Step::Down),
        4 => any::<bool>().prop_map(|pin| Step::Work { pin }),
        1 => Just(Step::Kill),
        3 => any::<bool>().prop_map(Step::Connect),
    ]
}

/// A gateway's side of one connection: the real state machine, a list of held lines, an outbox.
struct Gateway {
    link: GatewayLink,
    decoder: Decoder,
    held: VecDeque<(u64, bool, Vec<u8>)>,
    waiting: VecDeque<(u64, Vec<u8>)>,
}

/// The simulated system, and the reference model's view of it.
struct System {
    window: Window,
    shim: ShimLink,
    shim_decoder: Decoder,
    gateway: Option<Gateway>,
    up: VecDeque<u8>,
    down: VecDeque<u8>,
    had_session: bool,
    next_id: u64,
    /// Requests the client wrote, and how often it was answered (by an answer or a stated loss).
    answers: BTreeMap<u64, u32>,
    /// Requests that a gateway accepted without the replay flag: never twice.
    accepted_fresh: BTreeSet<u64>,
}

impl System {
    fn new(window: Window) -> Self {
        Self {
            window,
            shim: ShimLink::new(window),
            shim_decoder: Decoder::new(),
            gateway: None,
            up: VecDeque::new(),
            down: VecDeque::new(),
            had_session: false,
            next_id: 0,
            answers: BTreeMap::new(),
            accepted_fresh: BTreeSet::new(),
        }
    }

    fn apply(&mut self, step: &Step) {
        match *step {
            Step::Request(bytes) if self.shim.accepts_line() => {
                let id = self.next_id;
                self.next_id += 1;
                self.answers.insert(id, 0);
                self.shim.line(format!("{id} {}", "x".repeat(bytes)).as_bytes());
                self.send();
            }
            Step::Notification if self.shim.accepts_line() => {
                self.shim.line(b"note ");
                self.send();
            }
            Step::Request(_) | Step::Notification => {}
            Step::Up(bytes) => self.carry_up(bytes),
            Step::Down(bytes) => self.carry_down(bytes),
            Step::Work { pin } => self.work(pin),
            Step::Kill => {
                self.gateway = None;
                self.up.clear();
                self.down.clear();
                self.shim.disconnected();
                self.shim_decoder = Decoder::new();
            }
            Step::Connect(lost) => self.connect(lost),
        }
        assert!(
            self.shim.open_lines() as u64 <= 2 * u64::from(self.window.frames) + 64,
            "the retained lines are not bounded"
        );
    }

    fn connect(&mut self, lost: bool) {
        if self.gateway.is_some() {
            return;
        }
        let resume = match (self.had_session, lost) {
            (false, _) => Resume::New,
            (true, false) => Resume::Rebuilt,
            (true, true) => Resume::Lost,
        };
        self.had_session = true;
        let welcome =
            Welcome { proto: 1, build: String::new(), pid: 0, session: None, resume, window: self.window };
        self.gateway = Some(Gateway {
            link: GatewayLink::new(self.window, self.window),
            decoder: Decoder::new(),
            held: VecDeque::new(),
            waiting: VecDeque::new(),
        });
        for given_up in self.shim.connected(&welcome) {
            assert!(given_up.maybe_processed, "given up although no gateway had processed it");
            self.answered(&given_up.line);
        }
        self.send();
    }

    fn send(&mut self) {
        while let Some(frame) = self.shim.next_to_send() {
            self.up.extend(frame);
        }
    }

    fn carry_up(&mut self, bytes: usize) {
        let Some(gateway) = &mut self.gateway else { return };
        let bytes: Vec<u8> = self.up.drain(..bytes.min(self.up.len())).collect();
        gateway.decoder.push(&bytes);
        while let Some(frame) = gateway.decoder.frame().unwrap() {
            match gateway.link.received(&frame).unwrap() {
                Incoming::Line { seq, replay, payload, .. } => {
                    gateway.held.push_back((seq, replay, payload.to_vec()));
                }
                Incoming::Credit => {}
                other => panic!("{other:?}"),
            }
        }
        assert!(
            gateway.held.len() as u64 <= u64::from(self.window.frames.max(2)),
            "the held lines are not bounded"
        );
        self.flush();
    }

    fn work(&mut self, pin: bool) {
        let Some(gateway) = &mut self.gateway else { return };
        let Some((seq, replay, line)) = gateway.held.pop_front() else { return };
        let mut out = Vec::new();
        gateway.link.processed(line.len(), &mut out);
        if pin {
            snowgate_link::frame::Frame::control(snowgate_link::frame::Kind::Pin, seq, b"").encode(&mut out);
        }
        match id_of(&line) {
            Some(id) => {
                assert!(
                    replay || self.accepted_fresh.insert(id),
                    "request {id} came twice without the replay flag"
                );
                gateway.waiting.push_back((seq, line));
            }
            None => snowgate_link::frame::Frame::control(snowgate_link::frame::Kind::Ack, seq, b"")
                .encode(&mut out),
        }
        self.down.extend(out);
        self.flush();
    }

    fn flush(&mut self) {
        let Some(gateway) = &mut self.gateway else { return };
        let mut out = Vec::new();
        while let Some((seq, line)) =
            gateway.waiting.pop_front_if(|(_, line)| gateway.link.allows(line.len()))
        {
            gateway.link.line(&line, seq, &mut out);
        }
        self.down.extend(out);
    }

    fn carry_down(&mut self, bytes: usize) {
        let bytes: Vec<u8> = self.down.drain(..bytes.min(self.down.len())).collect();
        self.shim_decoder.push(&bytes);
        let mut delivered = Vec::new();
        while let Some(frame) = self.shim_decoder.frame().unwrap() {
            match self.shim.received(&frame).unwrap() {
                Inbound::Deliver => delivered.push((true, frame.payload.to_vec())),
                Inbound::Swallow => delivered.push((false, frame.payload.to_vec())),
                Inbound::Control => {}
                other => panic!("{other:?}"),
            }
        }
        for (seen, line) in delivered {
            if seen {
                self.answered(&line);
            }
            if let Some(credit) = self.shim.delivered(line.len()) {
                self.up.extend(credit);
            }
        }
        self.send();
    }

    fn answered(&mut self, line: &[u8]) {
        if let Some(id) = id_of(line) {
            *self.answers.get_mut(&id).unwrap() += 1;
        }
    }

    /// Everything in flight arrives, everything held is processed.
    fn settle(&mut self) {
        self.connect(false);
        for _ in 0..10_000 {
            self.carry_up(usize::MAX);
            self.work(false);
            self.carry_down(usize::MAX);
            let gateway = self.gateway.as_ref().unwrap();
            if self.shim.open_lines() == 0
                && gateway.held.is_empty()
                && self.up.is_empty()
                && self.down.is_empty()
            {
                return;
            }
        }
        panic!("the link never settles: {} lines open", self.shim.open_lines());
    }
}

fn id_of(line: &[u8]) -> Option<u64> {
    str::from_utf8(line).unwrap().split(' ').next().unwrap().parse().ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_request_is_answered_exactly_once(
        frames in 2u32..6, bytes in 4096u64..9000, steps in prop::collection::vec(step(), 1..150),
    ) {
        let mut world = System::new(Window { frames, bytes });
        for step in &steps {
            world.apply(step);
            prop_assert!(world.answers.values().all(|&answers| answers <= 1));
        }
        world.settle();
        prop_assert!(world.answers.values().all(|&answers| answers == 1), "{:?}", world.answers);
    }
}
