//! The state machine alone, without a system call: a line becomes a frame, the answer's frame becomes a line.
//!
//! Three ways to do that: frames and nothing else; frames, numbers and credit; the shim's own [`ShimLink`],
//! which also retains every line until its answer is there. What the far end does is the same for all.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use snowgate_link::ShimLink;
use snowgate_link::credit::{Grant, ReceiveCredit, SendCredit, Window};
use snowgate_link::frame::{Decoder, Frame, Kind};

use crate::args::Args;
use crate::common::connection::Request;
use crate::common::interrupt;
use crate::common::report::{figure, table};
use crate::common::stats::median_of;
use crate::framed_echo::welcome;

const ROUNDS: usize = 41;
const ROUNDS_QUICK: usize = 5;
/// Calls of a turn: a few milliseconds.
const CALLS: usize = 16_384;
/// Lines that are under way at once: one, and as many as a gateway takes up from one session.
const DEPTHS: [usize; 2] = [1, 32];
/// The far end gives credit back for this many lines at once, as a gateway does: half a window.
const GRANT_LINES: u64 = 128;

/// One end of the link, as a shim has it.
trait Way {
    /// A line of the client: appends what goes to the gateway.
    fn send(&mut self, line: &[u8], to_gateway: &mut Vec<u8>);

    /// A frame of the gateway: appends what goes to the client, or back to the gateway.
    fn receive(&mut self, frame: &Frame<'_>, to_client: &mut Vec<u8>, to_gateway: &mut Vec<u8>)
    -> Result<()>;
}

/// Frames and nothing else.
#[derive(Default)]
struct Frames {
    last_seq: u64,
}

impl Way for Frames {
    fn send(&mut self, line: &[u8], to_gateway: &mut Vec<u8>) {
        self.last_seq += 1;
        Frame { kind: Kind::Line, flags: 0, seq: self.last_seq, re: 0, payload: line }.encode(to_gateway);
    }

    fn receive(&mut self, frame: &Frame<'_>, to_client: &mut Vec<u8>, _: &mut Vec<u8>) -> Result<()> {
        deliver(frame, to_client);
        Ok(())
    }
}

/// Frames, and both windows of credit.
struct Credited {
    frames: Frames,
    send: SendCredit,
    receive: ReceiveCredit,
}

impl Way for Credited {
    fn send(&mut self, line: &[u8], to_gateway: &mut Vec<u8>) {
        assert!(self.send.allows(line.len() as u64), "the far end gives credit back");
        self.send.sent(line.len() as u64);
        self.frames.send(line, to_gateway);
    }

    fn receive(
        &mut self,
        frame: &Frame<'_>,
        to_client: &mut Vec<u8>,
        to_gateway: &mut Vec<u8>,
    ) -> Result<()> {
        if frame.kind == Kind::Credit {
            self.send.granted(Grant::from_payload(frame.payload)?)?;
            return Ok(());
        }
        self.receive.received(frame.payload.len() as u64)?;
        deliver(frame, to_client);
        if let Some(grant) = self.receive.processed(frame.payload.len() as u64) {
            Frame::control(Kind::Credit, 0, &grant.to_payload()).encode(to_gateway);
        }
        Ok(())
    }
}

/// The shim's state machine, used as the shim uses it.
impl Way for ShimLink {
    fn send(&mut self, line: &[u8], to_gateway: &mut Vec<u8>) {
        assert!(self.accepts_line(), "the window is larger than what is under way");
        self.line(line);
        while let Some(frame) = self.next_to_send() {
            to_gateway.extend_from_slice(frame);
        }
    }

