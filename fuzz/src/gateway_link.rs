//! The gateway's half of the link, with a shim that sends frames of any kind and number.

use std::collections::VecDeque;

use snowgate_link::credit::Grant;
use snowgate_link::frame::{Decoder, FLAG_REPLAY, Frame, Kind};
use snowgate_link::{GatewayLink, Incoming};

use super::input::Input;
use super::model::Outstanding;

/// The link, and what it must have accepted.
struct System {
    link: GatewayLink,
    /// Lines of the shim: outstanding until credit for them is sent.
    from_shim: Outstanding,
    /// Messages to the client: outstanding until the shim returns credit for them.
    to_shim: Outstanding,
    /// Lengths of lines that the session has not accepted.
    held: VecDeque<usize>,
    last_received: u64,
    sent: u64,
}

/// Input: the gateway's window and the shim's, then what happens.
pub fn gateway_link(data: &[u8]) {
    let mut input = Input::new(data);
    let (own, shim) = (input.window(), input.window());
    let mut system = System {
        link: GatewayLink::new(own, shim),
        from_shim: Outstanding::new(own),
        to_shim: Outstanding::new(shim),
        held: VecDeque::new(),
        last_received: 0,
        sent: 0,
    };
    while !input.is_empty() {
        match input.byte() % 4 {
            0 | 1 => {
                if !system.frame(&input.frame()) {
                    return;
                }
            }
            2 => system.accept(),
            _ => system.send(input.length(), input.number()),
        }
    }
}

impl System {
    /// A frame of the shim; returns whether the connection is still good.
    fn frame(&mut self, bytes: &[u8]) -> bool {
        let mut decoder = Decoder::new();
        decoder.push(bytes);
        let frame = decoder.frame().expect("it was encoded").expect("it is whole");
        let is_allowed = self.allows(&frame);
        let received = self.link.received(&frame);
        // A shim's DRAIN has no effect, so it makes no difference whether it is refused.
        assert!(frame.kind == Kind::Drain || received.is_ok() == is_allowed, "{frame:?}: {received:?}");
        let Ok(incoming) = received else { return false };
        match (frame.kind, incoming) {
            (Kind::Line, Incoming::Line { seq, replay, payload, .. }) => {
                assert_eq!((seq, payload), (frame.seq, frame.payload));
                assert_eq!(replay, frame.flags & FLAG_REPLAY != 0);
                self.last_received = seq;
                self.from_shim.sent(payload.len());
                self.held.push_back(payload.len());
            }
            (Kind::Credit, _) => {
                let grant = Grant::from_payload(frame.payload).expect("it was accepted");
                self.to_shim.granted(grant);
            }
            (Kind::Bye, Incoming::Bye) | (Kind::Drain, _) => {}
            (kind, incoming) => panic!("{kind:?} was read as {incoming:?}"),
        }
        true
    }

    /// Whether a shim may send this now.
    fn allows(&self, frame: &Frame<'_>) -> bool {
        match frame.kind {
            Kind::Line => frame.seq > self.last_received && self.from_shim.allows(frame.payload.len()),
            Kind::Credit => Grant::from_payload(frame.payload).is_ok_and(|grant| self.to_shim.covers(grant)),
            Kind::Bye => true,
            Kind::Ack | Kind::Pin | Kind::Unpin | Kind::State | Kind::Drain => false,
        }
    }

    /// The session accepts the oldest line.
    fn accept(&mut self) {
        let Some(bytes) = self.held.pop_front() else { return };
        let mut out = Vec::new();
        self.link.processed(bytes, &mut out);
        if let Some(grant) = written(&out, |frame| Grant::from_payload(frame.payload).expect("a grant")) {
            self.from_shim.granted(grant);
        }
    }

    /// A message to the client, if there is room for it.
    fn send(&mut self, bytes: usize, re: u64) {
        if !self.link.allows(bytes) {
            assert!(!self.to_shim.is_none(), "nothing is outstanding, and nothing may be sent");
            return;
        }
        let mut out = Vec::new();
        self.link.line(&vec![b'm'; bytes], re, &mut out);
        self.to_shim.sent(bytes);
        self.sent += 1;
        let seen = written(&out, |frame| (frame.kind, frame.seq, frame.re, frame.payload.len()));
        assert_eq!(seen, Some((Kind::Line, self.sent, re, bytes)));
    }
}

/// What `inspect` returns for the one frame that was written, if one was.
fn written<T>(bytes: &[u8], inspect: impl Fn(&Frame<'_>) -> T) -> Option<T> {
    let mut decoder = Decoder::new();
    decoder.push(bytes);
    let seen = decoder.frame().expect("frames are written").as_ref().map(inspect);
    assert_eq!(decoder.frame(), Ok(None), "one frame at most");
    seen
}
