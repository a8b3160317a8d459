//! The stand-in warehouse itself: what it says, what it counts, how it fails.

mod caller;
mod chunks;
mod contents;
mod faults;
mod http;
mod log_in;
mod outage;
mod queries;
mod sessions;
mod state;
