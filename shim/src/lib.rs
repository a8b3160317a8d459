//! The link between the shim and the gateway.
//!
//! One client line travels as one [`frame`]; each side numbers what it sends, the shim retains what is not
//! yet answered, and a [`credit`] window bounds both directions. The state machines ([`ShimLink`],
//! [`GatewayLink`]) are pure: bytes and events in, frames and decisions out, no clock and no I/O.
//! [`endpoint`] has the place where the gateway listens; [`start`] starts one without a race.

pub mod credit;
pub mod endpoint;
pub mod flat;
pub mod frame;
mod gateway_link;
pub mod hello;
pub mod json_string;
pub mod lines;
pub mod os;
pub mod scan;
pub mod settings;
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

/// A violation of the protocol by the peer. The connection cannot be used any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// A frame's header is not valid.
    #[error("malformed frame: {0}")]
    Frame(#[from] frame::FrameError),
    /// More was sent than the window allows, or more was granted than was sent.
    #[error("credit error: {0}")]
    Credit(&'static str),
    /// A number that does not increase or names a line that was never sent.
    #[error("sequence error: {what} {seq}")]
    Sequence {
        /// What the number is for.
        what: &'static str,
        /// The number.
        seq: u64,
    },
    /// A frame kind that this side never receives.
    #[error("unexpected frame kind {0:?}")]
    Unexpected(frame::Kind),
}
