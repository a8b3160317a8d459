//! What a client tells of itself.

use super::{Session, lock};

/// A client's name and version are kept up to this many characters.
const IDENTITY_CHARS_MAX: usize = 100;

/// Which of MCP's two ways of talking a client uses, as far as it has shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Era {
    /// It has not said anything yet.
    #[default]
    Unknown,
    /// It opened with `initialize`; the negotiated revision.
    Handshake(String),
    /// It states its revision with every request (2026-07-28 and later).
    Stateless(String),
}

/// What a front that is no shim's knows of a session's client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrontClient {
    /// The name that its user gave it: it goes before the one that it says itself.
    pub tag: Option<String>,
    /// Whether nothing tells it apart from others: then no state of it outlives a request.
    pub is_anonymous: bool,
}

/// What the client has told of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The client's name.
    pub name: Option<String>,
    /// The client's version.
    pub version: Option<String>,
    /// How it talks.
    pub era: Era,
}

impl ClientIdentity {
    /// The same, cut to what can be shown to people.
    pub(super) fn presentable(mut self) -> Self {
        self.name = self.name.map(|name| presentable(&name));
        self.version = self.version.map(|version| presentable(&version));
        self
    }
}

/// `text` without control characters, cut to [`IDENTITY_CHARS_MAX`].
pub(super) fn presentable(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(IDENTITY_CHARS_MAX).collect()
}

impl Session {
    /// What the client has told of itself.
    pub fn client(&self) -> ClientIdentity {
        let said = lock(&self.client).clone();
        ClientIdentity { name: self.called(said.name), ..said }
    }

    /// What its client is called that says to be called `said`: by the name that its user gave it, if there is one.
    pub fn called(&self, said: Option<String>) -> Option<String> {
        self.front.tag.as_deref().map(presentable).or(said)
    }

    /// Records what the client tells of itself, cut to what can be shown to people.
    pub fn set_client(&self, client: ClientIdentity) {
        let client = client.presentable();
        let mut known = lock(&self.client);
        // Not with each request: that writes the span's fields anew.
        if client.name.is_some() && known.name != client.name {
            self.span.record("client", client.name.as_deref());
        }
        *known = client;
    }
}
