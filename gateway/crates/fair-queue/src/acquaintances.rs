//! Flows that were here before.

use std::collections::{HashSet, VecDeque};
use std::hash::Hash;

/// So many are remembered; then the one that came first is forgotten.
const KNOWN_MAX: usize = 4_096;

/// See the module.
#[derive(Debug)]
pub(crate) struct Acquaintances<F> {
    known: HashSet<F>,
    order: VecDeque<F>,
}

impl<F> Default for Acquaintances<F> {
    fn default() -> Self {
        Self { known: HashSet::new(), order: VecDeque::new() }
    }
}

impl<F: Clone + Eq + Hash> Acquaintances<F> {
    /// Whether `flow` was never here before; from now on it was.
    pub(crate) fn meet(&mut self, flow: &F) -> bool {
        if !self.known.insert(flow.clone()) {
            return false;
        }
        self.order.push_back(flow.clone());
        if self.order.len() > KNOWN_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_new_once_and_the_oldest_are_forgotten() {
        let mut acquaintances = Acquaintances::default();
        assert!(acquaintances.meet(&0) && !acquaintances.meet(&0));
        assert!((1..=KNOWN_MAX).all(|flow| acquaintances.meet(&flow)));
        assert!(acquaintances.meet(&0) && acquaintances.known.len() == KNOWN_MAX);
    }
}
