//! What the operator chooses.

use std::collections::BTreeMap;
use std::path::PathBuf;

use snowflake_wire::{Account, ParameterValue, Protocol, Proxy, Secret};
use url::Url;

/// Settings of the Snowflake backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnowflakeSettings {
    /// The account.
    pub account: Account,
    /// The host in place of the account's own.
    pub host: Option<String>,
    /// The port in place of the protocol's own.
    pub port: Option<u16>,
    /// TLS or, for test servers, none.
    pub protocol: Protocol,
    /// The proxy for every connection.
    pub proxy: Option<Proxy>,
    /// The user; empty where the credentials name one.
    pub user: String,
    /// How the user proves who it is.
    pub authenticator: Authenticator,
    /// The role to log in with; `None`: the user's default. So for the next three.
    pub role: Option<String>,
    /// The warehouse.
    pub warehouse: Option<String>,
    /// The database.
    pub database: Option<String>,
    /// The schema.
    pub schema: Option<String>,
    /// `ALL` or `NONE`; `None`: the user's default.
    pub secondary_roles: Option<String>,
    /// Parameters of every session, by name in upper case. What the gateway relies on is not among them.
    pub session_parameters: BTreeMap<String, ParameterValue>,
    /// Refuse statements that may change something.
    pub read_only: bool,
    /// Where log-ins that asked the user are remembered; `None`: nowhere.
    pub token_cache: Option<PathBuf>,
}

/// A way to prove who logs in. Files are read again at every log-in, so that a renewed one counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authenticator {
    /// A private key.
    KeyPair {
        /// The key.
        key: Key,
        /// What it is encrypted with.
        passphrase: Option<Secret>,
    },
    /// An access token of an OAuth server.
    OAuth(Token),
    /// A programmatic access token.
    ProgrammaticAccessToken(Token),
    /// A password alone. An empty one is not known yet: the user types it (`snowgate login`).
    Password(Secret),
    /// A password, and a second factor: a passcode, or an approval on a phone.
    SecondFactor {
        /// The password; an empty one is not known yet.
        password: Secret,
        /// The passcode, good for one log-in; `None`: the phone is asked.
        passcode: Option<Secret>,
    },
    /// A password that ends with a passcode, good for one log-in.
    PasscodeInPassword(Secret),
    /// A page in a browser.
    ExternalBrowser,
    /// The identity that a cloud or an OIDC provider gives a workload.
    WorkloadIdentity {
        /// The provider's name in the protocol: `OIDC`.
        provider: String,
        /// What shows the identity.
        token: Token,
    },
    /// A token that an OAuth server returns for the client's own id and secret.
    OAuthClientCredentials(OAuthServer),
    /// A token that an OAuth server returns once the user has logged in on its page.
    OAuthAuthorizationCode {
        /// The server.
        server: OAuthServer,
        /// Its page; `None`: Snowflake's own.
        page: Option<Url>,
        /// Where the browser returns to; `None`: `http://127.0.0.1`, with a free port.
        redirect: Option<Url>,
        /// Whether a refresh token is to be good for one use.
        single_use_refresh_tokens: bool,
    },
}

/// An OAuth server, and how this client is known to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthServer {
    /// Where it returns tokens; `None`: Snowflake's own.
    pub token_url: Option<Url>,
    /// The client's id; `None`: that of Snowflake's client for local applications.
    pub client_id: Option<String>,
    /// The client's secret.
    pub client_secret: Option<Secret>,
    /// What is asked for; `None`: what the server gives by itself.
    pub scope: Option<String>,
    /// Whether id and secret are sent in the body.
    pub credentials_in_body: bool,
}

impl Authenticator {
    /// Whether a log-in needs a password, and none is known.
    pub fn lacks_password(&self) -> bool {
        let (Self::Password(password) | Self::SecondFactor { password, .. }) = self else { return false };
        password.expose().is_empty()
    }

    /// The same with `typed` where no password is known.
    pub(super) fn with_password(mut self, typed: Option<&Secret>) -> Self {
        if self.lacks_password()
            && let (Self::Password(password) | Self::SecondFactor { password, .. }, Some(typed)) =
                (&mut self, typed)
        {
            *password = typed.clone();
        }
        self
    }

    /// Whether a log-in asks the user, or uses up a passcode that the user has typed.
    pub(super) fn asks_the_user(&self) -> bool {
        matches!(
            self,
            Self::SecondFactor { .. }
                | Self::PasscodeInPassword(_)
                | Self::ExternalBrowser
                | Self::OAuthAuthorizationCode { .. }
        )
    }
}

/// A private key, as PEM or the base64 of DER, or where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// The key.
    Given(Secret),
    /// The file that holds it.
    File(PathBuf),
}

/// A token, or where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// The token.
    Given(Secret),
    /// The file that holds it.
    File(PathBuf),
    /// The program that prints it, and its arguments.
    Command(Vec<String>),
}
