//! Alerts over snapshots, with the time given.

use std::time::{Duration, Instant};

use super::*;
use crate::config::AlertThresholds;
use crate::multiplexer::{BreakerState, BreakerView, PoolCounters};
use crate::observe::status::{ConnectionView, StatusView};
use crate::shared::ALERT_NAMES;
use crate::shared::testing::TestGateway;
use crate::telemetry::metrics::CallDurations;

/// A gateway whose status tests change, and its alerts.
struct Gateway {
    alerts: Alerts,
    began: Instant,
    status: StatusView,
    slow: u64,
    durations: CallDurations,
}

impl Gateway {
    async fn new(change: impl FnOnce(&mut AlertsConfig)) -> Self {
        let thresholds = AlertThresholds {
            connection_failures: 5,
            errors: 10,
            response_time: 5,
            pool: 90,
            memory: 1024,
            breaker: 1,
            backend: 1,
            queue_wait: 60,
            queue_lag: 100,
            audit: 1,
            log_lines: 1,
            quota: 90,
            state_file: 1,
            descriptors: 90,
            certificate: 14,
            outcome_unknown: 1,
            slow_statements: 10,
            problem: 1,
        };
        let resolve_after = Duration::from_secs(120);
        let mut config = AlertsConfig { enabled: true, resolve_after, thresholds, ..AlertsConfig::default() };
        change(&mut config);
        let status = snapshot(&TestGateway::new().await.shared);
        let status = StatusView {
            connections: vec![ConnectionView { max: 10, ..status.connections[0].clone() }],
            ..status
        };
        Self {
            alerts: Alerts::new(&config),
            began: Instant::now(),
            status,
            slow: 0,
            durations: CallDurations::default(),
        }
    }

    /// What is told `seconds` after the start: alert and state.
    fn look(&mut self, seconds: u64) -> Vec<(String, AlertState)> {
        let moment = Moment {
            at: self.began + Duration::from_secs(seconds),
            unix_s: 1_000_000_000 + seconds,
            status: self.status.clone(),
            slow: self.slow,
            durations: self.durations,
            client_limits: Vec::new(),
        };
        let (told, _) = self.alerts.step(moment);
        told.into_iter().map(|view| (view.alert, view.state)).collect()
    }

    fn connection(&mut self) -> &mut ConnectionView {
        &mut self.status.connections[0]
    }
}

fn firing(alert: &str) -> Vec<(String, AlertState)> {
    vec![(alert.to_owned(), AlertState::Firing)]
}

fn resolved(alert: &str) -> Vec<(String, AlertState)> {
    vec![(alert.to_owned(), AlertState::Resolved)]
}

#[test]
fn the_rules_are_those_that_metrics_name() {
    assert!(RULES.iter().map(|rule| rule.name).eq(ALERT_NAMES));
}

#[tokio::test]
async fn an_alert_fires_once_its_cause_has_lasted_and_is_resolved_once_that_was_away() {
    let mut gateway = Gateway::new(|_| ()).await;
    gateway.connection().breaker = BreakerView { state: BreakerState::Open, ..BreakerView::default() };
    assert_eq!(gateway.look(0), []);
    assert_eq!(gateway.look(15), []);
    assert_eq!(gateway.look(30), firing("breaker"));
    assert_eq!(gateway.look(45), []);
    gateway.connection().breaker.state = BreakerState::Closed;
    assert_eq!(gateway.look(60), []);
    assert_eq!(gateway.look(179), []);
    assert_eq!(gateway.look(180), resolved("breaker"));
    assert_eq!(gateway.look(195), []);
}

#[tokio::test]
async fn a_cause_that_does_not_last_is_not_told() {
    let mut gateway = Gateway::new(|_| ()).await;
    gateway.connection().breaker.state = BreakerState::Open;
    assert_eq!(gateway.look(0), []);
    gateway.connection().breaker.state = BreakerState::Closed;
    assert_eq!(gateway.look(15), []);
    gateway.connection().breaker.state = BreakerState::Open;
    assert_eq!(gateway.look(40), []);
}

#[tokio::test]
async fn a_cause_that_comes_and_goes_is_told_once() {
    let mut gateway = Gateway::new(|_| ()).await;
    let mut told = Vec::new();
    for second in (0..3_600).step_by(15) {
        // Away for a minute of every two.
        let is_open = second % 120 < 60;
        gateway.connection().breaker.state = if is_open { BreakerState::Open } else { BreakerState::Closed };
        told.extend(gateway.look(second));
    }
    assert_eq!(told, firing("breaker"));
}

