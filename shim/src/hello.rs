//! The hello: one JSON line each way before the first frame, readable by any version of either side.
//!
//! Unknown fields are ignored, missing ones have defaults: a field may be added without a new protocol
//! number.

use crate::BUILD;
use crate::credit::Window;
use crate::flat::{FlatReader, FlatWriter};
use crate::json_string::quote;
use crate::settings::{ClientSettings, SETTINGS_BYTES_MAX};

/// The longest hello line of a gateway, and of a shim without its settings, in bytes with its newline.
pub const HELLO_BYTES_MAX: usize = 4096;

/// The longest line of a shim's hello, which has the settings of its client, private keys among
/// them; escaped, a character takes six bytes at most.
pub const CLIENT_HELLO_BYTES_MAX: usize = 6 * SETTINGS_BYTES_MAX + 16 * 1024;

/// The longest state that a gateway sends to a shim, in bytes: escaped once more it must still fit into a
/// hello.
pub const STATE_BYTES_MAX: usize = 1280;

/// Longer paths in a hello are cut to this many bytes, so that the line stays under its bound.
const PATH_BYTES_MAX: usize = 1024;

/// Longer reasons of a refusal are cut to this many bytes; even all escaped, two of them fit.
const REASON_BYTES_MAX: usize = 320;

/// Longer profile and session names are cut to this many bytes; the gateway refuses names that long.
const NAME_BYTES_MAX: usize = 256;

/// The protocol versions that this build speaks.
pub const PROTO: ProtoRange = ProtoRange { min: 1, max: 1 };

/// A range of protocol versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// A shim with an MCP client behind it: becomes a session.
    #[default]
    Client,
    /// The command line: asks for status or a stop, does not become a session.
    Control,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Control => "control",
        }
    }

    fn named(name: Option<&str>) -> Option<Self> {
        match name {
            None | Some("client") => Some(Self::Client),
            Some("control") => Some(Self::Control),
            Some(_) => None,
        }
    }
}

/// A shim's session from an earlier connection or gateway.
#[derive(Clone, PartialEq, Eq)]
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

/// What launched the shim, as far as the shim can tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The shim's process id.
    pub pid: u32,
    /// The client application's executable, if the system reports it.
    pub parent_exe: Option<String>,
    /// The shim's working directory: for editors, the workspace.
    pub cwd: Option<String>,
}

/// The shim's half of the hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientHello {
    /// The protocol versions the shim speaks.
    pub snowgate: ProtoRange,
    /// The shim's version.
    pub build: String,
    /// What the connection is for.
    pub role: Role,
    /// The profile asked for; `None`: the default.
    pub profile: Option<String>,
    /// What launched the shim.
    pub origin: Origin,
    /// The session to resume.
    pub session: Option<SessionKey>,
    /// The name under which the session's context is kept for later shims; `None`: under the client's
    /// identity.
    pub session_name: Option<String>,
    /// The state that the last gateway sent for the next one, unchanged. At most [`STATE_BYTES_MAX`] bytes.
    pub state: Option<String>,
    /// What the shim is ready to hold.
    pub window: Window,
    /// Whether the shim understands [`ServerHello::Queued`].
    pub understands_queued: bool,
    /// The settings in the client's own environment; `None`: the shim does not say.
    pub settings: Option<ClientSettings>,
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
            session_name: None,
            state: None,
            window: Window::default(),
            understands_queued: true,
            settings: None,
        }
    }

    /// The line to send, newline included; long texts are cut so that it stays under [`CLIENT_HELLO_BYTES_MAX`].
    pub fn to_line(&self) -> Vec<u8> {
        let mut hello = self.clone();
        let paths = [&mut hello.origin.parent_exe, &mut hello.origin.cwd];
        paths.into_iter().flatten().for_each(|path| truncate(path, PATH_BYTES_MAX));
        let names = [&mut hello.profile, &mut hello.session_name];
        names.into_iter().flatten().for_each(|name| truncate_quoted(name, NAME_BYTES_MAX));
        hello.write()
    }

    fn write(&self) -> Vec<u8> {
        let session = self.session.as_ref();
        FlatWriter::new()
            .number("proto_min", self.snowgate.min)
            .number("proto_max", self.snowgate.max)
            .text("build", Some(&self.build))
            .text("role", Some(self.role.name()))
            .text("profile", self.profile.as_deref())
            .number("pid", self.origin.pid)
            .text("parent_exe", self.origin.parent_exe.as_deref())
            .text("cwd", self.origin.cwd.as_deref())
            .text("session", session.map(|key| key.id.as_str()))
            .text("secret", session.map(|key| key.secret.as_str()))
            .text("session_name", self.session_name.as_deref())
            .text("state", self.state.as_deref())
            .number("window_frames", self.window.frames)
            .number("window_bytes", self.window.bytes)
            .flag("queued", self.understands_queued)
            .text("settings", self.settings.as_ref().map(|said| said.0.as_str()))
            .into_line()
    }

    /// Reads a shim's hello; `None` if the line is not one.
    pub fn from_line(line: &[u8]) -> Option<Self> {
        let read = FlatReader::new(line);
        Some(Self {
            snowgate: ProtoRange { min: read.number("proto_min")?, max: read.number("proto_max")? },
            build: read.text("build").unwrap_or_default(),
            role: Role::named(read.text("role").as_deref())?,
            profile: read.text("profile"),
            origin: Origin {
                pid: read.number("pid").unwrap_or_default(),
                parent_exe: read.text("parent_exe"),
                cwd: read.text("cwd"),
            },
            session: read_session(&read),
            session_name: read.text("session_name"),
            state: read.text("state"),
            window: read_window(&read),
            understands_queued: read.flag("queued"),
            settings: read.text("settings").map(ClientSettings),
        })
    }
}

