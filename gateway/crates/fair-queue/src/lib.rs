//! Fair queuing of requests of unknown length over a few slots. Pure: no clock, no runtime, no I/O; the caller says what
//! happened and when, and asks what may start. README.md has the algorithm, its bound and where it comes from.
//!
//! - [`FairQueue`]: flows that wait for one set of slots. `flow` is one of them, `turns` its sessions in turn, `account`
//!   what a flow is charged in.
//! - [`Lanes`]: two of them over the slots of one resource, one of them for short requests.
//! - [`RunTimes`]: the median run time, from which [`FairQueue::set_quantum`] is set.
//! - `acquaintances`: the flows that were here before. `check`: the invariants, which hold after every event.

mod account;
mod acquaintances;
mod check;
mod flow;
mod lanes;
mod queue;
mod run_times;
#[cfg(test)]
mod simulation;
mod turns;
mod view;

pub use account::{Charge, Weight};
pub use check::Violation;
pub use flow::Terms;
pub use lanes::{Lane, LaneGrant, LaneRequest, Lanes};
pub use queue::{FairQueue, Grant, Limits, QueueFull, RequestId};
pub use run_times::RunTimes;
pub use view::{FlowView, Place};
