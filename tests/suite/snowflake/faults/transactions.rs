//! Transactions whose session, or whose end, is lost.

use super::*;

const BEGIN: usize = 1;
const STATEMENT: usize = 2;
const COMMIT: usize = 3;

/// A client on a session that is where it is to be, so that the next submissions are those of a transaction.
fn ready() -> (Warehouse, Home, Client) {
    let warehouse = Warehouse::start();
    let home = home_with(&warehouse, "[pool]\nconnections_max = 1\n");
    let mut client = client(&home);
    assert_eq!(query(&mut client, "SELECT 1 AS N"), "N\n1\n(1 row)");
    (warehouse, home, client)
}

/// Inserts `key` in a transaction.
#[track_caller]
fn insert_in_transaction(client: &mut Client, key: &str, more: &Value) -> Value {
    let mut arguments = json!({"query": insert(&format!("'{key}'"))});
    arguments.as_object_mut().expect("arguments").extend(more.as_object().expect("more").clone());
    let id = client.send_call("execute_query", &arguments);
    client.answer(&id)
}

/// What is written next lasts: no transaction was left open on the connection.
#[track_caller]
fn writes_last(warehouse: &Warehouse, client: &mut Client, key: &str) {
    works_again(client);
    assert_eq!(query(client, &insert(&format!("'{key}'"))), "1 row changed");
    assert_eq!(warehouse.count_key(LOG, key), 1, "it is in a transaction that nobody commits");
}

#[test]
fn a_session_that_is_lost_before_begin_is_replaced_unnoticed() {
    let (warehouse, _home, mut client) = ready();
    warehouse.fault(Endpoint::Submit, Strike::Nth(BEGIN), Fault::EndSession);
    let answer = insert_in_transaction(&mut client, "begin", &json!({"use_transaction": true}));
    assert_eq!(result(&answer), "1 row changed");
    assert_eq!(warehouse.count_key(LOG, "begin"), 1);
    writes_last(&warehouse, &mut client, "after");
}

#[test]
fn a_session_that_is_lost_between_begin_and_commit_takes_the_transaction_with_it_and_says_so() {
    let (warehouse, home, mut client) = ready();
    let faults = [Fault::EndSession, Fault::refusal("390114", "Authentication token has expired.")];
    for (number, fault) in faults.iter().enumerate() {
        for nth in [STATEMENT, COMMIT] {
            let key = format!("lost {number} at {nth}");
            warehouse.fault(Endpoint::Submit, Strike::Nth(nth), fault.clone());
            let answer = insert_in_transaction(&mut client, &key, &json!({"use_transaction": true}));
            warehouse.clear_faults();
            let text = tool_text(&answer);
            assert!(is_error(&answer) && text.contains("the transaction was rolled back"), "{key}: {text}");
            assert!(text.contains("nothing was changed") && !text.contains("unknown"), "{key}: {text}");
            assert_eq!(warehouse.count_key(LOG, &key), 0, "{key}");
            writes_last(&warehouse, &mut client, &format!("after {key}"));
        }
    }
    assert_eq!(home.writes_under_way(), 0);
}

#[test]
fn a_token_that_expires_in_a_transaction_is_renewed_unnoticed() {
    let (warehouse, _home, mut client) = ready();
    for nth in [BEGIN, STATEMENT, COMMIT] {
        let key = format!("renewed at {nth}");
        warehouse.fault(Endpoint::Submit, Strike::Nth(nth), Fault::ExpireToken);
        let answer = insert_in_transaction(&mut client, &key, &json!({"use_transaction": true}));
        warehouse.clear_faults();
        assert_eq!((result(&answer), warehouse.count_key(LOG, &key)), ("1 row changed", 1));
    }
    assert_eq!(warehouse.seen(|seen| seen.log_ins.len()), 1);
}

#[test]
fn an_answer_that_is_lost_once_is_asked_for_again() {
    let (warehouse, _home, mut client) = ready();
    for nth in [BEGIN, STATEMENT, COMMIT] {
        for (name, fault) in [("unread", Fault::ResetUnread), ("answer", Fault::ResetAnswer)] {
            let key = format!("{name} at {nth}");
            warehouse.fault(Endpoint::Submit, Strike::Nth(nth), fault);
            let answer = insert_in_transaction(&mut client, &key, &json!({"use_transaction": true}));
            warehouse.clear_faults();
            assert_eq!((result(&answer), warehouse.count_key(LOG, &key)), ("1 row changed", 1), "{key}");
        }
    }
}

#[test]
fn a_commit_whose_answer_is_lost_for_good_is_said_to_be_unknown() {
    let (warehouse, home, mut client) = ready();
    strike_from(&warehouse, Endpoint::Submit, COMMIT, ATTEMPTS_MAX, &Fault::ResetAnswer);
    let answer = insert_in_transaction(&mut client, "commit", &json!({"use_transaction": true}));
    let text = tool_text(&answer);
    assert!(is_error(&answer) && text.contains("outcome unknown"), "{text}");
    assert_eq!(warehouse.count_key(LOG, "commit"), 1);
    writes_last(&warehouse, &mut client, "after");
    assert_eq!(home.writes_under_way(), 0);
}

