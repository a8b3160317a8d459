//! Events of a stream (HTML standard, "Server-sent events"): their ids, and how they are written.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;

/// A message that is no longer than this is copied beside the fields around it; a longer one is not.
const COPIED_BYTES_MAX: usize = 16 * 1024;

/// How long a client whose stream was cut waits before it comes back.
pub(super) const RETRY: Duration = Duration::from_secs(1);

/// A line that clients pass over: shows those in between that the stream lives.
pub(super) const KEEP_ALIVE: &[u8] = b":\n\n";

/// Before the number of a stream.
const STANDALONE: char = 's';
const REQUEST: char = 'r';

/// An event's place: unique over all streams of a session, and over the gateways that served it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct EventId {
    /// Of the streams that are known together: drawn when a session's first one opens.
    pub(super) epoch: u32,
    /// The stream's number among them.
    pub(super) stream: u32,
    /// Whether the stream is of messages that belong to no request.
    pub(super) is_standalone: bool,
    /// The event's number in the stream; the first message has 1.
    pub(super) seq: u32,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_standalone { STANDALONE } else { REQUEST };
        write!(f, "{:08x}-{kind}{}-{}", self.epoch, self.stream, self.seq)
    }
}

/// A text that is no id of an event of this gateway's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoEventId;

impl FromStr for EventId {
    type Err = NoEventId;

    fn from_str(text: &str) -> Result<Self, NoEventId> {
        let mut parts = text.split('-');
        let (Some(epoch), Some(stream), Some(seq), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NoEventId);
        };
        let id = Self {
            epoch: u32::from_str_radix(epoch, 16).map_err(|_| NoEventId)?,
            stream: stream.get(1..).and_then(|number| number.parse().ok()).ok_or(NoEventId)?,
            is_standalone: stream.starts_with(STANDALONE),
            seq: seq.parse().map_err(|_| NoEventId)?,
        };
        // One way to write each.
        if id.to_string() == text { Ok(id) } else { Err(NoEventId) }
    }
}

/// An event that has no message, and makes the client come back behind it if the stream is cut (SEP-1699).
pub(super) fn priming(id: EventId) -> Bytes {
    Bytes::from(format!("id: {id}\nretry: {}\ndata:\n\n", RETRY.as_millis()))
}

/// The pieces of an event that carries `line`, which has no line break.
pub(super) fn message(id: Option<EventId>, line: &Bytes) -> Vec<Bytes> {
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    let head = format!("{id}event: message\ndata: ");
    if line.len() > COPIED_BYTES_MAX {
        return vec![Bytes::from(head), line.clone(), Bytes::from_static(b"\n\n")];
    }
    let mut event = Vec::with_capacity(head.len() + line.len() + 2);
    event.extend_from_slice(head.as_bytes());
    event.extend_from_slice(line);
    event.extend_from_slice(b"\n\n");
    vec![Bytes::from(event)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: EventId = EventId { epoch: 0xAB, stream: 3, is_standalone: false, seq: 12 };

    #[test]
    fn an_id_is_read_as_it_was_written_and_in_no_other_way() {
        assert_eq!(ID.to_string(), "000000ab-r3-12");
        assert_eq!("000000ab-r3-12".parse(), Ok(ID));
        let standalone = EventId { is_standalone: true, ..ID };
        assert_eq!(standalone.to_string().parse(), Ok(standalone));
        for other in [
            "",
            "ab-r3-12",
            "000000AB-r3-12",
            "000000ab-r3",
            "000000ab-r3-12-1",
            "000000ab-r03-12",
            "000000ab-x3-12",
            "000000ab-3-12",
            "000000ab-ä-1",
            "000000ab-r3-+12",
            "000000ab--12",
            "000000ab-r3-4294967296",
            "x",
            "0",
            "000000ab-r3-12 ",
        ] {
            assert_eq!(other.parse::<EventId>(), Err(NoEventId), "{other:?}");
        }
    }

    #[test]
    fn an_event_is_written_the_same_way_whatever_its_length() {
        for bytes in [2, COPIED_BYTES_MAX, COPIED_BYTES_MAX + 1] {
            let line = Bytes::from("x".repeat(bytes));
            let written = message(Some(ID), &line).concat();
            let text = String::from_utf8(written).unwrap();
            assert_eq!(text, format!("id: 000000ab-r3-12\nevent: message\ndata: {}\n\n", "x".repeat(bytes)));
        }
        assert_eq!(message(None, &Bytes::from_static(b"{}")).concat(), b"event: message\ndata: {}\n\n");
    }

    #[test]
    fn a_priming_event_has_an_id_a_time_and_no_message() {
        assert_eq!(priming(ID), "id: 000000ab-r3-12\nretry: 1000\ndata:\n\n");
    }
}
