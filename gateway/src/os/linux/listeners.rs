//! Whose a listening socket is.

use std::os::fd::AsFd;

use rustix::net::sockopt::socket_peercred;

/// Whether `client` is connected to a socket of the process that listens on `listener`.
pub(in crate::os) fn is_same_owner(listener: &impl AsFd, client: &impl AsFd) -> bool {
    // A listening socket has the credentials of the process that called `listen`; who connects there gets the same.
    match (socket_peercred(listener), socket_peercred(client)) {
        (Ok(of_listener), Ok(of_client)) => of_listener == of_client,
        _ => true,
    }
}
