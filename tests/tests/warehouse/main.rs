//! The stand-in warehouse itself: what it says, what it counts, how it fails; and the clients that are not ours.

mod caller;
mod chunks;
mod contents;
mod fakesnow;
mod faults;
mod http;
mod log_in;
mod outage;
mod python;
mod queries;
mod sessions;
