//! Who has asked.

use std::net::IpAddr;

/// Who is behind a request, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asker {
    /// The session's id.
    pub session: String,
    /// The client's name and version, as it says them.
    pub client: Option<String>,
    /// See `client`.
    pub client_version: Option<String>,
    /// Whom fairness and limits count it for: `NAME`, `NAME#SESSION`, `NAME@KEY`.
    pub principal: String,
    /// The name of the API key.
    pub key: Option<String>,
    /// The roles that bound it.
    pub roles: Vec<String>,
    /// The profile.
    pub profile: String,
    /// Whether that principal stays.
    pub is_fixed: bool,
    /// The system's user.
    pub uid: u32,
    /// The shim's process id; 0: it has none.
    pub pid: u32,
    /// The program that launched the shim.
    pub parent_exe: Option<String>,
    /// Its working directory.
    pub cwd: Option<String>,
    /// The address that it came from.
    pub address: Option<IpAddr>,
}
