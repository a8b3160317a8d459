//! Frames: `u32 len | u8 kind | u8 flags | u16 0 | u64 seq | u64 re`, little-endian, then `len` bytes of
//! payload.
//!
//! `seq` numbers the lines of one direction from 1; `re` names the other side's line that this frame answers,
//! acknowledges or pins (0: none). A payload is a client's line byte for byte, without its newline.

use crate::LINE_BYTES_MAX;

/// Bytes of a frame's header.
pub const HEADER_BYTES: usize = 24;

/// The line was sent before, to a gateway that may have processed it.
pub const FLAG_REPLAY: u8 = 1;

/// On a pinned line that an earlier gateway has answered or acknowledged: the client has that answer and gets
/// no second.
pub const FLAG_PINNED: u8 = 2;

/// On a line of the gateway: it is about line `re`, and does not answer it (progress, say). Only sent to a front within the
/// gateway: a shim is told `re` 0.
pub const FLAG_ABOUT: u8 = 4;

/// A decoder keeps at most this much spare memory once it is empty, in bytes.
const IDLE_BYTES_MAX: usize = 64 * 1024;

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// One JSON-RPC message. From the gateway, `re` is the line it answers, or 0.
    Line = 1,
    /// Line `re` needs no answer and may be forgotten.
    Ack = 2,
    /// Line `re` is kept, answered or not, until the session ends.
    Pin = 3,
    /// The sender has processed lines: payload `u32 frames | u64 bytes`.
    Credit = 4,
    /// The gateway is shutting down: reconnect to the next one. `re` is the last line that it processed.
    Drain = 5,
    /// This side is done: nothing follows.
    Bye = 6,
    /// Line `re` is no longer pinned.
    Unpin = 7,
    /// The session's state as the next gateway needs it: the shim presents the last one in its hello, unread.
    State = 8,
}

impl TryFrom<u8> for Kind {
    type Error = FrameError;

    fn try_from(byte: u8) -> Result<Self, FrameError> {
        Ok(match byte {
            1 => Self::Line,
            2 => Self::Ack,
            3 => Self::Pin,
            4 => Self::Credit,
            5 => Self::Drain,
            6 => Self::Bye,
            7 => Self::Unpin,
            8 => Self::State,
            other => return Err(FrameError::Kind(other)),
        })
    }
}

/// Why bytes are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The kind byte is not in [`Kind`].
    #[error("unknown kind {0}")]
    Kind(u8),
    /// The payload is longer than [`LINE_BYTES_MAX`].
    #[error("payload of {0} bytes")]
    Length(u32),
    /// The reserved bytes are not zero.
    #[error("reserved bytes are not zero")]
    Reserved,
    /// A credit frame's payload is not 12 bytes.
    #[error("credit payload of {0} bytes")]
    Credit(usize),
}

/// A frame whose payload is borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it is for.
    pub kind: Kind,
    /// Bits such as [`FLAG_REPLAY`]; unknown bits are ignored.
    pub flags: u8,
    /// This line's number, 0 for frames that are not lines.
    pub seq: u64,
    /// The other side's line that it refers to, or 0.
    pub re: u64,
    /// The line or the kind's own data.
    pub payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// A frame of `kind` that refers to the other side's line `re`.
    pub fn control(kind: Kind, re: u64, payload: &'a [u8]) -> Self {
        Self { kind, flags: 0, seq: 0, re, payload }
    }

    /// Appends the frame's bytes to `out`.
    ///
    /// # Panics
    /// If the payload does not fit in 32 bits; callers bound lines long before.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.reserve(HEADER_BYTES + self.payload.len());
        self.encode_header(self.payload.len(), out);
        out.extend_from_slice(self.payload);
    }

    /// Appends what comes before a payload of `bytes`.
    pub fn encode_header(&self, bytes: usize, out: &mut Vec<u8>) {
        let len = u32::try_from(bytes).expect("payloads are bounded by LINE_BYTES_MAX");
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(&[self.kind as u8, self.flags, 0, 0]);
        out.extend_from_slice(&self.seq.to_le_bytes());
        out.extend_from_slice(&self.re.to_le_bytes());
    }

    /// The frame's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_BYTES + self.payload.len());
        self.encode(&mut out);
        out
    }
}

/// A payload that is owned: the buffer that it was received in.
#[derive(Debug, Default)]
pub struct Payload {
    buffer: Vec<u8>,
    /// Offset of its first byte.
    start: usize,
}

impl From<&[u8]> for Payload {
    fn from(bytes: &[u8]) -> Self {
        Self { buffer: bytes.to_vec(), start: 0 }
    }
}

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[self.start..]
    }
}

/// Cuts a byte stream into frames. Its memory grows with the bytes that arrived, never with what a header
/// claims.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// Offset of the first undecoded byte.
    start: usize,
}

