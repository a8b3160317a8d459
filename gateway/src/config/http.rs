//! `[http]`: the HTTP front.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::keys;
use super::settings::Settings;

/// Where the HTTP front listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpListen {
    /// `ADDRESS:PORT`
    Tcp(SocketAddr),
    /// The absolute path of a Unix socket.
    Unix(PathBuf),
}

/// Who is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpAuth {
    /// Who has an API key.
    Keys,
    /// Whoever can connect.
    None,
}

impl HttpAuth {
    /// Its word in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::None => "none",
        }
    }
}

/// `[http]`: the HTTP front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpConfig {
    /// Where it listens.
    pub listen: HttpListen,
    /// Who is let in.
    pub auth: HttpAuth,
}

impl HttpConfig {
    /// `None`: the front is not enabled.
    pub(super) fn from_settings(settings: &Settings) -> Option<Self> {
        if !settings.boolean(&keys::HTTP_ENABLED) {
            return None;
        }
        let listen = settings.text(&keys::HTTP_LISTEN);
        let listen = listen.parse().map_or_else(|_| HttpListen::Unix(listen.into()), HttpListen::Tcp);
        let auth = if settings.text(&keys::HTTP_AUTH) == "none" { HttpAuth::None } else { HttpAuth::Keys };
        Some(Self { listen, auth })
    }
}
