//! The reading side of one connection: bytes in, classified lines out, in order.
//!
//! A long line passes three gates: its connection is read on only once there is memory to read it, it is looked
//! at in the lane for heavy work, and it becomes a request only once there is memory to hold it. Lines behind
//! it wait for it, other connections do not. All of that lives in `self`, so that nothing is lost when a future
//! of [`Inbound::ready`] is dropped.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use snowgate_link::frame::{Decoder, Payload};
use snowgate_link::{Incoming as LinkEvent, ProtocolError};
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, timeout_at};

use super::channel::Channel;
use super::stream::LinkStream;
use crate::intake::{Message, Rejection, classify_line, no_room};
use crate::shared::{HEAVY_BYTES, HoldPermit, ReadPermit, Shared};

/// Bytes that are read at once.
const READ_BYTES: usize = 16 * 1024;

/// How long a long line may take to arrive once there is memory for it: a stopped shim does not keep that
/// memory from the others. It sends the line again on its next connection.
const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(30);

/// A request that takes up to this many bytes needs no memory of the budget: credit and `session_requests_max`
/// bound such requests.
const LIGHT_BYTES_MAX: usize = 256 * 1024;

/// What came from the shim.
pub(super) enum Event {
    Line(Line),
    Bye,
}

/// What the link says of a line.
#[derive(Clone, Copy)]
pub(super) struct Stamp {
    pub(super) seq: u64,
    pub(super) bytes: usize,
    pub(super) replayed: bool,
    pub(super) pinned: bool,
}

/// A line, classified.
pub(super) struct Line {
    pub(super) stamp: Stamp,
    /// Its text, if it is a request.
    pub(super) text: Payload,
    pub(super) message: Result<Message, Rejection>,
    /// Memory to hold a long request.
    pub(super) held: Option<HoldPermit>,
}

/// Why nothing more comes.
#[derive(Debug, thiserror::Error)]
pub(super) enum Closed {
    #[error("the shim has closed it")]
    AtEnd,
    #[error(transparent)]
    Read(#[from] io::Error),
    #[error("a long line did not arrive within {} s", ARRIVAL_TIMEOUT.as_secs())]
    Slow,
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
}

type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The reading side.
pub(super) struct Inbound<S> {
    shared: Arc<Shared>,
    stream: Arc<S>,
    decoder: Decoder,
    reading: Reading,
}

/// Where it is with what comes next.
enum Reading {
    /// Reads short frames.
    Short,
    /// Waits for memory to read a long line.
    WaitsForMemory(Later<ReadPermit>),
    /// Reads a long line.
    Long(ReadPermit, Instant),
    /// Waits for a line that is looked at, or for memory to hold it.
    WaitsForLine(Later<Line>),
    /// Has one for [`Inbound::next`].
    HasLine(Box<Line>),
}

impl<S: LinkStream> Inbound<S> {
    /// Reads `stream`; `decoder` has what came behind the hello.
    pub(super) fn new(shared: Arc<Shared>, stream: Arc<S>, decoder: Decoder) -> Self {
        Self { shared, stream, decoder, reading: Reading::Short }
    }

    /// Waits until [`Inbound::next`] may have something.
    ///
    /// # Errors
    /// Nothing more comes.
    pub(super) async fn ready(&mut self) -> Result<(), Closed> {
        loop {
            match &mut self.reading {
                Reading::Short => match self.decoder.announced() {
                    Some((_, bytes)) if bytes > HEAVY_BYTES => {
                        let memory = self.shared.lines.clone().read(bytes);
                        self.reading = Reading::WaitsForMemory(Box::pin(memory));
                    }
                    _ => return self.read(READ_BYTES, None).await,
                },
                Reading::WaitsForMemory(memory) => {
                    let permit = memory.await;
                    self.reading = Reading::Long(permit, Instant::now() + ARRIVAL_TIMEOUT);
                }
                &mut Reading::Long(_, deadline) => {
                    let to_come = self.decoder.announced().map_or(READ_BYTES, |(to_come, _)| to_come);
                    if to_come == 0 {
                        return Ok(());
                    }
                    return self.read(to_come, Some(deadline)).await;
                }
                Reading::WaitsForLine(line) => {
                    let line = line.await;
                    self.reading = Reading::HasLine(Box::new(line));
                    return Ok(());
                }
                Reading::HasLine(_) => return Ok(()),
            }
        }
    }

