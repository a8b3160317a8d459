//! The Snowgate gateway: many MCP clients on one machine, one login, one pool of connections.
//!
//! `ARCHITECTURE.md` has the bird's-eye view.

pub mod backend;
pub mod cli;
pub mod config;
pub mod gateway;
pub mod link;
pub mod mcp;
pub mod multiplexer;
pub mod observe;
pub mod session;
pub mod state;
mod upgrade;
