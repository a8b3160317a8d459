//! The Snowflake backend through shim and gateway, in front of a stand-in for the warehouse.

mod basics;
mod doctor;
mod faults;
mod isolation;
mod log_in;
