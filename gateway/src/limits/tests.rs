//! All accounts together, at times that are given.

use std::sync::Arc;
use std::time::Duration;

use super::account::{CallKind, Used};
use super::ledger::{CLIENTS_MAX, ClientKey, Ledger, Party};
use super::notice::Refusal;
use crate::config::{ClientLimits, Limit, LimitValues, ProfileLimits, UsageLimits};

/// In the middle of every step.
const BEGIN: u64 = 1_700_000_400_500;
const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;
const DAY: u64 = 24 * HOUR;

fn values(set: &[(Limit, u64)]) -> LimitValues {
    LimitValues::of(|limit| set.iter().find(|(of, _)| *of == limit).map_or(0, |(_, value)| *value))
}

fn limits(set: &[(Limit, u64)]) -> Arc<ClientLimits> {
    let all = LimitValues::default();
    let general =
        UsageLimits { each: values(set), all, sessions_max: 0, result_bytes: 1, all_result_bytes: 1 };
    Arc::new(ClientLimits::of(&general, &ProfileLimits::default()))
}

fn key(client: &str) -> ClientKey {
    ClientKey { client: client.into(), profile: "default".into() }
}

struct Setup {
    ledger: Ledger,
    limits: Arc<ClientLimits>,
}

impl Setup {
    fn new(each: &[(Limit, u64)], all: &[(Limit, u64)]) -> Self {
        Self { ledger: Ledger::new(values(all)), limits: limits(each) }
    }

    fn enter(&mut self, now: u64, client: &str, kind: CallKind) -> Result<(), Box<Refusal>> {
        self.ledger.enter(now, &[self.party(client)], kind)
    }

    fn party(&self, client: &str) -> Party {
        Party { key: key(client), limits: Arc::clone(&self.limits) }
    }

    /// A call that ends at once.
    fn call(&mut self, now: u64, client: &str) -> Result<(), Box<Refusal>> {
        self.enter(now, client, CallKind::Query)?;
        self.ledger.leave(&[self.party(client)]);
        Ok(())
    }

    fn used(&mut self, now: u64, client: &str) -> Vec<(String, u64)> {
        let views = self.ledger.client_view(now, &key(client), &self.limits);
        views.into_iter().map(|view| (view.limit, view.used)).collect()
    }
}

#[test]
fn each_limit_lets_in_what_it_says_and_names_itself_and_when_to_try_again() {
    for (limit, unit, window) in [
        (Limit::RequestsPerMinute, "requests", 60 * SECOND),
        (Limit::RequestsPerHour, "requests", HOUR),
        (Limit::RequestsPerDay, "requests", DAY),
        (Limit::QueriesPerMinute, "queries", 60 * SECOND),
        (Limit::QueriesPerHour, "queries", HOUR),
        (Limit::QueriesPerDay, "queries", DAY),
    ] {
        for is_global in [false, true] {
            let set = [(limit, 3)];
            let mut setup = if is_global { Setup::new(&[], &set) } else { Setup::new(&set, &[]) };
            for _ in 0..3 {
                setup.call(BEGIN, "a").unwrap();
            }
            let refusal = setup.call(BEGIN, "a").unwrap_err();
            let name = if is_global { limit.global_name() } else { limit.name() };
            assert_eq!(refusal.setting(), format!("limits.{name}"));
            let (message, seconds) = (refusal.message(), refusal.retry_after().as_secs());
            assert!(
                message.contains(&format!("3 of 3 {unit}")) && message.contains(&format!("{name} = 3")),
                "{message}"
            );
            assert!(refusal.next_step("FILE").starts_with(&format!("try again in {seconds} s")));
            assert_eq!(setup.call(BEGIN, "b").is_err(), is_global, "{name}");
            // The client is told a time at which it works.
            setup.call(BEGIN + seconds * SECOND, "a").unwrap();
            assert!(
                seconds * SECOND >= window && seconds * SECOND <= window + window / 50,
                "{name}: {seconds}"
            );
        }
    }
}

