//! The shim's half of the link: numbering, retaining and replaying the client's lines.
//!
//! Invariant: `retained` is ordered by sequence number, and on the present connection exactly the lines below
//! `unsent_from` have been sent. Lines leave it when the gateway answers or acknowledges them, never on a
//! lost connection.

use std::collections::VecDeque;

use crate::ProtocolError;
use crate::credit::{Grant, ReceiveCredit, SendCredit, Window};
use crate::frame::{FLAG_PINNED, FLAG_REPLAY, Frame, HEADER_BYTES, Kind};
use crate::hello::{Resume, STATE_BYTES_MAX, Welcome};

/// Offset of the flags in an encoded frame.
const FLAGS_AT: usize = 5;

/// Lines accepted and not yet sent on an open connection: enough for one read of stdin to become one write.
const UNSENT: Window = Window { frames: 64, bytes: 256 * 1024 };

/// What to do with a frame from the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inbound {
    /// Write the payload and a newline to the client, then call [`ShimLink::delivered`].
    Deliver,
    /// The client has this answer already: drop it.
    Swallow,
    /// For the link alone; credit may have come, so try [`ShimLink::next_to_send`] again.
    Control,
    /// The gateway is shutting down: it answers what it has, and is sent nothing more.
    Drain,
    /// The gateway has sent everything.
    Bye,
}

/// A line that no gateway will answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// The line.
    pub line: Vec<u8>,
    /// Whether a gateway may have processed it.
    pub maybe_processed: bool,
}

/// A line of the client, encoded as the frame that carries it.
#[derive(Debug)]
struct Retained {
    seq: u64,
    frame: Vec<u8>,
    pinned: bool,
    answered: bool,
    /// Whether an earlier gateway may have processed it: sent again, it is a replay.
    maybe_processed: bool,
}

impl Retained {
    fn payload(&self) -> &[u8] {
        &self.frame[HEADER_BYTES..]
    }

    /// Whether the last gateway may have processed it: it was sent, and its number is not higher than that of
    /// the last line that the gateway named in its DRAIN.
    fn maybe_processed_by_last(&self, unsent_from: u64, last_processed: Option<u64>) -> bool {
        self.seq < unsent_from && last_processed.is_none_or(|last| self.seq <= last)
    }

    /// Whether the client still waits for something.
    fn is_open(&self) -> bool {
        !self.answered
    }
}

/// One connection's credit and numbers.
#[derive(Debug)]
struct Connection {
    send: SendCredit,
    receive: ReceiveCredit,
    last_received: u64,
    /// Set by a gateway that is shutting down: nothing more is sent to it.
    draining: bool,
}

/// The shim's state machine. Its memory is bounded by the windows, the lines that the gateway has accepted
/// and not answered (it bounds those), and the pinned lines.
#[derive(Debug)]
pub struct ShimLink {
    window: Window,
    next_seq: u64,
    unsent_from: u64,
    retained: VecDeque<Retained>,
    connection: Option<Connection>,
    /// From the last gateway's DRAIN: the last line that it processed.
    last_processed: Option<u64>,
    /// The last state that a gateway sent for the next one.
    state: Option<String>,
}

impl ShimLink {
    /// A link without a connection; `window` bounds what the shim holds in either direction.
    pub fn new(window: Window) -> Self {
        Self {
            window,
            next_seq: 1,
            unsent_from: 1,
            retained: VecDeque::new(),
            connection: None,
            last_processed: None,
            state: None,
        }
    }

    /// Whether another line of the client may be accepted. `false` means: stop reading stdin.
    pub fn accepts_line(&self) -> bool {
        if self.connection.as_ref().is_some_and(|connection| !connection.draining) {
            let (frames, bytes) =
                total(self.retained.iter().rev().take_while(|line| line.seq >= self.unsent_from));
            return frames < UNSENT.frames && bytes < UNSENT.bytes;
        }
        let (frames, bytes) = total(self.retained.iter().filter(|line| line.is_open()));
        frames < self.window.frames && bytes < self.window.bytes
    }

    /// Accepts a line of the client.
    pub fn line(&mut self, payload: &[u8]) {
        let seq = self.next_seq;
        self.next_seq += 1;
        let frame = Frame { kind: Kind::Line, flags: 0, seq, re: 0, payload }.to_bytes();
        self.retained.push_back(Retained {
            seq,
            frame,
            pinned: false,
            answered: false,
            maybe_processed: false,
        });
    }

    /// A gateway sent a welcome: from here on [`ShimLink::next_to_send`] returns frames. Returns the lines
    /// that the gateway will never answer, which the caller answers with an error.
    pub fn connected(&mut self, welcome: &Welcome) -> Vec<GivenUp> {
        self.connection = Some(Connection {
            send: SendCredit::new(welcome.window),
            receive: ReceiveCredit::new(self.window),
            last_received: 0,
            draining: false,
        });
        let (last_processed, unsent_from) =
            (self.last_processed.take(), std::mem::replace(&mut self.unsent_from, 1));
        for line in &mut self.retained {
            line.maybe_processed |= line.maybe_processed_by_last(unsent_from, last_processed);
        }
        if welcome.resume == Resume::Lost {
            self.give_up(|line| line.maybe_processed && !line.pinned)
        } else {
            Vec::new()
        }
    }

