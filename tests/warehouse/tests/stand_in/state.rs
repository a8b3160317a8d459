//! What belongs to a session: its transaction, variables, temporary tables, and what it counts as.

use serde_json::{Value, json};
use warehouse::{Warehouse, secrets};

use crate::caller::Caller;

const LOG: &str = "STAGING.PUBLIC.LOG";

#[track_caller]
fn row(caller: &Caller, sql: &str) -> Value {
    let answer = caller.submit(sql);
    assert_eq!(answer["success"], true, "{sql}: {answer}");
    answer["data"]["rowset"][0].clone()
}

fn code(caller: &Caller, sql: &str) -> String {
    caller.submit(sql)["code"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn variables_and_temporary_tables_are_seen_by_their_own_session_until_it_ends() {
    let warehouse = Warehouse::start();
    let (one, two) = (Caller::logged_in(&warehouse), Caller::logged_in(&warehouse));
    row(&one, "set x = 'mine'");
    row(&one, "set (a, b) = (1, 2)");
    assert_eq!(row(&one, "select $x, $A, $b"), json!(["mine", "1", "2"]));
    assert_eq!(code(&two, "select $x"), "002211");
    row(&one, "unset (a, x)");
    assert_eq!((code(&one, "select $x"), row(&one, "select $b")), ("002211".to_owned(), json!(["2"])));
    row(&one, "create temporary table t (x int)");
    assert_eq!(
        (code(&two, "select * from t"), row(&one, "select count(*) from t")),
        ("002003".into(), json!(["0"]))
    );
}

#[test]
fn a_transaction_is_seen_by_its_own_session_and_committed_by_a_definition() {
    let warehouse = Warehouse::start();
    let (one, two) = (Caller::logged_in(&warehouse), Caller::logged_in(&warehouse));
    row(&one, "begin");
    row(&one, &format!("insert into {LOG} values ('k')"));
    let count = format!("select count(*) from {LOG} where key = 'k'");
    assert_eq!((row(&one, &count), row(&two, &count)), (json!(["1"]), json!(["0"])));
    assert!(row(&one, "select current_transaction()")[0].is_string());
    row(&one, "create table staging.public.made (x int)");
    assert_eq!((row(&one, "select current_transaction()"), row(&two, &count)), (json!([null]), json!(["1"])));
}

#[test]
fn a_user_s_sessions_count_as_an_agent_s_where_the_test_says_so() {
    let warehouse = Warehouse::start();
    let question = "select sys_context('SNOWFLAKE$CURRENT', 'IS_AGENT_ACTIVATED'), \
                    sys_context('SNOWFLAKE$SESSION', 'ACTIVE_RESTRICTED_SESSION_SCOPES')";
    let plain = Caller::logged_in(&warehouse);
    assert_eq!(row(&plain, question), json!(["FALSE", "[]"]));
    warehouse.change_user(secrets::USER, |user| user.make_agent(Some("SNOWFLAKE$DATA_READ")));
    let agent = row(&Caller::logged_in(&warehouse), question);
    assert_eq!(agent[0], "TRUE");
    assert!(agent[1].as_str().is_some_and(|scopes| scopes.contains("SNOWFLAKE$DATA_READ")), "{agent}");
    assert_eq!(row(&plain, question), json!(["FALSE", "[]"]), "it is what it was at its log-in");
    warehouse.change_user(secrets::USER, warehouse::User::forget_sys_context);
    assert_eq!(code(&Caller::logged_in(&warehouse), question), "002140");
}
