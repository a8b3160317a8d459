//! What can be wrong with settings.

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// No account identifier.
    #[error("{0:?} is not an account identifier; it looks like `organization-account` or `locator.region`")]
    Account(String),
    /// No region.
    #[error("{0:?} is not a region; it looks like `eu-central-1` or `west-europe.azure`")]
    Region(String),
    /// No host name.
    #[error("{0:?} is not a host name; give it without scheme, port and path")]
    Host(String),
    /// The proxy's address or its list of exceptions is invalid. It is not repeated: it may hold a password.
    #[error("the proxy's address is not a URL like http://host:port")]
    Proxy,
    /// This system has no list of trusted certificates.
    #[error("this system has no trusted root certificates; install its package `ca-certificates`")]
    NoRoots(#[source] rustls::Error),
    /// The HTTP client could not be built from them.
    #[error("the HTTP client could not be built")]
    Client(#[source] super::Cause),
}
