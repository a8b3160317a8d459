//! Support of the black-box tests and of the benchmarks: [`harness`], the two real programs, a home of its
//! own for each test, and a client that speaks JSON-RPC without an SDK; and [`chaos`], clients at work while
//! everything fails.
//!
//! Everything here panics where a step fails: the message says which step, in which home, and what was seen.
//! Nothing waits for a time to pass, only for a condition to hold, with one bound for all ([`patience`]).

#![allow(clippy::disallowed_macros)]

pub mod chaos;
pub mod harness;
mod hostile_texts;
pub mod http;

pub use hostile_texts::HOSTILE_TEXTS;
pub use http::{HttpConnection, HttpGateway, HttpResponse, free_port};

pub use harness::{
    Binaries, Client, Full, Home, Launch, Output, Process, Random, Received, Signal, SmallDisk, TOOLS,
    ask_to_stop, binaries, clients, copy_program, descriptors, error_text, eventually, eventually_within,
    is_answer_to, kill, patience, peak_kb, request_line, reset_peak, resident_kb, send_signal, set_mode,
    stateless, stateless_as, tool_text, until,
};
#[cfg(unix)]
pub use harness::{Terminal, open_terminal, write_script};