    /// Reads once, up to `most` bytes; nothing is lost if the future is dropped.
    async fn read(&mut self, most: usize, deadline: Option<Instant>) -> Result<(), Closed> {
        let buffer = self.decoder.buffer();
        // A long line's buffer is made once.
        if deadline.is_some() {
            buffer.reserve_exact(most);
        } else {
            buffer.reserve(most);
        }
        let mut limited = self.stream.half().take(most as u64);
        let read = limited.read_buf(buffer);
        let read = match deadline {
            Some(deadline) => timeout_at(deadline, read).await.map_err(|_| Closed::Slow)??,
            None => read.await?,
        };
        if read == 0 { Err(Closed::AtEnd) } else { Ok(()) }
    }

    /// What has come, if it is there.
    ///
    /// # Errors
    /// The shim broke the protocol; the connection must be closed.
    pub(super) fn next(&mut self, channel: &Channel<S>) -> Result<Option<Event>, Closed> {
        match std::mem::replace(&mut self.reading, Reading::Short) {
            Reading::HasLine(line) => Ok(Some(Event::Line(*line))),
            Reading::Short => self.next_frame(channel, None),
            Reading::Long(permit, _) if self.decoder.announced().is_some_and(|(to_come, _)| to_come == 0) => {
                self.next_frame(channel, Some(permit))
            }
            waits => {
                self.reading = waits;
                Ok(None)
            }
        }
    }

    /// The next frame that is there; `permit` is the memory that it was read into, if it is long.
    fn next_frame(
        &mut self,
        channel: &Channel<S>,
        permit: Option<ReadPermit>,
    ) -> Result<Option<Event>, Closed> {
        while let Some(frame) = self.decoder.frame().map_err(ProtocolError::from)? {
            let (stamp, payload) = match channel.with_link(|link| link.received(&frame))? {
                LinkEvent::Credit => continue,
                LinkEvent::Bye => return Ok(Some(Event::Bye)),
                LinkEvent::Line { seq, replay: replayed, pinned, payload } => {
                    (Stamp { seq, bytes: payload.len(), replayed, pinned }, payload)
                }
            };
            let shared = Arc::clone(&self.shared);
            if stamp.bytes > HEAVY_BYTES {
                let text = self.decoder.take_payload(stamp.bytes);
                self.reading = Reading::WaitsForLine(Box::pin(look_at(shared, stamp, text, permit)));
                return Ok(None);
            }
            let message = classify_line(payload);
            let is_request = matches!(message, Ok(Message::Request(_)));
            let text = if is_request { Payload::from(payload) } else { Payload::default() };
            let line = Line { stamp, text, message, held: None };
            if line.memory_bytes() <= LIGHT_BYTES_MAX {
                return Ok(Some(Event::Line(line)));
            }
            self.reading = Reading::WaitsForLine(Box::pin(hold(shared, line)));
            return Ok(None);
        }
        Ok(None)
    }
}

impl Line {
    /// What it takes if it is a request.
    fn memory_bytes(&self) -> usize {
        match &self.message {
            Ok(Message::Request(head)) => head.memory_bytes,
            _ => 0,
        }
    }
}

/// Classifies a long line.
async fn look_at(shared: Arc<Shared>, stamp: Stamp, text: Payload, permit: Option<ReadPermit>) -> Line {
    let look = move || {
        let message = classify_line(text.as_ref());
        let text = if matches!(message, Ok(Message::Request(_))) { text } else { Payload::default() };
        Line { stamp, text, message, held: None }
    };
    let line = shared.heavy.run(look).await;
    let line = hold(shared, line).await;
    drop(permit);
    line
}

/// Gets memory to hold `line`, or refuses it.
async fn hold(shared: Arc<Shared>, mut line: Line) -> Line {
    if let Ok(Message::Request(head)) = &line.message {
        match shared.lines.hold(head.memory_bytes).await {
            Ok(permit) => line.held = Some(permit),
            Err(error) => {
                let refused = no_room(head.id.clone(), line.stamp.replayed, &error.to_string());
                line = Line { message: Err(refused), text: Payload::default(), ..line };
            }
        }
    }
    line
}
