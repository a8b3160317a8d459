use super::*;
use crate::account::Weight;

const LIMITS: Limits = Limits { waiting_max: 5, flow_waiting_max: 3 };

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn queue(slots: usize) -> FairQueue<&'static str, u8> {
    FairQueue::new(slots, Charge::Time, LIMITS)
}

fn granted(queue: &mut FairQueue<&'static str, u8>, now: Duration) -> Vec<&'static str> {
    std::iter::from_fn(|| queue.dispatch(now)).map(|grant| grant.flow).collect()
}

#[test]
fn a_queue_that_is_full_refuses_with_its_length() {
    let mut queue = queue(0);
    let mut ask = |flow| queue.arrive(at(0), &flow, Terms::default(), &0);
    for _ in 0..3 {
        ask("a").unwrap();
    }
    assert_eq!(ask("a"), Err(QueueFull::Flow { waiting: 3 }));
    for _ in 0..2 {
        ask("b").unwrap();
    }
    assert_eq!(ask("b"), Err(QueueFull::All { waiting: 5 }));
}

#[test]
fn a_session_is_not_kept_out_by_others_of_its_flow() {
    let mut queue: FairQueue<&str, u8> =
        FairQueue::new(0, Charge::Time, Limits { waiting_max: 100, flow_waiting_max: 4 });
    let mut ask = |session| queue.arrive(at(0), &"a", Terms::default(), &session);
    for _ in 0..4 {
        ask(1).unwrap();
    }
    assert!(ask(1).is_err());
    assert!(ask(2).is_ok() && ask(2).is_ok() && ask(2).is_err(), "half of it is its part");
    assert!(ask(3).is_ok() && ask(3).is_err());
}

#[test]
fn flows_without_end_do_not_keep_out_one_that_waits() {
    for slots in [1, 3] {
        let mut queue: FairQueue<u64, u8> =
            FairQueue::new(slots, Charge::Time, Limits { waiting_max: 1_000, flow_waiting_max: 1_000 });
        // The mean: each holds its slot until the others have had their turns.
        queue.set_entry(at(10 * slots as u64));
        queue.set_quantum(at(10));
        let mut running = std::collections::VecDeque::new();
        for _ in 0..300 {
            queue.arrive(at(0), &0, Terms::default(), &0).unwrap();
        }
        let (mut had, mut waiting, mut names) = (0, 0, 0);
        for turn in 1..200_u64 {
            let now = at(turn * 10);
            if running.len() == slots
                && let Some(id) = running.pop_front()
            {
                queue.finish(now, id);
            }
            // Always as many that wait, each under a name of its own.
            while waiting < 2 * slots {
                names += 1;
                queue.arrive(now, &names, Terms::default(), &0).unwrap();
                waiting += 1;
            }
            while let Some(grant) = queue.dispatch(now) {
                had += usize::from(grant.flow == 0);
                waiting -= usize::from(grant.flow != 0);
                running.push_back(grant.id);
            }
        }
        // Its part is one of those that are there.
        assert!(had >= 200 / (4 * slots + 1), "{slots} slots: {had} of 200");
    }
}

#[test]
fn slots_go_by_the_time_that_flows_had_and_not_by_what_they_asked_for() {
    let mut queue = queue(1);
    let terms = Terms::default();
    let first = queue.arrive(at(0), &"a", terms, &0).unwrap();
    queue.arrive(at(0), &"a", terms, &0).unwrap();
    assert_eq!(granted(&mut queue, at(0)), ["a"]);
    for _ in 0..2 {
        queue.arrive(at(1), &"b", terms, &0).unwrap();
    }
    assert_eq!(queue.finish(at(10), first), Some(at(10)));
    assert_eq!(granted(&mut queue, at(10)), ["b"], "it had nothing yet");
    assert_eq!(queue.waiting(), 2);
}

#[test]
fn time_in_which_a_flow_did_not_ask_earns_it_nothing() {
    let mut queue = queue(1);
    let terms = Terms::default();
    let mut running = queue.arrive(at(0), &"a", terms, &0).unwrap();
    for hour in 1..4 {
        granted(&mut queue, at(3_600 * hour - 3_600));
        let next = queue.arrive(at(3_600 * hour), &"a", terms, &0).unwrap();
        queue.finish(at(3_600 * hour), running);
        running = next;
    }
    assert_eq!(granted(&mut queue, at(10_800)), ["a"]);
    // It comes after three hours, and has its turn at once, and no more than that.
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.push(queue.arrive(at(10_801), &"late", terms, &0).unwrap());
        queue.arrive(at(10_801), &"a", terms, &0).unwrap();
    }
    queue.finish(at(10_802), running);
    assert_eq!(granted(&mut queue, at(10_802)), ["late"]);
    queue.finish(at(10_806), ids[0]);
    assert_eq!(granted(&mut queue, at(10_806)), ["a"]);
}

