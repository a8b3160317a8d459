//! The allocator on tokio's paused clock: it moves only when every task waits.

use std::sync::Arc;
use std::time::Duration;

use fair_queue::{Lane, Terms};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::*;

fn config() -> AllocatorConfig {
    AllocatorConfig { queue_max: 3, ..AllocatorConfig::default() }
}

fn allocator(slots: usize) -> Arc<Allocator> {
    Allocator::new(slots, false, &config())
}

fn claim(flow: &str) -> Claim {
    Claim {
        flow: flow.into(),
        terms: Terms::default(),
        session: flow.into(),
        request: 1,
        lane: Lane::Ordinary,
        told: None,
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(1)
}

fn used(allocator: &Allocator) -> (usize, usize) {
    let view = allocator.view(Duration::from_secs(60));
    (view.running, view.waiting)
}

#[tokio::test(start_paused = true)]
async fn a_ticket_waits_holds_its_slot_and_gives_it_to_the_next() {
    let allocator = allocator(1);
    let first = allocator.claim(&claim("a")).unwrap();
    assert!(first.is_granted());
    let second = allocator.claim(&claim("b")).unwrap();
    assert!(!second.granted(soon()).await);
    assert_eq!(used(&allocator), (1, 1));
    drop(first);
    assert!(second.is_granted() && second.granted(Instant::now()).await);
    drop(second);
    assert_eq!(used(&allocator), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_full_refuses_at_once() {
    let allocator = allocator(1);
    let _running = allocator.claim(&claim("a")).unwrap();
    let _waiting = [0; 3].map(|_| allocator.claim(&claim("a")).unwrap());
    assert_eq!(allocator.claim(&claim("a")).err(), Some(Refusal::OwnQueue(3)));
    assert!(allocator.claim(&claim("b")).is_ok());
    assert_eq!(allocator.view(Duration::ZERO).refused, 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waits_is_told_its_place_and_that_it_waits_no_more() {
    let allocator = allocator(1);
    let running = allocator.claim(&claim("a")).unwrap();
    sleep(Duration::from_secs(4)).await;
    drop(running);
    let running = allocator.claim(&claim("a")).unwrap();
    let _before = allocator.claim(&claim("a")).unwrap();
    let (told, mut places) = watch::channel(None);
    let waiting = allocator.claim(&Claim { told: Some(Arc::new(told)), ..claim("a") }).unwrap();
    let waiting = tokio::spawn(async move { waiting.granted(soon() + Duration::from_secs(60)).await });
    let place = *places.wait_for(Option::is_some).await.unwrap();
    let place = place.unwrap();
    assert_eq!((place.position, place.waiting, place.estimate), (2, 2, Some(Duration::from_secs(8))));
    assert_eq!(place.to_string(), "waiting for a connection: number 2 of 2, about 8 s");
    drop(running);
    drop(_before);
    assert!(waiting.await.unwrap());
    assert_eq!(*places.borrow_and_update(), None);
}

#[tokio::test(start_paused = true)]
async fn what_takes_too_long_in_the_lane_waits_among_the_others() {
    let allocator = Allocator::new(2, true, &AllocatorConfig { lane_slots: Some(1), ..config() });
    let long = allocator.claim(&claim("hog")).unwrap();
    let short = Claim { lane: Lane::Interactive, ..claim("small") };
    let mut first = allocator.claim(&short).unwrap();
    let second = allocator.claim(&short).unwrap();
    assert!(first.is_granted() && first.is_in_lane() && !second.is_granted());
    first.demote().unwrap();
    assert!(second.is_granted() && !first.is_granted() && !first.is_in_lane());
    drop(long);
    assert!(first.granted(soon()).await);
    assert_eq!(allocator.view(Duration::ZERO).demoted, 1);
}

#[tokio::test(start_paused = true)]
async fn slots_that_the_backend_does_not_have_are_removed() {
    let allocator = Allocator::new(5, true, &AllocatorConfig { lane_slots: Some(1), ..config() });
    let first = allocator.claim(&claim("a")).unwrap();
    let second = allocator.claim(&claim("b")).unwrap();
    assert_eq!(allocator.retire(second), 1);
    let waiting = allocator.claim(&claim("c")).unwrap();
    let short = allocator.claim(&Claim { lane: Lane::Interactive, ..claim("d") }).unwrap();
    assert!(!waiting.is_granted() && !short.is_granted() && !short.is_in_lane());
    drop(first);
    assert!(waiting.granted(soon()).await);
    drop(waiting);
    assert!(short.granted(soon()).await);
    assert_eq!(allocator.retire(short), 1, "the last one stays");
    assert!(allocator.claim(&claim("a")).unwrap().is_granted());
}

/// Requests of several flows that are dropped at every await point: while they wait, as they are granted, while they hold
/// a slot, when they are told to wait among others.
#[tokio::test(start_paused = true)]
async fn whatever_becomes_of_tickets_no_slot_and_no_entry_is_lost() {
    let allocator =
        Allocator::new(3, true, &AllocatorConfig { lane_slots: Some(1), queue_max: 50, ..config() });
    let mut random = 7_u64;
    let mut next = move |bound: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % bound
    };
    let mut tasks = JoinSet::new();
    for _ in 0..2_000 {
        let (flow, lives, runs) = (format!("flow {}", next(5)), next(40), next(10));
        let lane = if next(3) == 0 { Lane::Interactive } else { Lane::Ordinary };
        let (own, demotes) = (Arc::clone(&allocator), next(4) == 0);
        tasks.spawn(tokio::time::timeout(Duration::from_millis(lives), async move {
            let Ok(mut ticket) = own.claim(&Claim { lane, ..claim(&flow) }) else { return };
            if !ticket.granted(soon()).await {
                return;
            }
            sleep(Duration::from_millis(runs)).await;
            if demotes && ticket.is_in_lane() && ticket.demote().is_ok() {
                ticket.granted(soon()).await;
                sleep(Duration::from_millis(runs)).await;
            }
        }));
        if next(3) == 0 {
            sleep(Duration::from_millis(next(8))).await;
        }
        if next(10) == 0 {
            drop(allocator.try_unclaimed());
        }
        assert!(used(&allocator).0 <= 3);
    }
    while tasks.join_next().await.is_some() {}
    assert_eq!((used(&allocator), allocator.free()), ((0, 0), 3));
    assert!(allocator.lock().waiting.is_empty());
    let view = allocator.view(Duration::from_secs(1));
    assert!(view.flows.iter().all(|flow| flow.running + flow.waiting == 0) && view.granted > 500, "{view:?}");
}
