use super::*;
use crate::backend::fake::request;
use crate::backend::{Caps, Catalog, Collector, Operation, Request};

fn key(name: &str) -> CacheKey {
    let operation = Operation::Catalog(Catalog::Schemas { database: Some(name.to_owned()) });
    let question = Question::of(&Request { operation, ..request("") });
    CacheKey { connection: Arc::from("a"), names: Arc::default(), question }
}

fn answer(bytes: usize) -> Arc<Completion> {
    let mut rows = Collector::new(Caps { rows_max: 10, bytes_max: 1 << 30, count_rows_max: 0 });
    rows.set_columns(vec!["name".to_owned()]);
    rows.push(vec![Some("x".repeat(bytes))]);
    Arc::new(Completion::of_rows(rows))
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn an_answer_is_true_until_its_time_is_over_or_something_changes() {
    let (mut cache, now) = (Cache::default(), Instant::now());
    let asked = cache.generation(now).unwrap();
    cache.keep(key("a"), asked, answer(1), now, SECOND);
    assert!(cache.find(&key("a"), asked, now).is_some());
    assert!(cache.find(&key("b"), asked, now).is_none());
    assert!(cache.find(&key("a"), asked, now + SECOND).is_none());
    cache.begin_change(false);
    let later = cache.generation(now).unwrap();
    assert!(cache.find(&key("a"), later, now).is_none());
    cache.keep(key("a"), asked, answer(1), now, SECOND);
    assert_eq!(cache.size().0, 0, "what was asked before is not kept after");
    cache.keep(key("a"), later, answer(1), now, SECOND);
    cache.end_change(false, None);
    assert_eq!((cache.size(), cache.dropped()), ((0, 0), 2));
}

#[test]
fn nothing_is_kept_or_answered_while_the_catalog_may_be_changing() {
    let (mut cache, now) = (Cache::default(), Instant::now());
    let asked = cache.generation(now).unwrap();
    cache.begin_change(true);
    cache.begin_change(true);
    assert_eq!(cache.generation(now), None);
    cache.end_change(true, Some(now + 3 * SECOND));
    cache.end_change(true, None);
    assert_eq!(cache.generation(now + 2 * SECOND), None, "one may still take effect");
    assert!(cache.generation(now + 3 * SECOND).is_some_and(|generation| generation != asked));
}

#[test]
fn entries_and_bytes_are_bounded_and_the_oldest_goes_first() {
    let (mut cache, now) = (Cache::default(), Instant::now());
    let asked = cache.generation(now).unwrap();
    for number in 0..ENTRIES_MAX + 10 {
        cache.keep(key(&number.to_string()), asked, answer(1), now, SECOND);
    }
    assert_eq!(cache.size().0, ENTRIES_MAX as u64);
    assert!(cache.find(&key("9"), asked, now).is_none() && cache.find(&key("10"), asked, now).is_some());
    let large = answer(ENTRY_BYTES_MAX - 10_000);
    assert!(fits(&key("a"), &large) && !fits(&key("a"), &answer(ENTRY_BYTES_MAX)));
    for number in 0..100 {
        cache.keep(key(&number.to_string()), asked, Arc::clone(&large), now, SECOND);
        let (_, bytes) = cache.size();
        assert!(bytes <= BYTES_MAX as u64, "{bytes}");
        assert!(cache.order.len() <= 2 * ENTRIES_MAX);
    }
    for _ in 0..3 * ENTRIES_MAX {
        cache.keep(key("a"), asked, answer(1), now, SECOND);
    }
    assert!(cache.order.len() <= 2 * ENTRIES_MAX && cache.find(&key("a"), asked, now).is_some());
    cache.keep(key("late"), asked, answer(1), now + 2 * SECOND, SECOND);
    assert_eq!(cache.size().0, 1, "what is too old goes");
    cache.drop_all();
    assert_eq!(cache.size(), (0, 0));
}
