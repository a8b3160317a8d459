//! What every test needs: the programs, homes to run them in, and clients to ask them.
//!
//! `binaries` finds or builds the two programs, `home` is a `SNOWGATE_HOME` with its gateway, `client` a shim
//! and who talks to it, `clients` the real MCP clients and fakesnow. How long anything may take is said once,
//! in [`warehouse::support`].

mod binaries;
mod client;
pub mod clients;
mod disk;
mod home;
mod messages;
mod output;
mod process;
mod random;
mod terminal;

pub use warehouse::support::{eventually, eventually_within, patience, until};

pub use binaries::{Binaries, binaries, copy_program, write_script};
pub use client::{Client, Launch, Received};
pub use disk::{Full, SmallDisk};
pub use home::Home;
pub use messages::{error_text, is_answer_to, request_line, stateless, stateless_as, tool_text};
pub use output::Output;
pub use process::{Process, Signal, descriptors, kill, peak_kb, reset_peak, resident_kb, send_signal};
pub use random::Random;
pub use terminal::{Terminal, open_terminal};
