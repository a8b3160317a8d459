//! The hosts that are reached without the proxy: `NO_PROXY`.
//!
//! There is no standard. This takes what both of Snowflake's drivers take: `requests` and `urllib` of the Python
//! connector, and `golang.org/x/net/http/httpproxy` of gosnowflake. Entries stand between commas, blanks and case
//! do not count.
//!
//! | entry | what is reached without the proxy |
//! |---|---|
//! | `*` | everything |
//! | `corp.example`, `.corp.example`, `*.corp.example` | this host, and every one below it |
//! | `10.1.2.3`, `fd00::1`, `[fd00::1]` | this address |
//! | `10.0.0.0/8`, `fd00::/8` | the addresses of this network |
//! | any of the first two kinds of host with `:443` | the same, at this port only |
//!
//! A host's address is not looked up: a network holds hosts that are written as addresses.

use std::net::IpAddr;

use url::{Host, Url};

/// The exceptions, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Exceptions(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    All,
    /// A host and those below it; a port if only that one counts.
    Name(String, Option<u16>),
    Address(IpAddr, Option<u16>),
    /// The first bits of an address, and how many they are.
    Network(IpAddr, u32),
}

impl Exceptions {
    /// Reads a list. What is none of the kinds names no host, and is left out.
    pub(super) fn parse(list: &str) -> Self {
        let entries = list.split(',').map(|entry| entry.split_whitespace().collect::<String>());
        Self(entries.filter_map(|entry| Entry::parse(&entry.to_ascii_lowercase())).collect())
    }

    /// Whether everything is excepted.
    pub(super) fn is_all(&self) -> bool {
        self.0.contains(&Entry::All)
    }

    /// Whether `url` is reached without the proxy.
    pub(super) fn cover(&self, url: &Url) -> bool {
        let port = url.port_or_known_default();
        match url.host() {
            Some(Host::Ipv4(address)) => self.cover_address(address.into(), port),
            Some(Host::Ipv6(address)) => self.cover_address(address.into(), port),
            Some(Host::Domain(name)) => self.cover_name(name.trim_end_matches('.'), port),
            None => false,
        }
    }

    fn cover_address(&self, host: IpAddr, port: Option<u16>) -> bool {
        self.0.iter().any(|entry| match entry {
            Entry::All => true,
            Entry::Address(address, only) => *address == host && (only.is_none() || *only == port),
            Entry::Network(network, bits) => is_within(host, *network, *bits),
            Entry::Name(..) => false,
        })
    }

    fn cover_name(&self, host: &str, port: Option<u16>) -> bool {
        self.0.iter().any(|entry| match entry {
            Entry::All => true,
            Entry::Name(name, only) => {
                let is_below = host
                    .strip_suffix(name.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
                is_below && (only.is_none() || *only == port)
            }
            Entry::Address(..) | Entry::Network(..) => false,
        })
    }
}

impl Entry {
    fn parse(entry: &str) -> Option<Self> {
        if entry == "*" {
            return Some(Self::All);
        }
        if let Some((network, bits)) = entry.split_once('/') {
            let (network, bits) = (network.parse::<IpAddr>().ok()?, bits.parse().ok()?);
            return (bits <= width(network)).then_some(Self::Network(network, bits));
        }
        let (host, port) = split_port(entry)?;
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        if let Ok(address) = bare.parse() {
            return Some(Self::Address(address, port));
        }
        let name = host.strip_prefix('*').unwrap_or(host).trim_start_matches('.').trim_end_matches('.');
        (!name.is_empty()).then(|| Self::Name(name.to_owned(), port))
    }
}

/// A host, and the port behind it. `None`: what is behind a colon is no port.
fn split_port(entry: &str) -> Option<(&str, Option<u16>)> {
    match entry.rsplit_once(':') {
        // An address of the sixth version without brackets.
        Some((host, _)) if host.contains(':') && !host.ends_with(']') => Some((entry, None)),
        Some((host, port)) => port.parse().ok().map(|port| (host, Some(port))),
        None => Some((entry, None)),
    }
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Whether the first `bits` of both are the same.
fn is_within(host: IpAddr, network: IpAddr, bits: u32) -> bool {
    let number = |address: IpAddr| match address {
        IpAddr::V4(address) => u128::from(u32::from(address)) << 96,
        IpAddr::V6(address) => u128::from(address),
    };
    let shift = 128_u32.saturating_sub(bits);
    let first = |address: IpAddr| number(address).checked_shr(shift).unwrap_or_default();
    width(host) == width(network) && first(host) == first(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(list: &str, url: &str) -> bool {
        Exceptions::parse(list).cover(&Url::parse(url).unwrap())
    }

    #[test]
    fn each_kind_of_entry_covers_what_it_names() {
        let account = "https://org-acct.snowflakecomputing.com/";
        for (list, url, is_covered) in [
            ("*", account, true),
            ("", account, false),
            ("other.example,,", account, false),
            ("snowflakecomputing.com", account, true),
            (".snowflakecomputing.com", account, true),
            ("*.snowflakecomputing.com", account, true),
            ("a.b, ORG-ACCT.SnowflakeComputing.com ", account, true),
            ("computing.com", account, false),
            ("org-acct", account, false),
            (".corp.example", "http://corp.example/", true),
            ("snowflakecomputing.com:443", account, true),
            ("snowflakecomputing.com:8443", account, false),
            ("localhost:8085", "http://localhost:8085/", true),
            ("localhost:8085", "http://localhost:8086/", false),
            ("localhost:x", "http://localhost:8086/", false),
            ("localhost.", "http://localhost/", true),
            ("*", "http://127.0.0.1:1/", true),
            ("127.0.0.1", "http://127.0.0.1:1/", true),
            ("127.0.0.1:1", "http://127.0.0.1:1/", true),
            ("127.0.0.1:2", "http://127.0.0.1:1/", false),
            ("0.0.1", "http://127.0.0.1:1/", false),
            ("127.0.0.0/8", "http://127.255.0.1:1/", true),
            ("127.0.0.0/8", "http://128.0.0.1/", false),
            ("0.0.0.0/0", "http://1.2.3.4/", true),
            ("0.0.0.0/0", "http://[::1]/", false),
            ("10.0.0.7/32", "http://10.0.0.7/", true),
            ("10.0.0.7/33", "http://10.0.0.7/", false),
            ("::1", "http://[::1]:80/", true),
            ("[::1]", "http://[::1]:80/", true),
            ("[::1]:80", "http://[::1]/", true),
            ("[::1]:81", "http://[::1]/", false),
            ("fd00::/8", "http://[fd12::1]/", true),
            ("fd00::/8", "http://[fe12::1]/", false),
        ] {
            assert_eq!(covers(list, url), is_covered, "{list:?} {url}");
        }
    }

    #[test]
    fn a_star_among_others_is_everything() {
        assert!(Exceptions::parse("a.example, *").is_all());
        assert!(!Exceptions::parse("*.example").is_all());
    }
}