    fn receive(
        &mut self,
        frame: &Frame<'_>,
        to_client: &mut Vec<u8>,
        to_gateway: &mut Vec<u8>,
    ) -> Result<()> {
        self.received(frame)?;
        if frame.kind == Kind::Line {
            deliver(frame, to_client);
            to_gateway.extend(self.delivered(frame.payload.len()).into_iter().flatten());
        }
        Ok(())
    }
}

fn deliver(frame: &Frame<'_>, to_client: &mut Vec<u8>) {
    to_client.extend_from_slice(frame.payload);
    to_client.push(b'\n');
}

/// A way, with the far end and the buffers between.
struct Conversation {
    way: Box<dyn Way>,
    /// Whether the far end gives credit back.
    has_credit: bool,
    line: Vec<u8>,
    answer: Vec<u8>,
    /// Lines that went before this conversation.
    handshake: u64,
    /// Lines of this conversation that the far end has answered.
    answered: u64,
    decoder: Decoder,
    from_gateway: Vec<u8>,
    to_gateway: Vec<u8>,
    to_client: Vec<u8>,
}

impl Conversation {
    /// A conversation after a handshake of this many lines.
    fn new(way: Box<dyn Way>, has_credit: bool, handshake: u64) -> Self {
        let line = super::typical().line(1234).trim_ascii_end().to_vec();
        let content = r#"{"content":[{"type":"text","text":"C_MKTSEGMENT|CUSTOMERS\nAUTOMOBILE|30189\n(1 row)"}],"isError":false}"#;
        let answer = format!(r#"{{"jsonrpc":"2.0","id":1234,"result":{content}}}"#).into_bytes();
        Self {
            way,
            has_credit,
            line,
            answer,
            handshake,
            answered: 0,
            decoder: Decoder::new(),
            from_gateway: Vec::new(),
            to_gateway: Vec::new(),
            to_client: Vec::new(),
        }
    }

    /// As many calls as [`CALLS`], this many under way at once; gives the nanoseconds of one.
    fn turn(&mut self, depth: usize) -> Result<f64> {
        let since = Instant::now();
        for _ in 0..CALLS / depth {
            self.exchange(depth)?;
        }
        Ok(since.elapsed().as_secs_f64() * 1e9 / CALLS as f64)
    }

    /// This many lines, and then their answers.
    fn exchange(&mut self, depth: usize) -> Result<()> {
        for _ in 0..depth {
            self.to_gateway.clear();
            self.way.send(black_box(&self.line), &mut self.to_gateway);
            black_box(&self.to_gateway);
        }
        for _ in 0..depth {
            self.from_gateway.clear();
            self.answer();
            self.decoder.push(black_box(&self.from_gateway));
            self.to_client.clear();
            while let Some(frame) = self.decoder.frame()? {
                self.way.receive(&frame, &mut self.to_client, &mut self.to_gateway)?;
            }
            black_box(&self.to_client);
        }
        ensure!(self.to_client.len() == self.answer.len() + 1, "an answer was not delivered");
        Ok(())
    }

    /// What the far end says to the line after those it has answered.
    fn answer(&mut self) {
        self.answered += 1;
        let seq = self.handshake + self.answered;
        Frame { kind: Kind::Line, flags: 0, seq, re: seq, payload: &self.answer }
            .encode(&mut self.from_gateway);
        if self.has_credit && self.answered.is_multiple_of(GRANT_LINES) {
            let bytes = GRANT_LINES * self.line.len() as u64;
            let grant = Grant { frames: u32::try_from(GRANT_LINES).unwrap_or(u32::MAX), bytes };
            Frame::control(Kind::Credit, 0, &grant.to_payload()).encode(&mut self.from_gateway);
        }
    }
}

/// A link that has a session: its handshake is behind it, and pinned.
fn opened() -> Result<(ShimLink, u64)> {
    let mut link = ShimLink::new(Window::default());
    link.connected(&welcome());
    let handshake = [
        Request::initialize().line(1),
        br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_vec(),
    ];
    let mut seq = 0;
    for line in &handshake {
        seq += 1;
        link.line(line.trim_ascii_end());
        link.next_to_send().context("no credit for the handshake")?;
        link.received(&Frame::control(Kind::Pin, seq, b""))?;
        link.received(&Frame::control(Kind::Ack, seq, b""))?;
    }
    // It takes credit like any line, and the far end's grants are of equal lines: so it is given back by
    // itself.
    let bytes = handshake.iter().map(|line| line.trim_ascii_end().len() as u64).sum();
    let grant = Grant { frames: 2, bytes };
    link.received(&Frame::control(Kind::Credit, 0, &grant.to_payload()))?;
    Ok((link, seq))
}

const NAMES: [&str; 3] = ["frames alone", "frames and credit", "ShimLink: frames, credit, retained lines"];

pub(super) fn measure(args: &Args) -> Result<()> {
    let credited = Credited {
        frames: Frames::default(),
        send: SendCredit::new(Window::default()),
        receive: ReceiveCredit::new(Window::default()),
    };
    let (link, handshake) = opened()?;
    let mut ways = [
        Conversation::new(Box::new(Frames::default()), false, 0),
        Conversation::new(Box::new(credited), true, 0),
        Conversation::new(Box::new(link), true, handshake),
    ];
    let rounds = args.pick(ROUNDS, ROUNDS_QUICK);
    let mut taken: Vec<[[f64; 3]; 2]> = Vec::new();
    // Nobody's first round counts.
    for number in 0..=rounds {
        interrupt::check()?;
        let round = round(&mut ways, number)?;
        if number > 0 {
            taken.push(round);
        }
    }
    print(&taken, rounds, ways[0].line.len());
    Ok(())
}

/// Every way's turn at every depth, another way first each time.
fn round(ways: &mut [Conversation; 3], number: usize) -> Result<[[f64; 3]; 2]> {
    let mut nanoseconds = [[0.0; 3]; 2];
    for (of_depth, depth) in nanoseconds.iter_mut().zip(DEPTHS) {
        for offset in 0..ways.len() {
            let at = (number + offset) % ways.len();
            of_depth[at] = ways[at].turn(depth)?;
        }
    }
    Ok(nanoseconds)
}

fn print(taken: &[[[f64; 3]; 2]], rounds: usize, line_bytes: usize) {
    let row = |(at, name): (usize, &str)| {
        let cells = [0, 1].into_iter().flat_map(|depth| {
            let own = median_of(taken, |round| round[depth][at]);
            let added = median_of(taken, |round| round[depth][at] - round[depth][0]);
            [figure(own), figure(added)]
        });
        std::iter::once(name.to_owned()).chain(cells).collect()
    };
    let rows: Vec<Vec<String>> = NAMES.into_iter().enumerate().map(row).collect();
    let title = format!(
        "Retaining, without system calls: nanoseconds a call with a line of {line_bytes} bytes, medians of {rounds} rounds of {CALLS} calls"
    );
    let header = ["a line out, its answer in", "1 under way", "added", "32 under way", "added"];
    table(&title, &header, &rows);
}
