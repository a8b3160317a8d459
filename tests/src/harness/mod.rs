//! What every test needs: the programs, homes to run them in, and clients to ask them.
//!
//! `binaries` finds or builds the two programs, `home` is a `SNOWGATE_HOME` with its gateway, `client` a shim
//! and who talks to it, `clients` the real MCP clients and fakesnow. How long anything may take is said once,
//! in [`warehouse::support`].

mod binaries;
mod client;
pub mod clients;
mod home;
mod messages;
mod os;
mod output;
mod process;
mod random;

pub use warehouse::support::{eventually, eventually_within, patience, until};

pub use binaries::{Binaries, binaries, copy_program};
pub use client::{Client, Launch, Received};
pub use home::Home;
/// How many tools a client on SQLite is offered that may use all of them and has no folder for exports.
pub const TOOLS: usize = 14;

pub use messages::{error_text, is_answer_to, request_line, stateless, stateless_as, tool_text};
pub use os::{Full, Signal, SmallDisk, ask_to_stop, send_signal, set_mode};
#[cfg(unix)]
pub use os::{Terminal, open_terminal, write_script};
pub(crate) use os::{freeze, thaw};
pub use output::Output;
pub use process::{Process, descriptors, kill, peak_kb, reset_peak, resident_kb};
pub use random::Random;
