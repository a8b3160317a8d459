//! What waits to be written to one connection: frames, answers under credit, and the lines that the shim
//! keeps. Pure.
//!
//! Memory is bounded: answers by the requests that may run and by the bytes that may wait (`intake`), frames
//! without credit by [`CONTROL_BYTES_MAX`].

use std::collections::VecDeque;

use snowgate_link::GatewayLink;
use snowgate_link::frame::{Frame, Kind};

use super::pins::{PinSlot, Pins};
use crate::intake::Backlog;

/// Bytes of frames without credit that may wait. A shim that reads never gets near it: its window bounds
/// them.
const CONTROL_BYTES_MAX: usize = 256 * 1024;

/// A message that waits for credit.
struct WaitingLine {
    line: Vec<u8>,
    /// The line it answers, or 0.
    re: u64,
    /// Bytes of a client's line whose credit is given back with this answer.
    gives_back: Option<usize>,
}

/// What waits to be written.
pub(super) struct Outbox {
    link: GatewayLink,
    /// Frames that need no credit; they go before the lines.
    control: Vec<u8>,
    waiting: VecDeque<WaitingLine>,
    waiting_bytes: usize,
    pins: Pins,
    /// Set when what is still running is not to be answered: the client is gone, or the next gateway answers
    /// it.
    sealed: bool,
}

impl Outbox {
    pub(super) fn new(link: GatewayLink) -> Self {
        Self {
            link,
            control: Vec::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            pins: Pins::default(),
            sealed: false,
        }
    }

    /// The link's state machine.
    pub(super) fn link(&mut self) -> &mut GatewayLink {
        &mut self.link
    }

    /// A line of `bytes` has been taken: gives its credit back.
    pub(super) fn processed(&mut self, bytes: usize) {
        self.link.processed(bytes, &mut self.control);
    }

    /// Line `seq` needs no answer.
    pub(super) fn acknowledge(&mut self, seq: u64) {
        self.frame(Kind::Ack, seq, b"");
    }

    /// The shim keeps line `seq` for the next gateway, in place of the one that was in `slot`.
    pub(super) fn pin_in(&mut self, slot: PinSlot, seq: u64) {
        self.pins.pin(slot, seq, &mut self.control);
    }

    /// The shim keeps line `seq` for the next gateway.
    pub(super) fn pin(&mut self, seq: u64) {
        self.frame(Kind::Pin, seq, b"");
    }

    /// The shim keeps line `seq` no longer.
    pub(super) fn unpin(&mut self, seq: u64) {
        self.frame(Kind::Unpin, seq, b"");
    }

    /// The shim keeps `state` for the next gateway.
    pub(super) fn state(&mut self, state: &str) {
        self.frame(Kind::State, 0, state.as_bytes());
    }

    /// The gateway is about to shut down, and started no line after `last_started`.
    pub(super) fn drain(&mut self, last_started: u64) {
        self.frame(Kind::Drain, last_started, b"");
    }

    /// The connection is at its end.
    pub(super) fn goodbye(&mut self) {
        self.frame(Kind::Bye, 0, b"");
    }

    fn frame(&mut self, kind: Kind, seq: u64, payload: &[u8]) {
        Frame::control(kind, seq, payload).encode(&mut self.control);
    }

    /// A message for the client; one that answers line `re` may give back the credit of that line's bytes
    /// with it.
    pub(super) fn push(&mut self, line: Vec<u8>, re: u64, gives_back: Option<usize>) {
        self.waiting_bytes += line.len();
        self.waiting.push_back(WaitingLine { line, re, gives_back });
    }

    /// Takes what may be written now: all frames, and the lines that there is credit for.
    pub(super) fn take_writable(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.control);
        while let Some(next) = self.waiting.pop_front_if(|next| self.link.allows(next.line.len())) {
            self.waiting_bytes -= next.line.len();
            self.link.line(&next.line, next.re, &mut bytes);
            if let Some(taken) = next.gives_back {
                self.link.processed(taken, &mut bytes);
            }
        }
        bytes
    }

    /// From here on answers are dropped.
    pub(super) fn seal(&mut self) {
        self.sealed = true;
    }

    pub(super) fn is_sealed(&self) -> bool {
        self.sealed
    }

    /// The answers that wait.
    pub(super) fn backlog(&self) -> Backlog {
        Backlog { answers: self.waiting.len(), bytes: self.waiting_bytes }
    }

    /// Whether the peer has let more frames pile up than a shim that reads ever could.
    pub(super) fn is_overrun(&self) -> bool {
        self.control.len() > CONTROL_BYTES_MAX
    }

    pub(super) fn is_empty(&self) -> bool {
        self.control.is_empty() && self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use snowgate_link::credit::Window;
    use snowgate_link::frame::Decoder;

    use super::*;

    fn outbox(frames: u32) -> Outbox {
        Outbox::new(GatewayLink::new(Window::default(), Window { frames, ..Window::default() }))
    }

    /// Kinds of the frames in `bytes`, and the lines they are about.
    fn frames(bytes: &[u8]) -> Vec<(Kind, u64)> {
        let mut decoder = Decoder::new();
        decoder.push(bytes);
        let mut frames = Vec::new();
        while let Some(frame) = decoder.frame().unwrap() {
            frames.push((frame.kind, frame.re));
        }
        frames
    }

    #[test]
    fn frames_go_before_lines_and_lines_need_credit() {
        let mut outbox = outbox(2);
        for re in [1, 2, 3] {
            outbox.push(b"line".to_vec(), re, None);
        }
        outbox.acknowledge(4);
        assert_eq!(frames(&outbox.take_writable()), [(Kind::Ack, 4), (Kind::Line, 1), (Kind::Line, 2)]);
        assert_eq!((outbox.backlog().answers, outbox.backlog().bytes), (1, 4));
        assert!(outbox.take_writable().is_empty() && !outbox.is_empty());
    }

    #[test]
    fn a_slot_holds_one_line() {
        let mut outbox = outbox(9);
        outbox.pin_in(PinSlot::Initialize, 1);
        outbox.pin_in(PinSlot::Initialize, 5);
        assert_eq!(frames(&outbox.take_writable()), [(Kind::Pin, 1), (Kind::Pin, 5), (Kind::Unpin, 1)]);
    }

    #[test]
    fn frames_that_are_not_read_are_noticed() {
        let mut outbox = outbox(9);
        while !outbox.is_overrun() {
            outbox.acknowledge(1);
        }
        outbox.take_writable();
        assert!(!outbox.is_overrun());
    }
}
