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
        Self { seed, state: seed }
    }

    /// The next number below `bound`, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}
