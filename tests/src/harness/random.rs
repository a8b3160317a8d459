//! Random numbers that a failed test can be repeated with.

use std::time::{SystemTime, UNIX_EPOCH};

/// A generator (SplitMix64, Steele and others, OOPSLA 2014) with its seed.
#[derive(Clone, Copy, Debug)]
pub struct Random {
    /// What it started from; print it where a test fails.
    pub seed: u64,
    state: u64,
}

impl Random {
    /// Seeded with the number in the variable `name`, or with the time.
    ///
    /// # Panics
    /// The variable holds no number.
    pub fn from_env(name: &str) -> Self {
        let seed = match std::env::var(name) {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
            Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| {
                // The low bits are the ones that differ.
                time.as_secs() ^ u64::from(time.subsec_nanos())
            }),
        };
        Self::new(seed)
    }

    /// Seeded with `seed`.
    pub fn new(seed: u64) -> Self {
        Self { seed, state: seed }
    }

    /// One of many generators that a run with one `seed` needs, each with numbers of its own.
    pub fn branch(seed: u64, number: u64) -> Self {
        // Mixed once, because seeds that differ by one step would give the same numbers one step apart.
        let mixed = Self::new(seed ^ number.wrapping_mul(0xd6e8_feb8_6659_fd93)).below(u64::MAX);
        Self { seed, state: mixed }
    }

    /// The next number below `bound`, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    /// The next number from `least` to `most`.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    /// Whether something happens that does in so many cases of a hundred.
    pub fn percent(&mut self, cases: u64) -> bool {
        self.below(100) < cases
    }

    /// One of `choices`, of which there is one at least.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let at = usize::try_from(self.below(choices.len() as u64)).expect("an index");
        &choices[at]
    }

    /// One of `choices`, each as often as its weight says against the others.
    pub fn weighted<T: Copy>(&mut self, choices: &[(u64, T)]) -> T {
        let mut left = self.below(choices.iter().map(|&(weight, _)| weight).sum());
        for &(weight, choice) in choices {
            if left < weight {
                return choice;
            }
            left -= weight;
        }
        unreachable!("what is left is below the sum of the weights")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_and_each_branch_its_own() {
        let numbers = |mut random: Random| -> Vec<u64> { (0..20).map(|_| random.below(1000)).collect() };
        assert_eq!(numbers(Random::branch(7, 1)), numbers(Random::branch(7, 1)));
        assert_ne!(numbers(Random::branch(7, 1)), numbers(Random::branch(7, 2)));
        assert_ne!(numbers(Random::branch(7, 1)), numbers(Random::branch(8, 1)));
    }

    #[test]
    fn weights_are_kept() {
        let mut random = Random::new(1);
        let drawn: Vec<char> = (0..1000).map(|_| random.weighted(&[(9, 'a'), (0, 'b'), (1, 'c')])).collect();
        let count = |which| drawn.iter().filter(|&&drawn| drawn == which).count();
        assert_eq!(count('b'), 0);
        assert!((50..150).contains(&count('c')), "{}", count('c'));
    }

    #[test]
    fn both_ends_of_a_range_are_drawn() {
        let mut random = Random::new(1);
        let drawn: std::collections::BTreeSet<u64> = (0..100).map(|_| random.between(3, 5)).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [3, 4, 5]);
    }
}