impl Decoder {
    /// An empty decoder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends received bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.compact();
        self.buffer.extend_from_slice(bytes);
    }

    /// The buffer to read into directly; call [`Decoder::frame`] until it returns `None` before the next
    /// read.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        self.compact();
        &mut self.buffer
    }

    /// The next whole frame, or `None` if more bytes are needed.
    ///
    /// # Errors
    /// The bytes are not a frame of this protocol; nothing more can be read from the stream.
    pub fn frame(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        let rest = &self.buffer[self.start..];
        let Some((header, body)) = rest.split_at_checked(HEADER_BYTES) else { return Ok(None) };
        let len = u32::from_le_bytes(array(header, 0));
        if len as usize > LINE_BYTES_MAX {
            return Err(FrameError::Length(len));
        }
        let kind = Kind::try_from(header[4])?;
        if header[6..8] != [0, 0] {
            return Err(FrameError::Reserved);
        }
        let Some(payload) = body.get(..len as usize) else { return Ok(None) };
        self.start += HEADER_BYTES + payload.len();
        Ok(Some(Frame {
            kind,
            flags: header[5],
            seq: u64::from_le_bytes(array(header, 8)),
            re: u64::from_le_bytes(array(header, 16)),
            payload,
        }))
    }

    /// Bytes that are still to come of the frame that has begun to arrive, and those of its whole payload;
    /// `None` where its header is not there yet. Call it after [`Decoder::frame`] returned `None`.
    pub fn announced(&self) -> Option<(usize, usize)> {
        let (header, body) = self.buffer[self.start..].split_at_checked(HEADER_BYTES)?;
        let payload = u32::from_le_bytes(array(header, 0)) as usize;
        Some((payload.saturating_sub(body.len()), payload))
    }

    /// Takes the payload of the frame that [`Decoder::frame`] returned last, of `bytes`. It is copied only
    /// where more bytes have arrived behind it.
    pub fn take_payload(&mut self, bytes: usize) -> Payload {
        let start = self.start - bytes;
        if self.start < self.buffer.len() {
            return Payload { buffer: self.buffer[start..self.start].to_vec(), start: 0 };
        }
        self.start = 0;
        Payload { buffer: std::mem::take(&mut self.buffer), start }
    }

    /// Drops decoded bytes, and memory that only one large frame needed.
    fn compact(&mut self) {
        self.buffer.drain(..self.start);
        self.start = 0;
        if self.buffer.len() <= IDLE_BYTES_MAX && self.buffer.capacity() > 2 * IDLE_BYTES_MAX {
            self.buffer.shrink_to(IDLE_BYTES_MAX);
        }
    }
}

/// `N` bytes of `bytes` from `at`; the caller has checked the length.
fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_header_is_laid_out_as_documented() {
        let bytes = Frame { kind: Kind::Line, flags: FLAG_REPLAY, seq: 2, re: 3, payload: b"{}" }.to_bytes();
        assert_eq!(bytes, b"\x02\0\0\0\x01\x01\0\0\x02\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0{}");
    }

    #[test]
    fn bytes_that_are_not_a_frame_are_refused() {
        let refused = |at: usize, byte: u8| {
            let mut bytes = Frame::control(Kind::Ack, 1, b"").to_bytes();
            bytes[at] = byte;
            let mut decoder = Decoder::new();
            decoder.push(&bytes);
            decoder.frame().map(|_| ()).unwrap_err()
        };
        assert_eq!(refused(3, 0xff), FrameError::Length(0xff00_0000));
        assert_eq!(refused(4, 99), FrameError::Kind(99));
        assert_eq!(refused(7, 1), FrameError::Reserved);
    }

    #[test]
    fn memory_of_a_large_frame_is_released() {
        let mut decoder = Decoder::new();
        let payload = vec![b'x'; 4 << 20];
        decoder.push(&Frame::control(Kind::Line, 0, &payload).to_bytes());
        assert!(decoder.frame().unwrap().is_some());
        assert!(decoder.buffer().capacity() <= 2 * IDLE_BYTES_MAX);
    }

    #[test]
    fn a_payload_that_is_taken_is_not_copied_unless_more_follows_it() {
        let frame = Frame::control(Kind::Line, 0, &[b'x'; 1000]).to_bytes();
        let mut decoder = Decoder::new();
        decoder.push(&frame[..100]);
        assert!(decoder.frame().unwrap().is_none());
        assert_eq!(decoder.announced(), Some((924, 1000)));
        decoder.push(&frame[100..]);
        assert!(decoder.frame().unwrap().is_some());
        let place = decoder.buffer[HEADER_BYTES..].as_ptr();
        let payload = decoder.take_payload(1000);
        assert_eq!((payload.as_ref(), payload.as_ref().as_ptr()), (&[b'x'; 1000][..], place));
        assert_eq!((decoder.buffer.capacity(), decoder.announced()), (0, None));

        decoder.push(&frame);
        decoder.push(&frame);
        for _ in 0..2 {
            assert!(decoder.frame().unwrap().is_some());
            assert_eq!(decoder.take_payload(1000).as_ref(), [b'x'; 1000]);
        }
        assert_eq!(decoder.announced(), None);
    }

    proptest! {
        #[test]
        fn frames_are_decoded_the_same_with_any_cuts(
            lines in prop::collection::vec((any::<u64>(), any::<u64>(), prop::collection::vec(any::<u8>(), 0..300)), 0..8),
            cuts in prop::collection::vec(1usize..200, 1..20),
        ) {
            let mut bytes = Vec::new();
            for (seq, re, payload) in &lines {
                Frame { kind: Kind::Line, flags: 0, seq: *seq, re: *re, payload }.encode(&mut bytes);
            }
            let mut decoder = Decoder::new();
            let mut decoded = Vec::new();
            let mut cuts = cuts.iter().cycle();
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (head, tail) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                decoder.push(head);
                while let Some(frame) = decoder.frame().unwrap() {
                    decoded.push((frame.seq, frame.re, frame.payload.to_vec()));
                }
                rest = tail;
            }
            prop_assert_eq!(decoded, lines);
            prop_assert_eq!(decoder.buffer().len(), 0);
        }

        #[test]
        fn any_bytes_decode_to_frames_or_an_error_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut decoder = Decoder::new();
            decoder.push(&bytes);
            while let Ok(Some(_)) = decoder.frame() {}
        }
    }
}
