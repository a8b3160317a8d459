//! Queries: submitted, waited for, looked at and aborted.

mod abort;
mod chunk;
mod list;
mod reply;
mod run;
mod status;
mod submit;
mod wait;

pub(super) use abort::abort;
pub(super) use chunk::chunk;
pub(super) use list::{Done, Queries, Query};
pub(super) use run::finish;
pub(super) use status::status;
pub(super) use submit::submit;
pub(super) use wait::result;
