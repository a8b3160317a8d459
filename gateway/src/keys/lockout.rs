//! Addresses that come with wrong keys again and again: pure, with the time given.

use std::collections::HashMap;

use super::address::Site;

/// Wrong keys from one address, after which it is locked.
pub const FAILURES_MAX: u32 = 5;

/// For how long it is locked, and for how long a wrong key counts, in milliseconds.
pub const LOCKED_MS: u64 = 15 * 60 * 1_000;

/// Addresses that are remembered, at most. Where there are more, those go first that are not locked, the oldest first.
pub(super) const SITES_MAX: usize = 4_096;

/// What is known of one address.
#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    /// When the last one came that counted.
    last_ms: u64,
    locked_until_ms: u64,
}

impl Failures {
    fn is_over(&self, now_ms: u64) -> bool {
        // By a clock that was set back, nothing is locked for longer than it may be.
        let age = now_ms.abs_diff(self.last_ms);
        self.locked_for(now_ms).is_none() && age >= LOCKED_MS
    }

    fn locked_for(&self, now_ms: u64) -> Option<u64> {
        let left = self.locked_until_ms.saturating_sub(now_ms);
        (left > 0).then_some(left.min(LOCKED_MS))
    }
}

/// The addresses of which wrong keys came.
#[derive(Debug, Default)]
pub(super) struct Lockouts {
    sites: HashMap<Site, Failures>,
}

impl Lockouts {
    /// For how many more milliseconds `site` is locked.
    pub(super) fn locked_for(&self, now_ms: u64, site: Site) -> Option<u64> {
        self.sites.get(&site)?.locked_for(now_ms)
    }

    /// A wrong key came from `site`. Returns whether that has locked it.
    pub(super) fn note_failure(&mut self, now_ms: u64, site: Site) -> bool {
        if !self.sites.contains_key(&site) {
            self.make_room(now_ms);
        }
        let failures =
            self.sites.entry(site).or_insert(Failures { count: 0, last_ms: now_ms, locked_until_ms: 0 });
        if failures.locked_for(now_ms).is_some() {
            return false;
        }
        if failures.is_over(now_ms) || failures.count >= FAILURES_MAX {
            failures.count = 0;
        }
        failures.count += 1;
        failures.last_ms = now_ms;
        if failures.count >= FAILURES_MAX {
            failures.locked_until_ms = now_ms.saturating_add(LOCKED_MS);
            return true;
        }
        false
    }

    /// A good key came from `site`: what came before was a slip. What is locked stays locked.
    pub(super) fn note_success(&mut self, now_ms: u64, site: Site) {
        if self.sites.get(&site).is_some_and(|failures| failures.locked_for(now_ms).is_none()) {
            self.sites.remove(&site);
        }
    }

    /// Addresses that are locked.
    pub(super) fn locked(&self, now_ms: u64) -> usize {
        self.sites.values().filter(|failures| failures.locked_for(now_ms).is_some()).count()
    }

    fn make_room(&mut self, now_ms: u64) {
        if self.sites.len() < SITES_MAX {
            return;
        }
        self.sites.retain(|_, failures| !failures.is_over(now_ms));
        while self.sites.len() >= SITES_MAX {
            let rank = |(_, failures): &(&Site, &Failures)| {
                (failures.locked_for(now_ms).is_some(), failures.last_ms)
            };
            let Some(first) = self.sites.iter().min_by_key(rank).map(|(site, _)| *site) else { return };
            self.sites.remove(&first);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn site(number: u32) -> Site {
        Site::Address(Ipv4Addr::from(number).into())
    }

    fn fail(lockouts: &mut Lockouts, now_ms: u64, site: Site, times: u32) {
        for _ in 0..times {
            lockouts.note_failure(now_ms, site);
        }
    }

    #[test]
    fn the_fifth_wrong_key_locks_its_address_for_fifteen_minutes_and_no_other() {
        let mut lockouts = Lockouts::default();
        fail(&mut lockouts, 0, site(1), FAILURES_MAX - 1);
        assert_eq!(lockouts.locked_for(0, site(1)), None);
        assert!(lockouts.note_failure(1_000, site(1)));
        assert_eq!(lockouts.locked_for(1_000, site(1)), Some(LOCKED_MS));
        assert_eq!(lockouts.locked_for(1_000 + LOCKED_MS - 1, site(1)), Some(1));
        assert_eq!(lockouts.locked_for(1_000 + LOCKED_MS, site(1)), None);
        assert_eq!(lockouts.locked_for(1_000, site(2)), None);
        fail(&mut lockouts, 1_000 + LOCKED_MS, site(1), FAILURES_MAX - 1);
        assert_eq!(lockouts.locked_for(1_000 + LOCKED_MS, site(1)), None, "it begins anew");
    }

    #[test]
    fn wrong_keys_while_it_is_locked_do_not_lock_it_for_longer() {
        let mut lockouts = Lockouts::default();
        fail(&mut lockouts, 0, site(1), 10_000);
        assert_eq!((lockouts.locked_for(0, site(1)), lockouts.sites.len()), (Some(LOCKED_MS), 1));
        fail(&mut lockouts, LOCKED_MS - 1, site(1), 10);
        assert_eq!(lockouts.locked_for(LOCKED_MS, site(1)), None);
    }

    #[test]
    fn a_good_key_and_time_forgive_slips() {
        let mut lockouts = Lockouts::default();
        fail(&mut lockouts, 0, site(1), FAILURES_MAX - 1);
        lockouts.note_success(0, site(1));
        fail(&mut lockouts, 0, site(1), FAILURES_MAX - 1);
        assert_eq!(lockouts.locked(0), 0);
        fail(&mut lockouts, LOCKED_MS, site(1), FAILURES_MAX - 1);
        assert_eq!(lockouts.locked(LOCKED_MS), 0);
        lockouts.note_failure(LOCKED_MS, site(1));
        lockouts.note_success(LOCKED_MS, site(1));
        assert_eq!(lockouts.locked(LOCKED_MS), 1, "what is locked stays locked");
    }

    #[test]
    fn addresses_are_bounded_and_the_locked_ones_are_kept() {
        let mut lockouts = Lockouts::default();
        fail(&mut lockouts, 0, site(0), FAILURES_MAX);
        for number in 1..20_000 {
            fail(&mut lockouts, 1, site(number), 1);
        }
        assert_eq!(lockouts.sites.len(), SITES_MAX);
        assert!(lockouts.locked_for(1, site(0)).is_some());
    }
}
