//! Whose a listening socket is.

use std::os::fd::AsFd;

/// Whether `client` is connected to a socket of the process that listens on `listener`: the system does not tell.
pub(in crate::os) fn is_same_owner(_listener: &impl AsFd, _client: &impl AsFd) -> bool {
    true
}
