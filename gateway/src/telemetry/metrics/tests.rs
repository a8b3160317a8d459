//! What is counted of requests, as Prometheus reads it.

use std::time::{Duration, SystemTime};

use prometheus_client::encoding::prometheus_text;

use super::*;
use crate::backend::Rule;
use crate::telemetry::Correlation;

fn event(client: &str) -> RequestEvent {
    RequestEvent {
        at: SystemTime::UNIX_EPOCH,
        total: Duration::from_millis(30),
        asker: Arc::new(Asker {
            principal: client.to_owned(),
            session: "0a1b2c3d4e5f".to_owned(),
            ..Asker::default()
        }),
        number: 1,
        replayed: false,
        method: "tools/call".into(),
        tool: Some("execute_query"),
        class: Some("read"),
        outcome: Outcome::Ok,
        error: None,
        rule: None,
        code: None,
        reason: None,
        waited: Some(Duration::from_millis(10)),
        ran: Some(Duration::from_millis(20)),
        rows: Some(3),
        changed: None,
        bytes: Some(100),
        export: None,
        query_id: None,
        estimate: None,
        connection: None,
        context: None,
        statement: None,
        correlation: Correlation::default(),
        journaled: None,
        has_audit_place: false,
    }
}

fn metrics(clients_max: usize) -> Metrics {
    Metrics::new(&MetricsConfig { clients_max, ..MetricsConfig::default() })
}

fn text(metrics: &Metrics) -> String {
    let mut registry = Registry::with_prefix(PREFIX);
    metrics.register(&mut registry);
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry).unwrap();
    text
}

#[test]
fn a_request_is_counted_once_in_each_family_that_it_concerns() {
    let metrics = metrics(10);
    metrics.note_request(&event("app"));
    metrics.note_request(&RequestEvent {
        outcome: Outcome::Refused,
        error: Some("refused"),
        rule: Some(Rule::ReadOnly),
        replayed: true,
        class: Some("write"),
        waited: None,
        ran: None,
        rows: None,
        bytes: None,
        ..event("app")
    });
    let text = text(&metrics);
    for line in [
        r#"snowgate_requests_total{method="tools/call",tool="execute_query",client="app",outcome="ok"} 1"#,
        r#"snowgate_requests_total{method="tools/call",tool="execute_query",client="app",outcome="refused"} 1"#,
        r#"snowgate_request_duration_seconds_count{method="tools/call",tool="execute_query"} 2"#,
        r#"snowgate_queue_wait_seconds_count{tool="execute_query"} 1"#,
        r#"snowgate_run_seconds_bucket{tool="execute_query",class="read",le="0.025"} 1"#,
        r#"snowgate_result_rows_sum{tool="execute_query"} 3.0"#,
        r#"snowgate_statements_total{class="write",outcome="refused"} 1"#,
        r#"snowgate_errors_total{error="refused"} 1"#,
        "snowgate_replayed_requests_total 1",
        r#"snowgate_client_rows_total{client="app"} 3"#,
    ] {
        assert!(text.contains(&format!("{line}\n")), "{line}\n{text}");
    }
    let denial = format!("snowgate_denials_total{{rule=\"{}\"}} 1\n", Rule::ReadOnly.as_str());
    assert!(text.contains(&denial), "{text}");
}

#[test]
fn every_family_is_described() {
    let metrics = metrics(10);
    metrics.note_request(&RequestEvent { error: Some("refused"), ..event("app") });
    let text = text(&metrics);
    let described = text.lines().filter(|line| line.starts_with("# TYPE ")).map(|line| line[7..].to_owned());
    let expected: Vec<_> = DESCRIPTIONS
        .iter()
        .map(|description| format!("{} {}", description.full_name(), description.kind.name()))
        .collect();
    assert_eq!(described.collect::<Vec<_>>(), expected);
}

#[test]
fn a_thousand_clients_and_unknown_methods_make_no_more_series_than_the_bound() {
    let metrics = metrics(5);
    for number in 0..1_000 {
        let method = format!("mine/{number}").into();
        let asked = RequestEvent { tool: None, class: None, method, ..event(&format!("client-{number}")) };
        metrics.note_request(&asked);
    }
    let text = text(&metrics);
    let series: Vec<_> = text.lines().filter(|line| line.starts_with("snowgate_requests_total{")).collect();
    assert_eq!(series.len(), 6, "{series:#?}");
    assert!(text.contains("client=\"other\",outcome=\"ok\"} 995"), "{text}");
}
