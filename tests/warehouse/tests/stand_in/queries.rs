//! Submitting, polling, aborting, looking at.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use warehouse::{QueryState, Warehouse};

use crate::caller::{Caller, request_id};

fn quick() -> (Warehouse, Caller) {
    let warehouse = Warehouse::builder().hold(Duration::ZERO).start();
    let caller = Caller::logged_in(&warehouse);
    (warehouse, caller)
}

fn path(answer: &Value) -> String {
    answer["data"]["getResultUrl"].as_str().unwrap_or_else(|| panic!("not running: {answer}")).to_owned()
}

#[test]
fn the_same_request_id_is_the_same_query() {
    let (warehouse, caller) = quick();
    let insert = json!({"sqlText": "insert into staging.public.log values ('k')"});
    let name = request_id();
    let first = caller.submit_as(&name, &insert);
    assert_eq!(first["data"]["rowset"], json!([["1"]]));
    let other = Caller::logged_in(&warehouse);
    assert_eq!(other.submit_as(&name, &insert)["data"]["queryId"], first["data"]["queryId"]);
    assert_eq!(warehouse.count_key("STAGING.PUBLIC.LOG", "k"), 1);
    caller.submit_as(&request_id(), &insert);
    assert_eq!(warehouse.count_key("STAGING.PUBLIC.LOG", "k"), 2, "another name is another query");
    warehouse.seen(|seen| {
        assert_eq!(seen.queries.len(), 2);
        assert_eq!((seen.queries[0].submissions, seen.queries[0].executions), (2, 1));
        assert_eq!(seen.queries[0].request_id, name);
    });
}

#[test]
fn a_long_query_is_polled_and_another_session_may_fetch_its_result() {
    let (warehouse, caller) = quick();
    let started = caller.submit("select held('x')");
    assert_eq!((&started["code"], &started["success"]), (&json!("333333"), &json!(true)));
    let query = started["data"]["queryId"].as_str().expect("an id").to_owned();
    assert_eq!(caller.get(&path(&started))["code"], "333333");
    let status =
        |caller: &Caller| caller.get(&format!("/monitoring/queries/{query}"))["data"]["queries"][0].clone();
    assert_eq!(status(&caller)["status"], "RUNNING");
    warehouse.release("x");
    let other = Caller::logged_in(&warehouse);
    warehouse.until("the query is done", |seen| seen.queries[0].state == QueryState::Succeeded);
    assert_eq!(other.get(&path(&started))["data"]["rowset"], json!([["x"]]));
    assert_eq!(status(&other)["status"], "SUCCESS");
    assert_eq!(other.get("/monitoring/queries/01-x")["data"]["queries"], json!([]));
    assert_eq!(other.get("/queries/01-x/result")["code"], "000709");
}

#[test]
fn a_detached_query_runs_on_and_reports_its_errors_later() {
    let (warehouse, caller) = quick();
    let detached = |sql: &str| caller.submit_as(&request_id(), &json!({"sqlText": sql, "asyncExec": true}));
    let (good, bad) = (detached("select 1"), detached("select nope"));
    assert_eq!((&good["code"], &bad["code"]), (&json!("333334"), &json!("333334")));
    assert_eq!(caller.get(&path(&good))["data"]["rowset"], json!([["1"]]));
    assert_eq!(caller.get(&path(&bad))["code"], "001003");
    let kept = detached("select held('x')");
    warehouse.end_sessions();
    warehouse.release("x");
    let other = Caller::logged_in(&warehouse);
    warehouse.until("the query is done", |seen| seen.queries[2].state == QueryState::Succeeded);
    assert_eq!(other.get(&path(&kept))["data"]["rowset"], json!([["x"]]));
}

#[test]
fn a_client_that_closes_its_session_ends_detached_queries_too() {
    let (warehouse, caller) = quick();
    let sql = "select held('x')";
    caller.submit_as(&request_id(), &json!({"sqlText": sql, "asyncExec": true}));
    caller.post("/session?delete=true", &json!({}));
    warehouse.until("the query has ended", |seen| seen.queries_of(sql)[0].state == QueryState::Aborted);
}