#[test]
fn a_flow_at_its_cap_leaves_slots_to_others_and_free() {
    let mut queue = queue(3);
    let terms = Terms { slots_max: 2, ..Terms::default() };
    for _ in 0..3 {
        queue.arrive(at(0), &"a", terms, &0).unwrap();
    }
    assert_eq!(granted(&mut queue, at(0)), ["a", "a"]);
    assert_eq!((queue.free(), queue.check(at(60))), (1, Ok(())));
    queue.set_terms(at(0), &"a", Terms::default());
    assert_eq!(queue.check(at(60)), Err(crate::Violation::IdleSlot { free: 1 }), "until it is dispatched");
    assert_eq!(granted(&mut queue, at(0)), ["a"]);
}

#[test]
fn slots_that_come_free_together_are_divided() {
    let mut queue = queue(2);
    queue.set_quantum(at(1));
    for flow in ["a", "b"] {
        for _ in 0..2 {
            queue.arrive(at(0), &flow, Terms::default(), &0).unwrap();
        }
    }
    assert_eq!(granted(&mut queue, at(0)), ["a", "b"]);
}

#[test]
fn fewer_slots_take_none_from_those_that_run() {
    let mut queue = queue(3);
    let ids = [0; 3].map(|_| queue.arrive(at(0), &"a", Terms::default(), &0).unwrap());
    assert_eq!(granted(&mut queue, at(0)).len(), 3);
    queue.set_slots(at(1), 1);
    assert_eq!((queue.free(), queue.running()), (0, 3));
    queue.arrive(at(1), &"b", Terms::default(), &0).unwrap();
    for id in &ids[..2] {
        queue.finish(at(2), *id);
        assert_eq!(granted(&mut queue, at(2)), [] as [&str; 0]);
    }
    queue.finish(at(2), ids[2]);
    assert_eq!(granted(&mut queue, at(2)), ["b"]);
}

#[test]
fn what_is_taken_for_no_flow_never_comes_before_one() {
    let mut queue = queue(1);
    assert!(queue.occupy(at(0)) && !queue.occupy(at(0)));
    queue.arrive(at(0), &"a", Terms::default(), &0).unwrap();
    assert_eq!(granted(&mut queue, at(0)), [] as [&str; 0]);
    queue.vacate(at(1));
    assert!(!queue.occupy(at(1)));
    assert_eq!(granted(&mut queue, at(1)), ["a"]);
}

#[test]
fn a_flow_without_debt_is_forgotten_and_one_in_debt_is_not() {
    let mut queue = queue(1);
    let terms = Terms::default();
    let first = queue.arrive(at(0), &"a", terms, &0).unwrap();
    let second = queue.arrive(at(0), &"b", terms, &0).unwrap();
    assert_eq!(granted(&mut queue, at(0)), ["a"]);
    queue.finish(at(9), first);
    let of = |queue: &FairQueue<&'static str, u8>, flow| {
        queue.views(at(60)).into_iter().find(|view| view.key == flow).map(|view| view.lag)
    };
    assert_eq!(of(&queue, "a"), Some(9.0), "b waits, and had nothing");
    assert_eq!(granted(&mut queue, at(9)), ["b"]);
    assert_eq!((of(&queue, "a"), queue.flows().count()), (None, 1), "no flow waits: all debts are settled");
    queue.finish(at(10), second);
    assert_eq!(granted(&mut queue, at(10)), [] as [&str; 0]);
    assert_eq!((queue.flows().count(), queue.waiting(), queue.running()), (0, 0, 0));
}

#[test]
fn a_place_counts_those_that_start_before() {
    let mut queue = FairQueue::new(1, Charge::Time, Limits { waiting_max: 100, flow_waiting_max: 100 });
    queue.set_quantum(at(1));
    let running = queue.arrive(at(0), &"hog", Terms::default(), &0).unwrap();
    assert_eq!(granted(&mut queue, at(0)), ["hog"]);
    let hog: Vec<_> = (0..10).map(|_| queue.arrive(at(0), &"hog", Terms::default(), &0).unwrap()).collect();
    let small = queue.arrive(at(5), &"small", Terms::default(), &0).unwrap();
    let ahead = |queue: &FairQueue<&'static str, u8>, id| queue.place(id).map(|place| place.ahead);
    assert_eq!(ahead(&queue, small), Some(0));
    assert_eq!(ahead(&queue, hog[9]), Some(10), "nine of its own, and the small one");
    assert_eq!(ahead(&queue, running), None);
    let heavy = Terms { weight: Weight::from_thousandths(4_000), ..Terms::default() };
    for _ in 0..10 {
        queue.arrive(at(5), &"heavy", heavy, &0).unwrap();
    }
    let ahead = ahead(&queue, hog[9]);
    assert_eq!(ahead, Some(20), "the heavy ones come before it, too");
}
