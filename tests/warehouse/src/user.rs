//! Who may log in, and with what.

use std::collections::{BTreeMap, HashSet};

use super::session::Standing;
use super::{Context, Gate};

/// Wrong passwords in a row after which a user is locked.
const FAILURES_MAX: usize = 5;

/// A user. The stand-in knows secrets in the clear: they are the test's own.
#[derive(Clone, Debug)]
pub struct User {
    /// The name, in upper case.
    pub(super) name: String,
    pub(super) password: Option<String>,
    pub(super) second_factor: SecondFactor,
    /// Public keys, as PEM.
    pub(super) public_keys: Vec<String>,
    /// OAuth access tokens, and whether they have expired.
    pub(super) oauth_tokens: BTreeMap<String, bool>,
    pub(super) access_tokens: HashSet<String>,
    /// Tokens that show a workload's identity, each with its provider.
    pub(super) workload_tokens: HashSet<(String, String)>,
    /// The context that its sessions begin in.
    pub(super) context: Context,
    /// What its sessions count as; `None`: the account has no `SYS_CONTEXT`.
    pub(super) standing: Option<Standing>,
    pub(super) locked: bool,
    /// Wrong passwords since the last right one.
    pub(super) failures: usize,
    /// Tokens that were granted to remember a browser's log-in,
    pub(super) id_tokens: HashSet<String>,
    /// or a second factor.
    pub(super) mfa_tokens: HashSet<String>,
}

/// What a password needs beside it.
#[derive(Clone, Debug, Default)]
pub enum SecondFactor {
    /// Nothing.
    #[default]
    None,
    /// This code.
    Passcode(String),
    /// That somebody taps on a phone: the log-in waits for the gate.
    Push(Gate),
    /// The same, and it is denied.
    DeniedPush,
}

impl User {
    /// A user of this name that cannot log in in any way yet but by browser, whose sessions begin with role
    /// `ANALYST`, warehouse `COMPUTE_WH` and schema `SALES.PUBLIC`.
    pub fn new(name: &str) -> Self {
        let name_of = |name: &str| Some(name.to_owned());
        Self {
            name: name.to_uppercase(),
            password: None,
            second_factor: SecondFactor::None,
            public_keys: Vec::new(),
            oauth_tokens: BTreeMap::new(),
            access_tokens: HashSet::new(),
            workload_tokens: HashSet::new(),
            context: Context {
                role: name_of("ANALYST"),
                warehouse: name_of("COMPUTE_WH"),
                database: name_of("SALES"),
                schema: name_of("PUBLIC"),
            },
            standing: Some(Standing::default()),
            locked: false,
            failures: 0,
            id_tokens: HashSet::new(),
            mfa_tokens: HashSet::new(),
        }
    }

    /// With this password.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.into());
        self
    }

    /// With this second factor beside the password.
    #[must_use]
    pub fn second_factor(mut self, factor: SecondFactor) -> Self {
        self.second_factor = factor;
        self
    }

    /// With this public key: PEM, `-----BEGIN PUBLIC KEY-----`.
    #[must_use]
    pub fn public_key(mut self, pem: &str) -> Self {
        self.public_keys.push(pem.into());
        self
    }

    /// With this OAuth access token.
    #[must_use]
    pub fn oauth_token(mut self, token: &str) -> Self {
        self.oauth_tokens.insert(token.into(), false);
        self
    }

    /// With this programmatic access token.
    #[must_use]
    pub fn access_token(mut self, token: &str) -> Self {
        self.access_tokens.insert(token.into());
        self
    }

    /// With this token of `provider` (`OIDC`) that shows a workload's identity.
    #[must_use]
    pub fn workload_token(mut self, provider: &str, token: &str) -> Self {
        self.workload_tokens.insert((provider.into(), token.into()));
        self
    }

    /// With sessions that begin in `context`.
    #[must_use]
    pub fn context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    /// From the next log-in on its sessions count as an agent's, under this restricted session scope.
    pub fn make_agent(&mut self, scope: Option<&str>) {
        self.standing = Some(Standing { is_agent: true, scope: scope.map(Into::into) });
    }

    /// From the next log-in on its sessions count as nobody's but its own.
    pub fn make_plain(&mut self) {
        self.standing = Some(Standing::default());
    }

    /// From the next log-in on the account does not know `SYS_CONTEXT`.
    pub fn forget_sys_context(&mut self) {
        self.standing = None;
    }

    /// Locks or unlocks it.
    pub fn set_locked(&mut self, locked: bool) {
        self.locked = locked;
        self.failures = 0;
    }

    /// An OAuth token expires.
    pub fn expire_oauth_token(&mut self, token: &str) {
        self.oauth_tokens.insert(token.into(), true);
    }

    /// The tokens that show a workload's identity are good no more.
    pub fn revoke_workload_tokens(&mut self) {
        self.workload_tokens.clear();
    }

    /// A programmatic access token is revoked.
    pub fn revoke_access_token(&mut self, token: &str) {
        self.access_tokens.remove(token);
    }

    /// ID tokens and MFA tokens that were granted are good no more.
    pub fn revoke_remembered(&mut self) {
        self.id_tokens.clear();
        self.mfa_tokens.clear();
    }

    /// Counts a wrong password; too many lock the user.
    pub(super) fn count_failure(&mut self) {
        self.failures += 1;
        self.locked |= self.failures >= FAILURES_MAX;
    }
}