fn read_session(read: &FlatReader) -> Option<SessionKey> {
    Some(SessionKey { id: read.text("session")?, secret: read.text("secret")? })
}

fn read_window(read: &FlatReader) -> Window {
    let default = Window::default();
    Window {
        frames: read.number("window_frames").unwrap_or(default.frames),
        bytes: read.number("window_bytes").unwrap_or(default.bytes),
    }
}

/// How the gateway handled a session that the shim presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// There was none: a new session.
    New,
    /// The session continues: replay pinned lines and lines without an answer.
    Rebuilt,
    /// This gateway cannot continue it: lines that may have run must be answered with an error.
    Lost,
}

impl Resume {
    const NAMES: [(&'static str, Self); 3] =
        [("new", Self::New), ("rebuilt", Self::Rebuilt), ("lost", Self::Lost)];

    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, resume)| *resume == self).map_or("new", |(name, _)| name)
    }

    fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, resume)| *resume)
    }
}

/// The gateway's answer to a hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerHello {
    /// The connection is accepted; frames follow.
    Welcome(Welcome),
    /// It is refused; the gateway closes it.
    Refused(Refusal),
    /// The gateway has the hello, is busy with others, and will answer: another line follows. A sign of life
    /// that is sent again while it takes long.
    Queued,
}

impl ServerHello {
    /// The line to send, newline included.
    pub fn to_line(&self) -> Vec<u8> {
        match self {
            Self::Welcome(welcome) => welcome.write(),
            Self::Refused(refusal) => refusal.write(),
            Self::Queued => FlatWriter::new().flag("queued", true).into_line(),
        }
    }

    /// Reads a gateway's hello; `None` if the line is not one.
    pub fn from_line(line: &[u8]) -> Option<Self> {
        let read = FlatReader::new(line);
        if let Some(message) = read.text("refused") {
            let (next_step, retry) = (read.text("next_step"), read.flag("retry"));
            return Some(Self::Refused(Refusal { message, next_step, retry }));
        }
        if read.flag("queued") {
            return Some(Self::Queued);
        }
        Some(Self::Welcome(Welcome {
            proto: read.number("welcome")?,
            build: read.text("build").unwrap_or_default(),
            pid: read.number("pid").unwrap_or_default(),
            session: read_session(&read),
            resume: Resume::named(&read.text("resume")?)?,
            window: read_window(&read),
        }))
    }
}

impl Refusal {
    /// The line; long texts are cut so that it stays under [`HELLO_BYTES_MAX`].
    fn write(&self) -> Vec<u8> {
        let mut refusal = self.clone();
        truncate(&mut refusal.message, REASON_BYTES_MAX);
        refusal.next_step.iter_mut().for_each(|next_step| truncate(next_step, REASON_BYTES_MAX));
        FlatWriter::new()
            .text("refused", Some(&refusal.message))
            .text("next_step", refusal.next_step.as_deref())
            .flag("retry", refusal.retry)
            .into_line()
    }
}

impl Welcome {
    fn write(&self) -> Vec<u8> {
        let session = self.session.as_ref();
        FlatWriter::new()
            .number("welcome", self.proto)
            .text("build", Some(&self.build))
            .number("pid", self.pid)
            .text("session", session.map(|key| key.id.as_str()))
            .text("secret", session.map(|key| key.secret.as_str()))
            .text("resume", Some(self.resume.name()))
            .number("window_frames", self.window.frames)
            .number("window_bytes", self.window.bytes)
            .into_line()
    }
}

