//! What the benchmark programs share: clients and the closed loop they run in, the things that Snowgate is
//! compared with, clocks, figures and tables.

// Each program uses a part of it.
#![allow(dead_code)]

pub(crate) mod args;
pub(crate) mod connection;
pub(crate) mod cpu;
pub(crate) mod descriptors;
pub(crate) mod driver;
pub(crate) mod interrupt;
pub(crate) mod memory;
pub(crate) mod poller;
pub(crate) mod programs;
pub(crate) mod report;
pub(crate) mod roles;
pub(crate) mod sample;
pub(crate) mod stats;