#[test]
fn a_question_is_held_until_the_query_is_done() {
    let warehouse = Warehouse::start();
    let caller = Caller::logged_in(&warehouse);
    let waiting = thread::spawn({
        let caller = caller.clone();
        move || caller.submit("select held('x')")
    });
    warehouse.until("the submission", |seen| seen.queries.len() == 1);
    warehouse.release("x");
    assert_eq!(waiting.join().expect("an answer")["data"]["rowset"], json!([["x"]]));
    let since = Instant::now();
    assert_eq!(caller.rows("select system$wait(30, 'MILLISECONDS')"), json!([["waited 30 milliseconds"]]));
    assert!(since.elapsed() >= Duration::from_millis(30));
}

#[test]
fn an_abort_stops_a_running_query_and_no_other() {
    let (warehouse, caller) = quick();
    let name = request_id();
    let started =
        caller.submit_as(&name, &json!({"sqlText": "insert into staging.public.log values (held('x'))"}));
    let abort = |body: Value| caller.post("/queries/v1/abort-request?requestId=other", &body);
    assert_eq!(abort(json!({"requestId": "x"}))["code"], "000605");
    let sent = Instant::now();
    assert_eq!(abort(json!({"requestId": name}))["success"], true);
    assert_eq!(abort(json!({"requestId": name}))["code"], "000605", "it is done");
    let failed = caller.get(&path(&started));
    assert_eq!((&failed["code"], &failed["data"]["sqlState"]), (&json!("000604"), &json!("57014")));
    warehouse.release("x");
    assert_eq!(warehouse.count_key("STAGING.PUBLIC.LOG", "x"), 0);
    warehouse.seen(|seen| {
        let effective: Vec<bool> = seen.aborts.iter().map(|abort| abort.effective).collect();
        assert_eq!(effective, [false, true, false]);
        assert!(seen.aborts[1].at >= sent && seen.aborts[1].request_id.as_deref() == Some(name.as_str()));
        assert_eq!((seen.queries[0].executions, &seen.queries[0].state), (0, &QueryState::Aborted));
    });
    let second = caller.submit("select held('y')");
    let query = second["data"]["queryId"].as_str().expect("an id");
    assert_eq!(caller.post(&format!("/queries/{query}/abort-request"), &json!({}))["success"], true);
}

#[test]
fn a_time_out_stops_a_query() {
    let (warehouse, caller) = quick();
    let slow = json!({"sqlText": "select held('x')", "parameters": {"STATEMENT_TIMEOUT_IN_SECONDS": 1}});
    let started = caller.submit_as(&request_id(), &slow);
    warehouse.until("the time-out", |seen| seen.queries[0].state == QueryState::Failed("000630".into()));
    assert_eq!(caller.get(&path(&started))["code"], "000630");
}

#[test]
fn tags_parameters_and_warehouses_are_seen() {
    let (warehouse, caller) = quick();
    caller.submit_as(
        &request_id(),
        &json!({"sqlText": "select 1", "parameters": {"QUERY_TAG": "of the statement"}}),
    );
    caller.rows("alter session set query_tag = 'of the session', timezone = 'UTC'");
    caller.rows("select * from orders");
    let described = |sql: &str| {
        caller.submit_as(&request_id(), &json!({"sqlText": sql, "describeOnly": true}))["data"].clone()
    };
    described("insert into staging.public.log values ('k')");
    assert_eq!(warehouse.count_key("STAGING.PUBLIC.LOG", "k"), 0);
    let orders = described("select * from orders");
    assert_eq!((&orders["rowset"], orders["rowtype"].as_array().expect("columns").len()), (&json!([]), 4));
    warehouse.seen(|seen| {
        let tags: Vec<_> = seen.queries.iter().map(|query| query.tag.as_deref()).collect();
        let session = Some("of the session");
        assert_eq!(tags, [Some("of the statement"), None, session, session, session]);
        let warehouses: Vec<_> = seen.queries.iter().map(|query| query.warehouse.as_deref()).collect();
        let used = Some("COMPUTE_WH");
        assert_eq!(warehouses, [None, None, used, used, used]);
        assert_eq!((seen.queries[3].describe_only, seen.queries[3].executions), (true, 0));
        assert!(seen.mentions("of the statement") && !seen.mentions("never said"));
    });
}