    /// The state to present to the next gateway.
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// The connection was lost; retained lines wait for the next one.
    pub fn disconnected(&mut self) {
        self.connection = None;
    }

    /// The next frame to write, if there is a connection and credit for it. It counts as sent.
    pub fn next_to_send(&mut self) -> Option<&[u8]> {
        let connection = self.connection.as_mut().filter(|connection| !connection.draining)?;
        let at = self.retained.partition_point(|line| line.seq < self.unsent_from);
        let Some(line) = self.retained.get_mut(at) else {
            self.unsent_from = self.next_seq;
            return None;
        };
        let bytes = (line.frame.len() - HEADER_BYTES) as u64;
        if !connection.send.allows(bytes) {
            return None;
        }
        connection.send.sent(bytes);
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        line.frame[FLAGS_AT] =
            flag(line.maybe_processed, FLAG_REPLAY) | flag(line.pinned && line.answered, FLAG_PINNED);
        self.unsent_from = line.seq + 1;
        Some(&line.frame)
    }

    /// Processes a frame of the gateway.
    ///
    /// # Errors
    /// The gateway broke the protocol; the connection is of no use.
    pub fn received(&mut self, frame: &Frame<'_>) -> Result<Inbound, ProtocolError> {
        let connection = self.connection.as_mut().ok_or(ProtocolError::Unexpected(frame.kind))?;
        match frame.kind {
            Kind::Line => {
                if frame.seq <= connection.last_received {
                    return Err(ProtocolError::Sequence { what: "line", seq: frame.seq });
                }
                connection.last_received = frame.seq;
                connection.receive.received(frame.payload.len() as u64)?;
                if frame.re == 0 || self.answer(frame.re)? {
                    Ok(Inbound::Deliver)
                } else {
                    Ok(Inbound::Swallow)
                }
            }
            Kind::Ack => self.answer(frame.re).map(|_| Inbound::Control),
            Kind::Pin => self.pin(frame.re, true).map(|()| Inbound::Control),
            Kind::Unpin => self.pin(frame.re, false).map(|()| Inbound::Control),
            Kind::State => {
                let state = str::from_utf8(frame.payload).ok().filter(|state| state.len() <= STATE_BYTES_MAX);
                self.state = state.map(str::to_owned);
                Ok(Inbound::Control)
            }
            Kind::Credit => {
                connection.send.granted(Grant::from_payload(frame.payload)?)?;
                Ok(Inbound::Control)
            }
            Kind::Drain => {
                connection.draining = true;
                self.last_processed = Some(frame.re);
                Ok(Inbound::Drain)
            }
            Kind::Bye => Ok(Inbound::Bye),
        }
    }

    /// A line of `bytes` was delivered or swallowed; returns the credit frame if one is due.
    pub fn delivered(&mut self, bytes: usize) -> Option<Vec<u8>> {
        let grant = self.connection.as_mut()?.receive.processed(bytes as u64)?;
        Some(Frame::control(Kind::Credit, 0, &grant.to_payload()).to_bytes())
    }

    /// Gives up on every line that the client still waits for and returns those lines, so that each can be
    /// answered with an error.
    pub fn give_up_all(&mut self) -> Vec<GivenUp> {
        self.give_up(|_| true)
    }

    /// How many lines the client still waits for an answer or an acknowledgement to.
    pub fn open_lines(&self) -> usize {
        self.retained.iter().filter(|line| line.is_open()).count()
    }

    fn give_up(&mut self, which: impl Fn(&Retained) -> bool) -> Vec<GivenUp> {
        let (unsent_from, last_processed) = (self.unsent_from, self.last_processed);
        let mut lines = Vec::new();
        self.retained.retain_mut(|line| {
            if !line.is_open() || !which(line) {
                return true;
            }
            line.answered = true;
            let maybe_processed =
                line.maybe_processed || line.maybe_processed_by_last(unsent_from, last_processed);
            lines.push(GivenUp { line: line.payload().to_vec(), maybe_processed });
            line.pinned
        });
        lines
    }

    /// Line `re` is answered or acknowledged; returns whether the client still waited for it.
    fn answer(&mut self, re: u64) -> Result<bool, ProtocolError> {
        let Some(at) = self.find(re)? else { return Ok(false) };
        let was_open = self.retained[at].is_open();
        if self.retained[at].pinned {
            self.retained[at].answered = true;
        } else {
            self.retained.remove(at);
        }
        Ok(was_open)
    }

    fn pin(&mut self, re: u64, pinned: bool) -> Result<(), ProtocolError> {
        if let Some(at) = self.find(re)? {
            self.retained[at].pinned = pinned;
            if !pinned && self.retained[at].answered {
                self.retained.remove(at);
            }
        }
        Ok(())
    }

    /// The position of line `seq` in `retained`; an error if this connection never carried it.
    fn find(&self, seq: u64) -> Result<Option<usize>, ProtocolError> {
        if seq == 0 || seq >= self.unsent_from {
            return Err(ProtocolError::Sequence { what: "reference to line", seq });
        }
        Ok(self.retained.binary_search_by_key(&seq, |line| line.seq).ok())
    }
}

/// Number and bytes of `lines`.
fn total<'a>(lines: impl Iterator<Item = &'a Retained>) -> (u32, u64) {
    lines.fold((0, 0), |(frames, bytes), line| (frames + 1, bytes + line.payload().len() as u64))
}
