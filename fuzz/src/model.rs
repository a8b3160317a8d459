//! A model of one direction's credit, simpler than the link's own.

use snowgate_link::credit::{Grant, Window};

/// The minimum window, in lines and bytes.
const FRAMES_MIN: u32 = 2;
const BYTES_MIN: u64 = 4096;

/// Lines that were sent and not credited.
#[derive(Debug)]
pub(crate) struct Outstanding {
    frames_max: u64,
    bytes_max: u64,
    frames: u64,
    bytes: u64,
}

impl Outstanding {
    pub(crate) fn new(window: Window) -> Self {
        let (frames_max, bytes_max) = (window.frames.max(FRAMES_MIN), window.bytes.max(BYTES_MIN));
        Self { frames_max: u64::from(frames_max), bytes_max, frames: 0, bytes: 0 }
    }

    /// Whether the window has room for a line. A line may go over the bytes while half of them are free.
    pub(crate) fn allows(&self, bytes: usize) -> bool {
        let has_bytes =
            self.bytes + bytes as u64 <= self.bytes_max || self.bytes < self.bytes_max.div_ceil(2);
        self.frames < self.frames_max && has_bytes
    }

    /// A line was sent: the window must have had room for it.
    pub(crate) fn sent(&mut self, bytes: usize) {
        assert!(self.allows(bytes), "{bytes} bytes more than the window allows: {self:?}");
        self.frames += 1;
        self.bytes += bytes as u64;
    }

    /// Whether everything was credited: then any line may be sent.
    pub(crate) fn is_none(&self) -> bool {
        self.frames == 0 && self.bytes == 0
    }

    /// Whether this much may be credited: never more than is outstanding.
    pub(crate) fn covers(&self, grant: Grant) -> bool {
        u64::from(grant.frames) <= self.frames && grant.bytes <= self.bytes
    }

    /// Credit was returned.
    pub(crate) fn granted(&mut self, grant: Grant) {
        assert!(self.covers(grant), "{grant:?} is more than is outstanding: {self:?}");
        self.frames -= u64::from(grant.frames);
        self.bytes -= grant.bytes;
    }
}
