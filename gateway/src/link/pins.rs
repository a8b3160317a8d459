//! Which of a session's lines its shim keeps for the next gateway, so that the session outlives the
//! connection.

use snowgate_link::frame::{Frame, Kind};

/// What a pinned line establishes. A session pins one line of each, the last that succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PinSlot {
    /// The `initialize` request.
    Initialize,
    /// The `notifications/initialized` after it.
    Initialized,
}

/// The pinned lines of one connection: at most one a slot.
#[derive(Debug, Default)]
pub(super) struct Pins {
    slots: [Option<u64>; 2],
}

impl Pins {
    /// Pins line `seq` in `slot` in place of an earlier one; appends the frames that say so.
    pub(super) fn pin(&mut self, slot: PinSlot, seq: u64, out: &mut Vec<u8>) {
        let earlier = self.slots[slot as usize].replace(seq);
        Frame::control(Kind::Pin, seq, b"").encode(out);
        if let Some(earlier) = earlier.filter(|&earlier| earlier != seq) {
            Frame::control(Kind::Unpin, earlier, b"").encode(out);
        }
    }
}
