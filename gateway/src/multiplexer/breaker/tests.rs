//! The machine by itself, on moments that the tests make up, and as a property over random ones; then the shell, on
//! tokio's clock, paused.

use std::sync::Arc;

use proptest::prelude::*;
use tokio::task::JoinHandle;

use super::machine::{CANDIDATE_MAX, PROBE_MAX};
use super::*;
use crate::backend::ErrorKind;

fn config() -> BreakerConfig {
    BreakerConfig::default()
}

fn outage() -> BackendError {
    BackendError::new(ErrorKind::Unavailable, "nobody answers")
        .with_next_step("try again in a moment; check the net")
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A machine that has just opened.
fn opened(now: Instant) -> Machine {
    let mut machine = Machine::new(config(), now);
    assert!(matches!(machine.failed(now, outage(), 5), Some(Change::Opened(_))));
    machine
}

/// The moment at which the next request tries.
fn due(machine: &Machine) -> Instant {
    machine.next_try().expect("it is open")
}

#[tokio::test(start_paused = true)]
async fn it_opens_at_the_configured_number_of_failures_in_a_row_within_the_window() {
    let start = Instant::now();
    let mut machine = Machine::new(config(), start);
    for number in 1..5 {
        assert_eq!(machine.failed(start, outage(), 1), None);
        assert_eq!(machine.failures(start), number);
    }
    // An answer: they are not in a row any more.
    machine.answered(start);
    assert_eq!(machine.failures(start), 0);
    for at in [0, 15, 30, 45] {
        assert_eq!(machine.failed(start + seconds(at), outage(), 1), None);
    }
    // The first is too old.
    assert_eq!(machine.failed(start + seconds(60), outage(), 1), None);
    assert_eq!(machine.enter(start + seconds(60), false, false), Entry::Free);
    assert!(matches!(machine.failed(start + seconds(61), outage(), 1), Some(Change::Opened(_))));
    assert_eq!(machine.enter(start + seconds(61), false, false), Entry::Refused);
    assert_eq!(machine.counts().refused, 1);
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_for_something_else_keeps_no_other_from_trying() {
    let now = Instant::now();
    let mut machine = opened(now);
    let due = due(&machine);
    assert_eq!(machine.enter(due, false, false), Entry::Candidate);
    assert_eq!(machine.enter(due + CANDIDATE_MAX / 2, false, false), Entry::Refused);
    assert_eq!(machine.enter(due + CANDIDATE_MAX, false, false), Entry::Candidate);
    assert_eq!(machine.enter(due + CANDIDATE_MAX, false, false), Entry::Refused);
}

#[tokio::test(start_paused = true)]
async fn once_its_pause_is_over_one_probe_is_let_through_and_its_answer_closes_it() {
    let now = Instant::now();
    let mut machine = opened(now);
    let due = due(&machine);
    assert!(due >= now + config().recovery / 2 && due <= now + config().recovery, "{:?}", due - now);
    assert_eq!(machine.pass(now, due, false), Gate::Refused);
    assert_eq!(machine.enter(due, false, false), Entry::Candidate);
    assert_eq!(machine.enter(due, false, false), Entry::Refused, "one is enough");
    assert_eq!(machine.enter(due, false, true), Entry::Wait);
    let Gate::Probe(id) = machine.pass(due, due, false) else { panic!("it is due") };
    assert_eq!(machine.pass(due, due, false), Gate::Refused);
    assert!(
        matches!(machine.pass(due, now - seconds(1), false), Gate::Wait(Some(_))),
        "it came before the outage"
    );
    assert!(matches!(machine.pass(due, due, true), Gate::Wait(Some(_))), "it fetches");
    assert!(matches!(machine.answered(due), Some(Change::Closed(_))));
    assert_eq!(machine.end_probe(due, id, false), None);
    machine.leave();
    assert_eq!((machine.enter(due, false, false), machine.failures(due)), (Entry::Free, 0));
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_while_probes_fail_and_after_a_short_recovery_and_never_beyond_their_bound() {
    let mut now = Instant::now();
    let mut machine = opened(now);
    let mut pauses = Vec::new();
    for _ in 0..8 {
        now = due(&machine);
        let Gate::Probe(id) = machine.pass(now, now, false) else { panic!("it is due") };
        machine.failed(now, outage(), 5);
        let Some(Change::Reopened(pause)) = machine.end_probe(now, id, false) else {
            panic!("it has failed")
        };
        pauses.push(pause);
    }
    assert!(pauses.iter().all(|pause| *pause <= config().recovery_max), "{pauses:?}");
    assert!(pauses[7] >= config().recovery_max / 2 && pauses[0] <= seconds(2), "{pauses:?}");
    // It comes back for less than the window.
    now = due(&machine);
    assert!(matches!(machine.pass(now, now, false), Gate::Probe(_)));
    machine.answered(now);
    let Some(Change::Opened(pause)) = machine.failed(now + seconds(1), outage(), 5) else {
        panic!("it opens")
    };
    assert!(pause >= config().recovery_max / 2, "{pause:?}");
    now = due(&machine);
    assert!(matches!(machine.pass(now, now, false), Gate::Probe(_)));
    machine.answered(now);
    let Some(Change::Opened(pause)) = machine.failed(now + config().window, outage(), 5) else {
        panic!("it opens")
    };
    assert!(pause <= config().recovery, "{pause:?}");
}

#[tokio::test(start_paused = true)]
async fn a_probe_without_an_answer_counts_as_failed_and_one_that_tells_nothing_leaves_the_try_to_the_next() {
    let now = Instant::now();
    let mut machine = opened(now);
    let first = due(&machine);
    let Gate::Probe(id) = machine.pass(first, first, false) else { panic!("it is due") };
    // Cancelled before anything was sent.
    assert_eq!(machine.end_probe(first, id, false), None);
    let Gate::Probe(_) = machine.pass(first, first, false) else { panic!("it is due still") };
    assert_eq!(due(&machine), first + PROBE_MAX);
    assert_eq!(machine.expire(first + PROBE_MAX - Duration::from_millis(1)), None);
    assert!(matches!(machine.expire(first + PROBE_MAX), Some(Change::Reopened(_))));
    assert!(due(&machine) > first + PROBE_MAX);
    // An answer at last, to what was sent before: it is tried at once.
    machine.answered(first + PROBE_MAX);
    assert_eq!(due(&machine), first + PROBE_MAX);
}

#[tokio::test(start_paused = true)]
async fn by_hand_it_opens_and_closes_whatever_the_backend_does() {
    let now = Instant::now();
    let mut machine = opened(now);
    machine.force(now, Some(Force::Closed));
    assert_eq!(machine.failed(now, outage(), 1_000), None);
    assert_eq!(machine.enter(now, false, false), Entry::Free);
    machine.force(now, Some(Force::Open));
    let later = now + seconds(3_600);
    assert_eq!(machine.answered(later), None);
    assert_eq!(
        (machine.enter(later, false, false), machine.pass(later, later, false)),
        (Entry::Refused, Gate::Refused)
    );
    assert_eq!(machine.pass(later, now - seconds(1), false), Gate::Wait(None));
    machine.force(later, None);
    assert_eq!(machine.enter(later, false, false), Entry::Free);
}

/// Something that happens to a machine.
#[derive(Clone, Debug)]
enum Event {
    Answered,
    Failed(u32),
    /// A request comes, and passes so many milliseconds later.
    Request,
    /// The oldest probe ends.
    ProbeEnds(bool),
    Force(Option<bool>),
}

fn events() -> impl Strategy<Value = Vec<(u64, Event)>> {
    let event = prop_oneof![
        3 => Just(Event::Answered),
        4 => (1u32..6).prop_map(Event::Failed),
        6 => Just(Event::Request),
        4 => any::<bool>().prop_map(Event::ProbeEnds),
        1 => any::<Option<bool>>().prop_map(Event::Force),
    ];
    proptest::collection::vec((0u64..5_000, event), 1..200)
}

proptest! {
    /// Whatever happens: no more probes at once than configured; only probes pass while it is open; it is never
    /// longer than `recovery_max` + `PROBE_MAX` until the next request tries; by hand it stays as it was set; and it
    /// opens exactly when the failures in a row within the window reach the bound.
    #[test]
    fn whatever_happens_its_promises_hold(events in events(), probes in 1usize..4, failures in 1u32..8) {
        let config = BreakerConfig { probes, failures, ..config() };
        let mut now = Instant::now();
        let mut machine = Machine::new(config.clone(), now);
        let mut running: Vec<(u64, Instant)> = Vec::new();
        for (pause_ms, event) in events {
            now += Duration::from_millis(pause_ms);
            let was_held = machine.since().is_some();
            if machine.expire(now).is_some() {
                running.clear();
            }
            match event {
                Event::Answered => if machine.answered(now).is_some() {
                    prop_assert!(!running.is_empty(), "only a probe closes it");
                    running.clear();
                },
                Event::Failed(attempts) => {
                    let is_open = machine.since().is_some();
                    let opens = machine.failed(now, outage(), attempts).is_some();
                    let is_forced = machine.forced().is_some();
                    prop_assert_eq!(opens, !is_open && !is_forced && machine.failures(now) >= failures);
                }
                Event::Request => {
                    if machine.enter(now, false, false) == Entry::Candidate {
                        machine.leave();
                    }
                    match machine.pass(now, now, false) {
                        Gate::Probe(id) => running.push((id, now)),
                        Gate::Free => prop_assert!(machine.since().is_none()),
                        Gate::Refused => prop_assert!(machine.since().is_some()),
                        Gate::Wait(_) => prop_assert!(false, "it came after the outage"),
                    }
                    running.retain(|(_, began)| *began + PROBE_MAX > now);
                    prop_assert!(running.len() <= probes);
                }
                Event::ProbeEnds(has_failed) => if !running.is_empty() {
                    let (id, _) = running.remove(0);
                    if machine.end_probe(now, id, has_failed).is_some() {
                        running.clear();
                    }
                },
                Event::Force(force) => {
                    machine.force(now, force.map(|opens| if opens { Force::Open } else { Force::Closed }));
                    running.clear();
                }
            }
            let is_by_hand = machine.forced().map(|(force, _)| force);
            match is_by_hand {
                Some(force) => prop_assert_eq!(machine.since().is_some(), force == Force::Open),
                None => if machine.since().is_some() {
                    prop_assert!(machine.next_try().is_some_and(|next| next <= now + config.recovery_max + PROBE_MAX));
                },
            }
            // Nothing but an answer to a probe, or a hand, closes it.
            if was_held && machine.since().is_none() {
                prop_assert!(machine.failures(now) == 0);
            }
        }
    }
}

fn breaker() -> Arc<Breaker> {
    Arc::new(Breaker::new("wh", config()))
}

/// A request that comes now, may wait for `wait`, and holds its leave for `runs`.
fn spawn(breaker: &Arc<Breaker>, wait: Duration, runs: Duration) -> JoinHandle<Result<bool, BackendError>> {
    let breaker = Arc::clone(breaker);
    let visit = Visit::new(wait, false);
    tokio::spawn(async move {
        let pass = breaker.pass(visit).await?;
        let is_probe = pass.is_probe();
        tokio::time::sleep(runs).await;
        if is_probe {
            breaker.answered();
        }
        Ok(is_probe)
    })
}

#[tokio::test(start_paused = true)]
async fn those_who_came_before_the_outage_wait_and_one_of_them_tries_for_all() {
    let breaker = breaker();
    let visit = Visit::new(seconds(30), false);
    tokio::time::advance(seconds(1)).await;
    breaker.failed(outage(), 5);
    let waiting: Vec<_> = (0..50)
        .map(|_| {
            let breaker = Arc::clone(&breaker);
            tokio::spawn(async move {
                let pass = breaker.pass(visit).await?;
                let is_probe = pass.is_probe();
                if is_probe {
                    tokio::time::sleep(seconds(2)).await;
                    breaker.answered();
                }
                Ok::<_, BackendError>(is_probe)
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(breaker.view().waiting, 50);
    let mut probes = 0;
    for waiting in waiting {
        probes += usize::from(waiting.await.unwrap().unwrap());
    }
    assert_eq!((probes, breaker.view().probes, breaker.view().waiting), (1, 1, 0));
    assert_eq!(breaker.view().state, BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_told_of_the_outage_when_its_time_is_up() {
    let breaker = breaker();
    let visit = Visit::new(seconds(3), false);
    tokio::time::advance(seconds(1)).await;
    breaker.force(Some(Force::Open));
    let start = Instant::now();
    let error = breaker.pass(visit).await.err().expect("it is not let through");
    assert_eq!(start.elapsed(), seconds(2));
    assert!(error.message.contains("opened by hand 2 s ago; the request waited 3000 ms"), "{error}");
    assert!(error.next_step.unwrap().contains("snowgate breaker reset wh"));
    assert_eq!(breaker.view().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_what_since_when_and_when_it_is_tried_again() {
    let breaker = breaker();
    breaker.failed(outage(), 5);
    let error = breaker.enter(false).await.err().expect("it is refused");
    assert_eq!(
        error.message,
        "nobody answers (for 0 s; the circuit breaker of `wh` is open, it is tried again in 1 s); nothing of this \
         request ran"
    );
    assert_eq!(
        error.next_step.as_deref(),
        Some("try again in 1 s; `snowgate status` shows whether it is back; check the net")
    );
    assert!(breaker.problem().is_some_and(|problem| problem.starts_with("nobody answers")));
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_dropped_leaves_the_try_to_the_next_request() {
    let breaker = breaker();
    breaker.failed(outage(), 5);
    tokio::time::advance(config().recovery).await;
    let hanging = spawn(&breaker, seconds(1), seconds(5));
    tokio::task::yield_now().await;
    assert!(
        breaker.enter(false).await.is_err() && breaker.pass(Visit::new(seconds(1), false)).await.is_err()
    );
    hanging.abort();
    let _ = hanging.await;
    assert!(spawn(&breaker, seconds(1), Duration::ZERO).await.unwrap().unwrap());
    assert!(breaker.is_closed());
}

#[tokio::test(start_paused = true)]
async fn who_comes_while_another_tries_waits_a_moment_for_what_that_comes_to() {
    for answers in [true, false] {
        let breaker = breaker();
        breaker.failed(outage(), 5);
        tokio::time::advance(config().recovery).await;
        let probe = breaker.pass(Visit::new(seconds(1), false)).await.unwrap();
        let start = Instant::now();
        let coming = async {
            let entered = breaker.enter(false).await;
            (entered.is_ok(), start.elapsed())
        };
        let answering = async {
            tokio::time::sleep(TRY_WAIT_MAX / 2).await;
            if answers {
                breaker.answered();
            }
        };
        let ((is_let_in, waited), ()) = tokio::join!(coming, answering);
        assert_eq!(is_let_in, answers);
        let expected = if answers { TRY_WAIT_MAX / 2 } else { TRY_WAIT_MAX };
        assert!(waited >= expected && waited <= expected + Duration::from_millis(2), "{waited:?}");
        drop(probe);
    }
}
