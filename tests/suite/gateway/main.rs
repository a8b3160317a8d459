//! Shim and gateway with SQLite behind them: starting, what clients may send and get, restarts and ends.
//!
//! What is left out on Windows, and why: `tests/wine/README.md`.

mod allocator;
mod audit;
mod audit_kills;
mod breaker;
mod bundle;
mod cannot_start;
mod client_options;
mod client_settings;
mod clients;
mod commands;
mod config;
mod connections;
mod cost_guard;
#[cfg(unix)]
mod demo;
mod doctor;
mod drain;
#[cfg(unix)]
mod endpoint;
mod eras;
#[cfg(unix)]
mod export;
mod files;
mod flood;
mod gate;
mod greedy;
mod handles;
#[cfg(unix)]
mod hanging;
mod http_admin;
mod http_guards;
mod http_listener;
mod http_mcp;
mod http_repeats;
mod http_socket;
mod http_tls;
mod journal;
mod keys;
mod knowing;
#[cfg(target_os = "linux")]
mod leftovers;
#[cfg(target_os = "linux")]
mod limits;
mod logs;
mod long_calls;
mod long_query;
mod malformed;
mod metadata;
mod metrics;
mod migrate_env;
mod numbers_agree;
mod odd_clients;
mod other_programs;
mod packages;
mod page;
mod pins;
mod profiles;
mod qualified_names;
mod queries;
mod queue_over_restart;
mod quotas;
mod reload;
mod remembered;
mod request_log;
mod rest;
mod rest_fairness;
mod rest_restart;
mod rest_rows;
mod restart;
mod results;
mod resume;
mod roles;
mod sample;
#[cfg(target_os = "linux")]
mod sandbox;
mod saved_questions;
#[cfg(target_os = "linux")]
mod service;
#[cfg(target_os = "linux")]
mod service_manager;
mod sessions;
mod setup;
mod start;
mod state_file;
#[cfg(unix)]
mod top;
mod validator;
