//! Tokens that expire and sessions that end, unnoticed by clients.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;

const WHERE: &str =
    "SELECT current_role() AS R, current_warehouse() AS W, current_database() AS D, current_schema() AS S";

/// A way to lose all sessions.
type Lose = fn(&Warehouse);

/// Somewhere that no log-in leads to.
fn elsewhere(client: &mut Client) {
    let wanted = json!({"role": "LOADER", "warehouse": "BIG_WH", "database": "SALES", "schema": "ARCHIVE"});
    let answer = client.call("set_context", &wanted);
    assert!(!is_error(&answer), "{answer}");
}

#[track_caller]
fn is_elsewhere(client: &mut Client) {
    assert_eq!(query(client, WHERE), "R|W|D|S\nLOADER|BIG_WH|SALES|ARCHIVE\n(1 row)");
}

#[test]
fn tokens_that_expire_in_the_middle_of_a_run_are_renewed_unnoticed() {
    let (warehouse, home) = started(impatient(50));
    let mut client = client(&home);
    let statements = [
        ("SELECT held('read') AS X".to_owned(), "read", "X\nread\n(1 row)"),
        (insert("held('write')"), "write", "1 row changed"),
    ];
    for (at, (sql, name, expected)) in statements.iter().enumerate() {
        let id = send(&mut client, sql);
        until_polled(&warehouse, sql, 0);
        for expiry in 1..=2 {
            warehouse.expire_tokens();
            warehouse.until("the renewal", |seen| seen.renewals.len() == 2 * at + expiry);
        }
        warehouse.release(name);
        assert_eq!(result(&client.answer(&id)), *expected);
        assert_eq!(submissions(&warehouse, sql), (1, 1));
    }
    assert_eq!(warehouse.count_key(LOG, "write"), 1);
    assert_eq!(warehouse.seen(|seen| seen.log_ins.len()), 1);
}

#[test]
fn tokens_that_expire_under_load_are_renewed_once_each_time() {
    const CLIENTS: usize = 6;
    const ROUNDS: usize = 20;
    let warehouse = Warehouse::start();
    let home = home_with(&warehouse, "[pool]\nconnections_max = 3\n");
    let is_over = AtomicBool::new(false);
    let mut expiries = 0;
    thread::scope(|scope| {
        let asking: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let home = &home;
                scope.spawn(move || {
                    let mut client = client(home);
                    for round in 0..ROUNDS {
                        let key = format!("{number}-{round}");
                        assert_eq!(
                            query(&mut client, &format!("SELECT '{key}' AS K")),
                            format!("K\n{key}\n(1 row)")
                        );
                        assert_eq!(query(&mut client, &insert(&format!("'{key}'"))), "1 row changed");
                    }
                })
            })
            .collect();
        let expiring = scope.spawn(|| {
            let mut expiries = 0;
            let queries = || warehouse.seen(|seen| seen.queries.len());
            let mut before = 0;
            while !is_over.load(Ordering::Acquire) {
                // Not faster than anybody can get anything done.
                if queries() < before + CLIENTS {
                    thread::yield_now();
                    continue;
                }
                before = queries();
                warehouse.expire_tokens();
                expiries += 1;
            }
            expiries
        });
        let ended: Vec<_> = asking.into_iter().map(thread::ScopedJoinHandle::join).collect();
        is_over.store(true, Ordering::Release);
        expiries = expiring.join().expect("expiries");
        ended.into_iter().for_each(|ended| ended.expect("a client's end"));
    });
    for number in 0..CLIENTS {
        for round in 0..ROUNDS {
            assert_eq!(warehouse.count_key(LOG, &format!("{number}-{round}")), 1);
        }
    }
    warehouse.seen(|seen| {
        let (renewals, sessions) = (seen.renewals.len(), seen.sessions());
        println!("{expiries} expiries, {sessions} sessions, {renewals} renewals");
        assert!(sessions <= 3 && renewals > 0 && renewals <= expiries * sessions);
        // Whoever asks with a token that was replaced meanwhile takes the new one: nobody renews in vain.
        assert_eq!(seen.count(Endpoint::Renew), renewals);
    });
}

#[test]
fn all_who_need_a_new_token_of_a_session_wait_for_one_renewal() {
    let (warehouse, home) = started(impatient(50));
    let mut client = client(&home);
    let sql = "SELECT held('never') AS X";
    let id = send(&mut client, sql);
    until_polled(&warehouse, sql, 0);
    let gate = warehouse::Gate::new();
    warehouse.fault(Endpoint::Renew, Strike::First(1), Fault::Hold(gate.clone()));
    warehouse.expire_tokens();
    gate.until_arrived(1);
    // The question for the result waits for the token; so does the abort.
    client.notify("notifications/cancelled", &json!({"requestId": id}));
    warehouse.until("the abort is refused", |seen| seen.count(Endpoint::Abort) == 1);
    gate.open();
    warehouse.until("the abort", |seen| seen.aborts.iter().any(|abort| abort.effective));
    assert_eq!(query(&mut client, "SELECT 1 AS N"), "N\n1\n(1 row)");
    assert_eq!(warehouse.seen(|seen| seen.count(Endpoint::Renew)), 1);
}

