//! The patterns of statements that came lately.

use std::collections::HashMap;
use std::sync::Arc;

use sql_gate::Dialect;

use crate::state::Digest;

/// Statements of each of the two generations: together some 2 MiB at most, as a pattern has 1 KiB at most.
const GENERATION_MAX: usize = 1024;

type Key = (Digest, Dialect);

/// Those of the present generation, and of the one before: when the present one is full, the one before goes.
#[derive(Debug, Default)]
pub(super) struct RecentPatterns {
    present: HashMap<Key, Arc<str>>,
    before: HashMap<Key, Arc<str>>,
}

impl RecentPatterns {
    pub(super) fn find(&mut self, key: &Key) -> Option<Arc<str>> {
        if let Some(known) = self.present.get(key) {
            return Some(Arc::clone(known));
        }
        let known = self.before.remove(key)?;
        self.put(*key, Arc::clone(&known));
        Some(known)
    }

    pub(super) fn put(&mut self, key: Key, pattern: Arc<str>) {
        if self.present.len() >= GENERATION_MAX {
            std::mem::swap(&mut self.present, &mut self.before);
            // With its room: nothing is allocated for the next ones.
            self.present.clear();
        }
        self.present.insert(key, pattern);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_again_stays_and_the_rest_goes() {
        let mut recent = RecentPatterns::default();
        let key = |number: usize| (Digest::of(&number.to_string()), Dialect::Sqlite);
        for number in 0..10 * GENERATION_MAX {
            recent.put(key(number), "p".into());
            assert!(recent.find(&key(0)).is_some());
        }
        assert!(recent.find(&key(1)).is_none());
        assert!(recent.present.len() <= GENERATION_MAX && recent.before.len() <= GENERATION_MAX);
    }
}
