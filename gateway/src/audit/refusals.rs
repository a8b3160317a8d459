//! Keys that are refused, counted together: a client without a key must not fill the trail, and so push old files out.
//!
//! The first refusal of an address for a reason has a record at once; those that follow have one a minute, with their count.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// One record in this time for the same address and reason, at most, but for the first.
const PERIOD: Duration = Duration::from_secs(60);

/// Addresses with a reason that are told apart, at most; what else comes is counted together, one entry a reason.
const ENTRIES_MAX: usize = 256;

/// Why a request with a key is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalCause {
    /// The key is not good, for this reason.
    Key(&'static str),
    /// Its address is kept out for a while.
    LockedOut,
}

/// Where it comes from, as records have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Origin {
    Address(IpAddr),
    /// Over a Unix socket.
    Local,
    /// From more addresses than are told apart.
    Others,
}

/// A request that is not let in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Refusal {
    pub(super) cause: RefusalCause,
    /// The key's name, where it has one.
    pub(super) key: Option<String>,
    pub(super) origin: Origin,
}

impl Refusal {
    /// `address`: where it comes from, `None` over a Unix socket.
    pub fn new(cause: RefusalCause, key: Option<&str>, address: Option<IpAddr>) -> Self {
        let origin = address.map_or(Origin::Local, |address| Origin::Address(address.to_canonical()));
        Self { cause, key: key.map(str::to_owned), origin }
    }

    /// The same for all of a network of IPv6: who has one address of it has all.
    fn place(&self) -> Self {
        let origin = match self.origin {
            Origin::Address(IpAddr::V6(six)) if !six.is_loopback() => {
                Origin::Address(Ipv6Addr::from(u128::from(six) >> 64 << 64).into())
            }
            origin => origin,
        };
        Self { origin, ..self.clone() }
    }
}

/// So many refusals that have a record now.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) refusal: Refusal,
    pub(super) count: u64,
}

/// What was refused of late.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    entries: HashMap<Refusal, Entry>,
}

#[derive(Debug)]
struct Entry {
    /// The last of those counted.
    last: Refusal,
    recorded_at: Instant,
    /// Those without a record.
    waiting: u64,
}

impl Entry {
    /// What has a record now.
    fn record(&mut self, now: Instant) -> Counted {
        self.recorded_at = now;
        Counted { refusal: self.last.clone(), count: std::mem::take(&mut self.waiting) }
    }

    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.recorded_at) >= PERIOD
    }
}

impl Refusals {
    /// Counts `refusal`; returns what has a record now.
    pub(super) fn note(&mut self, now: Instant, refusal: Refusal) -> Option<Counted> {
        let (mut place, mut last) = (refusal.place(), refusal);
        if self.entries.len() >= ENTRIES_MAX && !self.entries.contains_key(&place) {
            last = Refusal { origin: Origin::Others, key: None, ..last };
            place = last.clone();
        }
        let mut is_first = false;
        let entry = self.entries.entry(place).or_insert_with(|| {
            is_first = true;
            Entry { last: last.clone(), recorded_at: now, waiting: 0 }
        });
        entry.last = last;
        entry.waiting += 1;
        (is_first || entry.is_over(now)).then(|| entry.record(now))
    }

    /// What has waited for a minute, and forgets what has not come again for one.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Counted> {
        self.entries.retain(|_, entry| entry.waiting > 0 || !entry.is_over(now));
        let over = self.entries.values_mut().filter(|entry| entry.is_over(now));
        over.map(|entry| entry.record(now)).collect()
    }

    /// All that waits, because there is no later.
    pub(super) fn take(&mut self) -> Vec<Counted> {
        let entries = std::mem::take(&mut self.entries);
        let waiting = entries.into_values().filter(|entry| entry.waiting > 0);
        waiting.map(|entry| Counted { refusal: entry.last, count: entry.waiting }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRONG: RefusalCause = RefusalCause::Key("there is no such key");

    fn from(address: u32) -> Refusal {
        Refusal::new(WRONG, None, Some(std::net::Ipv4Addr::from(address).into()))
    }

    fn counts(counted: &[Counted]) -> u64 {
        counted.iter().map(|counted| counted.count).sum()
    }

    #[test]
    fn an_address_has_one_record_at_first_and_then_one_a_minute() {
        let (mut refusals, begin) = (Refusals::default(), Instant::now());
        let at = |ms| begin + Duration::from_millis(ms);
        assert_eq!(refusals.note(at(0), from(1)), Some(Counted { refusal: from(1), count: 1 }));
        for ms in 1..1_000 {
            assert_eq!(refusals.note(at(ms), from(1)), None);
        }
        assert_eq!(refusals.due(at(59_999)), []);
        assert_eq!(refusals.due(at(60_000)), [Counted { refusal: from(1), count: 999 }]);
        // Nothing has come since, and it is as if it had never been there.
        assert_eq!(refusals.due(at(120_000)), []);
        assert!(refusals.entries.is_empty());
        assert!(refusals.note(at(120_001), from(1)).is_some());
        // A thread that is late: the next refusal tells of those before.
        assert_eq!(refusals.note(at(120_002), from(1)), None);
        assert_eq!(refusals.note(at(190_000), from(1)), Some(Counted { refusal: from(1), count: 2 }));
    }

    #[test]
    fn reasons_keys_and_addresses_are_told_apart_and_a_network_of_ipv6_is_one() {
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        let six = |text: &str| Refusal::new(WRONG, None, Some(text.parse().unwrap()));
        let expired = RefusalCause::Key("it has expired");
        let apart = [
            from(1),
            from(2),
            six("2001:db8::1"),
            six("2001:db8:0:1::1"),
            Refusal::new(WRONG, None, None),
            Refusal::new(expired, Some("a"), None),
            Refusal::new(expired, Some("b"), None),
            Refusal::new(RefusalCause::LockedOut, None, None),
        ];
        for refusal in apart {
            assert!(refusals.note(now, refusal.clone()).is_some(), "{refusal:?}");
            assert_eq!(refusals.note(now, refusal), None);
        }
        assert_eq!(refusals.note(now, six("2001:db8::2")), None);
        assert_eq!(refusals.note(now, six("::ffff:0.0.0.1")), None, "it is the address 0.0.0.1");
    }

    #[test]
    fn addresses_are_bounded_and_none_is_left_uncounted() {
        let (mut refusals, begin) = (Refusals::default(), Instant::now());
        let mut records: Vec<Counted> =
            (0..10_000).filter_map(|address| refusals.note(begin, from(address))).collect();
        assert_eq!(records.len(), ENTRIES_MAX + 1, "one is the common one");
        assert_eq!(refusals.entries.len(), ENTRIES_MAX + 1);
        assert_eq!(records[ENTRIES_MAX].refusal.origin, Origin::Others);
        // One that is known is still told apart.
        assert_eq!(refusals.note(begin, from(3)), None);
        records.extend(refusals.due(begin + PERIOD));
        assert_eq!(counts(&records), 10_001);
        assert!(refusals.due(begin + 2 * PERIOD).is_empty() && refusals.entries.is_empty());
    }

    #[test]
    fn what_waits_at_the_end_has_a_record() {
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        for address in [1, 2, 2, 2] {
            refusals.note(now, from(address));
        }
        assert_eq!(refusals.take(), [Counted { refusal: from(2), count: 2 }]);
        assert_eq!(refusals.take(), []);
    }
}
