//! Who a request is from.

use std::net::IpAddr;
use std::sync::Arc;

/// One HTTP connection, as the listener knows it: in the extensions of each of its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    /// Its number: unique for as long as the gateway runs.
    pub(super) connection: u64,
    /// The address at the other end; `None`: a Unix socket.
    pub(super) address: Option<IpAddr>,
}

/// An API key that a request came with, and that was found to be good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyIdentity {
    /// Never changes, also when the key is rotated.
    pub(crate) id: String,
    /// The name that its owner gave it.
    pub(crate) name: String,
    /// The profile of its sessions; `None`: the one that fits.
    pub(crate) profile: Option<String>,
    /// What it may do at most; `None`: what its profile allows.
    pub(crate) role: Option<String>,
}

/// Who a request is from, once it is let in: in the extensions of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// `None`: nobody asks for keys (`auth = "none"`).
    pub(crate) key: Option<Arc<KeyIdentity>>,
    /// The address that it counts for; `None`: a Unix socket.
    pub(crate) address: Option<IpAddr>,
    /// The number of its connection.
    pub(crate) connection: u64,
}
