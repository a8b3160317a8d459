//! Intake: which request of a session may start when. The same for every front, and pure but for
//! `registration`.
//!
//! A front (`link`, later `http`) classifies what it received ([`classify_line`]), hands requests to its
//! session's [`Admission`], starts what that lets start, and tells it of ends, answers and cancels. What goes
//! on to MCP carries its [`RequestFacts`](crate::mcp::RequestFacts).

mod admission;
mod classify;
mod forward;
mod registration;
mod running;

pub use admission::{Admission, Arrival, Backlog, Cancelled, Limits, Next};
pub use classify::{Incoming, Message, Rejection, RequestKind, classify_line};
pub use forward::{facts_of, forward, number_of, redirect_cancel};
pub use registration::{register, stated_client};
pub use running::RunningRequest;
