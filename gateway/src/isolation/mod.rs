//! What a session may do: the decisions on statements and names.
//!
//! A [`SessionGate`] holds the rules of one session's profile for one request. What a statement is and touches comes
//! from the crate `sql-gate`, or from the backend whose engine knows it better; here that is compared with the
//! profile, and a refusal names the class or the object and the setting that decides.

mod denial;
mod listing;
mod session_gate;

pub(crate) use listing::ListingFilter;
pub(crate) use session_gate::SessionGate;
