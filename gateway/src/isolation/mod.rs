//! What a session may do: which profile it has, and the decisions on statements and names.
//!
//! `choice` says which profile is a session's, and why; `glob` has the patterns of a profile's `match`; `policy` says what
//! a profile comes to. They are pure.
//!
//! A [`SessionGate`] holds the rules of one session's profile for one request. What a statement is and touches comes
//! from the crate `sql-gate`, or from the backend whose engine knows it better; here that is compared with the
//! profile, and a refusal names the class or the object and the setting that decides.

mod choice;
mod denial;
mod glob;
mod listing;
mod policy;
#[cfg(test)]
mod samples;
mod session_gate;
#[cfg(test)]
mod tests;

pub(crate) use choice::{Choice, ClientName, Decision, NoProfile, Who, choose};
pub(crate) use denial::of_role;
pub(crate) use listing::ListingFilter;
pub(crate) use policy::{PolicyValue, policy};
#[cfg(test)]
pub(crate) use samples::samples;
pub(crate) use session_gate::{SeenObjects, SessionGate, object_names};
