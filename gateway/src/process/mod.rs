//! The gateway's process, from its lock to its last goodbye. The top floor: everything else is used from
//! here.
//!
//! `start` takes the lock, opens the backend and the socket; `serve` accepts connections while `watchers`
//! look for reasons to shut down and `signals` takes signals; `drain` lets what runs finish; `restart` becomes the program that is on
//! disk. `listener` owns the socket and the lock that makes its owner the only gateway.

mod backends;
mod drain;
mod inherited_fd;
mod listener;
mod restart;
mod serve;
mod signals;
mod start;
mod watchers;

pub use listener::{BindError, GatewayLock, Listener};
pub use restart::restart;
pub use start::{Events, Outcome, start};
