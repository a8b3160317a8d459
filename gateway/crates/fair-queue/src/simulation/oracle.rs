//! What each flow would get if slots could be divided at will: weighted max-min fairness.

/// A flow that always wants `demand` slots, at most `cap`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    pub(super) weight: f64,
    pub(super) demand: f64,
}

/// The slots of each flow, by filling them up together until each has what it wants (Bertsekas and Gallager, Data
/// Networks, 6.5.2).
pub(super) fn max_min(slots: f64, demands: &[Demand]) -> Vec<f64> {
    let mut given = vec![0.0; demands.len()];
    let mut left = slots;
    let mut open: Vec<usize> = (0..demands.len()).collect();
    while left > 1e-9 && !open.is_empty() {
        let weights: f64 = open.iter().map(|&flow| demands[flow].weight).sum();
        // Up to where the first of them has enough, or nothing is left.
        let full = |flow: usize| (demands[flow].demand - given[flow]) / demands[flow].weight;
        let level = open.iter().map(|&flow| full(flow)).fold(left / weights, f64::min);
        for &flow in &open {
            given[flow] += level * demands[flow].weight;
        }
        left -= level * weights;
        open.retain(|&flow| demands[flow].demand - given[flow] > 1e-9);
    }
    given
}

#[test]
fn flows_that_want_little_get_it_and_the_rest_is_divided_by_weight() {
    let of = |weight, demand| Demand { weight, demand };
    assert_eq!(max_min(4.0, &[of(1.0, 9.0), of(1.0, 9.0)]), [2.0, 2.0]);
    assert_eq!(max_min(4.0, &[of(1.0, 1.0), of(1.0, 9.0)]), [1.0, 3.0]);
    assert_eq!(max_min(7.0, &[of(1.0, 9.0), of(2.0, 9.0), of(4.0, 9.0)]), [1.0, 2.0, 4.0]);
    assert_eq!(max_min(7.0, &[of(1.0, 9.0), of(2.0, 9.0), of(4.0, 1.0)]), [2.0, 4.0, 1.0]);
    assert_eq!(max_min(4.0, &[of(1.0, 1.0), of(1.0, 1.0)]), [1.0, 1.0]);
}
