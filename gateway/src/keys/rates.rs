//! Requests of each key in any minute and in any hour: pure, with the time given.

use std::collections::HashMap;

use crate::limits::{Span, Window};

/// What a key may do at most; 0: as many as it likes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rate {
    pub(super) per_minute: u64,
    pub(super) per_hour: u64,
}

impl Rate {
    fn windows(self) -> [(u64, Span); 2] {
        [(self.per_minute, Span::MINUTE), (self.per_hour, Span::HOUR)]
    }

    pub(super) fn is_none(self) -> bool {
        self == Self::default()
    }
}

/// What keys with a rate have used of it. There are never more than keys.
#[derive(Debug, Default)]
pub(super) struct Rates {
    by_key: HashMap<String, [Window; 2]>,
}

impl Rates {
    /// Counts a request of the key `id`.
    ///
    /// # Errors
    /// It has used its rate up; nothing is counted. So many milliseconds later it may come again.
    pub(super) fn enter(&mut self, now_ms: u64, id: &str, rate: Rate) -> Result<(), u64> {
        if rate.is_none() {
            return Ok(());
        }
        if !self.by_key.contains_key(id) {
            let windows = [Window::new(Span::MINUTE), Window::new(Span::HOUR)];
            self.by_key.insert(id.to_owned(), windows);
        }
        let Some(windows) = self.by_key.get_mut(id) else { return Ok(()) };
        let wait = |((max, _), window): ((u64, Span), &mut Window)| {
            let used = window.used(now_ms);
            (max > 0 && used >= max).then(|| window.free_in(now_ms, used - max + 1))
        };
        match rate.windows().into_iter().zip(windows.iter_mut()).filter_map(wait).max() {
            Some(wait) => Err(wait.max(1)),
            None => {
                windows.iter_mut().for_each(|window| window.add(now_ms, 1));
                Ok(())
            }
        }
    }

    /// Forgets keys that are gone.
    pub(super) fn retain(&mut self, is_there: impl Fn(&str) -> bool) {
        self.by_key.retain(|id, _| is_there(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_minute: 2, per_hour: 3 };

    #[test]
    fn the_longest_wait_is_told_and_what_is_refused_is_not_counted() {
        let mut rates = Rates::default();
        assert_eq!(rates.enter(0, "a", RATE), Ok(()));
        assert_eq!(rates.enter(0, "a", RATE), Ok(()));
        assert_eq!(rates.enter(0, "a", RATE), Err(61_000));
        assert_eq!(rates.enter(61_000, "a", RATE), Ok(()));
        assert!(rates.enter(61_000, "a", RATE).unwrap_err() > 3_000_000, "the hour's");
        assert_eq!(rates.enter(0, "b", RATE), Ok(()), "each has its own");
    }

    #[test]
    fn a_key_without_a_rate_is_not_counted_and_one_that_is_gone_is_forgotten() {
        let mut rates = Rates::default();
        for _ in 0..1_000 {
            assert_eq!(rates.enter(0, "a", Rate::default()), Ok(()));
        }
        assert!(rates.by_key.is_empty());
        assert_eq!(rates.enter(0, "a", RATE), Ok(()));
        rates.retain(|id| id != "a");
        assert!(rates.by_key.is_empty());
    }
}
