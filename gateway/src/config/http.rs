//! `[http]`: the HTTP front.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::address_range::parse_range;
use super::keys::{self, Key};
use super::kind::Value;
use super::settings::Settings;

/// Where the HTTP front listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpListen {
    /// `ADDRESS:PORT`
    Tcp(SocketAddr),
    /// The absolute path of a Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for HttpListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// Who is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpAuth {
    /// Who has an API key.
    Keys,
    /// Every client that can connect.
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

/// The files of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and those of its issuers, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

/// `[http]`: the HTTP front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpConfig {
    /// Where it listens.
    pub listen: HttpListen,
    /// Who is let in.
    pub auth: HttpAuth,
    /// By which names (`host` or `host:port`) clients may call it, besides loopback names and the address that it listens on.
    pub allowed_hosts: Vec<String>,
    /// The web pages that may call it, as browsers write their origins.
    pub allowed_origins: Vec<String>,
    /// What connections are encrypted with; `None`: they are not.
    pub tls: Option<TlsFiles>,
    /// The proxies whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpNet>,
    /// Bytes of a request's body: `http.request_bytes_max`, 1024 to 16777216.
    pub request_bytes_max: usize,
    /// Connections open at once: `http.connections_max`, 1 to 65536.
    pub connections_max: usize,
    /// How long a connection without a request stays open: `http.idle_timeout_ms`, 1000 to 86400000.
    pub idle_timeout: Duration,
    /// How long a request's headers may take, and each piece of its body: `http.header_timeout_ms`, 100 to 60000.
    pub header_timeout: Duration,
}

impl HttpConfig {
    /// `None`: the front is not enabled.
    pub(super) fn from_settings(settings: &Settings) -> Option<Self> {
        if !settings.boolean(&keys::HTTP_ENABLED) {
            return None;
        }
        let auth = if settings.text(&keys::HTTP_AUTH) == "none" { HttpAuth::None } else { HttpAuth::Keys };
        let certificate = settings.path_if_set(&keys::HTTP_TLS_CERTIFICATE);
        let key = settings.path_if_set(&keys::HTTP_TLS_KEY);
        let number = |key| usize::try_from(settings.integer(key)).unwrap_or(usize::MAX);
        Some(Self {
            listen: listen(settings),
            auth,
            allowed_hosts: texts(settings, &keys::HTTP_ALLOWED_HOSTS),
            allowed_origins: texts(settings, &keys::HTTP_ALLOWED_ORIGINS),
            trusted_proxies: texts(settings, &keys::HTTP_TRUSTED_PROXIES)
                .iter()
                .filter_map(|text| parse_range(text))
                .collect(),
            // `http_checks` has seen to it that it is both or none.
            tls: certificate.zip(key).map(|(certificate, key)| TlsFiles { certificate, key }),
            request_bytes_max: number(&keys::HTTP_REQUEST_BYTES_MAX),
            connections_max: number(&keys::HTTP_CONNECTIONS_MAX),
            idle_timeout: Duration::from_millis(settings.integer(&keys::HTTP_IDLE_TIMEOUT)),
            header_timeout: Duration::from_millis(settings.integer(&keys::HTTP_HEADER_TIMEOUT)),
        })
    }
}

/// Where the front listens, once `http_checks` has found nothing wrong with it.
pub(super) fn listen(settings: &Settings) -> HttpListen {
    let text = settings.text(&keys::HTTP_LISTEN).trim();
    text.parse().map_or_else(|_| HttpListen::Unix(text.into()), HttpListen::Tcp)
}

fn texts(settings: &Settings, key: &Key) -> Vec<String> {
    match settings.find(key).map(|setting| &setting.value) {
        Some(Value::Texts(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}
