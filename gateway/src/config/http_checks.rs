//! Checks of `[http]`: what must not be open to others, and values that only make sense together.

use std::path::Path;

use super::error::ConfigError;
use super::http::{HttpListen, listen};
use super::keys::{self, Key};
use super::settings::Settings;
use crate::os;

/// Bytes of a socket's path: the system takes 104 to 108.
const SOCKET_BYTES_MAX: usize = 100;

const LOOPBACK_HINT: &str =
    "listen on 127.0.0.1:8473 (a proxy on this machine can do TLS), or on a Unix socket";

/// Returns an error for each of the front's settings that is wrong. `file` is the config file that origins refer to.
pub(super) fn errors(settings: &Settings, file: &Path) -> Vec<ConfigError> {
    let checks = Checks { settings, file };
    let mut errors: Vec<ConfigError> = checks.listen().into_iter().collect();
    errors.extend(checks.half_a_pair());
    if errors.is_empty() && settings.boolean(&keys::HTTP_ENABLED) {
        errors.extend(checks.open_to_others());
    }
    errors
}

struct Checks<'a> {
    settings: &'a Settings,
    file: &'a Path,
}

impl Checks<'_> {
    fn error(&self, key: &Key, message: String, hint: impl Into<String>) -> ConfigError {
        ConfigError {
            place: self.settings.place(key, self.file),
            key: Some(key.path.to_owned()),
            message,
            hint: Some(hint.into()),
        }
    }

    /// Is it an address or a path?
    fn listen(&self) -> Option<ConfigError> {
        let text = self.settings.text(&keys::HTTP_LISTEN).trim();
        match listen(self.settings) {
            HttpListen::Tcp(_) => None,
            HttpListen::Unix(path) if path.is_absolute() && !os::HAS_PATH_LISTENERS => Some(self.error(
                &keys::HTTP_LISTEN,
                format!("expected ADDRESS:PORT, got {text:?}: this system's sockets have no path"),
                "write \"127.0.0.1:8473\"",
            )),
            HttpListen::Unix(path) if path.is_absolute() => {
                let bytes = path.as_os_str().len();
                (bytes > SOCKET_BYTES_MAX).then(|| {
                    let message =
                        format!("a socket's path has {SOCKET_BYTES_MAX} bytes at most, this one has {bytes}");
                    self.error(&keys::HTTP_LISTEN, message, "choose a shorter one")
                })
            }
            HttpListen::Unix(_) => {
                let message =
                    format!("expected ADDRESS:PORT or the absolute path of a Unix socket, got {text:?}");
                let digits = text.trim_start_matches(':');
                let hint = if let Ok(port) = digits.parse::<u16>() {
                    format!("write the address, too: \"127.0.0.1:{port}\"")
                } else if let Some(port) = text.strip_prefix("localhost:") {
                    format!("write the address of localhost: \"127.0.0.1:{port}\"")
                } else if let Ok(address) = text.parse::<std::net::IpAddr>() {
                    format!("write the port, too: \"{}\"", std::net::SocketAddr::new(address, 8473))
                } else if text.starts_with("~/") {
                    "write the whole path: `~` is not expanded here".to_owned()
                } else {
                    "write \"127.0.0.1:8473\"; a name is not resolved".to_owned()
                };
                Some(self.error(&keys::HTTP_LISTEN, message, hint))
            }
        }
    }

    /// A certificate without its key, or the other way round.
    fn half_a_pair(&self) -> Option<ConfigError> {
        let (certificate, key) = (&keys::HTTP_TLS_CERTIFICATE, &keys::HTTP_TLS_KEY);
        let is_set = |key: &Key| self.settings.find(key).is_some();
        let (there, missing) = match (is_set(certificate), is_set(key)) {
            (true, false) => (certificate, key),
            (false, true) => (key, certificate),
            _ => return None,
        };
        let message = format!("is set, but {} is not", missing.path);
        Some(self.error(there, message, format!("set {} as well, or neither", missing.name)))
    }

    /// What others can reach needs TLS and keys. Each that is missing is named.
    fn open_to_others(&self) -> Vec<ConfigError> {
        let (is_open, has_tls) = (
            self.settings.text(&keys::HTTP_AUTH) == "none",
            self.settings.find(&keys::HTTP_TLS_KEY).is_some(),
        );
        let mut errors = Vec::new();
        match listen(self.settings) {
            HttpListen::Unix(_) if has_tls => errors.push(self.error(
                &keys::HTTP_TLS_CERTIFICATE,
                "a Unix socket is not encrypted".to_owned(),
                "remove tls_certificate and tls_key",
            )),
            HttpListen::Tcp(address) if !address.ip().to_canonical().is_loopback() => {
                let reachable =
                    format!("{} = {address} can be reached from other machines", keys::HTTP_LISTEN.path);
                if !has_tls {
                    errors.push(self.error(
                        &keys::HTTP_LISTEN,
                        format!("{reachable}, and there is no TLS"),
                        format!("set tls_certificate and tls_key, or {LOOPBACK_HINT}"),
                    ));
                }
                if is_open {
                    errors.push(self.error(
                        &keys::HTTP_AUTH,
                        format!("{reachable}, and \"none\" asks for no key"),
                        format!("remove it (the default is \"keys\"; `snowgate keys create` makes one), or {LOOPBACK_HINT}"),
                    ));
                }
            }
            _ => {}
        }
        errors
    }
}
