//! The hello: one JSON line each way before the first frame, readable by any version of either side.
//!
//! Unknown fields are ignored, missing ones have defaults: a field may be added without a new protocol number.

use serde::{Deserialize, Serialize};

use crate::BUILD;
use crate::credit::Window;

/// The longest hello line either side sends or accepts, in bytes with its newline.
pub const HELLO_BYTES_MAX: usize = 4096;

/// Longer names and paths in a hello are cut to this many bytes, so that the line stays under its bound.
const TEXT_BYTES_MAX: usize = 1024;

/// The protocol versions that this build speaks.
pub const PROTO: ProtoRange = ProtoRange { min: 1, max: 1 };

/// A range of protocol versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProtoRange {
    /// The oldest.
    pub min: u16,
    /// The newest.
    pub max: u16,
}

impl ProtoRange {
    /// The newest version both sides speak, or `None`.
    pub fn common(self, other: Self) -> Option<u16> {
        let newest = self.max.min(other.max);
        (newest >= self.min && newest >= other.min).then_some(newest)
    }
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A shim with an MCP client behind it: becomes a session.
    #[default]
    Client,
    /// The command line: asks for status or a stop, is no session.
    Control,
}

/// The session a shim had with an earlier connection or gateway.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionKey {
    /// The session's public id.
    pub id: String,
    /// What proves that this shim is the one the session belongs to. Never logged.
    pub secret: String,
}

impl std::fmt::Debug for SessionKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SessionKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Who launched the shim, as far as the shim can tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Origin {
    /// The shim's process id.
    pub pid: u32,
    /// The client application's executable, where the system tells.
    pub parent_exe: Option<String>,
    /// The shim's working directory: for editors, the workspace.
    pub cwd: Option<String>,
}

/// The shim's half of the hello.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientHello {
    /// The protocol versions the shim speaks.
    pub snowgate: ProtoRange,
    /// The shim's version.
    #[serde(default)]
    pub build: String,
    /// What the connection is for.
    #[serde(default)]
    pub role: Role,
    /// The profile asked for; `None`: the default.
    #[serde(default)]
    pub profile: Option<String>,
    /// Who launched the shim.
    #[serde(default)]
    pub origin: Origin,
    /// The session to resume.
    #[serde(default)]
    pub session: Option<SessionKey>,
    /// What the shim is ready to hold.
    #[serde(default)]
    pub window: Window,
    /// Named extensions; none are defined yet.
    #[serde(default)]
    pub capabilities: Vec<String>,
}

impl ClientHello {
    /// A hello of this build.
    pub fn new(role: Role) -> Self {
        Self {
            snowgate: PROTO,
            build: BUILD.to_owned(),
            role,
            profile: None,
            origin: Origin::default(),
            session: None,
            window: Window::default(),
            capabilities: Vec::new(),
        }
    }

    /// The line to send, newline included; long texts are cut so that it stays under [`HELLO_BYTES_MAX`].
    pub fn to_line(&self) -> Vec<u8> {
        let mut hello = self.clone();
        let texts = [&mut hello.origin.parent_exe, &mut hello.origin.cwd, &mut hello.profile];
        texts.into_iter().flatten().for_each(|text| truncate(text, TEXT_BYTES_MAX));
        let line = to_line(&hello);
        if line.len() <= HELLO_BYTES_MAX {
            return line;
        }
        // Escaping can still blow a text up; an origin is a courtesy, a hello is not.
        hello.origin.parent_exe = None;
        hello.origin.cwd = None;
        to_line(&hello)
    }
}

/// How the gateway took a session that the shim presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resume {
    /// There was none: a new session.
    New,
    /// The gateway still has it, with everything it received: send what it has not seen.
    Attached,
    /// The gateway knows nothing of the connection's past: replay pins and unretired lines.
    Rebuilt,
    /// It is gone: what was under way must be answered with an error.
    Lost,
}

/// The gateway's answer to a hello.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerHello {
    /// The connection is good; frames follow.
    Welcome(Welcome),
    /// It is not; the gateway closes it.
    Refused(Refusal),
}

impl ServerHello {
    /// The line to send, newline included.
    pub fn to_line(&self) -> Vec<u8> {
        to_line(self)
    }
}

/// A connection accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The protocol version that both will speak.
    pub proto: u16,
    /// The gateway's version.
    #[serde(default)]
    pub build: String,
    /// The gateway's process id.
    #[serde(default)]
    pub pid: u32,
    /// The session, to be presented on the next connection; `None` for control connections.
    #[serde(default)]
    pub session: Option<SessionKey>,
    /// How a presented session was taken.
    pub resume: Resume,
    /// For [`Resume::Attached`]: the last of the shim's lines that the gateway has.
    #[serde(default)]
    pub received: u64,
    /// What the gateway is ready to hold.
    #[serde(default)]
    pub window: Window,
}

/// A connection refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Why.
    pub message: String,
    /// What to do about it.
    #[serde(default)]
    pub next_step: Option<String>,
    /// Whether the next gateway may say yes: this one is leaving.
    #[serde(default)]
    pub retry: bool,
}

/// One value as a JSON line.
fn to_line(value: &impl Serialize) -> Vec<u8> {
    // These types hold only strings, numbers and options of them, which always serialize.
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Cuts `text` to at most `bytes` bytes at a character boundary.
fn truncate(text: &mut String, bytes: usize) {
    if text.len() > bytes {
        let end = (0..=bytes).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        text.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_meet_at_the_newest_common_one() {
        let range = |min, max| ProtoRange { min, max };
        assert_eq!(range(1, 3).common(range(2, 5)), Some(3));
        assert_eq!(range(1, 1).common(range(2, 5)), None);
        assert_eq!(range(4, 6).common(range(2, 3)), None);
    }

    #[test]
    fn unknown_and_missing_fields_are_tolerated() {
        let hello: ClientHello =
            serde_json::from_str(r#"{"snowgate":{"min":1,"max":9},"colour":"blue"}"#).unwrap();
        assert_eq!((hello.role, hello.window), (Role::Client, Window::default()));
    }

    #[test]
    fn a_hello_stays_under_its_bound_whatever_the_paths() {
        let mut hello = ClientHello::new(Role::Client);
        hello.origin.cwd = Some("\u{1}ä".repeat(4000));
        hello.origin.parent_exe = Some("\"\\".repeat(4000));
        hello.profile = Some("p".repeat(1 << 20));
        let line = hello.to_line();
        assert!(line.len() <= HELLO_BYTES_MAX, "{}", line.len());
        assert!(line.ends_with(b"\n"));
    }

    #[test]
    fn a_secret_is_not_printed() {
        let key = SessionKey { id: "s1".into(), secret: "hush".into() };
        assert!(!format!("{key:?}").contains("hush"));
    }
}
