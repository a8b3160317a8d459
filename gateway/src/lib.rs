//! The Snowgate gateway: many MCP clients on one machine, one login, one pool of connections.
//!
//! `ARCHITECTURE.md` has the bird's-eye view. A folder may use those below it:
//!
//! ```text
//! cli
//! doctor
//! process                clients (their config files), bundle
//! service
//! http
//! link
//! intake
//! mcp                    observe (status)
//! isolation
//! shared
//! session
//! telemetry              audit
//! keys
//! limits
//! results
//! state                  streams
//! multiplexer
//! config
//! backend                export (results in files)
//! rows
//! os
//! ```

pub mod allocator;
pub mod audit;
pub mod backend;
pub mod bundle;
pub mod cli;
mod clients;
pub mod config;
pub mod doctor;
pub mod export;
pub mod http;
pub mod intake;
mod isolation;
pub mod keys;
pub mod limits;
pub mod link;
pub mod mcp;
pub mod multiplexer;
pub mod observe;
pub mod os;
pub mod process;
pub mod results;
pub mod rows;
pub mod service;
pub mod session;
pub mod shared;
pub mod state;
pub mod streams;
pub mod telemetry;
pub mod validator;
