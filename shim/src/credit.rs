//! Credit windows: how many lines may be in flight in one direction.
//!
//! The receiver states a [`Window`] in its hello and returns credit as it processes lines, in grants of half
//! a window so that a ping-pong of small lines costs no extra frame. The sender may overshoot the byte window
//! by one line while at most half of it is outstanding: so a line larger than the window still passes, and
//! once a receiver has processed everything, the sender can always send.

use crate::ProtocolError;
use crate::frame::FrameError;

/// How much one side is ready to buffer for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Lines.
    pub frames: u32,
    /// Bytes of those lines.
    pub bytes: u64,
}

impl Default for Window {
    fn default() -> Self {
        Self { frames: 256, bytes: 8 * 1024 * 1024 }
    }
}

impl Window {
    /// The window with a minimum size, so that something can always pass.
    fn usable(self) -> Self {
        Self { frames: self.frames.max(2), bytes: self.bytes.max(4096) }
    }
}

/// Returned credit: the payload of a credit frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// Lines processed.
    pub frames: u32,
    /// Bytes of those lines.
    pub bytes: u64,
}

impl Grant {
    /// The payload of a credit frame.
    pub fn to_payload(self) -> [u8; 12] {
        let mut payload = [0; 12];
        payload[..4].copy_from_slice(&self.frames.to_le_bytes());
        payload[4..].copy_from_slice(&self.bytes.to_le_bytes());
        payload
    }

    /// Reads a credit frame's payload.
    ///
    /// # Errors
    /// The payload is not 12 bytes long.
    pub fn from_payload(payload: &[u8]) -> Result<Self, FrameError> {
        let (Some(frames), Some(bytes), 12) = (payload.first_chunk(), payload.last_chunk(), payload.len())
        else {
            return Err(FrameError::Credit(payload.len()));
        };
        Ok(Self { frames: u32::from_le_bytes(*frames), bytes: u64::from_le_bytes(*bytes) })
    }
}

/// The sender's half: what it has sent and has no credit for yet.
#[derive(Debug)]
pub struct SendCredit {
    window: Window,
    outstanding: Grant,
}

impl SendCredit {
    /// Nothing outstanding, under the receiver's window.
    pub fn new(window: Window) -> Self {
        Self { window: window.usable(), outstanding: Grant::default() }
    }

    /// Whether a line of `bytes` may be sent now.
    pub fn allows(&self, bytes: u64) -> bool {
        self.outstanding.frames < self.window.frames
            && (self.outstanding.bytes + bytes <= self.window.bytes
                || self.outstanding.bytes < self.window.bytes.div_ceil(2))
    }

    /// Records a line as sent.
    pub fn sent(&mut self, bytes: u64) {
        self.outstanding.frames += 1;
        self.outstanding.bytes += bytes;
    }

    /// Adds returned credit.
    ///
    /// # Errors
    /// More was granted than was outstanding.
    pub fn granted(&mut self, grant: Grant) -> Result<(), ProtocolError> {
        let error = || ProtocolError::Credit("more granted than was sent");
        self.outstanding.frames = self.outstanding.frames.checked_sub(grant.frames).ok_or_else(error)?;
        self.outstanding.bytes = self.outstanding.bytes.checked_sub(grant.bytes).ok_or_else(error)?;
        Ok(())
    }
}

/// The receiver's half: what it holds, and what it has processed but not granted yet.
#[derive(Debug)]
pub struct ReceiveCredit {
    window: Window,
    /// Received and not granted: what the sender counts as outstanding.
    held: Grant,
    /// Processed, waiting to be granted.
    due: Grant,
}

impl ReceiveCredit {
    /// Nothing held, under this side's own window.
    pub fn new(window: Window) -> Self {
        Self { window: window.usable(), held: Grant::default(), due: Grant::default() }
    }

    /// Records a received line.
    ///
    /// # Errors
    /// The sender went over the window.
    pub fn received(&mut self, bytes: u64) -> Result<(), ProtocolError> {
        let half = self.window.bytes.div_ceil(2);
        if self.held.frames >= self.window.frames {
            return Err(ProtocolError::Credit("more lines than the window allows"));
        }
        if self.held.bytes + bytes > self.window.bytes && self.held.bytes >= half {
            return Err(ProtocolError::Credit("more bytes than the window allows"));
        }
        self.held.frames += 1;
        self.held.bytes += bytes;
        Ok(())
    }

    /// Records a line as processed; returns the grant to send once half a window is due.
    pub fn processed(&mut self, bytes: u64) -> Option<Grant> {
        self.due.frames += 1;
        self.due.bytes += bytes;
        if self.due.frames < self.window.frames.div_ceil(2) && self.due.bytes < self.window.bytes.div_ceil(2)
        {
            return None;
        }
        let grant = std::mem::take(&mut self.due);
        self.held.frames -= grant.frames;
        self.held.bytes -= grant.bytes;
        Some(grant)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_larger_than_the_window_passes() {
        let mut credit = SendCredit::new(Window { frames: 4, bytes: 5000 });
        assert!(credit.allows(1 << 20));
        credit.sent(1 << 20);
        assert!(!credit.allows(1));
        credit.granted(Grant { frames: 1, bytes: 1 << 20 }).unwrap();
        assert!(credit.allows(1));
    }

    #[test]
    fn a_grant_of_more_than_was_sent_is_refused() {
        let mut credit = SendCredit::new(Window::default());
        assert!(credit.granted(Grant { frames: 1, bytes: 0 }).is_err());
    }

    #[test]
    fn a_sender_that_ignores_the_window_is_refused() {
        let mut credit = ReceiveCredit::new(Window { frames: 2, bytes: 5000 });
        credit.received(1).unwrap();
        credit.received(1).unwrap();
        assert!(credit.received(1).is_err());
    }

    #[test]
    fn a_credit_payload_that_is_not_12_bytes_long_is_refused() {
        assert!(Grant::from_payload(&[0; 11]).is_err());
        assert!(Grant::from_payload(&[0; 13]).is_err());
    }

    proptest! {
        /// Whatever the sizes and the pace: the sender never exceeds the receiver's window, and once the
        /// receiver has processed everything the sender can always send the next line.
        #[test]
        fn the_two_halves_agree_and_never_deadlock(
            frames in 1u32..9, bytes in 1u64..20_000,
            steps in prop::collection::vec((0u64..30_000, any::<bool>()), 1..200),
        ) {
            let window = Window { frames, bytes };
            let (mut sender, mut receiver) = (SendCredit::new(window), ReceiveCredit::new(window));
            let mut held = VecDeque::new();
            for (len, send_first) in steps {
                if send_first && sender.allows(len) {
                    sender.sent(len);
                    prop_assert!(receiver.received(len).is_ok());
                    held.push_back(len);
                } else if let Some(len) = held.pop_front()
                    && let Some(grant) = receiver.processed(len)
                {
                    prop_assert_eq!(Grant::from_payload(&grant.to_payload()), Ok(grant));
                    prop_assert!(sender.granted(grant).is_ok());
                }
                if held.is_empty() {
                    prop_assert!(sender.allows(len));
                }
            }
        }
    }
}
