//! The front for clients that are no child process of an MCP client: MCP over HTTP and WebSocket, REST and health.
//!
//! `listener` accepts connections, `front` is what all requests share and their routes, `caller` who a request is from.
//! `session` has the sessions of the front, which use the link of shims within this process; `mcp`, `rest` and `health` are
//! its endpoints.

#![allow(dead_code, reason = "until all endpoints are there")]

mod admin;
mod caller;
mod error;
mod front;
mod health;
mod identify;
mod listener;
mod mcp;
mod rest;
mod session;

pub use listener::{HttpListener, serve_http};
