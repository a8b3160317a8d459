//! The frame decoder: the same frames are decoded however the bytes are cut, and it keeps no more than was
//! pushed.

use snowgate_link::LINE_BYTES_MAX;
use snowgate_link::frame::{Decoder, Frame, FrameError, HEADER_BYTES, Kind};

use super::input::Input;

/// The number of cuts; they are used again from the first.
const CUTS_MAX: u8 = 16;

/// A decoder that holds no more than this, in bytes, has at most twice as much memory.
const IDLE_BYTES_MAX: usize = 64 * 1024;

/// A decoded frame.
#[derive(Debug, PartialEq)]
struct Decoded {
    kind: Kind,
    flags: u8,
    seq: u64,
    re: u64,
    payload: Vec<u8>,
}

impl Decoded {
    fn of(frame: &Frame<'_>) -> Self {
        let Frame { kind, flags, seq, re, payload } = *frame;
        Self { kind, flags, seq, re, payload: payload.to_vec() }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let Self { kind, flags, seq, re, ref payload } = *self;
        Frame { kind, flags, seq, re, payload }.encode(out);
    }
}

/// The result of decoding a stream.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    frames: Vec<Decoded>,
    error: Option<FrameError>,
}

/// Input: an odd first byte means that frames are written and read back, an even one that any bytes are read.
/// Then come the number of cuts, the cuts, and the frames or bytes.
pub fn frames(data: &[u8]) {
    let mut input = Input::new(data);
    let is_written = input.byte() % 2 == 1;
    let cuts = usize::from(input.byte() % CUTS_MAX);
    let cuts = input.take(cuts);
    let bytes = if is_written { written(input) } else { input.rest().to_vec() };

    let outcome = decode(&bytes, &[]);
    assert_eq!(decode(&bytes, cuts), outcome, "cutting makes a difference");
    let mut again = Vec::new();
    outcome.frames.iter().for_each(|frame| frame.encode(&mut again));
    assert!(bytes.starts_with(&again), "the frames are not what the bytes say");
    assert_eq!(outcome.error.is_some(), is_malformed(&bytes[again.len()..]), "{outcome:?}");
    if is_written {
        assert_eq!((again.len(), outcome.error), (bytes.len(), None), "a written frame did not come back");
    }
}

/// Whether these bytes, which do not start with a whole frame, cannot become one either.
fn is_malformed(bytes: &[u8]) -> bool {
    let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else { return false };
    let &[len_0, len_1, len_2, len_3, kind, _flags, reserved_0, reserved_1, ..] = header;
    let is_too_long = u32::from_le_bytes([len_0, len_1, len_2, len_3]) as usize > LINE_BYTES_MAX;
    is_too_long || Kind::try_from(kind).is_err() || [reserved_0, reserved_1] != [0, 0]
}

fn written(mut input: Input<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !input.is_empty() && bytes.len() < LINE_BYTES_MAX {
        bytes.extend(input.frame());
    }
    bytes
}

/// Decodes `bytes`, cut into pieces of these lengths (none: in one piece).
fn decode(bytes: &[u8], cuts: &[u8]) -> Outcome {
    let mut decoder = Decoder::new();
    let mut outcome = Outcome::default();
    let mut cuts = cuts.iter().map(|&cut| usize::from(cut).max(1)).cycle();
    let mut rest = bytes;
    let mut undecoded = 0;
    while !rest.is_empty() {
        let (piece, tail) = rest.split_at(cuts.next().unwrap_or(rest.len()).min(rest.len()));
        decoder.push(piece);
        undecoded += piece.len();
        undecoded -= take_whole_frames(&mut decoder, &mut outcome);
        expect_bounded(&mut decoder, undecoded, bytes.len(), outcome.error.is_some());
        rest = tail;
    }
    outcome
}

/// Takes the frames that are complete; returns their bytes, headers included.
fn take_whole_frames(decoder: &mut Decoder, outcome: &mut Outcome) -> usize {
    let mut bytes = 0;
    loop {
        match decoder.frame() {
            Ok(None) => {
                assert_eq!(outcome.error, None, "an error did not stay");
                return bytes;
            }
            Ok(Some(frame)) => {
                assert_eq!(outcome.error, None, "a frame came after an error");
                bytes += HEADER_BYTES + frame.payload.len();
                outcome.frames.push(Decoded::of(&frame));
            }
            Err(error) => {
                assert_eq!(outcome.error.unwrap_or(error), error, "an error became another");
                outcome.error = Some(error);
                return bytes;
            }
        }
    }
}

/// The decoder holds what was pushed and not decoded, and while the stream is good no more than one frame.
fn expect_bounded(decoder: &mut Decoder, undecoded: usize, pushed: usize, has_failed: bool) {
    let buffer = decoder.buffer();
    assert_eq!(buffer.len(), undecoded, "bytes were lost or kept");
    assert!(has_failed || buffer.len() < HEADER_BYTES + LINE_BYTES_MAX, "more than a frame is kept");
    let spare_allowed = if buffer.len() <= IDLE_BYTES_MAX { IDLE_BYTES_MAX } else { pushed };
    assert!(
        buffer.capacity() <= 2 * spare_allowed,
        "{} bytes of memory for {} bytes",
        buffer.capacity(),
        buffer.len()
    );
}