#[tokio::test]
async fn a_threshold_of_zero_switches_an_alert_off_and_one_time_is_for_all() {
    let mut off = Gateway::new(|config| config.thresholds.breaker = 0).await;
    off.connection().breaker.state = BreakerState::Open;
    assert_eq!((off.look(0), off.look(600)), (vec![], vec![]));
    let mut at_once = Gateway::new(|config| config.lasts = Some(Duration::ZERO)).await;
    at_once.connection().breaker.state = BreakerState::ForcedOpen;
    assert_eq!(at_once.look(0), firing("breaker"));
}

#[tokio::test]
async fn what_is_counted_is_counted_in_the_last_minute() {
    let mut gateway = Gateway::new(|config| config.lasts = Some(Duration::ZERO)).await;
    gateway.connection().counters = PoolCounters { not_opened: 100, ..PoolCounters::default() };
    gateway.status.totals.failed = 1_000;
    // What was before is not known to be new.
    assert_eq!(gateway.look(0), []);
    gateway.connection().counters.not_opened = 105;
    gateway.status.totals.failed = 1_011;
    assert_eq!(gateway.look(30), firing("errors"));
    gateway.connection().counters.not_opened = 106;
    assert_eq!(gateway.look(45), firing("connection_failures"));
    // A minute later nothing has been added.
    assert_eq!(gateway.look(200), []);
    let mut told = gateway.look(330);
    told.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(told, [resolved("connection_failures"), resolved("errors")].concat());
}

#[tokio::test]
async fn one_call_in_twenty_that_is_slow_is_told_where_there_are_enough_calls() {
    let mut gateway = Gateway::new(|config| config.lasts = Some(Duration::ZERO)).await;
    assert_eq!(gateway.look(0), []);
    let slow = gateway.durations.len() - 2;
    gateway.durations[slow] = 9;
    assert_eq!(gateway.look(15), []);
    gateway.durations[slow] = 10;
    assert_eq!(gateway.look(30), firing("response_time"));
    let mut fast = Gateway::new(|config| config.lasts = Some(Duration::ZERO)).await;
    assert_eq!(fast.look(0), []);
    (fast.durations[0], fast.durations[slow]) = (1_000, 10);
    assert_eq!(fast.look(15), []);
}

#[tokio::test]
async fn each_cause_fires_its_alert_and_no_other() {
    type Change = fn(&mut Gateway);
    let causes: [(&str, Change); 13] = [
        ("pool", |gateway| (gateway.connection().open, gateway.connection().idle) = (10, 0)),
        ("memory", |gateway| gateway.status.process.memory_bytes = Some(2 << 30)),
        ("breaker", |gateway| gateway.connection().breaker.state = BreakerState::HalfOpen),
        ("backend", |gateway| gateway.connection().problem = Some("log in".to_owned())),
        ("queue_lag", |gateway| gateway.connection().allocator.lag_to_bound = 1.5),
        ("log_lines", |gateway| gateway.status.logs[0].dropped += 1),
        ("state_file", |gateway| gateway.status.state_problem = Some("full".to_owned())),
        ("descriptors", |gateway| {
            (gateway.status.process.descriptors, gateway.status.process.descriptors_max) = (95, Some(100));
        }),
        ("outcome_unknown", |gateway| gateway.status.totals.outcome_unknown += 1),
        ("slow_statements", |gateway| gateway.slow += 11),
        ("problem", |gateway| gateway.status.metrics_problem = Some("full".to_owned())),
        ("certificate", |gateway| {
            gateway.status.http = Some(crate::shared::HttpView {
                certificate_expires: Some(1_000_000_000 + 13 * 86_400),
                ..Default::default()
            });
        }),
        ("quota", |gateway| {
            gateway.status.limits = vec![crate::limits::LimitView {
                limit: "global_requests_per_day".to_owned(),
                setting: "limits.global_requests_per_day".to_owned(),
                max: 100,
                used: 95,
                left: 5,
                free_in_s: None,
                unused_in_s: 0,
            }];
        }),
    ];
    for (alert, change) in causes {
        let mut gateway = Gateway::new(|config| config.lasts = Some(Duration::ZERO)).await;
        gateway.status.logs = vec![crate::streams::LogView {
            stream: "main".to_owned(),
            file: None,
            bytes: 0,
            dropped: 7,
            problem: None,
        }];
        assert_eq!(gateway.look(0), [], "{alert}");
        change(&mut gateway);
        assert_eq!(gateway.look(15), firing(alert), "{alert}");
    }
}

#[tokio::test]
async fn what_is_kept_of_the_past_is_bounded() {
    let mut history = History::default();
    let gateway = Gateway::new(|_| ()).await;
    for second in 0..3_000 {
        history.add(Moment {
            at: gateway.began + Duration::from_secs(second),
            unix_s: 0,
            status: gateway.status.clone(),
            slow: 0,
            durations: CallDurations::default(),
            client_limits: Vec::new(),
        });
    }
    assert!(history.len() <= 122, "{}", history.len());
}
