//! Request numbers of a session: never used twice, by whichever gateway.

/// Numbers that are reserved at once: a gateway that is killed leaves as many unused, at most.
const BLOCK: u64 = 1_024;

/// The numbers of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbers {
    next: u64,
    /// Numbers up to this one may be used; `None`: all.
    reserved: Option<u64>,
    /// Up to which number the state file was asked to reserve last: it may have done so although it was not heard.
    asked: u64,
}

impl Numbers {
    /// Those of a session that no gateway takes over.
    pub(super) fn unreserved() -> Self {
        Self { next: 1, reserved: None, asked: 0 }
    }

    /// Those of a session that the state file has, in which numbers up to `used` may be in use. Nothing is reserved yet.
    pub(super) fn behind(used: u64) -> Self {
        Self { next: used + 1, reserved: Some(used), asked: used }
    }

    /// Up to which number to reserve before the next is taken; `None`: it may be taken. What was asked for before is left unused.
    pub(super) fn next_block(&mut self) -> Option<u64> {
        self.reserved.filter(|reserved| self.next > *reserved)?;
        self.asked += BLOCK;
        Some(self.asked)
    }

    /// The numbers of the block that ends with `reserved` may be used.
    pub(super) fn set_reserved(&mut self, reserved: u64) {
        (self.next, self.reserved) = (reserved - BLOCK + 1, Some(reserved));
    }

    /// Takes the next number. Only when [`Numbers::next_block`] returns `None`.
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
            let reserved = numbers.next_block().unwrap();
            assert_eq!(reserved, (3 + round) * BLOCK);
            numbers.set_reserved(reserved);
            for number in reserved - BLOCK + 1..=reserved {
                assert_eq!((numbers.next_block(), numbers.take()), (None, number));
            }
        }
        assert_eq!(Numbers::unreserved().next_block(), None);
    }

    #[test]
    fn a_block_that_was_asked_for_and_not_heard_of_is_left_unused() {
        let mut numbers = Numbers::behind(0);
        assert_eq!((numbers.next_block(), numbers.next_block()), (Some(BLOCK), Some(2 * BLOCK)));
        numbers.set_reserved(2 * BLOCK);
        assert_eq!(numbers.take(), BLOCK + 1);
    }
}
