//! What was used within a sliding window, in steps: pure, with the time given.
//!
//! A step counts until its end is older than the window. So what counts is never less than what was used within
//! the window, and a use is free again up to one step later than the window says.

use std::collections::VecDeque;

/// How long a window is, and in what steps it slides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Milliseconds of one step.
    step_ms: u64,
    /// Steps of the window.
    steps: u64,
}

impl Span {
    /// 60 steps of a second.
    pub(crate) const MINUTE: Self = Self { step_ms: 1_000, steps: 60 };
    /// 60 steps of a minute.
    pub(crate) const HOUR: Self = Self { step_ms: 60_000, steps: 60 };
    /// 96 steps of a quarter of an hour.
    pub(crate) const DAY: Self = Self { step_ms: 900_000, steps: 96 };

    /// Its length in milliseconds.
    pub(super) fn ms(self) -> u64 {
        self.step_ms * self.steps
    }
}

/// One window. It has one entry for each step in which something was used: one more than it has steps, at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    span: Span,
    /// The numbers of steps since 1970, ascending, with what was used in each.
    used: VecDeque<(u64, u64)>,
    sum: u64,
}

impl Window {
    /// In which nothing was used.
    pub(crate) fn new(span: Span) -> Self {
        Self { span, used: VecDeque::new(), sum: 0 }
    }

    /// With what was written down of it.
    pub(super) fn restored(span: Span, entries: &[(u64, u64)]) -> Self {
        let mut window = Self::new(span);
        for (step, amount) in entries {
            window.insert(*step, *amount);
        }
        window
    }

    /// Adds what was used before.
    pub(super) fn absorb(&mut self, earlier: &Self) {
        let mut entries: Vec<_> = self.used.iter().chain(&earlier.used).copied().collect();
        entries.sort_unstable();
        *self = Self::restored(self.span, &entries);
    }

    /// What is to be written down of it.
    pub(super) fn entries(&self) -> Vec<(u64, u64)> {
        self.used.iter().copied().collect()
    }

    /// What was used within the window that ends now.
    pub(crate) fn used(&mut self, now_ms: u64) -> u64 {
        self.settle(now_ms);
        self.sum
    }

    /// Uses `amount` now.
    pub(crate) fn add(&mut self, now_ms: u64, amount: u64) {
        self.settle(now_ms);
        if amount > 0 {
            self.insert(now_ms / self.span.step_ms, amount);
        }
    }

    /// Milliseconds until `amount` of what counts now does not count any more.
    pub(crate) fn free_in(&self, now_ms: u64, amount: u64) -> u64 {
        let mut freed = 0u64;
        for (step, used) in &self.used {
            freed = freed.saturating_add(*used);
            if freed >= amount {
                return self.end_of(*step).saturating_sub(now_ms);
            }
        }
        self.used.back().map_or(0, |(step, _)| self.end_of(*step).saturating_sub(now_ms))
    }

    /// When what was used in `step` does not count any more.
    fn end_of(&self, step: u64) -> u64 {
        step.saturating_add(1 + self.span.steps).saturating_mul(self.span.step_ms)
    }

    fn insert(&mut self, step: u64, amount: u64) {
        match self.used.back_mut() {
            Some((last, used)) if *last >= step => *used = used.saturating_add(amount),
            _ => self.used.push_back((step, amount)),
        }
        self.sum = self.sum.saturating_add(amount);
    }

    /// Forgets what is older than the window. What a clock that was ahead has left counts as used now.
    fn settle(&mut self, now_ms: u64) {
        while self.used.front().is_some_and(|(step, _)| self.end_of(*step) <= now_ms) {
            if let Some((_, used)) = self.used.pop_front() {
                self.sum = self.sum.saturating_sub(used);
            }
        }
        let now = now_ms / self.span.step_ms;
        let mut ahead = 0u64;
        while self.used.back().is_some_and(|(step, _)| *step > now) {
            if let Some((_, used)) = self.used.pop_back() {
                ahead = ahead.saturating_add(used);
            }
        }
        if ahead > 0 {
            self.sum = self.sum.saturating_sub(ahead);
            self.insert(now, ahead);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A beginning that is in the middle of a step.
    const BEGIN: u64 = 1_700_000_000_500;

    #[test]
    fn what_was_used_is_free_again_one_window_and_at_most_one_step_later() {
        for span in [Span::MINUTE, Span::HOUR, Span::DAY] {
            let mut window = Window::new(span);
            window.add(BEGIN, 3);
            window.add(BEGIN + span.step_ms, 4);
            let free_in = window.free_in(BEGIN + span.step_ms, 3);
            let free_at = BEGIN + span.step_ms + free_in;
            assert!((span.ms()..=span.ms() + span.step_ms).contains(&(free_at - BEGIN)), "{span:?}");
            assert_eq!((window.used(free_at - 1), window.used(free_at)), (7, 4));
            assert_eq!(window.free_in(free_at, 9), span.step_ms, "there is no more than that");
            assert_eq!(window.used(free_at + span.step_ms), 0);
            assert_eq!(window.free_in(free_at, 1), 0);
        }
    }

    #[test]
    fn what_a_clock_that_was_ahead_has_left_counts_as_used_now() {
        let mut window = Window::new(Span::HOUR);
        window.add(BEGIN + 10 * Span::HOUR.ms(), 5);
        assert_eq!(window.used(BEGIN), 5);
        assert_eq!(window.used(BEGIN + Span::HOUR.ms() + Span::HOUR.step_ms), 0);
    }

    proptest! {
        #[test]
        fn no_window_has_more_than_was_counted_and_its_memory_is_bounded(
            uses in proptest::collection::vec((0u64..30_000, 1u64..5), 1..400)
        ) {
            let span = Span::MINUTE;
            let (mut window, mut now, mut all) = (Window::new(span), BEGIN, Vec::new());
            for (pause, amount) in uses {
                now += pause;
                window.add(now, amount);
                all.push((now, amount));
                let within = |ms| all.iter().filter(|(at, _)| at + ms > now).map(|(_, amount)| amount).sum::<u64>();
                let used = window.used(now);
                prop_assert!(used >= within(span.ms()) && used <= within(span.ms() + span.step_ms));
                prop_assert!(window.used.len() as u64 <= span.steps + 1);
                let again = Window::restored(span, &window.entries());
                prop_assert_eq!(&again, &window);
            }
        }
    }
}
