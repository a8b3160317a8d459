//! The proxy between this machine and the server.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use url::Url;

use super::except::Exceptions;
use crate::error::SettingsError;
use crate::secret::Secret;

/// An HTTP proxy, with which encrypted connections are tunnelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Without user and password.
    address: Url,
    credentials: Option<(String, Secret)>,
    except: Exceptions,
}

impl Proxy {
    /// Takes `http://[user:password@]host[:port]`, as `HTTPS_PROXY` has it, and hosts to reach without it, as
    /// `NO_PROXY` lists them: names, `.suffixes`, addresses, networks, each with a port or without, and `*`.
    ///
    /// # Errors
    /// The address is not one.
    pub fn parse(address: &str, except: &str) -> Result<Self, SettingsError> {
        let mut address = Url::parse(address).map_err(|_| SettingsError::Proxy)?;
        if !matches!(address.scheme(), "http" | "https") || !address.has_host() {
            return Err(SettingsError::Proxy);
        }
        let user = decoded(address.username());
        let credentials =
            (!user.is_empty()).then(|| (user, Secret::new(decoded(address.password().unwrap_or_default()))));
        address.set_username("").map_err(|()| SettingsError::Proxy)?;
        address.set_password(None).map_err(|()| SettingsError::Proxy)?;
        Ok(Self { address, credentials, except: Exceptions::parse(except) })
    }

    /// Whether a list of exceptions, as `NO_PROXY` has it, leaves nothing for a proxy.
    pub fn is_never_used(except: &str) -> bool {
        Exceptions::parse(except).is_all()
    }

    /// The proxy's own address, without user and password, where `url` is reached through it.
    pub fn address_for(&self, url: &Url) -> Option<&Url> {
        (!self.except.cover(url)).then_some(&self.address)
    }

    /// The value of `Proxy-Authorization`, where there are credentials.
    pub fn authorization(&self) -> Option<Secret> {
        let (user, password) = self.credentials.as_ref()?;
        let pair = BASE64_STANDARD.encode(format!("{user}:{}", password.expose()));
        Some(Secret::new(format!("Basic {pair}")))
    }

    /// The password, where there is one: what must not be shown.
    pub fn password(&self) -> Option<&Secret> {
        self.credentials.as_ref().map(|(_, password)| password)
    }

    pub(crate) fn build(&self) -> Result<reqwest::Proxy, SettingsError> {
        // Whether the library takes it is known only when it is used; this asks for it now.
        reqwest::Proxy::all(self.address.as_str()).map_err(|_| SettingsError::Proxy)?;
        let (address, except) = (self.address.clone(), self.except.clone());
        let mut proxy = reqwest::Proxy::custom(move |url| (!except.cover(url)).then(|| address.clone()));
        if let Some((user, password)) = &self.credentials {
            proxy = proxy.basic_auth(user, password.expose());
        }
        Ok(proxy)
    }
}

/// Undoes `%xx`; what does not decode to text stays as it is.
fn decoded(text: &str) -> String {
    let pair = format!("v={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(pair.as_bytes())
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_taken_out_of_the_address() {
        let proxy = Proxy::parse("http://user:p%40ss+word@proxy.corp:3128", ".corp").unwrap();
        let (user, password) = proxy.credentials.as_ref().unwrap();
        assert_eq!((user.as_str(), password.expose()), ("user", "p@ss+word"));
        assert_eq!(proxy.address.as_str(), "http://proxy.corp:3128/");
        assert!(!format!("{proxy:?}").contains("p@ss"), "{proxy:?}");
        assert!(proxy.build().is_ok());
        assert_eq!(proxy.authorization().unwrap().expose(), "Basic dXNlcjpwQHNzK3dvcmQ=");
        let url = |text| Url::parse(text).unwrap();
        assert_eq!(proxy.address_for(&url("https://a.corp/")), None);
        assert_eq!(
            proxy.address_for(&url("https://a.com/")).map(Url::as_str),
            Some("http://proxy.corp:3128/")
        );
    }

    #[test]
    fn only_http_proxies_are_taken() {
        for odd in ["", "proxy:3128", "socks5://h:1", "http://"] {
            assert!(matches!(Proxy::parse(odd, ""), Err(SettingsError::Proxy)), "{odd}");
        }
    }
}
