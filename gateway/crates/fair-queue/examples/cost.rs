//! What a grant costs: `cargo run --release -p fair-queue --example cost`.

use std::time::{Duration, Instant};

use fair_queue::{Charge, FairQueue, Limits, Terms};

const ROUNDS: u32 = 200_000;

/// Nanoseconds of one request that comes, is granted and ends, beside `flows` that have a request waiting each.
fn measure(flows: u32) -> u128 {
    let limits = Limits { waiting_max: usize::MAX, flow_waiting_max: usize::MAX };
    let mut queue: FairQueue<u32, u32> = FairQueue::new(10, Charge::Time, limits);
    queue.set_quantum(Duration::from_millis(50));
    let mut now = Duration::ZERO;
    for flow in 0..flows {
        let arrived = queue.arrive(now, &flow, Terms::default(), &flow);
        assert!(arrived.is_ok());
    }
    let mut running = std::collections::VecDeque::new();
    while let Some(grant) = queue.dispatch(now) {
        running.push_back(grant);
    }
    let began = Instant::now();
    for round in 0..ROUNDS {
        now += Duration::from_micros(100);
        if let Some(over) = running.pop_front() {
            queue.finish(now, over.id);
            running.extend(std::iter::from_fn(|| queue.dispatch(now)));
        }
        let flow = if flows == 0 { 0 } else { round % flows };
        let arrived = queue.arrive(now, &flow, Terms::default(), &flow);
        assert!(arrived.is_ok());
        running.extend(std::iter::from_fn(|| queue.dispatch(now)));
    }
    began.elapsed().as_nanos() / u128::from(ROUNDS)
}

fn main() {
    for flows in [0, 10, 1_000, 10_000] {
        println!("{flows} flows wait: {} ns a request", measure(flows));
    }
}
