//! Intake: which request of a session may start when. The same for every front, and pure but for
//! `registration`.
//!
//! A front (`link`, later `http`) classifies what it received ([`classify_line`]), hands requests to its
//! session's [`Admission`], parses what that lets start ([`parse_request`]), and tells it of ends, answers and
//! cancels. What goes on to MCP carries its [`RequestFacts`](crate::mcp::RequestFacts).

mod admission;
mod bounds;
mod classify;
mod envelope;
mod extent;
mod forward;
mod meta;
mod parse;
mod profile;
mod registration;
mod rejection;
mod repair;
mod running;
mod statement_head;
mod unreadable;

pub use admission::{Admission, Arrival, Backlog, Cancelled, Limits, Next, Ready};
pub use classify::{Message, RequestHead, RequestKind, classify_line};
pub use forward::{cancel_of, facts_of, forward, initialized, number_of};
pub use parse::{Incoming, parse_request};
pub use profile::{fix_profile, profile_context};
pub use registration::register;
pub use rejection::{Rejection, no_room};
pub use running::RunningRequest;
