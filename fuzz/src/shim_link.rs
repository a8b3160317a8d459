//! The shim's half of the link, with gateways that connect, disconnect and send frames of any kind and
//! number.

use std::collections::{BTreeSet, VecDeque};

use snowgate_link::credit::{Grant, Window};
use snowgate_link::frame::{Decoder, FLAG_REPLAY, Frame, Kind};
use snowgate_link::hello::{STATE_BYTES_MAX, ServerHello, Welcome};
use snowgate_link::{GivenUp, Inbound, ShimLink};

use super::input::Input;
use super::model::Outstanding;

/// What may wait to be sent on an open connection.
const UNSENT: Window = Window { frames: 64, bytes: 256 * 1024 };

/// The client writes no more than this, in bytes: an input must not take long.
const WRITTEN_BYTES_MAX: usize = 2 << 20;

/// How a gateway may handle a session.
const RESUMES: [&str; 3] = ["new", "rebuilt", "lost"];

/// One connection, as the gateway on it sees it.
struct Gateway {
    /// The client's lines: outstanding until the gateway returns credit for them.
    to_gateway: Outstanding,
    /// Messages to the client: outstanding until credit for them goes out.
    from_gateway: Outstanding,
    /// Lengths of messages that were not delivered yet.
    held: VecDeque<usize>,
    last_received: u64,
    is_draining: bool,
}

/// The link, and what must be true of the client's lines. Lines are identified by their numbers.
struct System {
    link: ShimLink,
    window: Window,
    gateway: Option<Gateway>,
    /// How many the client wrote, and the bytes of each.
    written: u64,
    bytes: Vec<usize>,
    /// Those that are done: answered, acknowledged or given up.
    closed: BTreeSet<u64>,
    pinned: BTreeSet<u64>,
    /// Those that were sent on the current connection or, if there is none, on the last.
    sent: BTreeSet<u64>,
    /// The last one that a gateway processed, according to its DRAIN.
    last_processed: Option<u64>,
    /// Those that a gateway before the last one may have processed.
    processed_before: BTreeSet<u64>,
    state: Option<String>,
}

/// Input: the shim's window, then what happens.
pub fn shim_link(data: &[u8]) {
    let mut input = Input::new(data);
    let window = input.window();
    let mut system = System {
        link: ShimLink::new(window),
        window,
        gateway: None,
        written: 0,
        bytes: Vec::new(),
        closed: BTreeSet::new(),
        pinned: BTreeSet::new(),
        sent: BTreeSet::new(),
        last_processed: None,
        processed_before: BTreeSet::new(),
        state: None,
    };
    while !input.is_empty() {
        system.step(&mut input);
        let open = system.written - system.closed.len() as u64;
        assert_eq!(system.link.open_lines() as u64, open, "lines that the client waits for");
        assert_eq!(system.link.state(), system.state.as_deref());
    }
}

impl System {
    fn step(&mut self, input: &mut Input<'_>) {
        match input.byte() % 9 {
            0 => self.write(input.length()),
            1 => self.send(),
            2..=4 => {
                let frame = input.frame();
                if !self.frame(&frame) {
                    self.disconnect();
                }
            }
            5 => self.deliver(),
            6 => self.connect(RESUMES[usize::from(input.byte()) % RESUMES.len()], input.window()),
            7 => self.disconnect(),
            _ => {
                let expected: Vec<u64> = self.open().collect();
                let lines = self.link.give_up_all();
                self.expect_given_up(&expected, &lines);
            }
        }
    }

    fn open(&self) -> impl Iterator<Item = u64> {
        (1..=self.written).filter(|seq| !self.closed.contains(seq))
    }

    /// Those that go to the next gateway.
    fn retained(&self) -> impl Iterator<Item = u64> {
        (1..=self.written).filter(|&seq| self.is_retained(seq))
    }

    fn is_retained(&self, seq: u64) -> bool {
        !self.closed.contains(&seq) || self.pinned.contains(&seq)
    }

    /// Whether some gateway may have processed it.
    fn maybe_processed(&self, seq: u64) -> bool {
        let last = self.last_processed;
        self.processed_before.contains(&seq)
            || self.sent.contains(&seq) && last.is_none_or(|last| seq <= last)
    }