#[test]
fn a_statement_whose_answer_is_lost_for_good_is_not_committed() {
    let (warehouse, _home, mut client) = ready();
    strike_from(&warehouse, Endpoint::Submit, STATEMENT, ATTEMPTS_MAX, &Fault::ResetAnswer);
    let answer = insert_in_transaction(&mut client, "statement", &json!({"use_transaction": true}));
    let text = tool_text(&answer);
    assert!(is_error(&answer) && text.contains("the transaction was rolled back"), "{text}");
    assert_eq!(warehouse.count_key(LOG, "statement"), 0);
    writes_last(&warehouse, &mut client, "after");
}

#[test]
fn a_rollback_that_does_not_get_through_leaves_no_transaction_open() {
    let (warehouse, _home, mut client) = ready();
    strike_from(&warehouse, Endpoint::Submit, COMMIT, ATTEMPTS_MAX, &Fault::ResetUnread);
    let dry = insert_in_transaction(&mut client, "dry", &json!({"auto_commit": false}));
    assert!(tool_text(&dry).starts_with("1 row changed"), "{dry}");
    writes_last(&warehouse, &mut client, "after a dry run");
    warehouse.clear_faults();
    strike_from(&warehouse, Endpoint::Submit, COMMIT, ATTEMPTS_MAX, &Fault::ResetUnread);
    let sql = "INSERT INTO STAGING.PUBLIC.LOG VALUES ('a', 'b')";
    let id = client.send_call("execute_query", &json!({"query": sql, "use_transaction": true}));
    let answer = client.answer(&id);
    assert!(tool_text(&answer).starts_with("SQL error: "), "{answer}");
    writes_last(&warehouse, &mut client, "after an error");
    assert_eq!(warehouse.count_key(LOG, "dry"), 0);
}

#[test]
fn a_transaction_that_is_cancelled_is_not_committed() {
    let (warehouse, home, mut client) = ready();
    let gate = warehouse::Gate::new();
    warehouse.fault(Endpoint::Submit, Strike::Nth(STATEMENT), Fault::HoldAnswer(gate.clone()));
    let sql = insert("'cancelled'");
    let id = client.send_call("execute_query", &json!({"query": sql, "use_transaction": true}));
    gate.until_arrived(1);
    client.notify("notifications/cancelled", &json!({"requestId": id}));
    // It has run, and its answer is on its way.
    warehouse.until("the abort", |seen| seen.count(Endpoint::Abort) > 0);
    gate.open();
    eventually("the write is forgotten", || (home.writes_under_way() == 0).then_some(()));
    assert_eq!(warehouse.count_key(LOG, "cancelled"), 0);
    writes_last(&warehouse, &mut client, "after");
    assert_eq!(warehouse.count_key(LOG, "cancelled"), 0);
}

#[test]
fn a_transaction_that_a_leaving_gateway_does_not_commit_is_run_by_the_next() {
    let warehouse = Warehouse::start();
    let home = home_with(&warehouse, "[gateway]\ndrain_timeout_ms = 100\n");
    let mut client = client(&home);
    works_again(&mut client);
    let (gate, sql) = (warehouse::Gate::new(), insert("'left'"));
    warehouse.fault(Endpoint::Submit, Strike::Nth(STATEMENT), Fault::HoldAnswer(gate.clone()));
    let id = client.send_call("execute_query", &json!({"query": sql, "use_transaction": true}));
    gate.until_arrived(1);
    std::thread::scope(|scope| {
        let restart = scope.spawn(|| home.run(&["restart"]));
        // It has run, and its answer is on its way.
        warehouse.until("the abort", |seen| seen.count(Endpoint::Abort) > 0);
        gate.open();
        assert_eq!(restart.join().expect("a restart").code, Some(0));
    });
    assert_eq!(result(&client.answer(&id)), "1 row changed");
    assert_eq!(warehouse.count_key(LOG, "left"), 1);
}

#[test]
fn what_commits_by_itself_is_not_said_to_be_rolled_back() {
    let (warehouse, _home, mut client) = ready();
    warehouse.fault(Endpoint::Submit, Strike::Nth(COMMIT), Fault::EndSession);
    let sql = "CREATE TABLE STAGING.PUBLIC.MADE (X INT)";
    let answer = client.call("execute_query", &json!({"query": sql, "use_transaction": true}));
    let text = tool_text(&answer);
    assert!(is_error(&answer) && text.contains("outcome unknown"), "{text}");
    assert!(warehouse.rows("STAGING.PUBLIC.MADE").is_empty());
    writes_last(&warehouse, &mut client, "after");
}