#[test]
fn a_call_that_one_limit_refuses_has_used_nothing_of_any() {
    let each = [
        (Limit::RequestsPerSecond, 5),
        (Limit::RequestsPerDay, 5),
        (Limit::QueriesPerMinute, 5),
        (Limit::QueriesBurst, 5),
    ];
    let mut setup = Setup::new(&each, &[(Limit::QueriesPerDay, 2), (Limit::RequestsPerSecond, 9)]);
    for _ in 0..2 {
        setup.call(BEGIN, "a").unwrap();
    }
    let before = (setup.used(BEGIN, "a"), setup.ledger.all_view(BEGIN));
    for _ in 0..10 {
        assert_eq!(setup.call(BEGIN, "a").unwrap_err().setting(), "limits.global_queries_per_day");
    }
    assert_eq!((setup.used(BEGIN, "a"), setup.ledger.all_view(BEGIN)), before);
    assert_eq!(setup.ledger.refused(), 10);
    // What is no query goes on.
    setup.enter(BEGIN, "a", CallKind::Other).unwrap();
}

#[test]
fn of_several_limits_that_are_reached_the_one_that_lasts_longest_is_told() {
    let mut setup = Setup::new(&[(Limit::RequestsPerMinute, 1), (Limit::RequestsPerDay, 1)], &[]);
    setup.call(BEGIN, "a").unwrap();
    assert_eq!(setup.call(BEGIN, "a").unwrap_err().setting(), "limits.requests_per_day");
}

#[test]
fn a_burst_is_let_in_at_once_and_then_the_rate_counts() {
    let mut setup = Setup::new(&[(Limit::RequestsPerSecond, 2), (Limit::RequestsBurst, 4)], &[]);
    for _ in 0..4 {
        setup.call(BEGIN, "a").unwrap();
    }
    let message = setup.call(BEGIN, "a").unwrap_err().message();
    assert!(message.contains("limits.requests_per_second = 2, limits.requests_burst = 4"), "{message}");
    setup.call(BEGIN + 500, "a").unwrap();
    assert!(setup.call(BEGIN + 900, "a").is_err());
    let mut queries = Setup::new(&[(Limit::QueriesPerMinute, 60), (Limit::QueriesBurst, 2)], &[]);
    for _ in 0..2 {
        queries.call(BEGIN, "a").unwrap();
    }
    let message = queries.call(BEGIN, "a").unwrap_err().message();
    assert!(message.contains("limits.queries_burst = 2, limits.queries_per_minute = 60"), "{message}");
    queries.call(BEGIN + SECOND, "a").unwrap();
}

#[test]
fn calls_that_are_served_hold_their_places_until_they_end() {
    let mut setup = Setup::new(&[(Limit::ConcurrentMax, 2)], &[(Limit::ConcurrentMax, 3)]);
    for _ in 0..2 {
        setup.enter(BEGIN, "a", CallKind::Query).unwrap();
    }
    let refusal = setup.enter(BEGIN, "a", CallKind::Query).unwrap_err();
    assert!(refusal.message().contains("2 of 2 calls of the client `a`"), "{}", refusal.message());
    assert_eq!(refusal.retry_after(), Duration::from_secs(1));
    setup.enter(BEGIN, "b", CallKind::Query).unwrap();
    assert_eq!(
        setup.enter(BEGIN, "b", CallKind::Query).unwrap_err().setting(),
        "limits.global_concurrent_max"
    );
    setup.ledger.leave(&[setup.party("a")]);
    setup.enter(BEGIN, "a", CallKind::Query).unwrap();
}

#[test]
fn what_is_known_only_at_the_end_stops_the_next_call_and_not_its_own() {
    let used = Used { rows: 10, bytes: 10, backend: Duration::from_millis(1_500) };
    for (limit, max, shown) in [
        (Limit::RowsPerDay, 5, "10 of 5 rows"),
        (Limit::BytesPerDay, 10, "10 of 10 bytes"),
        (Limit::BackendSecondsPerDay, 1, "1 of 1 seconds"),
    ] {
        let mut setup = Setup::new(&[(limit, max)], &[]);
        setup.enter(BEGIN, "a", CallKind::Query).unwrap();
        setup.ledger.charge(BEGIN, &[setup.party("a")], used);
        setup.ledger.leave(&[setup.party("a")]);
        let refusal = setup.call(BEGIN, "a").unwrap_err();
        assert!(refusal.message().contains(shown), "{}", refusal.message());
        setup.call(BEGIN, "b").unwrap();
        setup.call(BEGIN + refusal.retry_after().as_secs() * SECOND, "a").unwrap();
    }
}

