//! Transactions, temporary tables and variables on a session's own connection, and what becomes of them.

use warehouse::{Endpoint, Fault, Strike};

use super::*;

const TWO: &str = "[pool]\nconnections_max = 2\n";

#[track_caller]
fn count(client: &mut Client, key: &str) -> String {
    let text = query(client, &format!("SELECT COUNT(*) FROM {LOG} WHERE KEY = '{key}'"));
    text.lines().nth(1).unwrap_or_default().to_owned()
}

fn insert(key: &str) -> String {
    format!("INSERT INTO {LOG} VALUES ('{key}')")
}

#[test]
fn two_clients_never_see_each_other_s_temporary_tables_variables_and_transactions() {
    let warehouse = Warehouse::start();
    let home = home_with(&warehouse, TWO);
    let (mut one, mut two) = (client(&home), client(&home));
    query(&mut one, "CREATE TEMPORARY TABLE MINE (X INT)");
    query(&mut one, "INSERT INTO MINE VALUES (1)");
    query(&mut one, "SET SECRET = 'one'");
    query(&mut one, "BEGIN");
    query(&mut one, &insert("open"));
    for _ in 0..3 {
        assert!(error(&mut two, "SELECT * FROM MINE").contains("does not exist"));
        assert!(error(&mut two, "SELECT $SECRET").contains("does not exist"));
        assert_eq!(count(&mut two, "open"), "0");
        assert_eq!(count(&mut one, "open"), "1");
        assert_eq!(query(&mut one, "SELECT $SECRET AS S"), "S\none\n(1 row)");
        assert_eq!(query(&mut one, "SELECT * FROM MINE"), "X\n1\n(1 row)");
    }
    query(&mut one, "ROLLBACK");
    assert_eq!((count(&mut one, "open"), warehouse.count_key(LOG, "open")), ("0".to_owned(), 0));
    one.leave();
    for _ in 0..3 {
        assert!(error(&mut two, "SELECT * FROM MINE").contains("does not exist"));
    }
}

#[test]
fn a_transaction_across_calls_is_committed_by_its_session() {
    let warehouse = Warehouse::start();
    let home = home_with(&warehouse, TWO);
    let mut client = client(&home);
    query(&mut client, "BEGIN");
    query(&mut client, &insert("first"));
    let text = error(&mut client, "SELECT NOTHING FROM NOWHERE.X.Y");
    assert!(text.starts_with("SQL error"), "an error leaves it open: {text}");
    query(&mut client, &insert("second"));
    assert_eq!(warehouse.count_key(LOG, "first"), 0);
    query(&mut client, "COMMIT");
    assert_eq!((warehouse.count_key(LOG, "first"), warehouse.count_key(LOG, "second")), (1, 1));
    // Nobody's transaction is left on any connection.
    for number in 0..4 {
        query(&mut client, &insert(&format!("after {number}")));
        assert_eq!(warehouse.count_key(LOG, &format!("after {number}")), 1);
    }
}

#[test]
fn a_definition_ends_the_open_transaction() {
    let warehouse = Warehouse::start();
    let home = home_with(&warehouse, TWO);
    let mut client = client(&home);
    query(&mut client, "BEGIN");
    query(&mut client, &insert("kept"));
    query(&mut client, "CREATE TABLE STAGING.PUBLIC.MADE (X INT)");
    assert_eq!(warehouse.count_key(LOG, "kept"), 1);
    let arguments = json!({"query": insert("own"), "use_transaction": true});
    let answer = client.call("execute_query", &arguments);
    assert!(!is_error(&answer), "no transaction is open any more: {answer}");
}

#[test]
fn a_transaction_whose_session_has_ended_is_lost_with_a_word_and_nothing_runs_elsewhere() {
    let warehouse = Warehouse::start();
    let home = home_with(&warehouse, TWO);
    let mut client = client(&home);
    for last in ["COMMIT", "SELECT 1 AS N", "INSERT"] {
        query(&mut client, "BEGIN");
        query(&mut client, &insert("gone"));
        warehouse.end_sessions();
        let sql = if last == "INSERT" { insert("not run") } else { last.to_owned() };
        let text = error(&mut client, &sql);
        assert!(text.starts_with("State lost: ") && text.contains("an open transaction"), "{last}: {text}");
        assert_eq!(query(&mut client, "SELECT 7 AS N"), "N\n7\n(1 row)", "it was told once");
    }
    assert_eq!((warehouse.count_key(LOG, "gone"), warehouse.count_key(LOG, "not run")), (0, 0));
}

#[test]
fn a_session_that_ends_while_a_statement_is_sent_loses_what_it_held() {
    let warehouse = Warehouse::start();
    let home = home_with(&warehouse, TWO);
    let mut client = client(&home);
    query(&mut client, "CREATE TEMPORARY TABLE MINE (X INT)");
    query(&mut client, "SET X = 1");
    warehouse.fault(Endpoint::Submit, Strike::Nth(1), Fault::EndSession);
    let text = error(&mut client, &insert("not run"));
    warehouse.clear_faults();
    assert!(text.contains("SALES.PUBLIC.MINE") && text.contains("the variable X"), "{text}");
    assert_eq!(warehouse.count_key(LOG, "not run"), 0);
    assert!(error(&mut client, "SELECT * FROM MINE").contains("does not exist"));
}

#[test]
fn a_relaxed_session_is_refused_state_and_told_which_setting_decides() {
    let warehouse = Warehouse::start();
    let home = home_with(&warehouse, "[profiles.default]\nisolation = \"relaxed\"\n");
    let mut client = client(&home);
    for sql in
        ["BEGIN", "SET X = 1", "CREATE TEMPORARY TABLE T (X INT)", "ALTER SESSION SET TIMEZONE = 'UTC'"]
    {
        let text = error(&mut client, sql);
        assert!(text.starts_with("Refused: ") && text.contains("relaxed"), "{sql}: {text}");
    }
    assert_eq!(warehouse.seen(|seen| seen.queries.len()), 0);
}

#[test]
fn secondary_roles_belong_to_the_session_that_selects_them() {
    let warehouse = Warehouse::start();
    let home = home_with(&warehouse, "[pool]\nconnections_max = 1\n");
    let (mut one, mut two) = (client(&home), client(&home));
    let roles = |client: &mut Client| query(client, "SELECT CURRENT_SECONDARY_ROLES() AS R");
    // Its first call decides what it begins with: not with what the other one sets later.
    assert_eq!(roles(&mut two), "R\nNULL\n(1 row)");
    query(&mut one, "USE SECONDARY ROLES NONE");
    for _ in 0..2 {
        assert_eq!(
            (roles(&mut one), roles(&mut two)),
            ("R\nNONE\n(1 row)".into(), "R\nNULL\n(1 row)".into())
        );
    }
}
