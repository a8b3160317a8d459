//! Where the server is and how it is spoken to: read once, then unchanged.

mod address;
mod except;
mod limits;
mod proxy;
mod retry;

pub use address::{Account, Protocol};
pub use limits::Limits;
pub use proxy::Proxy;
pub use retry::RetryPolicy;
use url::Url;

use crate::error::SettingsError;
use crate::identity::Identity;

/// Everything that a client needs to know before it knows who logs in.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The account, which also gives the host where [`Settings::host`] does not.
    pub account: Account,
    /// The host to connect to instead: a private link, or a test server.
    pub host: Option<String>,
    /// The port; `None`: the protocol's own.
    pub port: Option<u16>,
    /// TLS or, for test servers, none.
    pub protocol: Protocol,
    /// The proxy for every connection. `None`: none. The environment is not read here.
    pub proxy: Option<Proxy>,
    /// What the server is told about the program.
    pub identity: Identity,
    /// How often, and for how long, an exchange is tried again.
    pub retry: RetryPolicy,
    /// Time-outs and sizes.
    pub limits: Limits,
}

impl Settings {
    /// The defaults for `account`.
    pub fn new(account: Account, identity: Identity) -> Self {
        Self {
            account,
            host: None,
            port: None,
            protocol: Protocol::Https,
            proxy: None,
            identity,
            retry: RetryPolicy::default(),
            limits: Limits::default(),
        }
    }

    /// The server's address: scheme, host and port, and `/`.
    ///
    /// # Errors
    /// The host is not one.
    pub fn base(&self) -> Result<Url, SettingsError> {
        let host = self.host.clone().unwrap_or_else(|| self.account.host());
        let mut base = Url::parse(&format!("{}://{host}/", self.protocol))
            .map_err(|_| SettingsError::Host(host.clone()))?;
        let only_host = base.path() == "/" && base.username().is_empty() && base.query().is_none();
        if base.port().is_some() || !only_host || base.set_port(self.port).is_err() {
            return Err(SettingsError::Host(host));
        }
        Ok(base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(host: Option<&str>, port: Option<u16>) -> Settings {
        let account = Account::parse("org-acct").unwrap();
        Settings { host: host.map(Into::into), port, ..Settings::new(account, Identity::new("t", "1")) }
    }

    #[test]
    fn the_host_comes_from_the_account_unless_given() {
        assert_eq!(settings(None, None).base().unwrap().as_str(), "https://org-acct.snowflakecomputing.com/");
        assert_eq!(
            settings(Some("localhost"), Some(8080)).base().unwrap().as_str(),
            "https://localhost:8080/"
        );
        assert_eq!(settings(Some("[::1]"), None).base().unwrap().as_str(), "https://[::1]/");
    }

    #[test]
    fn a_host_is_nothing_but_a_host() {
        for odd in ["", "https://h", "h/path", "h:80", "user@h", "h?q", "a b"] {
            assert!(matches!(settings(Some(odd), None).base(), Err(SettingsError::Host(_))), "{odd}");
        }
    }
}
