//! A client's backlog over HTTP and that of one with a shim wait for each other as those of two shims do: counts, no times.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use serde_json::json;
use snowgate_tests::{HttpGateway, tool_text, until};

use crate::rest::{call, text, writable};

/// Requests of the greedy client that are not answered, at any time.
const BACKLOG: usize = 24;
/// Queries of the other one, one after the other.
const QUERIES: usize = 6;
/// In order of arrival each of these would wait for the whole backlog.
const ANSWERED_MAX: usize = QUERIES * BACKLOG / 2;

/// Some work, and no two of these are alike: alike ones run once for all.
fn work(number: usize) -> String {
    format!(
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 60000) select max(i) + {number} from n"
    )
}

fn gateway() -> HttpGateway {
    writable("[pool]\nconnections_min = 1\nconnections_max = 2\nwait_timeout_ms = 60000\n")
}

/// Runs `modest` while a client over HTTP keeps its backlog full; gives how many of that were answered meanwhile.
fn beside_a_backlog(gateway: &HttpGateway, modest: impl FnOnce()) -> usize {
    let (answered, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        for line in 0..BACKLOG {
            let (answered, is_over) = (&answered, &is_over);
            scope.spawn(move || {
                let mut connection = gateway.connect();
                for number in 0.. {
                    if is_over.load(Ordering::Relaxed) {
                        return;
                    }
                    let query = json!({"query": work(line * 100_000 + number)});
                    text(&call(&mut connection, "greedy", "execute_query", &query));
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        until("the backlog is there", || answered.load(Ordering::Relaxed) > BACKLOG);
        let before = answered.load(Ordering::Relaxed);
        modest();
        let meanwhile = answered.load(Ordering::Relaxed) - before;
        is_over.store(true, Ordering::Relaxed);
        meanwhile
    })
}

#[test]
fn a_backlog_over_http_does_not_hold_up_a_client_with_a_shim() {
    let gateway = gateway();
    let mut client = gateway.home.client();
    client.initialize_as("modest", "2025-11-25");
    let meanwhile = beside_a_backlog(&gateway, || {
        for number in 0..QUERIES {
            assert!(tool_text(&client.query(&work(9_000_000 + number))).contains("(1 row)"));
        }
    });
    assert!(meanwhile < ANSWERED_MAX, "{meanwhile} of the backlog were answered beside {QUERIES}");
}

#[test]
fn a_backlog_of_one_client_id_does_not_hold_up_another() {
    let gateway = gateway();
    let mut connection = gateway.connect();
    let meanwhile = beside_a_backlog(&gateway, || {
        for number in 0..QUERIES {
            let query = json!({"query": work(9_000_000 + number)});
            text(&call(&mut connection, "modest", "execute_query", &query));
        }
    });
    assert!(meanwhile < ANSWERED_MAX, "{meanwhile} of the backlog were answered beside {QUERIES}");
}
