//! The order of preference, and what it is worth: many sessions over few connections, simulated.

use std::time::Duration;

use super::*;

fn context(database: usize) -> Context {
    Context { database: Some(format!("D{database}")), ..Context::default() }
}

/// An idle connection in `database`, used `ago` seconds before `now`, the favourite of `session` for 30 s from then.
fn idle(now: Instant, number: u32, database: Option<usize>, session: Option<&str>, ago: u64) -> Idle<u32> {
    let used_at = now - Duration::from_secs(ago);
    let favourite = session
        .map(|session| Favourite { session: Arc::from(session), until: used_at + Duration::from_secs(30) });
    Idle { connection: number, context: database.map(context), favourite, used_at }
}

/// A moment with a past.
fn now() -> Instant {
    Instant::now() + Duration::from_secs(1_000)
}

#[test]
fn each_rank_is_preferred_to_those_below() {
    let now = now();
    let in_order = || {
        [
            idle(now, 1, Some(1), Some("me"), 9),
            idle(now, 2, Some(1), None, 9),
            idle(now, 3, Some(1), Some("you"), 9),
            idle(now, 4, Some(2), Some("me"), 9),
            idle(now, 5, Some(2), None, 9),
            idle(now, 6, Some(2), Some("you"), 9),
        ]
    };
    // However they come, they go in this order.
    for turned in 0..6 {
        let mut all = IdleSet(in_order().into_iter().collect());
        all.0.rotate_left(turned);
        let taken = std::iter::from_fn(|| all.take("me", &context(1), now)).map(|idle| idle.connection);
        assert_eq!(taken.collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    }
}

#[test]
fn a_favourite_is_one_for_its_time_and_until_its_session_ends() {
    let now = now();
    let mut all = IdleSet(vec![idle(now, 1, None, Some("me"), 30), idle(now, 2, None, None, 31)]);
    assert_eq!(all.take("me", &context(1), now).unwrap().connection, 2, "its time is over");
    let mut all = IdleSet(vec![idle(now, 1, None, Some("you"), 29), idle(now, 2, None, None, 5)]);
    all.forget("you");
    assert_eq!(all.take("me", &context(1), now).unwrap().connection, 1, "its session has ended");
}

#[test]
fn of_equals_the_last_used_fits_and_the_one_unused_for_longest_is_switched() {
    let now = now();
    let two = |database| {
        IdleSet(vec![idle(now, 1, Some(database), None, 50), idle(now, 2, Some(database), None, 40)])
    };
    assert_eq!(two(1).take("me", &context(1), now).unwrap().connection, 2);
    assert_eq!(two(2).take("me", &context(1), now).unwrap().connection, 1);
    assert!(IdleSet::<u32>::default().take("me", &context(1), now).is_none());
}

/// Small numbers that are the same in every run.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

#[derive(Default, Debug, Clone, Copy)]
struct Figures {
    statements: u32,
    opened: u32,
    switched: u32,
}

impl Figures {
    fn reused_percent(self) -> u32 {
        100 - self.opened * 100 / self.statements
    }

    fn switches_a_statement(self) -> f64 {
        f64::from(self.switched) / f64::from(self.statements)
    }
}

/// 200 sessions, each in a context of its own, over 8 connections. Five work at a time, each in a burst of 15
/// statements on average with 0.2 to 3 s in between; who works next follows Zipf's law. A statement takes 20 to 400
/// ms, and finds at times several of the others running. `is_naive`: the connection that is unused for longest,
/// whatever it is in.
fn simulate(is_naive: bool, seed: u64) -> Figures {
    const SESSIONS: u64 = 200;
    const CONNECTIONS: u32 = 8;
    let names: Vec<Arc<str>> = (0..SESSIONS).map(|number| Arc::from(number.to_string())).collect();
    let mut random = Seeded(seed);
    let zipf = {
        let weights: Vec<u64> = (1..=SESSIONS).map(|rank| 1_000_000 / rank).collect();
        let total: u64 = weights.iter().sum();
        move |random: &mut Seeded| {
            let mut at = random.below(total);
            weights.iter().position(|weight| at.checked_sub(*weight).map(|rest| at = rest).is_none()).unwrap()
        }
    };
    let start = Instant::now();
    let mut set: IdleSet<u32> = IdleSet::default();
    // What runs: when it ends, and the connection as it will be.
    let mut running: Vec<(Instant, Idle<u32>)> = Vec::new();
    // Who works: when the next statement comes, whose, and how many are left.
    let mut working: Vec<(Instant, usize, u64)> = (0..5).map(|at| (start, at, 5)).collect();
    let mut figures = Figures::default();
    let mut open = 0;
    while figures.statements < 20_000 {
        let next = (0..working.len()).min_by_key(|at| working[*at].0).unwrap();
        let (now, session, left) = working[next];
        let (ended, on): (Vec<_>, Vec<_>) = running.drain(..).partition(|(end, _)| *end <= now);
        running = on;
        ended.into_iter().for_each(|(_, idle)| set.put(idle));
        let wanted = context(session);
        let taken = if is_naive {
            let longest = set.0.iter().enumerate().min_by_key(|(_, idle)| idle.used_at).map(|(at, _)| at);
            longest.map(|at| set.0.remove(at))
        } else {
            set.take(&names[session], &wanted, now)
        };
        figures.statements += 1;
        let connection = match taken {
            Some(idle) => {
                figures.switched += u32::from(idle.context.as_ref() != Some(&wanted));
                idle.connection
            }
            None => {
                open += 1;
                figures.opened += 1;
                open
            }
        };
        assert!(open <= CONNECTIONS);
        let end = now + Duration::from_millis(20 + random.below(380));
        let favourite =
            Some(Favourite { session: Arc::clone(&names[session]), until: end + Duration::from_secs(30) });
        running.push((end, Idle { connection, context: Some(wanted), favourite, used_at: end }));
        let next_at = end + Duration::from_millis(200 + random.below(2_800));
        working[next] = match left {
            0 => (next_at, zipf(&mut random), random.below(29)),
            left => (next_at, session, left - 1),
        };
    }
    figures
}

#[test]
fn bursts_of_many_sessions_reuse_connections_and_seldom_switch_them() {
    for seed in 1..=5 {
        let (ours, naive) = (simulate(false, seed), simulate(true, seed));
        assert!(ours.reused_percent() >= 95, "{ours:?}");
        assert!(ours.switches_a_statement() <= 0.2, "{ours:?}");
        assert!(naive.switches_a_statement() > 2.0 * ours.switches_a_statement(), "{ours:?} {naive:?}");
    }
}
