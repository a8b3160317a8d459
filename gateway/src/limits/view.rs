//! Limits and what is used of them, as `snowgate quota` and the control connection show it.

use serde::{Deserialize, Serialize};

/// One limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitView {
    /// Its name: `requests_per_day`, `global_requests_per_day` ...
    pub limit: String,
    /// The setting that decides it: `limits.X` or `profiles.NAME.X`.
    pub setting: String,
    /// What may be used. Of `requests_per_second` and `queries_burst`: at once.
    pub max: u64,
    /// What is used now.
    pub used: u64,
    /// What is left.
    pub left: u64,
    /// Seconds until the next use is let in; `None`: it is now.
    pub free_in_s: Option<u64>,
    /// Seconds until nothing that was used counts any more.
    pub unused_in_s: u64,
}

/// What one client has used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientQuotaView {
    /// What it calls itself; with the beginning of its session's id where that is no name of its own.
    pub client: String,
    /// Its profile.
    pub profile: String,
    /// Calls that are being served.
    pub running: u64,
    /// Calls that a limit has refused.
    pub refused: u64,
    /// Its limits.
    pub limits: Vec<LimitView>,
}

/// What all have used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaView {
    /// The limits of all clients together.
    pub global: Vec<LimitView>,
    /// The clients that are counted, the one used last first.
    pub clients: Vec<ClientQuotaView>,
    /// Clients that are counted and not shown.
    pub more: usize,
}
