//! The config files of MCP clients: where each client has them, and Snowgate's own entry in them.
//!
//! `known` is the table of clients, `places` says where files are on this machine, `entry` is what is written,
//! `edit` changes a text purely, `target` reads and writes a file, `memory` keeps what a file was before,
//! `install` puts these together, `survey` looks at all of them.

mod diff;
mod edit;
mod entry;
mod error;
mod install;
mod known;
mod memory;
mod places;
mod shim;
mod survey;
mod target;
#[cfg(test)]
mod tests;

pub(crate) use entry::{Entry, NAME_DEFAULT, check_name, path_text};
pub(crate) use error::ClientError;
pub(crate) use install::{Action, Change, Desk, Options, snippet};
pub(crate) use known::{ALL, Client, Scope};
pub(crate) use places::Places;
pub(crate) use shim::{NoShim, Shim, own_shim};
pub(crate) use survey::{ClientState, EntryState, FileState, Standing, survey};