#[test]
fn a_call_that_waits_for_another_one_is_not_refused_for_the_place_of_that() {
    let mut setup =
        Setup::new(&[(Limit::RequestsPerDay, 2), (Limit::ConcurrentMax, 1)], &[(Limit::ConcurrentMax, 1)]);
    setup.enter(BEGIN, "a", CallKind::Query).unwrap();
    setup.enter(BEGIN, "a", CallKind::OfEarlier).unwrap();
    assert_eq!(
        setup.enter(BEGIN, "a", CallKind::OfEarlier).unwrap_err().setting(),
        "limits.requests_per_day"
    );
}

#[test]
fn what_an_earlier_gateway_has_let_in_is_neither_counted_again_nor_refused() {
    let mut setup = Setup::new(&[(Limit::RequestsPerDay, 1), (Limit::ConcurrentMax, 1)], &[]);
    setup.enter(BEGIN, "a", CallKind::Query).unwrap();
    setup.enter(BEGIN, "a", CallKind::Replayed).unwrap();
    assert_eq!(
        setup.used(BEGIN, "a"),
        [("requests_per_day".to_owned(), 1), ("concurrent_max".to_owned(), 2)]
    );
}

#[test]
fn a_client_is_told_once_a_window_that_a_limit_is_nearly_used_up() {
    let mut setup = Setup::new(&[(Limit::RequestsPerHour, 5)], &[(Limit::QueriesPerMinute, 10)]);
    let told = |setup: &mut Setup, now: u64, client: &str| {
        setup.call(now, client).unwrap();
        let near = setup.ledger.take_nearly_used(now, &[setup.party(client)]);
        near.iter().map(|near| near.setting().to_owned()).collect::<Vec<_>>()
    };
    for _ in 0..3 {
        assert!(told(&mut setup, BEGIN, "a").is_empty());
    }
    assert_eq!(told(&mut setup, BEGIN, "a"), ["limits.requests_per_hour"]);
    assert!(told(&mut setup, BEGIN, "a").is_empty());
    for _ in 0..2 {
        assert!(told(&mut setup, BEGIN, "b").is_empty());
    }
    // That of all: each client is told.
    assert_eq!(told(&mut setup, BEGIN, "b"), ["limits.global_queries_per_minute"]);
    let later = BEGIN + HOUR + 60 * SECOND;
    for _ in 0..3 {
        assert!(told(&mut setup, later, "a").is_empty());
    }
    assert_eq!(told(&mut setup, later, "a"), ["limits.requests_per_hour"]);
}

#[test]
fn what_was_written_down_counts_with_the_next_gateway() {
    let set = [(Limit::RequestsPerDay, 3), (Limit::RequestsPerSecond, 2), (Limit::QueriesPerHour, 9)];
    let mut setup = Setup::new(&set, &set);
    for _ in 0..2 {
        setup.call(BEGIN, "a").unwrap();
    }
    let records = setup.ledger.take_changed(BEGIN);
    assert_eq!(records.len(), 2);
    assert!(setup.ledger.take_changed(BEGIN).is_empty(), "nothing has changed");
    setup.ledger.mark_changed(&records);
    assert_eq!(setup.ledger.take_changed(BEGIN), records, "it could not be written down");
    let mut next = Setup::new(&set, &set);
    let limits = Arc::clone(&next.limits);
    next.ledger.restore(records, |_| Some(Arc::clone(&limits)));
    assert_eq!(next.used(BEGIN, "a"), setup.used(BEGIN, "a"));
    assert_eq!(next.ledger.all_view(BEGIN), setup.ledger.all_view(BEGIN));
    assert!(next.call(BEGIN, "a").is_err(), "the bucket is empty");
    next.call(BEGIN + SECOND, "a").unwrap();
    assert_eq!(next.call(BEGIN + 2 * SECOND, "a").unwrap_err().setting(), "limits.requests_per_day");
}

