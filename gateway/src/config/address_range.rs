//! Ranges of addresses: `10.0.0.0/8`, `2001:db8::/32`, or one address.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use super::error::InvalidValue;

/// Entries of a list, at most.
const ENTRIES_MAX: usize = 64;

/// The range that `text` is, without bits behind its prefix; one of IPv4 that is written as one of IPv6
/// (`::ffff:10.0.0.0/104`), as one of IPv4.
pub fn parse_range(text: &str) -> Option<IpNet> {
    let text = text.trim();
    let range = text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))?;
    Some(plain_range(range))
}

fn plain_range(range: IpNet) -> IpNet {
    const MAPPED_BITS: u8 = 96;
    let IpNet::V6(six) = range else { return range.trunc() };
    match (six.addr().to_ipv4_mapped(), six.prefix_len().checked_sub(MAPPED_BITS)) {
        (Some(four), Some(bits)) => Ipv4Net::new(four, bits).map_or(range, |four| IpNet::V4(four.trunc())),
        _ => range.trunc(),
    }
}

/// Whether `address` is in one of `ranges`. What comes over a Unix socket has none, and is of this machine.
pub fn ranges_contain(ranges: &[IpNet], address: Option<IpAddr>) -> bool {
    match address.map(|address| address.to_canonical()) {
        Some(address) => ranges.iter().any(|range| range.contains(&address)),
        None => ranges.iter().any(|range| range.addr().is_loopback()),
    }
}

/// Checks `http.trusted_proxies`.
pub(super) fn check(ranges: &[String]) -> Result<Vec<String>, InvalidValue> {
    if ranges.len() > ENTRIES_MAX {
        let message = format!("expected {ENTRIES_MAX} entries at most, got {}", ranges.len());
        return Err(InvalidValue::new(message));
    }
    let one = |text: &String| match parse_range(text) {
        Some(range) if range.prefix_len() == 0 => Err(InvalidValue::with_hint(
            format!("{text:?} would let every client say which address it has"),
            "write the addresses of the proxies",
        )),
        Some(range) => Ok(range.to_string()),
        None => Err(InvalidValue::with_hint(
            format!("{text:?} is no address and no range of addresses"),
            "write it like \"127.0.0.1\" or \"10.0.0.0/8\"",
        )),
    };
    ranges.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_people_write_them() {
        let range = |text| parse_range(text).map(|range| range.to_string());
        assert_eq!(range("10.1.2.3"), Some("10.1.2.3/32".to_owned()));
        assert_eq!(range(" 10.1.2.3/8 "), Some("10.0.0.0/8".to_owned()));
        assert_eq!(range("::1"), Some("::1/128".to_owned()));
        assert_eq!(range("::ffff:10.0.0.0/104"), Some("10.0.0.0/8".to_owned()));
        for wrong in ["", "10.0.0.0/33", "example.org", "10.0.0", "/8"] {
            assert_eq!(range(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn proxies_are_named_and_never_all() {
        assert!(check(&["0.0.0.0/0".to_owned()]).is_err() && check(&["proxy".to_owned()]).is_err());
        assert_eq!(
            check(&["10.0.0.1".to_owned()]).map_err(|error| error.message),
            Ok(vec!["10.0.0.1/32".to_owned()])
        );
    }
}