#[test]
fn sessions_that_are_lost_are_replaced_with_their_context_for_reads_and_writes() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    elsewhere(&mut client);
    let ways: [(&str, Lose); 2] =
        [("masters", Warehouse::expire_masters), ("sessions", Warehouse::end_sessions)];
    for (at, (name, lose)) in ways.iter().enumerate() {
        lose(&warehouse);
        is_elsewhere(&mut client);
        assert_eq!(warehouse.seen(|seen| seen.log_ins.len()), 2 * at + 2, "{name}");
        lose(&warehouse);
        assert_eq!(query(&mut client, &insert(&format!("'{name}'"))), "1 row changed");
        assert_eq!(warehouse.seen(|seen| seen.log_ins.len()), 2 * at + 3, "{name}");
        assert_eq!(warehouse.count_key(LOG, name), 1, "{name}");
        is_elsewhere(&mut client);
    }
}

#[test]
fn a_statement_that_is_refused_because_of_its_session_is_carried_out_once() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    elsewhere(&mut client);
    let faults = [
        ("390112", Fault::ExpireToken),
        ("390111", Fault::EndSession),
        ("390114", Fault::refusal("390114", "Authentication token has expired.")),
        ("390104", Fault::refusal("390104", "User must login again.")),
    ];
    for (code, fault) in faults {
        let write = insert(&format!("'{code}'"));
        let read = format!("SELECT '{code}' AS C");
        for (sql, expected) in [(&write, "1 row changed".to_owned()), (&read, format!("C\n{code}\n(1 row)"))]
        {
            warehouse.fault(Endpoint::Submit, Strike::First(1), fault.clone());
            assert_eq!(query(&mut client, sql), expected);
            assert_eq!(submissions(&warehouse, sql), (1, 1), "{code}");
            warehouse.clear_faults();
        }
        assert_eq!(warehouse.count_key(LOG, code), 1);
        is_elsewhere(&mut client);
    }
    assert_eq!(home.writes_under_way(), 0);
}

#[test]
fn a_new_session_fetches_what_came_of_a_write_whose_session_ended() {
    let (warehouse, home) = started(impatient(50));
    let mut client = client(&home);
    let sql = insert("held('detached')");
    let id = send(&mut client, &sql);
    until_polled(&warehouse, &sql, 0);
    warehouse.end_sessions();
    warehouse.until("the next log-in", |seen| seen.sessions() == 2);
    warehouse.release("detached");
    assert_eq!(result(&client.answer(&id)), "1 row changed");
    assert_eq!((warehouse.count_key(LOG, "detached"), submissions(&warehouse, &sql)), (1, (1, 1)));
    assert_eq!(home.writes_under_way(), 0);
}

#[test]
fn sessions_that_end_one_after_the_other_leave_a_write_s_outcome_unknown_by_name() {
    let (warehouse, home) = started(impatient(50));
    let mut client = client(&home);
    let sql = insert("held('twice')");
    let id = send(&mut client, &sql);
    until_polled(&warehouse, &sql, 0);
    strike_from(&warehouse, Endpoint::Result, 1, 2, &Fault::EndSession);
    let answer = client.answer(&id);
    let query_id = warehouse.seen(|seen| seen.queries_of(&sql)[0].query_id.clone());
    let text = tool_text(&answer);
    assert!(is_error(&answer) && text.contains("outcome unknown") && text.contains(&query_id), "{text}");
    warehouse.release("twice");
    warehouse.until("its end", |seen| seen.queries_of(&sql)[0].state == QueryState::Succeeded);
    assert_eq!((warehouse.count_key(LOG, "twice"), submissions(&warehouse, &sql)), (1, (1, 1)));
    works_again(&mut client);
}

#[test]
fn a_read_whose_session_ends_is_asked_again() {
    let (warehouse, home) = started(impatient(50));
    let mut client = client(&home);
    let sql = "SELECT held('again') AS X";
    let id = send(&mut client, sql);
    until_polled(&warehouse, sql, 0);
    warehouse.end_sessions();
    warehouse.until("it is submitted anew", |seen| seen.queries_of(sql).len() == 2);
    warehouse.release("again");
    assert_eq!(result(&client.answer(&id)), "X\nagain\n(1 row)");
}
