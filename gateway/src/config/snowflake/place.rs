//! Mistakes in the account and the host: an address in place of an identifier.

use snowflake_wire::Account;

/// The domains of Snowflake's hosts.
const DOMAINS: [&str; 2] = [".snowflakecomputing.com", ".snowflakecomputing.cn"];

/// The site whose addresses have organization and account as their first two folders.
const APP: &str = "app.snowflake.com";

/// Beginnings of the names of regions.
const REGIONS: [&str; 15] =
    ["us", "eu", "ap", "ca", "sa", "me", "af", "cn", "il", "mx", "uk", "west", "east", "north", "central"];

/// The account identifier that `text` means: an address of Snowflake's, a host, `ORGANIZATION.ACCOUNT` as SQL writes it, a
/// locator with its region, or the identifier itself. In lower case, without a domain.
///
/// # Errors
/// It has characters that no identifier has: what is wrong.
pub fn account_identifier(text: &str) -> Result<String, String> {
    let text = text.trim();
    let bare = account_of_address(text).unwrap_or_else(|| text.to_owned());
    let account = Account::parse(&bare).map_err(|error| error.to_string())?;
    Ok(likely_account(account.as_str()).unwrap_or_else(|| account.as_str().to_owned()))
}

/// The account identifier in an address; `None` if `text` is not an address, or has none.
pub(super) fn account_of_address(text: &str) -> Option<String> {
    let (host, path) = split_address(text)?;
    if host == APP {
        let mut folders = path.split('/').filter(|folder| !folder.is_empty());
        let (organization, account) = (folders.next()?, folders.next()?);
        return Some(if is_region(account) || account.contains('.') {
            // `https://app.snowflake.com/eu-central-1/xy12345`: the other way round.
            format!("{account}.{organization}")
        } else if is_region(organization) {
            format!("{account}.{organization}")
        } else {
            format!("{organization}-{account}")
        });
    }
    let host = host.strip_prefix("www.").unwrap_or(&host);
    let account = DOMAINS.iter().find_map(|domain| host.strip_suffix(domain)).unwrap_or(host);
    (!account.is_empty() && account != "snowflakecomputing.com").then(|| account.to_owned())
}

/// The host in an address, and its port; `None` if `text` is only a host.
pub(super) fn host_of_address(text: &str) -> Option<(String, Option<u16>)> {
    let (host, _) =
        split_address(text).or_else(|| Some((text.contains(':').then(|| text.trim().to_owned())?, "")))?;
    match host.split_once(':') {
        Some((host, port)) => Some((host.to_owned(), port.parse().ok())),
        None => Some((host, None)),
    }
}

/// Host (with a port, in lower case) and path of an address; `None` if `text` has neither scheme nor path.
fn split_address(text: &str) -> Option<(String, &str)> {
    let text = text.trim();
    let (scheme, rest) = text.split_once("://").map_or((None, text), |(scheme, rest)| (Some(scheme), rest));
    let (host, path) = rest.split_once(['/', '?', '#']).unwrap_or((rest, ""));
    if scheme.is_none() && host.len() == rest.len() {
        return None;
    }
    let host = host.rsplit('@').next().unwrap_or(host);
    Some((host.to_ascii_lowercase(), path))
}

/// What an identifier probably should be that is valid, but in no usual form.
pub(super) fn likely_account(text: &str) -> Option<String> {
    let text = text.trim();
    if let Some((first, second)) = text.split_once('.') {
        let is_other =
            second.contains('.') || is_region(second) || ["global", "privatelink"].contains(&second);
        // `organization.account`, as SQL writes it.
        return (!is_other && !DOMAINS.iter().any(|domain| text.ends_with(domain)))
            .then(|| format!("{first}-{second}"));
    }
    let (locator, region) = text.split_once('_')?;
    let region = region.replace('_', "-");
    // `xy12345_eu_central_1`: a region is behind a dot, and has dashes.
    (is_locator(locator) && is_region(&region)).then(|| format!("{locator}.{}", region.to_ascii_lowercase()))
}

/// `xy12345`
fn is_locator(text: &str) -> bool {
    let digits = text.trim_start_matches(|char: char| char.is_ascii_alphabetic());
    digits.len() < text.len() && !digits.is_empty() && digits.chars().all(|char| char.is_ascii_digit())
}

/// `eu-central-1`, `west-europe`
fn is_region(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.split_once('-').is_some_and(|(first, _)| REGIONS.contains(&first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_is_found_in_addresses() {
        for (text, expected) in [
            ("https://xy.snowflakecomputing.com", "xy"),
            ("https://Org-Acct.snowflakecomputing.com/console#/x", "org-acct"),
            ("xy12345.eu-central-1.snowflakecomputing.com/", "xy12345.eu-central-1"),
            ("http://xy.snowflakecomputing.cn", "xy"),
            ("https://app.snowflake.com/org/acct/worksheets", "org-acct"),
            ("https://app.snowflake.com/eu-central-1/xy12345/", "xy12345.eu-central-1"),
            ("https://org-acct", "org-acct"),
        ] {
            assert_eq!(account_of_address(text).as_deref(), Some(expected), "{text}");
        }
        for plain in ["org-acct", "xy12345.eu-central-1", "xy.snowflakecomputing.com"] {
            assert_eq!(account_of_address(plain), None, "{plain}");
        }
    }

    #[test]
    fn an_account_is_understood_in_any_spelling() {
        for (text, expected) in [
            ("MyOrg-MyAcct", "myorg-myacct"),
            (" https://MyOrg-MyAcct.snowflakecomputing.com/ ", "myorg-myacct"),
            ("https://app.snowflake.com/myorg/myacct/worksheets", "myorg-myacct"),
            ("myorg.myacct", "myorg-myacct"),
            ("xy12345.eu-central-1", "xy12345.eu-central-1"),
            ("xy12345_eu_central_1", "xy12345.eu-central-1"),
            ("org-acct.snowflakecomputing.com", "org-acct"),
        ] {
            assert_eq!(account_identifier(text).as_deref(), Ok(expected), "{text}");
        }
        for wrong in ["", "two words", "a..b", "org-acct;drop", "https://"] {
            assert!(account_identifier(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_host_is_found_in_addresses() {
        let host = |text| host_of_address(text);
        assert_eq!(host("https://h.example.com/x"), Some(("h.example.com".to_owned(), None)));
        assert_eq!(host("https://h.example.com:8443"), Some(("h.example.com".to_owned(), Some(8443))));
        assert_eq!(host("h.example.com:443"), Some(("h.example.com".to_owned(), Some(443))));
        assert_eq!(host("h.example.com"), None);
    }

    #[test]
    fn unusual_identifiers_are_recognised() {
        assert_eq!(likely_account("org.acct").as_deref(), Some("org-acct"));
        assert_eq!(likely_account("xy12345_eu_central_1").as_deref(), Some("xy12345.eu-central-1"));
        assert_eq!(likely_account("xy12345_eu-central-1").as_deref(), Some("xy12345.eu-central-1"));
        for usual in [
            "org-acct",
            "org-my_acct",
            "my_org-acct",
            "xy12345",
            "xy12345.eu-central-1",
            "xy12345.us-east-2.aws",
            "acct-1a2b.global",
            "xy12345.west-europe.azure",
            "org-acct.privatelink",
            "org-acct.snowflakecomputing.com",
        ] {
            assert_eq!(likely_account(usual), None, "{usual}");
        }
    }
}
