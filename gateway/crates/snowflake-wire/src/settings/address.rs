//! Account identifiers and what follows from them.

use crate::error::SettingsError;
use std::fmt;

/// How to speak to the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// TLS.
    #[default]
    Https,
    /// Plain text: for test servers. Everything can be read on the way, credentials included.
    Http,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Https => "https",
            Self::Http => "http",
        })
    }
}

/// An account identifier: `organization-account`, or the older `locator`, `locator.region` and
/// `locator.region.cloud`.
///
/// Source: <https://docs.snowflake.com/en/user-guide/admin-account-identifier>.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account(String);

impl Account {
    /// Takes an identifier, or a host of Snowflake's domains that begins with one.
    ///
    /// # Errors
    /// Characters that no identifier has.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let lower = text.trim().to_ascii_lowercase();
        let identifier = [".snowflakecomputing.com", ".snowflakecomputing.cn"]
            .iter()
            .find_map(|domain| lower.strip_suffix(domain))
            .unwrap_or(&lower);
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let labels_filled = identifier.split('.').all(|label| !label.is_empty());
        if !labels_filled || !identifier.chars().all(allowed) {
            return Err(SettingsError::Account(text.to_owned()));
        }
        Ok(Self(identifier.to_owned()))
    }

    /// The account with `region` in place of its own, as Snowflake's Python connector combines the two
    /// (`construct_hostname`). `us-west-2` has no name in a host.
    ///
    /// # Errors
    /// Characters that no region has.
    pub fn in_region(&self, region: &str) -> Result<Self, SettingsError> {
        let region = region.trim();
        let invalid = || SettingsError::Region(region.to_owned());
        if region.eq_ignore_ascii_case("us-west-2") {
            return Ok(self.clone());
        }
        if region.is_empty() || region.contains("snowflakecomputing") {
            return Err(invalid());
        }
        let (locator, _) = self.0.split_once('.').unwrap_or((&self.0, ""));
        Self::parse(&format!("{locator}.{region}")).map_err(|_| invalid())
    }

    /// The region in the identifier; empty: it has none.
    pub fn region(&self) -> &str {
        self.0.split_once('.').map_or("", |(_, region)| region)
    }

    /// The identifier as it was given, in lower case and without a domain.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The account without its region: what log-ins and key-pair tokens name it by, in upper case.
    pub(crate) fn name(&self) -> String {
        let first = self.0.split('.').next().unwrap_or_default();
        // `acct-1a2b.global`: what follows the dash is the connection's, not the account's.
        let name = if self.0.contains(".global") { first.split('-').next().unwrap_or(first) } else { first };
        name.to_ascii_uppercase()
    }

    /// The host that serves the account. Underscores, which no certificate covers, are dashes in it.
    pub(crate) fn host(&self) -> String {
        let region = self.0.split('.').nth(1).unwrap_or_default();
        let domain = if region.starts_with("cn-") { "cn" } else { "com" };
        format!("{}.snowflakecomputing.{domain}", self.0.replace('_', "-"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_name_follow_from_the_identifier() {
        for (given, host, name) in [
            ("MyOrg-My_Acct", "myorg-my-acct.snowflakecomputing.com", "MYORG-MY_ACCT"),
            ("xy12345", "xy12345.snowflakecomputing.com", "XY12345"),
            ("xy12345.eu-central-1.aws", "xy12345.eu-central-1.aws.snowflakecomputing.com", "XY12345"),
            ("xy12345.cn-northwest-1", "xy12345.cn-northwest-1.snowflakecomputing.cn", "XY12345"),
            ("acct-1a2b.global", "acct-1a2b.global.snowflakecomputing.com", "ACCT"),
            ("org-acct.snowflakecomputing.com", "org-acct.snowflakecomputing.com", "ORG-ACCT"),
        ] {
            let account = Account::parse(given).unwrap();
            assert_eq!((account.host().as_str(), account.name().as_str()), (host, name), "{given}");
        }
    }

    #[test]
    fn a_region_takes_the_place_of_the_identifiers_own() {
        for (given, region, host) in [
            ("xy12345", "eu-central-1", "xy12345.eu-central-1.snowflakecomputing.com"),
            ("xy12345.us-east-1", "eu-central-1", "xy12345.eu-central-1.snowflakecomputing.com"),
            ("xy12345", "west-europe.azure", "xy12345.west-europe.azure.snowflakecomputing.com"),
            ("xy12345", "cn-northwest-1", "xy12345.cn-northwest-1.snowflakecomputing.cn"),
            ("xy12345", "us-west-2", "xy12345.snowflakecomputing.com"),
            ("xy12345", "EU-West-1", "xy12345.eu-west-1.snowflakecomputing.com"),
        ] {
            let account = Account::parse(given).unwrap().in_region(region).unwrap();
            assert_eq!((account.host().as_str(), account.name().as_str()), (host, "XY12345"), "{given}");
        }
        for odd in ["", "eu central", "https://x", "a/b", "evil.com#", "eu-west-1.snowflakecomputing.com"] {
            assert!(Account::parse("xy").unwrap().in_region(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn an_identifier_has_no_other_characters() {
        for odd in ["", ".", "a..b", "a/b", "https://a", "a b", "a:1"] {
            assert!(Account::parse(odd).is_err(), "{odd}");
        }
    }
}
