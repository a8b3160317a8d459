//! The settings of clients whose own environment configures something else than the gateway's.

use std::collections::BTreeMap;

use super::Profiles;
use crate::config::Config;

/// What one set of settings comes to; shared by all sessions whose clients have the same set.
#[derive(Debug)]
pub struct ClientSet {
    /// The variables in which it differs from the gateway's, by name.
    pub names: Vec<String>,
    /// The configuration that files and these variables make.
    pub config: Config,
    /// Its profiles, on the connections of the set.
    pub profiles: Profiles,
    /// The connections of the configuration, and what they are called in the registry.
    pub connections: BTreeMap<String, String>,
}
