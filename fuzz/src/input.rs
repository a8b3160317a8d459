//! Numbers and choices from a fuzz input. At its end an input yields zeros.

use snowgate_link::credit::{Grant, Window};
use snowgate_link::frame::{Frame, Kind};

/// A first byte from here on means that a number of eight bytes follows; below, the byte is the number.
const WIDE: u8 = 0xf0;

/// The longest payload or line that an input asks for, in bytes: several of them are more than any buffer of
/// the link.
const LENGTH_MAX: u64 = 80_000;

/// With this flag a credit frame has a payload of any length.
const FLAG_ODD: u8 = 0x80;

/// An input, read from its start.
pub(crate) struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self { rest: data }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// All that was not read yet.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *first
    }

    /// At most `len` bytes.
    pub(crate) fn take(&mut self, len: usize) -> &'a [u8] {
        let (head, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.rest = rest;
        head
    }

    /// A number, small or wide.
    pub(crate) fn number(&mut self) -> u64 {
        match self.byte() {
            WIDE.. => {
                let mut bytes = [0; 8];
                let given = self.take(8);
                bytes[..given.len()].copy_from_slice(given);
                u64::from_le_bytes(bytes)
            }
            small => u64::from(small),
        }
    }

    /// A number of bytes.
    pub(crate) fn length(&mut self) -> usize {
        usize::try_from(self.number() % LENGTH_MAX).expect("lengths are small")
    }

    /// A frame of any kind, encoded: what one side may receive from the other.
    pub(crate) fn frame(&mut self) -> Vec<u8> {
        let kind = Kind::try_from(1 + self.byte() % Kind::State as u8).expect("kinds count from 1");
        let flags = self.byte();
        let (seq, re) = (self.number(), self.number());
        let payload = match kind {
            Kind::Credit if flags & FLAG_ODD == 0 => self.grant().to_payload().to_vec(),
            _ => vec![self.byte(); self.length()],
        };
        Frame { kind, flags, seq, re, payload: &payload }.to_bytes()
    }

    fn grant(&mut self) -> Grant {
        Grant { frames: self.number_32(), bytes: self.number() }
    }

    /// A window of any size.
    pub(crate) fn window(&mut self) -> Window {
        Window { frames: self.number_32(), bytes: self.number() }
    }

    fn number_32(&mut self) -> u32 {
        u32::try_from(self.number()).unwrap_or(u32::MAX)
    }
}