/// A connection accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The protocol version that both will speak.
    pub proto: u16,
    /// The gateway's version.
    pub build: String,
    /// The gateway's process id.
    pub pid: u32,
    /// The session, to be presented on the next connection; `None` for control connections.
    pub session: Option<SessionKey>,
    /// How a presented session was handled.
    pub resume: Resume,
    /// What the gateway is ready to hold.
    pub window: Window,
}

/// A connection refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub message: String,
    /// What to do about it.
    pub next_step: Option<String>,
    /// Whether the next gateway may accept: this one is shutting down.
    pub retry: bool,
}

/// Cuts `text` to at most `bytes` bytes, and to twice as many between its quotes.
fn truncate_quoted(text: &mut String, bytes: usize) {
    truncate(text, bytes);
    let quoted_len = |text: &str| {
        let mut quoted = String::new();
        quote(text, &mut quoted);
        quoted.len() - 2
    };
    while quoted_len(text) > 2 * bytes {
        text.pop();
    }
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
    fn the_newest_common_version_is_chosen() {
        let range = |min, max| ProtoRange { min, max };
        assert_eq!(range(1, 3).common(range(2, 5)), Some(3));
        assert_eq!(range(1, 1).common(range(2, 5)), None);
        assert_eq!(range(4, 6).common(range(2, 3)), None);
    }

    #[test]
    fn unknown_and_missing_fields_are_tolerated() {
        let hello =
            ClientHello::from_line(br#"{"proto_min":1,"proto_max":9,"colour":{"blue":[1]}}"#).unwrap();
        assert_eq!((hello.role, hello.window), (Role::Client, Window::default()));
        assert!(ClientHello::from_line(b"SSH-2.0-OpenSSH_9.9").is_none());
        assert!(ServerHello::from_line(br#"{"welcome":1,"resume":"perhaps"}"#).is_none());
    }

    #[test]
    fn hellos_survive_a_round_trip() {
        let key = SessionKey { id: "s1".into(), secret: "secret-1".into() };
        let mut hello = ClientHello::new(Role::Control);
        hello.session = Some(key.clone());
        hello.state = Some(r#"{"database":"A"}"#.into());
        hello.profile = Some("w\u{e4}\"x\n".into());
        hello.session_name = Some("nightly".into());
        hello.settings = Some(ClientSettings("=SNOWFLAKE_USER=a\0".into()));
        hello.origin = Origin { pid: 7, parent_exe: Some("/a b".into()), cwd: None };
        assert_eq!(ClientHello::from_line(&hello.to_line()), Some(hello));
        for resume in [Resume::New, Resume::Rebuilt, Resume::Lost] {
            let window = Window { frames: 3, bytes: 5 };
            let (build, session) = ("9".to_owned(), Some(key.clone()));
            let welcome = Welcome { proto: 1, build, pid: 2, session, resume, window };
            let welcome = ServerHello::Welcome(welcome);
            assert_eq!(ServerHello::from_line(&welcome.to_line()), Some(welcome));
        }
        let refusal = Refusal { message: "no".into(), next_step: Some("go".into()), retry: true };
        let refused = ServerHello::Refused(refusal);
        assert_eq!(ServerHello::from_line(&refused.to_line()), Some(refused));
        assert_eq!(ServerHello::from_line(&ServerHello::Queued.to_line()), Some(ServerHello::Queued));
        let long = "\u{1}".repeat(9000);
        let long = Refusal { message: long.clone(), next_step: Some(long), retry: false };
        assert!(ServerHello::Refused(long).to_line().len() <= HELLO_BYTES_MAX);
    }

    #[test]
    fn a_hello_stays_under_its_bound_with_any_paths() {
        let mut hello = ClientHello::new(Role::Client);
        hello.origin.cwd = Some("\u{1}ä".repeat(4000));
        hello.origin.parent_exe = Some("\"\\".repeat(4000));
        hello.profile = Some("p".repeat(1 << 20));
        hello.session_name = Some("\"".repeat(1 << 20));
        hello.state = Some("\"".repeat(STATE_BYTES_MAX));
        hello.settings = Some(ClientSettings("\u{1}".repeat(SETTINGS_BYTES_MAX)));
        let line = hello.to_line();
        assert!(line.len() <= CLIENT_HELLO_BYTES_MAX, "{}", line.len());
        assert!(line.ends_with(b"\n"));
    }

    #[test]
    fn a_secret_is_not_in_the_debug_output() {
        let key = SessionKey { id: "s1".into(), secret: "secret-1".into() };
        assert!(!format!("{key:?}").contains("secret-1"));
    }
}
