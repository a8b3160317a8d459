//! Names in the settings of the HTTP front: hosts as in `Host`, origins as in `Origin`.

use super::error::InvalidValue;

/// Entries of a list, at most.
const ENTRIES_MAX: usize = 100;

/// The host and the port of an authority as in `Host`: the host in small letters, an IPv6 address in brackets. `None`
/// where it is none.
pub fn split_authority(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            address.parse::<std::net::Ipv6Addr>().ok()?;
            (format!("[{address}]"), port)
        }
        None => {
            let end = text.find(':').unwrap_or(text.len());
            (text[..end].to_owned(), &text[end..])
        }
    };
    let port = match port.strip_prefix(':') {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
        None if port.is_empty() => None,
        _ => return None,
    };
    let is_name = |host: &str| {
        host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
    };
    // A name may end with the dot of the root.
    let host = host.strip_suffix('.').unwrap_or(&host).to_ascii_lowercase();
    (!host.is_empty() && (host.starts_with('[') || is_name(&host))).then_some((host, port))
}

/// An origin as browsers write it: small letters, no port that is the scheme's own. `None` where it is none.
pub fn canonical_origin(text: &str) -> Option<String> {
    let (scheme, authority) = text.split_once("://")?;
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    if scheme.is_empty() || !scheme.bytes().all(is_scheme) {
        return None;
    }
    let scheme = scheme.to_ascii_lowercase();
    let (host, port) = split_authority(authority)?;
    let own = match scheme.as_str() {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    };
    Some(match port.filter(|port| Some(*port) != own) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

/// Checks `http.allowed_hosts`.
pub(super) fn check_hosts(hosts: &[String]) -> Result<Vec<String>, InvalidValue> {
    check(hosts, |host| {
        if host == "*" {
            return Err(InvalidValue::with_hint(
                "\"*\" would let a web page of any name in (DNS rebinding)",
                "write the names that clients use, like \"gateway.example.com\"",
            ));
        }
        let hint = "write it as in a URL, without scheme and path: \"gateway.example.com\", or with a port \"10.0.0.7:8473\"";
        let (name, port) = split_authority(host)
            .ok_or_else(|| InvalidValue::with_hint(format!("{host:?} is no host"), hint))?;
        Ok(port.map_or_else(|| name.clone(), |port| format!("{name}:{port}")))
    })
}

/// Checks `http.allowed_origins`.
pub(super) fn check_origins(origins: &[String]) -> Result<Vec<String>, InvalidValue> {
    check(origins, |origin| {
        if matches!(origin, "*" | "null") {
            return Err(InvalidValue::with_hint(
                format!("{origin:?} would let every web page in"),
                "write the origins of the pages that may call, like \"https://app.example.com\"",
            ));
        }
        let hint = "write scheme, host and port of the page, without a path: \"https://app.example.com\" or \"http://localhost:3000\"";
        canonical_origin(origin)
            .ok_or_else(|| InvalidValue::with_hint(format!("{:?} is no origin", without_user(origin)), hint))
    })
}

/// An address without a user's name and password, which are not shown.
fn without_user(address: &str) -> &str {
    address.rsplit_once('@').map_or(address, |(_, host)| host)
}

fn check(
    entries: &[String],
    one: impl Fn(&str) -> Result<String, InvalidValue>,
) -> Result<Vec<String>, InvalidValue> {
    if entries.len() > ENTRIES_MAX {
        return Err(InvalidValue::new(format!(
            "expected {ENTRIES_MAX} entries at most, got {}",
            entries.len()
        )));
    }
    entries.iter().map(|entry| one(entry.trim())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_a_host_and_perhaps_a_port() {
        let split = |text| split_authority(text);
        assert_eq!(split("LocalHost:8473"), Some(("localhost".to_owned(), Some(8473))));
        assert_eq!(split("a.example.com."), Some(("a.example.com".to_owned(), None)));
        assert_eq!(split("[::1]:1"), Some(("[::1]".to_owned(), Some(1))));
        for wrong in ["", ":80", "a:b", "a:99999", "a b", "a@b", "[::1", "[x]", "::1", "a/b", "a:+1", "."] {
            assert_eq!(split(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn origins_are_compared_as_browsers_write_them() {
        assert_eq!(canonical_origin("HTTPS://App.Example.com:443").unwrap(), "https://app.example.com");
        assert_eq!(canonical_origin("http://localhost:3000").unwrap(), "http://localhost:3000");
        assert_eq!(canonical_origin("http://localhost:443").unwrap(), "http://localhost:443");
        for wrong in ["null", "app.example.com", "https://", "https://a/", "https://a@b", "*", "https://*.a"]
        {
            assert_eq!(canonical_origin(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_would_let_everything_in_is_refused() {
        for every in ["*", "null"] {
            assert!(check_origins(&[every.to_owned()]).unwrap_err().message.contains("every web page"));
        }
        assert!(check_hosts(&["*".to_owned()]).unwrap_err().message.contains("rebinding"));
        assert_eq!(check_hosts(&["A.b:1".to_owned()]).unwrap(), ["a.b:1"]);
        assert!(check_hosts(&vec!["a".to_owned(); ENTRIES_MAX + 1]).is_err());
    }
}
