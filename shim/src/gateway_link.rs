//! The gateway's half of the link: what one connection of one shim may send and be sent.
//!
//! It knows nothing of JSON: the session above it decides which line answers which, and what is acknowledged
//! or pinned.

use crate::ProtocolError;
use crate::credit::{Grant, ReceiveCredit, SendCredit, Window};
use crate::frame::{FLAG_PINNED, FLAG_REPLAY, Frame, Kind};

/// What a shim's frame means to the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// A line of the client. Call [`GatewayLink::processed`] with its length once it is accepted.
    Line {
        /// Its number: what an answer, an ACK or a PIN refers to.
        seq: u64,
        /// Whether an earlier gateway may have processed it.
        replay: bool,
        /// Whether it is pinned, and the client has an earlier gateway's answer to it.
        pinned: bool,
        /// The line.
        payload: &'a [u8],
    },
    /// Credit came: lines that had to wait may be sent.
    Credit,
    /// The client is done.
    Bye,
}

/// The gateway's state machine for one connection.
#[derive(Debug)]
pub struct GatewayLink {
    send: SendCredit,
    receive: ReceiveCredit,
    last_received: u64,
    next_seq: u64,
}

impl GatewayLink {
    /// A fresh connection: `own` is the window the gateway announced, `shim` the one the shim did.
    pub fn new(own: Window, shim: Window) -> Self {
        Self { send: SendCredit::new(shim), receive: ReceiveCredit::new(own), last_received: 0, next_seq: 1 }
    }

    /// Processes a frame of the shim.
    ///
    /// # Errors
    /// The shim broke the protocol; the connection must be closed.
    pub fn received<'a>(&mut self, frame: &Frame<'a>) -> Result<Incoming<'a>, ProtocolError> {
        match frame.kind {
            Kind::Line => self.received_line(frame),
            Kind::Credit => {
                self.send.granted(Grant::from_payload(frame.payload)?)?;
                Ok(Incoming::Credit)
            }
            Kind::Bye => Ok(Incoming::Bye),
            Kind::Ack | Kind::Pin | Kind::Unpin | Kind::State | Kind::Drain => {
                Err(ProtocolError::Unexpected(frame.kind))
            }
        }
    }

    fn received_line<'a>(&mut self, frame: &Frame<'a>) -> Result<Incoming<'a>, ProtocolError> {
        if frame.seq <= self.last_received {
            return Err(ProtocolError::Sequence { what: "line", seq: frame.seq });
        }
        self.last_received = frame.seq;
        self.receive.received(frame.payload.len() as u64)?;
        let has = |flag| frame.flags & flag != 0;
        let (replay, pinned) = (has(FLAG_REPLAY), has(FLAG_PINNED));
        Ok(Incoming::Line { seq: frame.seq, replay, pinned, payload: frame.payload })
    }

    /// A line of `bytes` was accepted; appends the credit frame if one is due.
    pub fn processed(&mut self, bytes: usize, out: &mut Vec<u8>) {
        if let Some(grant) = self.receive.processed(bytes as u64) {
            Frame::control(Kind::Credit, 0, &grant.to_payload()).encode(out);
        }
    }

    /// Whether a message of `bytes` may be sent now.
    pub fn allows(&self, bytes: usize) -> bool {
        self.send.allows(bytes as u64)
    }

    /// Appends a message to the client, which [`GatewayLink::allows`] has allowed; `re` is the line it
    /// answers, or 0.
    pub fn line(&mut self, payload: &[u8], re: u64, out: &mut Vec<u8>) {
        self.line_header(payload.len(), re, 0, out);
        out.extend_from_slice(payload);
    }

    /// The beginning of the frame of a line of `bytes`, with `flags`: the line itself is written right behind it.
    ///
    /// # Panics
    /// If the line is longer than 32 bits say; callers bound lines long before.
    pub fn line_header(&mut self, bytes: usize, re: u64, flags: u8, out: &mut Vec<u8>) {
        self.send.sent(bytes as u64);
        let seq = self.next_seq;
        self.next_seq += 1;
        Frame { kind: Kind::Line, flags, seq, re, payload: b"" }.encode_header(bytes, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(seq: u64) -> Frame<'static> {
        Frame { kind: Kind::Line, flags: 0, seq, re: 0, payload: b"{}" }
    }

    #[test]
    fn a_sequence_number_that_does_not_increase_is_refused() {
        let mut link = GatewayLink::new(Window::default(), Window::default());
        link.received(&line(3)).unwrap();
        assert_eq!(link.received(&line(3)), Err(ProtocolError::Sequence { what: "line", seq: 3 }));
    }

    #[test]
    fn frames_that_only_a_gateway_sends_are_refused() {
        let mut link = GatewayLink::new(Window::default(), Window::default());
        assert!(link.received(&Frame::control(Kind::Pin, 1, b"")).is_err());
        assert!(link.received(&Frame::control(Kind::Ack, 1, b"")).is_err());
    }
}
