//! Sessions of which it is not known in which state they are, and statements under names that were used
//! before.

use super::*;

#[test]
fn a_change_of_context_whose_answer_is_lost_misleads_no_later_statement() {
    let warehouse = Warehouse::start();
    let home = home_with(&warehouse, "[pool]\nconnections_max = 1\n");
    let mut clients = [client(&home), client(&home)];
    let sql = "SELECT current_database() AS D";
    assert_eq!(query(&mut clients[0], sql), "D\nSALES\n(1 row)");
    warehouse.fault(Endpoint::Submit, Strike::First(ATTEMPTS_MAX), Fault::ResetAnswer);
    let answer = clients[1].call("set_context", &json!({"database": "STAGING"}));
    assert!(is_error(&answer), "{answer}");
    // The server has gone to STAGING; nobody was told.
    for client in &mut clients {
        let first = eventually("the next query works", || {
            let answer = ask(client, sql);
            (!is_error(&answer)).then(|| result(&answer).to_owned())
        });
        assert_eq!(first, "D\nSALES\n(1 row)");
    }
}

#[test]
fn a_change_of_context_that_is_refused_costs_no_session() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    for _ in 0..3 {
        let answer = client.call("set_context", &json!({"role": "NOBODY"}));
        assert!(is_error(&answer), "{answer}");
        assert_eq!(query(&mut client, "SELECT current_role() AS R"), "R\nANALYST\n(1 row)");
    }
    assert_eq!(warehouse.seen(|seen| seen.log_ins.len()), 1);
}

#[test]
fn a_read_that_a_leaving_gateway_aborts_is_run_by_the_next() {
    let warehouse = Warehouse::start();
    let home = home_with(&warehouse, "[gateway]\ndrain_timeout_ms = 100\n");
    let mut client = client(&home);
    let sql = "SELECT held('again') AS X";
    let id = send(&mut client, sql);
    warehouse.until("it runs", |seen| seen.queries_of(sql).len() == 1);
    assert_eq!(home.run(&["restart"]).code, Some(0));
    warehouse.release("again");
    assert_eq!(result(&client.answer(&id)), "X\nagain\n(1 row)");
}

#[test]
fn a_transaction_that_a_leaving_gateway_rolls_back_is_run_by_the_next() {
    let warehouse = Warehouse::start();
    let home = home_with(&warehouse, "[gateway]\ndrain_timeout_ms = 100\n");
    let mut client = client(&home);
    let sql = insert("held('transaction')");
    let id = client.send_call("execute_query", &json!({"query": sql, "use_transaction": true}));
    warehouse.until("it runs", |seen| seen.queries_of(&sql).len() == 1);
    assert_eq!(home.run(&["restart"]).code, Some(0));
    warehouse.release("transaction");
    assert_eq!(result(&client.answer(&id)), "1 row changed");
    assert_eq!(warehouse.count_key(LOG, "transaction"), 1);
}

#[test]
fn an_outage_costs_no_session() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    works_again(&mut client);
    warehouse.go_down();
    assert!(is_error(&ask(&mut client, "SELECT 1 AS N")));
    warehouse.come_up();
    works_again(&mut client);
    assert_eq!(warehouse.seen(|seen| seen.log_ins.len()), 1);
}

#[test]
fn a_connection_whose_session_was_lost_in_an_outage_logs_in_again() {
    let warehouse = Warehouse::start();
    let home = home_with(&warehouse, "[pool]\nconnections_max = 1\nconnections_min = 1\n");
    let mut client = client(&home);
    works_again(&mut client);
    warehouse.end_sessions();
    warehouse.fault(Endpoint::LogIn, Strike::Always, Fault::status(503));
    assert!(is_error(&ask(&mut client, "SELECT 1 AS N")));
    warehouse.clear_faults();
    works_again(&mut client);
}

#[test]
fn a_write_that_is_fetched_survives_one_gateway_after_the_other() {
    let warehouse = Warehouse::start();
    let home = home_with(&warehouse, "[gateway]\ndrain_timeout_ms = 100\n");
    let mut client = client(&home);
    let sql = insert("held('carried')");
    let id = send(&mut client, &sql);
    until_polled(&warehouse, &sql, 0);
    home.kill_gateway();
    // The second one asks for what the first one ran, and leaves; the third one asks again.
    until_polled(&warehouse, &sql, 1);
    assert_eq!(home.run(&["restart"]).code, Some(0));
    until_polled(&warehouse, &sql, 2);
    warehouse.release("carried");
    assert_eq!(result(&client.answer(&id)), "1 row changed");
    assert_eq!((warehouse.count_key(LOG, "carried"), submissions(&warehouse, &sql)), (1, (1, 1)));
    assert_eq!(warehouse.seen(|seen| seen.aborts.len()), 0);
}

