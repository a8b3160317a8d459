//! What is known of a session when its connection opens.

use std::net::IpAddr;
use std::sync::Arc;

use snowgate_link::hello::{Origin, SessionKey};

use super::{ClientSet, FrontClient, Profile, ProfileProblem};
use crate::config::SettingsDifference;
use crate::keys::KeyIdentity;
use crate::state::{Counts, ShimProcess};

/// What is known of a session when its connection opens.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The public id, and the secret that proves a shim's right to it.
    pub key: SessionKey,
    /// Who launched the shim, as the shim says.
    pub origin: Origin,
    /// The API key that it came with; `None`: a shim's, or the front asks for no keys.
    pub api_key: Option<Arc<KeyIdentity>>,
    /// The address that it came from; `None`: a shim's, or a Unix socket.
    pub address: Option<IpAddr>,
    /// What its front knows of its client, where that is no shim's.
    pub front: FrontClient,
    /// The peer's user, as the system says.
    pub uid: u32,
    /// The peer's process, where the system tells.
    pub shim: Option<ShimProcess>,
    /// The profile; if it is not fixed yet, what a client without a name would get.
    pub profile: Arc<Profile>,
    /// Why it is that; `None`: it is not fixed yet.
    pub profile_why: Option<String>,
    /// Why the session's calls are refused for it.
    pub profile_problem: Option<ProfileProblem>,
    /// The profile that its user has asked for.
    pub asked_profile: Option<String>,
    /// The name its user gave it.
    pub name: Option<String>,
    /// Whether it had a connection before, to this gateway or another.
    pub is_resumed: bool,
    /// The journal of this gateway, if it has one.
    pub journal: Option<String>,
    /// Whether that journal has everything that a gateway ever ran for the session: then a statement that it
    /// does not have was not run.
    pub journal_is_whole: bool,
    /// Whether it was registered before.
    pub is_registered: bool,
    /// Whether the state file has it.
    pub is_persisted: bool,
    /// The digest of the tools that this gateway offers; `None`: its profile is not fixed yet.
    pub tools: Option<String>,
    /// The digest of other tools, which the client may have seen.
    pub tools_before: Option<String>,
    /// The protocol revision that the client was told.
    pub revision: Option<String>,
    /// What the session's connection held when an earlier gateway went away, of which the client knows nothing.
    pub lost_state: Option<String>,
    /// What its profile had refused before.
    pub denials: u64,
    /// Calls that limits had refused before.
    pub limited: u64,
    /// The level of log messages that the client had asked for.
    pub log_level: Option<String>,
    /// What had been counted before.
    pub counts: Counts,
    /// When it began, in milliseconds since 1970; `None`: now.
    pub started_ms: Option<i64>,
    /// The client's own settings that this gateway does not apply.
    pub settings: Option<SettingsDifference>,
    /// The client's own settings that are applied, where they are not the gateway's.
    pub set: Option<Arc<ClientSet>>,
}

#[cfg(test)]
impl Opening {
    /// A new session without a client.
    pub(crate) fn of(key: SessionKey) -> Self {
        Self {
            key,
            origin: Origin::default(),
            api_key: None,
            address: None,
            front: FrontClient::default(),
            uid: 1,
            shim: None,
            profile: Arc::new(Profile { name: "default".to_owned(), ..Profile::default() }),
            profile_why: Some("the test's".to_owned()),
            profile_problem: None,
            asked_profile: None,
            name: None,
            is_resumed: false,
            journal: None,
            journal_is_whole: false,
            is_registered: false,
            is_persisted: false,
            tools: Some(String::new()),
            tools_before: None,
            revision: None,
            lost_state: None,
            denials: 0,
            limited: 0,
            log_level: None,
            counts: Counts::default(),
            started_ms: None,
            settings: None,
            set: None,
        }
    }
}