    /// The client writes a line, if it may.
    fn write(&mut self, bytes: usize) {
        if self.bytes.iter().sum::<usize>() > WRITTEN_BYTES_MAX {
            return;
        }
        let has_room = if self.gateway.as_ref().is_some_and(|gateway| !gateway.is_draining) {
            self.fits(self.retained().filter(|seq| !self.sent.contains(seq)), UNSENT)
        } else {
            self.fits(self.open(), self.window)
        };
        assert_eq!(self.link.accepts_line(), has_room, "whether there is room for another line");
        if has_room {
            self.written += 1;
            let line = line(self.written, bytes);
            self.bytes.push(line.len());
            self.link.line(&line);
        }
    }

    /// Whether these leave room under the bound.
    fn fits(&self, lines: impl Iterator<Item = u64>, bound: Window) -> bool {
        let (mut frames, mut bytes) = (0, 0);
        for seq in lines {
            frames += 1;
            bytes += self.bytes[usize::try_from(seq).expect("few lines") - 1] as u64;
        }
        frames < bound.frames && bytes < bound.bytes
    }

    /// Sends everything that may be sent.
    fn send(&mut self) {
        while let Some(bytes) = self.link.next_to_send() {
            let (seq, flags, payload) =
                decoded(bytes, |frame| (frame.seq, frame.flags, frame.payload.to_vec()));
            let gateway = self.gateway.as_mut().expect("a connection");
            assert!(!gateway.is_draining, "nothing is sent to a gateway that is draining");
            gateway.to_gateway.sent(payload.len());
            assert_eq!(payload, line(seq, payload.len()));
            assert_eq!(
                flags & FLAG_REPLAY != 0,
                self.processed_before.contains(&seq),
                "line {seq}: the flag"
            );
            assert!(self.is_retained(seq), "line {seq} was closed");
            assert!(self.sent.last().is_none_or(|&last| last < seq), "numbers rise");
            self.sent.insert(seq);
        }
        let may_send = |gateway: &Gateway| !gateway.is_draining && gateway.to_gateway.is_none();
        if self.gateway.as_ref().is_some_and(may_send) {
            assert!(self.retained().all(|seq| self.sent.contains(&seq)), "a line is never sent");
        }
    }

    /// The gateway, which is connected whenever the link accepts something from it.
    fn gateway(&mut self) -> &mut Gateway {
        self.gateway.as_mut().expect("a connection")
    }

    /// A frame of the gateway; returns whether the connection is still good.
    fn frame(&mut self, bytes: &[u8]) -> bool {
        let mut decoder = Decoder::new();
        decoder.push(bytes);
        let frame = decoder.frame().expect("it was encoded").expect("it is whole");
        let is_sound = self.is_sound(&frame);
        let Ok(inbound) = self.link.received(&frame) else {
            assert!(!is_sound, "{frame:?} was refused");
            return false;
        };
        match frame.kind {
            Kind::Line => {
                let gateway = self.gateway();
                assert!(frame.seq > gateway.last_received, "numbers rise");
                gateway.last_received = frame.seq;
                gateway.from_gateway.sent(frame.payload.len());
                gateway.held.push_back(frame.payload.len());
                let was_open = frame.re == 0 || self.close(frame.re);
                assert_eq!(inbound, if was_open { Inbound::Deliver } else { Inbound::Swallow });
            }
            Kind::Ack => {
                self.close(frame.re);
            }
            Kind::Pin if self.is_retained(frame.re) => {
                self.pinned.insert(frame.re);
            }
            Kind::Unpin => {
                self.pinned.remove(&frame.re);
            }
            Kind::State => {
                let state = String::from_utf8(frame.payload.to_vec()).ok();
                self.state = state.filter(|state| state.len() <= STATE_BYTES_MAX);
            }
            Kind::Credit => {
                let grant = Grant::from_payload(frame.payload).expect("it was accepted");
                self.gateway().to_gateway.granted(grant);
            }
            Kind::Drain => {
                self.gateway().is_draining = true;
                self.last_processed = Some(frame.re);
            }
            Kind::Pin | Kind::Bye => {}
        }
        true
    }

