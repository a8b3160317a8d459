//! What waits to be written to one connection: frames, answers under credit, and the lines that the shim
//! keeps. Pure.
//!
//! Memory is bounded: answers by the requests that may run, by the bytes that may wait (`intake`) and by the
//! session's share of memory for results, frames without credit by [`CONTROL_BYTES_MAX`].

use std::collections::VecDeque;

use snowgate_link::GatewayLink;
use snowgate_link::frame::{FLAG_ABOUT, Frame, Kind};

use super::pins::{PinSlot, Pins};
use crate::intake::Backlog;
use crate::session::Reservation;
use crate::shared::HEAVY_BYTES;

/// Bytes of frames without credit that may wait. A shim that reads never gets near it: its window bounds
/// them.
const CONTROL_BYTES_MAX: usize = 256 * 1024;

/// A message that waits for credit.
struct WaitingLine {
    line: Vec<u8>,
    /// The line it answers, or 0.
    re: u64,
    /// Whether it is about that line, and does not answer it.
    is_about: bool,
    /// Bytes of a client's line whose credit is given back with this answer.
    gives_back: Option<usize>,
    /// The memory of a large result, given back once it is written.
    reservation: Option<Reservation>,
}

/// What may be written now: frames, then the payload of the last of them if it is large, which is not copied.
#[derive(Default)]
pub(super) struct Writable {
    pub(super) frames: Vec<u8>,
    pub(super) large: Vec<u8>,
    /// Of `large`.
    pub(super) _reservation: Option<Reservation>,
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
        self.push_reserved(line, re, gives_back, None);
    }

    /// The answer to line `re`, and the memory that is reserved for it.
    pub(super) fn push_reserved(
        &mut self,
        line: Vec<u8>,
        re: u64,
        gives_back: Option<usize>,
        reservation: Option<Reservation>,
    ) {
        self.wait(WaitingLine { line, re, is_about: false, gives_back, reservation });
    }

    /// A message that is about line `re` and does not answer it.
    pub(super) fn push_about(&mut self, line: Vec<u8>, re: u64) {
        self.wait(WaitingLine { line, re, is_about: true, gives_back: None, reservation: None });
    }

    fn wait(&mut self, line: WaitingLine) {
        self.waiting_bytes += line.line.len();
        self.waiting.push_back(line);
    }

    /// Takes what may be written now: all frames, and the lines that there is credit for, up to a large one.
    pub(super) fn take_writable(&mut self) -> Writable {
        let mut bytes = std::mem::take(&mut self.control);
        while let Some(next) = self.waiting.pop_front_if(|next| self.link.allows(next.line.len())) {
            self.waiting_bytes -= next.line.len();
            let flags = if next.is_about { FLAG_ABOUT } else { 0 };
            if next.line.len() > HEAVY_BYTES {
                self.link.line_header(next.line.len(), next.re, flags, &mut bytes);
                if let Some(taken) = next.gives_back {
                    self.link.processed(taken, &mut self.control);
                }
                let _reservation = next.reservation;
                return Writable { frames: bytes, large: next.line, _reservation };
            }
            self.link.line_header(next.line.len(), next.re, flags, &mut bytes);
            bytes.extend_from_slice(&next.line);
            if let Some(taken) = next.gives_back {
                self.link.processed(taken, &mut bytes);
            }
        }
        Writable { frames: bytes, ..Writable::default() }
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

/// Bytes on their way to the stream.
#[derive(Default)]
pub(super) struct Unwritten {
    bytes: Writable,
    /// How many of them the stream has.
    written: usize,
}

impl Unwritten {
    pub(super) fn of(bytes: Writable) -> Self {
        Self { bytes, written: 0 }
    }

    /// What the stream is to take next; empty if it has everything.
    pub(super) fn rest(&self) -> &[u8] {
        let Writable { frames, large, .. } = &self.bytes;
        match self.written.checked_sub(frames.len()) {
            None => &frames[self.written..],
            Some(written) => &large[written..],
        }
    }

    /// The stream has taken so many bytes more.
    pub(super) fn note_written(&mut self, bytes: usize) {
        self.written += bytes;
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
    fn frames(writable: &Writable) -> Vec<(Kind, u64)> {
        let mut decoder = Decoder::new();
        decoder.push(&writable.frames);
        decoder.push(&writable.large);
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
        assert!(frames(&outbox.take_writable()).is_empty() && !outbox.is_empty());
    }

    #[test]
    fn a_slot_holds_one_line() {
        let mut outbox = outbox(9);
        outbox.pin_in(PinSlot::Initialize, 1);
        outbox.pin_in(PinSlot::Initialize, 5);
        assert_eq!(frames(&outbox.take_writable()), [(Kind::Pin, 1), (Kind::Pin, 5), (Kind::Unpin, 1)]);
    }

    #[test]
    fn a_large_line_is_not_copied_and_comes_in_its_turn() {
        let mut outbox = outbox(9);
        let large = vec![b'x'; HEAVY_BYTES + 1];
        let address = large.as_ptr();
        outbox.push(b"line".to_vec(), 1, None);
        outbox.push(large, 2, Some(9));
        outbox.push(b"line".to_vec(), 3, None);
        let first = outbox.take_writable();
        assert_eq!((frames(&first), first.large.as_ptr()), (vec![(Kind::Line, 1), (Kind::Line, 2)], address));
        assert_eq!(frames(&outbox.take_writable()).last(), Some(&(Kind::Line, 3)));
        assert!(outbox.is_empty());
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
