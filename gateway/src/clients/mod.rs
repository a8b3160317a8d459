//! The config files of MCP clients: where each client has them, and Snowgate's own entry in them.
//!
//! `known` is the table of clients, `places` says where files are on this machine, `entry` is what is written,
//! `edit` changes a text purely, `plan` what a change comes to, `target` reads and writes a file, `memory` keeps
//! what a file was before, `lock` is the client's own, `install` puts these together, `survey` looks at all of them.

mod diff;
mod edit;
mod entry;
mod error;
mod install;
mod known;
mod lock;
mod memory;
mod places;
mod plan;
mod shim;
mod survey;
mod target;
#[cfg(test)]
mod tests;

pub(crate) use entry::{
    Entry, HOME_VARIABLE, NAME_DEFAULT, PROFILE, SESSION, check_name, install_command, path_text,
};
pub(crate) use error::ClientError;
pub(crate) use install::{Action, Change, Desk, Options, Results, snippet};
pub(crate) use known::{ALL, Client, Scope};
pub(crate) use places::Places;
pub(crate) use shim::{BadShim, NoShim, Shim, named_shim, own_shim};
pub(crate) use survey::{ClientState, EntryState, FileState, Standing, command_in, survey};
pub(crate) use target::{Target, Written};
