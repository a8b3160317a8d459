//! What the streams of one session have sent, for a client whose stream was cut: which event is next behind the one that it
//! has. Pure.
//!
//! | the event is | a client that comes back behind it |
//! |---|---|
//! | of a stream that is open, or whose later events are kept | gets those, and then what follows |
//! | followed by one that is no longer kept | gets those behind it: the answer is the last to be dropped |
//! | of an earlier gateway, a stream that is not known, or not sent yet | gets the end of the stream |

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::event::EventId;

/// Events that are kept of a session, at most.
pub(super) const EVENTS_MAX: usize = 256;

/// Streams of messages without a request that no client reads, and that one may come back to, at most.
const SUSPENDED_MAX: usize = 16;

/// Bytes of the events that are kept of a session, at most.
pub(super) const BYTES_MAX: usize = 8 * 1024 * 1024;

/// An event that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) id: EventId,
    pub(super) line: Bytes,
    /// Whether nothing follows.
    pub(super) is_last: bool,
}

/// What comes behind an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Behind {
    /// This one.
    Event(Kept),
    /// Nothing yet.
    NothingYet,
    /// Nothing: the stream has ended, or is not known.
    End,
}

/// What is known of a stream.
#[derive(Debug, Default)]
struct Stream {
    /// The number of its last event.
    sent: u32,
    has_ended: bool,
    is_standalone: bool,
    /// Whether its client has left, and nothing is sent to it until one comes back.
    is_suspended: bool,
}

/// The events of one session.
#[derive(Debug)]
pub(super) struct Replay {
    epoch: u32,
    opened: u32,
    streams: BTreeMap<u32, Stream>,
    kept: VecDeque<Kept>,
    bytes: usize,
}

impl Replay {
    pub(super) fn new(epoch: u32) -> Self {
        Self { epoch, opened: 0, streams: BTreeMap::new(), kept: VecDeque::new(), bytes: 0 }
    }

    /// A new stream: the id of the event that it begins with, which has no message.
    pub(super) fn open(&mut self, is_standalone: bool) -> EventId {
        self.opened += 1;
        self.streams.insert(self.opened, Stream { is_standalone, ..Stream::default() });
        EventId { epoch: self.epoch, stream: self.opened, is_standalone, seq: 0 }
    }

    /// The client of `stream` has left, and may come back. Of many such streams the oldest is forgotten.
    pub(super) fn suspend(&mut self, stream: u32) {
        if let Some(of) = self.streams.get_mut(&stream) {
            of.is_suspended = true;
        }
        let suspended: Vec<u32> =
            self.streams.iter().filter(|(_, of)| of.is_suspended).map(|(&number, _)| number).collect();
        if suspended.len() > SUSPENDED_MAX
            && let Some(&oldest) = suspended.first()
        {
            self.end(oldest);
        }
    }

    /// A client has come back to `stream`.
    pub(super) fn resume(&mut self, stream: u32) {
        if let Some(of) = self.streams.get_mut(&stream) {
            of.is_suspended = false;
        }
    }

    /// Adds an event to `stream`; kept if `has_room`. The oldest are dropped for it.
    pub(super) fn add(&mut self, stream: u32, line: Bytes, is_last: bool, has_room: bool) -> EventId {
        let of = self.streams.entry(stream).or_default();
        of.sent += 1;
        of.has_ended |= is_last;
        let id = EventId { epoch: self.epoch, stream, is_standalone: of.is_standalone, seq: of.sent };
        if has_room && line.len() <= BYTES_MAX {
            self.bytes += line.len();
            self.kept.push_back(Kept { id, line, is_last });
        }
        while self.kept.len() > EVENTS_MAX || self.bytes > BYTES_MAX {
            self.drop_oldest();
        }
        self.forget_ended(stream);
        id
    }

    /// `stream` gets no more events, and may have had its last.
    pub(super) fn end(&mut self, stream: u32) {
        if let Some(of) = self.streams.get_mut(&stream) {
            of.has_ended = true;
        }
        self.forget_ended(stream);
    }

    /// What comes behind `id`.
    pub(super) fn behind(&self, id: EventId) -> Behind {
        let Some(stream) = self.streams.get(&id.stream) else { return Behind::End };
        if id.epoch != self.epoch || id.is_standalone != stream.is_standalone || id.seq > stream.sent {
            return Behind::End;
        }
        let next = self.kept.iter().find(|kept| kept.id.stream == id.stream && kept.id.seq > id.seq);
        match next {
            Some(kept) => Behind::Event(kept.clone()),
            None if stream.has_ended => Behind::End,
            None => Behind::NothingYet,
        }
    }

    /// Whether `stream` is open, or some of its events are kept.
    pub(super) fn knows(&self, stream: u32) -> bool {
        self.streams.contains_key(&stream)
    }

    /// Bytes of the events that are kept.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Drops the oldest event that is no stream's last, or else the oldest.
    pub(super) fn drop_oldest(&mut self) {
        let oldest = self.kept.iter().position(|kept| !kept.is_last).unwrap_or(0);
        if let Some(dropped) = self.kept.remove(oldest) {
            self.bytes -= dropped.line.len();
            self.forget_ended(dropped.id.stream);
        }
    }

