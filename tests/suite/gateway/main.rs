//! Shim and gateway with SQLite behind them: starting, what clients may send and get, restarts and ends.

mod cannot_start;
mod commands;
mod demo;
mod config;
mod drain;
mod endpoint;
mod eras;
mod flood;
mod hanging;
mod greedy;
mod journal;
mod limits;
mod leftovers;
mod long_query;
mod malformed;
mod restart;
mod results;
mod resume;
mod sample;
mod service;
mod sessions;
mod start;
mod state_file;