#[test]
fn a_write_whose_result_cannot_be_fetched_is_of_unknown_outcome() {
    let warehouse = Warehouse::start();
    // The call waits for its end, and not with a handle.
    let home = home_with(&warehouse, "[limits]\nanswer_within_ms = 0\n");
    let mut client = client(&home);
    let sql = insert("held('unfetched')");
    let id = send(&mut client, &sql);
    until_polled(&warehouse, &sql, 0);
    warehouse.fault(Endpoint::LogIn, Strike::Always, Fault::status(503));
    home.kill_gateway();
    let answer = client.answer(&id);
    let query_id = warehouse.seen(|seen| seen.queries_of(&sql)[0].query_id.clone());
    let text = tool_text(&answer);
    assert!(text.contains("outcome unknown") && text.contains(&query_id), "{text}");
    warehouse.clear_faults();
    warehouse.release("unfetched");
    works_again(&mut client);
    assert_eq!(submissions(&warehouse, &sql), (1, 1));
}

#[test]
fn a_write_that_is_fetched_is_aborted_by_a_cancel() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    let sql = insert("held('cancelled')");
    let id = send(&mut client, &sql);
    until_polled(&warehouse, &sql, 0);
    home.kill_gateway();
    until_polled(&warehouse, &sql, 1);
    client.notify("notifications/cancelled", &json!({"requestId": id}));
    warehouse.until("the abort", |seen| seen.queries_of(&sql)[0].state == QueryState::Aborted);
    assert_eq!(submissions(&warehouse, &sql), (1, 1));
    works_again(&mut client);
}

#[test]
fn a_long_read_is_left_to_the_next_gateway_with_its_session() {
    let warehouse = impatient(50);
    let home = home_with(&warehouse, "[gateway]\ndrain_timeout_ms = 100\n");
    let mut client = client(&home);
    let sql = "SELECT held('left') AS X";
    let id = send(&mut client, sql);
    until_polled(&warehouse, sql, 0);
    assert_eq!(home.run(&["restart"]).code, Some(0));
    warehouse.release("left");
    assert_eq!(result(&client.answer(&id)), "X\nleft\n(1 row)");
    assert_eq!(submissions(&warehouse, sql), (1, 1));
}

#[test]
fn a_session_that_ends_after_an_answer_was_lost_proves_nothing() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    works_again(&mut client);
    let no_more = Fault::refusal("390114", "Authentication token has expired.");
    let faults = [(Fault::EndSession, None), (no_more.clone(), None), (Fault::ExpireToken, Some(no_more))];
    for (number, (lost, renewal)) in faults.into_iter().enumerate() {
        let write = insert(&format!("'{number}'"));
        let read = format!("SELECT {number} AS N");
        for sql in [&write, &read] {
            strike_from(&warehouse, Endpoint::Submit, 1, 1, &Fault::ResetAnswer);
            strike_from(&warehouse, Endpoint::Submit, 1, 1, &lost);
            if let Some(fault) = &renewal {
                warehouse.fault(Endpoint::Renew, Strike::First(1), fault.clone());
            }
            let answer = ask(&mut client, sql);
            warehouse.clear_faults();
            let text = tool_text(&answer);
            if *sql == read {
                assert_eq!(result(&answer), format!("N\n{number}\n(1 row)"));
            } else {
                assert!(is_error(&answer) && text.contains("outcome unknown"), "{text}");
                assert_eq!(submissions(&warehouse, sql), (1, 1), "{lost:?}");
            }
            works_again(&mut client);
        }
        assert_eq!(warehouse.count_key(LOG, &number.to_string()), 1);
    }
}

#[test]
fn a_token_that_expires_after_an_answer_was_lost_is_renewed_and_the_write_is_carried_out_once() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    works_again(&mut client);
    strike_from(&warehouse, Endpoint::Submit, 1, 1, &Fault::ResetAnswer);
    strike_from(&warehouse, Endpoint::Submit, 1, 1, &Fault::ExpireToken);
    assert_eq!(query(&mut client, &insert("'once'")), "1 row changed");
    assert_eq!(warehouse.count_key(LOG, "once"), 1);
}
