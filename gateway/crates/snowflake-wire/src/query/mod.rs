//! Queries: submitted, waited for, looked at and aborted.

mod abort;
mod links;
mod progress;
mod reply;
mod status;
mod submit;

pub use abort::Aborted;
pub use progress::{Progress, RunningQuery};
pub use status::{QueryState, QueryStatus};
