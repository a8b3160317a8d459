//! Support of the black-box tests: the two real programs, a home of its own for each test, and a client that speaks
//! JSON-RPC without an SDK.
//!
//! Everything here panics where a step fails: the message says which step, in which home, and what was seen. Nothing
//! waits for a time to pass, only for a condition to hold, with a bound.

#![allow(clippy::disallowed_macros)]

mod binaries;
mod client;
pub mod clients;
mod disk;
mod home;
mod messages;
mod output;
mod process;
pub mod rampage;
mod random;
mod wait;
pub mod warehouse;

pub use binaries::{Binaries, binaries};
pub use client::{Client, Launch, Received};
pub use disk::{Full, SmallDisk};
pub use home::Home;
pub use messages::{error_text, is_answer_to, request_line, stateless, stateless_as, tool_text};
pub use output::Output;
pub use process::{Process, Signal, descriptors, kill, resident_kb, send_signal};
pub use random::Random;
pub use wait::{eventually, until};
