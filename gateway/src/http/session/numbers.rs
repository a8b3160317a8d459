//! Request numbers of a session: never used twice, by whichever gateway.

/// Numbers that are reserved at once: a gateway that is killed leaves as many unused, at most.
const BLOCK: u64 = 1_024;

/// The numbers of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbers {
    next: u64,
    /// Numbers up to this one may be used; `None`: all.
    reserved: Option<u64>,
}

impl Numbers {
    /// Those of a session that no gateway takes over.
    pub(super) fn unreserved() -> Self {
        Self { next: 1, reserved: None }
    }

    /// Those of a session that the state file has, in which numbers up to `used` may be in use. Nothing is reserved yet.
    pub(super) fn behind(used: u64) -> Self {
        Self { next: used + 1, reserved: Some(used) }
    }

    /// Up to which number to reserve before the next is taken; `None`: it may be taken.
    pub(super) fn to_reserve(self) -> Option<u64> {
        self.reserved.filter(|reserved| self.next > *reserved).map(|_| self.next + BLOCK - 1)
    }

    /// Numbers up to `reserved` may be used.
    pub(super) fn set_reserved(&mut self, reserved: u64) {
        self.reserved = Some(reserved);
    }

    /// Takes the next number. Only when [`Numbers::to_reserve`] returns `None`.
    pub(super) fn take(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_is_used_that_was_not_reserved_before() {
        let mut numbers = Numbers::behind(2 * BLOCK);
        for round in 0..3 {
            let reserved = numbers.to_reserve().unwrap();
            assert_eq!(reserved, (3 + round) * BLOCK);
            numbers.set_reserved(reserved);
            while numbers.to_reserve().is_none() {
                assert!((reserved - BLOCK + 1..=reserved).contains(&numbers.take()));
            }
        }
        assert_eq!(Numbers::unreserved().to_reserve(), None);
    }
}
