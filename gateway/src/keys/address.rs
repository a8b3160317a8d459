//! Addresses, as keys and failures count them.

use std::net::{IpAddr, Ipv6Addr};

/// Bits of an IPv6 address that tell sites apart: who has one address of a network has all of it.
const SITE_BITS: u32 = 64;

/// `address`; one of IPv4 that comes as one of IPv6 (`::ffff:10.1.2.3`), as one of IPv4.
pub fn plain_address(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// Where failures are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Site {
    /// This machine, over a Unix socket.
    Socket,
    /// An address, or the network of one of IPv6.
    Address(IpAddr),
}

impl Site {
    pub(super) fn of(address: Option<IpAddr>) -> Self {
        match address.map(plain_address) {
            None => Self::Socket,
            Some(IpAddr::V6(six)) if !six.is_loopback() => {
                let network = u128::from(six) >> (128 - SITE_BITS) << (128 - SITE_BITS);
                Self::Address(Ipv6Addr::from(network).into())
            }
            Some(address) => Self::Address(address),
        }
    }

    /// Whether all programs of this machine, and what a proxy on it passes on, come from there.
    pub(super) fn is_local(self) -> bool {
        match self {
            Self::Socket => true,
            Self::Address(address) => address.is_loopback(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(address: &str) -> Site {
        Site::of(Some(address.parse().unwrap()))
    }

    #[test]
    fn an_address_is_the_same_however_it_comes() {
        assert_eq!(site("::ffff:10.1.2.3"), site("10.1.2.3"));
        assert_eq!(site("2001:db8::1"), site("2001:db8::ffff:1"));
        assert_ne!(site("2001:db8::1"), site("2001:db8:0:1::1"));
        assert_ne!(site("10.1.2.3"), site("10.1.2.4"));
    }

    #[test]
    fn this_machine_is_told_from_others() {
        for local in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(site(local).is_local(), "{local}");
        }
        assert!(Site::of(None).is_local() && !site("10.0.0.1").is_local());
    }
}
