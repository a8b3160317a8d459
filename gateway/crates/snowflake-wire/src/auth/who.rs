//! Who logs in, and the body of a request that says so.

use bytes::Bytes;
use serde::Serialize;

use super::Proof;
use crate::http::sensitive_json;
use crate::identity::Identity;
use crate::settings::Account;

/// Who asks, of which account.
pub(crate) struct Who<'a> {
    pub(crate) account: &'a Account,
    pub(crate) identity: &'a Identity,
    pub(crate) user: &'a str,
}

#[derive(Serialize)]
struct Body<T> {
    data: T,
}

#[derive(Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
struct Data<'a, T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    client_app_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_app_version: Option<&'a str>,
    account_name: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    login_name: &'a str,
    client_environment: Environment<'a>,
    #[serde(flatten)]
    proof: &'a Proof<'a>,
    #[serde(flatten)]
    extra: &'a T,
}

#[derive(Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
struct Environment<'a> {
    application: &'a str,
    os: &'static str,
    isa: &'static str,
}

impl Who<'_> {
    /// The body of a request that shows `proof` and asks for `extra`.
    pub(crate) fn body<T: Serialize>(&self, proof: &Proof<'_>, extra: &T) -> Bytes {
        let driver = self.identity.driver.as_deref();
        sensitive_json(&Body {
            data: Data {
                client_app_id: driver,
                client_app_version: driver.map(|_| self.identity.version.as_str()),
                account_name: self.account.name(),
                login_name: self.user,
                client_environment: Environment {
                    application: &self.identity.application,
                    os: std::env::consts::OS,
                    isa: std::env::consts::ARCH,
                },
                proof,
                extra,
            },
        })
    }
}
