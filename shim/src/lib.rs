//! The link between the shim and the gateway.
//!
//! One client line travels as one [`frame`]; each side numbers what it sends, the shim retains what is not yet
//! answered, and a [`credit`] window bounds both directions. The state machines ([`ShimLink`], [`GatewayLink`]) are
//! pure: bytes and facts in, frames and verdicts out, no clock and no I/O. [`endpoint`] says where the gateway
//! listens, [`start`] how the first shim brings one up without a race.

pub mod credit;
pub mod endpoint;
pub mod flat;
pub mod frame;
mod gateway_link;
pub mod hello;
pub mod lines;
pub mod os;
pub mod scan;
mod shim_link;
pub mod start;

pub use gateway_link::{GatewayLink, Incoming};
pub use shim_link::{GivenUp, Inbound, ShimLink};

/// The longest line a client may send, in bytes without its newline.
pub const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The longest message the gateway sends, in bytes: TypeScript clients close the connection at 10 MiB.
pub const MESSAGE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The version of this build, as both hellos carry it.
pub const BUILD: &str = env!("CARGO_PKG_VERSION");

/// What a peer did that the protocol does not allow. The connection is of no use after it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// A frame's header is not one of this protocol's.
    #[error("malformed frame: {0}")]
    Frame(#[from] frame::FrameError),
    /// More was sent than the window allows, or more was granted than was sent.
    #[error("credit violated: {0}")]
    Credit(&'static str),
    /// A number that goes backwards or names a line that was never sent.
    #[error("sequence violated: {what} {seq}")]
    Sequence {
        /// What the number stood for.
        what: &'static str,
        /// The number.
        seq: u64,
    },
    /// A frame kind that this side never receives.
    #[error("unexpected frame kind {0:?}")]
    Unexpected(frame::Kind),
}
