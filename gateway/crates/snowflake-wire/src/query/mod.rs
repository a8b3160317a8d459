//! Queries: submitted, waited for, looked at and aborted.

mod abort;
mod progress;
mod reply;
mod status;
mod submit;

pub use abort::Aborted;
pub use progress::{Progress, Running};
pub use status::{QueryState, QueryStatus};