    /// A stream that has ended, and of which nothing is kept, is not known any more.
    fn forget_ended(&mut self, stream: u32) {
        let has_ended = self.streams.get(&stream).is_some_and(|of| of.has_ended);
        if has_ended && !self.kept.iter().any(|kept| kept.id.stream == stream) {
            self.streams.remove(&stream);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Bytes {
        Bytes::copy_from_slice(text.as_bytes())
    }

    /// The lines behind `id`, and how they end.
    fn rest(replay: &Replay, mut id: EventId) -> (Vec<String>, Behind) {
        let mut lines = Vec::new();
        loop {
            match replay.behind(id) {
                Behind::Event(kept) => {
                    lines.push(String::from_utf8(kept.line.to_vec()).unwrap());
                    id = kept.id;
                }
                end => return (lines, end),
            }
        }
    }

    #[test]
    fn a_stream_goes_on_behind_the_event_that_its_client_has() {
        let mut replay = Replay::new(7);
        let (first, second) = (replay.open(false), replay.open(false));
        let one = replay.add(first.stream, line("one"), false, true);
        replay.add(second.stream, line("other"), false, true);
        assert_eq!(rest(&replay, first), (vec!["one".into()], Behind::NothingYet));
        replay.add(first.stream, line("answer"), true, true);
        assert_eq!(rest(&replay, first), (vec!["one".into(), "answer".into()], Behind::End));
        assert_eq!(rest(&replay, one), (vec!["answer".into()], Behind::End));
        assert_eq!(
            rest(&replay, second),
            (vec!["other".into()], Behind::NothingYet),
            "of its own stream only"
        );
    }

    #[test]
    fn an_id_that_is_not_known_is_the_end() {
        let mut replay = Replay::new(7);
        let first = replay.open(false);
        for id in [
            EventId { epoch: 8, ..first },
            EventId { stream: 2, ..first },
            EventId { stream: 0, ..first },
            EventId { seq: 1, ..first },
            EventId { is_standalone: true, ..first },
        ] {
            assert_eq!(replay.behind(id), Behind::End, "{id}");
        }
        assert_eq!(replay.behind(first), Behind::NothingYet);
        replay.end(first.stream);
        assert_eq!(replay.behind(first), Behind::End);
        assert!(replay.streams.is_empty());
    }

    #[test]
    fn the_bounds_hold_and_answers_are_dropped_last() {
        let mut replay = Replay::new(1);
        let answered = replay.open(false);
        replay.add(answered.stream, line("answer"), true, true);
        let noisy = replay.open(false);
        for _ in 0..2 * EVENTS_MAX {
            replay.add(noisy.stream, line("progress"), false, true);
        }
        assert_eq!(replay.kept.len(), EVENTS_MAX);
        assert_eq!(rest(&replay, answered), (vec!["answer".into()], Behind::End));
        // Answers alone are bounded as well, and streams are forgotten with them.
        for _ in 0..2 * EVENTS_MAX {
            let stream = replay.open(false).stream;
            replay.add(stream, line("answer"), true, true);
        }
        assert_eq!((replay.kept.len(), replay.streams.len()), (EVENTS_MAX, EVENTS_MAX + 1));
        assert_eq!(rest(&replay, answered), (vec![], Behind::End));
        assert_eq!(replay.behind(noisy), Behind::NothingYet);
        let mut replay = Replay::new(1);
        let stream = replay.open(false).stream;
        let half = Bytes::from(vec![b'x'; BYTES_MAX / 2 + 1]);
        for _ in 0..3 {
            replay.add(stream, half.clone(), false, true);
        }
        assert_eq!(replay.bytes(), half.len());
        // One that is over the bound by itself pushes nothing out.
        replay.add(stream, Bytes::from(vec![b'x'; BYTES_MAX + 1]), true, true);
        assert_eq!(replay.bytes(), half.len());
    }

    #[test]
    fn what_there_is_no_room_for_is_sent_and_not_kept() {
        let mut replay = Replay::new(1);
        let stream = replay.open(false);
        assert_eq!(replay.add(stream.stream, line("a"), false, false).seq, 1);
        assert_eq!(replay.add(stream.stream, line("b"), false, true).seq, 2);
        assert_eq!(rest(&replay, stream), (vec!["b".into()], Behind::NothingYet));
    }

    #[test]
    fn streams_that_clients_have_left_are_forgotten_when_there_are_many() {
        let mut replay = Replay::new(1);
        let streams: Vec<EventId> = (0..=SUSPENDED_MAX).map(|_| replay.open(true)).collect();
        streams.iter().for_each(|id| replay.suspend(id.stream));
        assert_eq!(replay.behind(streams[0]), Behind::End);
        assert_eq!(replay.behind(streams[1]), Behind::NothingYet);
        replay.resume(streams[1].stream);
        let another = replay.open(true);
        replay.suspend(another.stream);
        assert_eq!(replay.behind(streams[1]), Behind::NothingYet, "one that is read is kept");
        assert_eq!(replay.behind(streams[2]), Behind::NothingYet);
    }
}
