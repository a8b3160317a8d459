use std::time::{Duration, SystemTime};

use super::*;
use crate::telemetry::testing::event;
use crate::telemetry::{Outcome, StatementFacts};

fn log(patterns_max: usize) -> QueryLog {
    QueryLog::new(&QueriesConfig { slow: Duration::from_millis(100), patterns_max })
}

fn run(log: &QueryLog, sql: &str, ms: u64, outcome: Outcome) {
    let digest = Digest::of(sql);
    let pattern = Some(log.pattern_of(digest, Dialect::Sqlite, sql));
    let mut event = event(outcome);
    event.statement = Some(StatementFacts { digest, text: None, pattern, objects: Vec::new() });
    (event.ran, event.rows, event.at) = (Some(Duration::from_millis(ms)), Some(2), SystemTime::now());
    log.note(&event);
}

#[test]
fn statements_that_differ_in_literals_and_case_are_one() {
    let log = log(10);
    run(&log, "select a from t where b = 1", 10, Outcome::Ok);
    run(&log, "SELECT A FROM T where b = 'x'", 200, Outcome::Failed);
    run(&log, "select \"a\" from t", 5, Outcome::Ok);
    run(&log, "select \"A\" from t", 5, Outcome::Ok);
    let view = log.view(10);
    assert_eq!((view.statements, view.slow, view.patterns, view.slow_ms), (4, 1, 3, 100));
    let top = &view.top[0];
    assert_eq!((top.pattern.as_str(), top.count), ("SELECT a FROM t WHERE b = ?", 2));
    assert_eq!((top.errors, top.slow, top.rows, top.clients.as_slice()), (1, 1, 4, &["test".to_owned()][..]));
    assert!((top.max_ms - 200.0).abs() < 0.01 && (top.total_ms - 210.0).abs() < 0.01, "{top:?}");
    assert!(top.p50_ms >= 10.0 && top.p50_ms <= 12.0 && top.p95_ms <= 200.0, "{top:?}");
}

#[test]
fn what_never_ran_is_not_there() {
    let log = log(10);
    let mut refused = event(Outcome::Refused);
    refused.ran = None;
    log.note(&refused);
    assert_eq!(log.view(10).statements, 0);
}

#[test]
fn a_flood_of_unique_statements_pushes_out_neither_frequent_nor_slow_ones() {
    let log = log(40);
    for _ in 0..3 {
        run(&log, "select frequent", 1, Outcome::Ok);
    }
    run(&log, "select slow", 500, Outcome::Ok);
    run(&log, "select once", 1, Outcome::Ok);
    for number in 0..5_000 {
        run(&log, &format!("select c{number}"), 1, Outcome::Ok);
    }
    let view = log.view_by(QueryOrder::Count, false, 1_000);
    assert_eq!((view.patterns, view.top.len(), view.evicted), (40, 40, 4_963));
    let has = |pattern: &str| view.top.iter().any(|one| one.pattern == pattern);
    assert!(has("SELECT frequent") && has("SELECT slow") && !has("SELECT once"));
    assert_eq!(view.top[0].pattern, "SELECT frequent");
}

#[test]
fn those_that_ran_longest_ago_make_room_and_the_bound_holds_for_any_size() {
    for patterns_max in [1, 2, 3, 4, 5, 17] {
        let log = log(patterns_max);
        for round in 0..3 {
            for number in 0..50 {
                run(&log, &format!("select c{number}, r{}", round / 2), 1, Outcome::Ok);
                run(&log, &format!("select c{}", number % 7), 200, Outcome::Ok);
            }
        }
        let view = log.view_by(QueryOrder::Last, false, 100);
        assert_eq!((view.patterns, view.statements, view.slow), (patterns_max, 300, 150));
        assert_eq!(view.top[0].pattern, "SELECT c0");
    }
}

#[test]
fn the_order_is_the_one_that_is_asked_for_and_slow_ones_can_be_had_alone() {
    let log = log(10);
    run(&log, "select long", 300, Outcome::Ok);
    for _ in 0..10 {
        run(&log, "select often", 20, Outcome::Failed);
    }
    let first = |order| log.view_by(order, false, 1).top[0].pattern.clone();
    for order in [QueryOrder::Total, QueryOrder::P95, QueryOrder::P50, QueryOrder::Max, QueryOrder::Slow] {
        assert_eq!(first(order), "SELECT long", "{order:?}");
    }
    for order in [QueryOrder::Count, QueryOrder::Errors, QueryOrder::Rows, QueryOrder::Last] {
        assert_eq!(first(order), "SELECT often", "{order:?}");
    }
    assert_eq!(log.view_by(QueryOrder::Count, true, 10).top.len(), 1);
}
