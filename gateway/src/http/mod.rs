//! The front for clients that are no child process of an MCP client: MCP over HTTP and WebSocket, REST and health.
//!
//! `server` is the front as the process runs it: `listener` has its socket, `tls` its certificate, `connection` serves what was
//! accepted, within the bounds of `watch`. `front` is what all requests share and their routes: each passes `guards` (with
//! `cors`), then `caller` says who it is from, then `bodies` reads the rest of it.
//! `session` has the sessions of the front, which use the link of shims within this process; `mcp`, `rest` and `health` are
//! its endpoints.

#![allow(dead_code, reason = "until all endpoints are there")]

mod admin;
mod bodies;
mod caller;
mod connection;
mod cors;
mod error;
mod front;
mod guards;
mod head_scan;
mod health;
mod identify;
mod json;
mod listener;
mod mcp;
mod metrics;
mod page;
mod rest;
mod server;
mod session;
mod stream;
mod tls;
mod watch;

pub use listener::HttpStartError;
pub use server::{HttpServer, check_files};
pub use tls::{certificate_expires, day, issuer_of};