#[test]
fn what_was_counted_before_the_file_could_be_read_is_added() {
    let mut setup = Setup::new(&[(Limit::RequestsPerDay, 9)], &[(Limit::RequestsPerDay, 9)]);
    setup.call(BEGIN, "a").unwrap();
    let records = setup.ledger.take_changed(BEGIN);
    setup.call(BEGIN, "a").unwrap();
    let limits = Arc::clone(&setup.limits);
    setup.ledger.restore(records, |_| Some(Arc::clone(&limits)));
    assert_eq!(setup.used(BEGIN, "a"), [("requests_per_day".to_owned(), 3)]);
    assert_eq!(setup.ledger.all_view(BEGIN)[0].used, 3);
}

#[test]
fn a_reset_forgets_what_was_used_by_one_client_or_by_all() {
    let set = [(Limit::RequestsPerDay, 1)];
    let mut setup = Setup::new(&set, &[(Limit::RequestsPerDay, 2)]);
    setup.call(BEGIN, "a").unwrap();
    setup.call(BEGIN, "b").unwrap();
    assert_eq!(setup.ledger.reset(Some("c")), 0);
    assert_eq!(setup.ledger.reset(Some("a")), 1);
    assert_eq!(setup.call(BEGIN, "a").unwrap_err().setting(), "limits.global_requests_per_day");
    assert_eq!(setup.ledger.reset(None), 2);
    setup.call(BEGIN, "a").unwrap();
    setup.call(BEGIN, "b").unwrap();
}

#[test]
fn clients_are_bounded_and_the_one_not_used_for_the_longest_time_goes() {
    let mut setup = Setup::new(&[(Limit::RequestsPerDay, 1)], &[]);
    for number in 0..=CLIENTS_MAX as u64 {
        setup.call(BEGIN + number, &number.to_string()).unwrap();
    }
    assert_eq!(setup.ledger.len(), CLIENTS_MAX);
    assert!(setup.call(BEGIN, "1").is_err());
    setup.call(BEGIN, "0").unwrap();
}

#[test]
fn the_account_of_a_busy_client_is_small() {
    let set: Vec<_> = Limit::all().map(|limit| (limit, 1_000_000)).collect();
    let mut setup = Setup::new(&set, &set);
    let used = Used { rows: 123_456, bytes: 12_345_678, backend: Duration::from_secs(100) };
    for now in (BEGIN..BEGIN + DAY).step_by(60_000) {
        setup.enter(now, "a", CallKind::Query).ok();
        setup.ledger.charge(now, &[setup.party("a")], used);
    }
    let records = setup.ledger.take_changed(BEGIN + DAY);
    assert!(records.iter().all(|record| record.usage.len() < 24 * 1024), "{}", records[1].usage.len());
}

#[test]
fn an_api_key_has_limits_of_its_own_over_all_its_clients() {
    let mut ledger = Ledger::new(LimitValues::default());
    let of_key = Party {
        key: ClientKey::of_api_key("bi"),
        limits: Arc::new(ClientLimits::of_role("guest", &values(&[(Limit::QueriesPerHour, 3)]))),
    };
    let client = |name: &str| Party { key: key(name), limits: limits(&[(Limit::QueriesPerHour, 2)]) };
    let mut call = |name: &str, at| {
        let parties = [client(name), of_key.clone()];
        let entered = ledger.enter(at, &parties, CallKind::Query);
        if entered.is_ok() {
            ledger.leave(&parties);
        }
        entered.map_err(|refusal| (refusal.setting().to_owned(), refusal.message()))
    };
    call("a", BEGIN).unwrap();
    call("a", BEGIN).unwrap();
    assert_eq!(call("a", BEGIN).unwrap_err().0, "limits.queries_per_hour", "the client's own");
    call("b", BEGIN).unwrap();
    let (setting, message) = call("b", BEGIN).unwrap_err();
    assert_eq!(setting, "roles.guest.queries_per_hour");
    assert!(message.contains("3 of 3 queries of the API key `bi`"), "{message}");
    assert!(call("c", BEGIN).is_err());
    let kept = ledger.take_changed(BEGIN);
    let mut next = Ledger::new(LimitValues::default());
    next.restore(kept, |_| Some(Arc::clone(&of_key.limits)));
    assert_eq!(next.client_view(BEGIN, &of_key.key, &of_key.limits)[0].used, 3);
}