    /// Whether a gateway that refers only to lines it was sent may send this now.
    fn is_sound(&self, frame: &Frame<'_>) -> bool {
        let Some(gateway) = &self.gateway else { return false };
        match frame.kind {
            Kind::Line => {
                let (rises, names_sent) =
                    (frame.seq > gateway.last_received, frame.re == 0 || self.sent.contains(&frame.re));
                rises && names_sent && gateway.from_gateway.allows(frame.payload.len())
            }
            Kind::Credit => {
                Grant::from_payload(frame.payload).is_ok_and(|grant| gateway.to_gateway.covers(grant))
            }
            Kind::Ack | Kind::Pin | Kind::Unpin => self.sent.contains(&frame.re),
            Kind::State | Kind::Drain | Kind::Bye => true,
        }
    }

    /// Line `seq` is closed; returns whether it was open.
    fn close(&mut self, seq: u64) -> bool {
        let was_open = self.closed.insert(seq);
        assert!(!was_open || self.sent.contains(&seq), "line {seq} was not sent on this connection");
        was_open
    }

    /// The client gets the oldest message.
    fn deliver(&mut self) {
        let Some(gateway) = &mut self.gateway else { return };
        let Some(bytes) = gateway.held.pop_front() else { return };
        if let Some(credit) = self.link.delivered(bytes) {
            let grant = decoded(&credit, |frame| Grant::from_payload(frame.payload).expect("a grant"));
            gateway.from_gateway.granted(grant);
        }
    }

    fn connect(&mut self, resume: &str, window: Window) {
        self.disconnect();
        self.processed_before = self.retained().filter(|&seq| self.maybe_processed(seq)).collect();
        (self.sent, self.last_processed) = (BTreeSet::new(), None);
        let lost: Vec<u64> = if resume == "lost" {
            self.open()
                .filter(|seq| self.processed_before.contains(seq) && !self.pinned.contains(seq))
                .collect()
        } else {
            Vec::new()
        };
        let lines = self.link.connected(&welcome(resume, window));
        self.expect_given_up(&lost, &lines);
        self.gateway = Some(Gateway {
            to_gateway: Outstanding::new(window),
            from_gateway: Outstanding::new(self.window),
            held: VecDeque::new(),
            last_received: 0,
            is_draining: false,
        });
    }

    fn disconnect(&mut self) {
        self.link.disconnected();
        self.gateway = None;
    }

    /// Checks the lines that were given up, and whether each may have run.
    fn expect_given_up(&mut self, expected: &[u64], lines: &[GivenUp]) {
        assert_eq!(lines.len(), expected.len(), "lines given up");
        for (&seq, given_up) in expected.iter().zip(lines) {
            assert_eq!(given_up.line, line(seq, given_up.line.len()));
            assert_eq!(
                given_up.maybe_processed,
                self.maybe_processed(seq),
                "line {seq}: whether it may have run"
            );
            self.closed.insert(seq);
        }
    }
}

/// The client's line `seq`, of so many bytes, or as many as its number takes.
fn line(seq: u64, bytes: usize) -> Vec<u8> {
    let mut line = seq.to_string().into_bytes();
    line.resize(line.len().max(bytes), b' ');
    line
}

/// A gateway's welcome, as it comes.
fn welcome(resume: &str, window: Window) -> Welcome {
    let Window { frames, bytes } = window;
    let line =
        format!(r#"{{"welcome":1,"resume":"{resume}","window_frames":{frames},"window_bytes":{bytes}}}"#);
    match ServerHello::from_line(line.as_bytes()) {
        Some(ServerHello::Welcome(welcome)) => welcome,
        other => panic!("{line} is {other:?}"),
    }
}

/// What `inspect` returns for the one frame that these bytes are.
fn decoded<T>(bytes: &[u8], inspect: impl Fn(&Frame<'_>) -> T) -> T {
    let mut decoder = Decoder::new();
    decoder.push(bytes);
    inspect(&decoder.frame().expect("frames are written").expect("a whole frame"))
}
