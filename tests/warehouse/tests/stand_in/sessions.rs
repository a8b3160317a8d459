//! Tokens, renewal, heartbeats, closing.

use serde_json::{Value, json};
use warehouse::{Endpoint, Fault, QueryState, Strike, Warehouse};

use crate::caller::Caller;

#[test]
fn an_expired_token_is_renewed_and_the_session_goes_on() {
    let warehouse = Warehouse::start();
    let mut caller = Caller::logged_in(&warehouse);
    caller.rows("use database staging");
    warehouse.expire_tokens();
    assert_eq!(caller.submit("select 1")["code"], "390112");
    let old = caller.clone();
    assert_eq!(caller.renew()["success"], true);
    assert_eq!(caller.rows("select current_database()"), json!([["STAGING"]]));
    assert_eq!(old.submit("select 1")["code"], "390112", "the old token");
    assert_eq!(old.clone().renew()["code"], "390114", "the old master token");
    warehouse.seen(|seen| {
        assert_eq!(seen.renewals.len(), 1);
        assert_eq!(seen.queries.len(), 2, "what was refused is no query");
    });
}

#[test]
fn an_expired_master_token_means_a_new_log_in() {
    let warehouse = Warehouse::builder().unauthorized_status(401).start();
    let mut caller = Caller::logged_in(&warehouse);
    warehouse.expire_masters();
    let refused = caller.call("POST", "/session/heartbeat", &caller.token, &Value::Null).expect("an answer");
    assert_eq!((refused.status, &refused.json()["code"]), (401, &json!("390112")));
    assert_eq!(caller.renew()["code"], "390114");
}

#[test]
fn a_token_expires_in_the_middle_of_a_run() {
    let warehouse = Warehouse::start();
    let mut caller = Caller::logged_in(&warehouse);
    warehouse.fault(Endpoint::Result, Strike::Nth(2), Fault::ExpireToken);
    let started = caller.submit("select polls(3)");
    let poll = started["data"]["getResultUrl"].as_str().expect("a path").to_owned();
    assert_eq!(caller.get(&poll)["code"], "333333");
    assert_eq!(caller.get(&poll)["code"], "390112");
    caller.renew();
    assert_eq!(caller.get(&poll)["code"], "333333");
    assert_eq!(caller.get(&poll)["data"]["rowset"], json!([["3"]]));
}

#[test]
fn a_closed_session_is_gone_with_its_temporary_tables_and_running_queries() {
    let warehouse = Warehouse::builder().hold(std::time::Duration::ZERO).start();
    let (caller, other) = (Caller::logged_in(&warehouse), Caller::logged_in(&warehouse));
    caller.rows("create temporary table kept (k varchar)");
    assert_eq!(caller.rows("select count(*) from kept"), json!([["0"]]));
    assert_eq!(other.code("select count(*) from kept"), "002003");
    caller.submit("select held('x')");
    assert_eq!(caller.post("/session/heartbeat", &Value::Null)["success"], true);
    assert_eq!(caller.post("/session?delete=true", &json!({}))["success"], true);
    assert_eq!(caller.submit("select 1")["code"], "390111");
    warehouse.seen(|seen| {
        assert_eq!(seen.queries_of("select held('x')")[0].state, QueryState::Aborted);
        assert_eq!((seen.heartbeats.len(), seen.closes.len()), (1, 1));
    });
    assert_eq!(other.rows("select 1"), json!([["1"]]));
    warehouse.end_sessions();
    assert_eq!(other.submit("select 1")["code"], "390111");
}

#[test]
fn a_request_without_a_token_or_with_an_unknown_one_is_refused() {
    let warehouse = Warehouse::start();
    let stranger = Caller::stranger(&warehouse);
    assert_eq!(stranger.submit("select 1")["code"], "390103");
    assert_eq!(Caller { token: "x".into(), ..stranger }.submit("select 1")["code"], "390104");
}
