//! Shim and gateway with SQLite behind them: starting, what clients may send and get, restarts and ends.

mod cannot_start;
mod commands;
mod config;
mod demo;
mod drain;
mod endpoint;
mod eras;
mod flood;
mod greedy;
mod hanging;
mod journal;
mod leftovers;
mod limits;
mod long_query;
mod malformed;
mod remembered;
mod odd_clients;
mod request_log;
mod restart;
mod results;
mod resume;
mod sample;
mod service;
mod sessions;
mod start;
mod state_file;
