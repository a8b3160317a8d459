//! Cancelling: how fast it reaches the server, and what it must not do.

use std::time::Instant;

use warehouse::Gate;

use super::*;

const CANCELS: usize = 20;

/// A cancel that waited for the question that is held at the server would take its 45 s.
const LATENCY_MAX: Duration = Duration::from_secs(20);

#[track_caller]
fn cancel(client: &mut Client, id: &Value) {
    client.notify("notifications/cancelled", &json!({"requestId": id}));
}

#[test]
fn a_cancel_reaches_the_server_at_once() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    let mut latencies = Vec::new();
    for number in 0..CANCELS {
        let held = format!("held('{number}')");
        let sql = if number % 2 == 0 { format!("SELECT {held} AS X") } else { insert(&held) };
        let id = send(&mut client, &sql);
        warehouse.until("it runs", |seen| seen.queries_of(&sql).len() == 1);
        if number % 4 == 1 {
            until_polled(&warehouse, &sql, 0);
        }
        let sent = Instant::now();
        cancel(&mut client, &id);
        warehouse.until("the abort", |seen| {
            seen.aborts.iter().filter(|abort| abort.effective).count() == number + 1
        });
        let at =
            warehouse.seen(|seen| seen.aborts.iter().rfind(|abort| abort.effective).map(|abort| abort.at));
        latencies.push(at.expect("an abort").saturating_duration_since(sent));
        assert_eq!(state_of(&warehouse, &sql), Some(QueryState::Aborted));
    }
    latencies.sort();
    println!(
        "{CANCELS} cancels reached the server within {:?} (median), {:?} (slowest)",
        latencies[CANCELS / 2],
        latencies[CANCELS - 1]
    );
    assert!(latencies[CANCELS - 1] <= LATENCY_MAX, "{latencies:?}");
    assert_eq!(query(&mut client, "SELECT 1 AS N"), "N\n1\n(1 row)");
    assert!(warehouse.rows(LOG).is_empty());
    eventually("no write is under way", || (home.writes_under_way() == 0).then_some(()));
}

#[test]
fn a_statement_that_is_stopped_between_two_attempts_is_not_sent_again() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    assert_eq!(query(&mut client, "SELECT 1 AS N"), "N\n1\n(1 row)");
    let sql = insert("'stopped'");
    let refused = warehouse.seen(|seen| seen.count(Endpoint::Submit));
    warehouse.fault(Endpoint::Submit, Strike::First(1), Fault::busy(503, 2));
    let id = send(&mut client, &sql);
    warehouse.until("it is refused", |seen| seen.count(Endpoint::Submit) == refused + 1);
    cancel(&mut client, &id);
    // Nothing is under way any more when the connection serves the next statement.
    eventually("the write is forgotten", || (home.writes_under_way() == 0).then_some(()));
    works_again(&mut client);
    assert_eq!((submissions(&warehouse, &sql), warehouse.count_key(LOG, "stopped")), ((0, 0), 0));
}

#[test]
fn a_cancel_while_the_context_is_changed_leaves_the_connection_where_it_says_it_is() {
    let warehouse = Warehouse::start();
    let home = home_with(&warehouse, "[pool]\nconnections_max = 1\n");
    let mut client = client(&home);
    assert_eq!(query(&mut client, "SELECT current_database() AS D"), "D\nSALES\n(1 row)");
    let gate = Gate::new();
    warehouse.fault(Endpoint::Submit, Strike::First(1), Fault::HoldAnswer(gate.clone()));
    let arguments = json!({"query": insert("'never'"), "database": "STAGING"});
    let id = client.send_call("execute_query", &arguments);
    gate.until_arrived(1);
    cancel(&mut client, &id);
    // The change goes on for a moment, then the session is given up.
    assert_eq!(query(&mut client, "SELECT current_database() AS D"), "D\nSALES\n(1 row)");
    gate.open();
    assert_eq!(query(&mut client, "SELECT current_database() AS D"), "D\nSALES\n(1 row)");
    assert_eq!(warehouse.count_key(LOG, "never"), 0);
}

#[test]
fn an_abort_that_fails_at_first_is_tried_again() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    let faults = [
        ("status", Fault::status(503)),
        ("unread", Fault::ResetUnread),
        ("answer", Fault::ResetAnswer),
        ("body", Fault::CutBody { after: 5 }),
    ];
    for (name, fault) in faults {
        for sql in [format!("SELECT held('{name}') AS X"), insert(&format!("held('{name}')"))] {
            let id = send(&mut client, &sql);
            warehouse.until("it runs", |seen| seen.queries_of(&sql).len() == 1);
            warehouse.fault(Endpoint::Abort, Strike::First(2), fault.clone());
            cancel(&mut client, &id);
            warehouse.until("the end", |seen| seen.queries_of(&sql)[0].state == QueryState::Aborted);
            warehouse.clear_faults();
            works_again(&mut client);
        }
    }
    assert!(warehouse.rows(LOG).is_empty());
}
