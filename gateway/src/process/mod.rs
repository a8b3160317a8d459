//! The gateway's process, from its lock to its last goodbye. The top floor: everything else is used from
//! here.
//!
//! `start` takes the lock (`takeover` the one of a gateway that runs), opens the backend and the socket; `serve` accepts connections while `watchers`
//! look for reasons to shut down and `signals` takes signals; `drain` lets what runs finish; `restart` becomes the program that is on
//! disk. `watchdog` tells the service manager that the gateway is alive, `turn_away` clients that it cannot start.
//! `listener` owns the socket and the lock that makes its owner the only gateway.

mod backends;
mod drain;
mod listener;
mod restart;
mod serve;
mod signals;
mod start;
mod takeover;
mod turn_away;
mod watchdog;
mod watchers;

pub use listener::{BindError, GatewayLock, Listener, lock_owner};
pub use restart::{Successor, restart};
pub use start::{Events, Options, Outcome, start};
