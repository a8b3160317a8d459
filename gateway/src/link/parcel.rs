//! What the link keeps with a request that waits.

use snowgate_link::frame::Payload;

use crate::shared::HoldPermit;

/// A request that waits; beside it stands what the intake knows of it.
#[derive(Debug)]
pub(super) struct Parcel {
    /// Its line, which is parsed when it starts.
    pub(super) line: Payload,
    /// Bytes of its line whose credit is given back when it starts; `None` where that was done when it came.
    pub(super) owed: Option<usize>,
    /// What the request says that its client is called.
    pub(super) client: Option<String>,
    /// Memory for a long one, held to its end.
    pub(super) held: Option<HoldPermit>,
}
