//! Clients and servers that are not ours: the official MCP SDKs and the inspector against the two real
//! programs, with SQLite and with fakesnow behind them; fakesnow itself; and Snowflake's own connector
//! against the stand-in warehouse.
//!
//! `tests/clients/README.md` says what the programs check and how to run one by hand.

mod bundle;
mod conformance;
mod connector;
mod fakesnow;
mod http;
mod inspector;
mod page;
mod rest;
mod resume;
mod schemas;
mod sdks;
mod shared_connections;
mod snowflake;
