//! Aborting, and leaving.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::stand_in::{StandIn, answers, until, within};
use crate::{Aborted, Error, QueryId, RequestId, Statement};

const SUBMIT: &str = "/queries/v1/query-request";
const ABORT: &str = "/queries/v1/abort-request";

#[tokio::test]
async fn a_held_statement_is_aborted_by_its_request() {
    let aborted = Arc::new(Notify::new());
    let (held, stop) = (Arc::clone(&aborted), Arc::clone(&aborted));
    let (stand_in, session) = StandIn::logged_in(move |seen, _| match seen.path.as_str() {
        SUBMIT => answers::refused("000604", "SQL execution canceled").when(&held),
        _ => {
            stop.notify_one();
            answers::success(&serde_json::Value::Null)
        }
    })
    .await;
    let request = RequestId::new();
    let running = session.clone();
    let running = tokio::spawn(async move { running.submit(request, &Statement::new("select slow")).await });
    until("it runs", || stand_in.seen(SUBMIT).len() == 1).await;
    let asked = Instant::now();
    assert_eq!(session.abort(request).await.unwrap(), Aborted::Accepted);
    assert!(asked.elapsed() < Duration::from_millis(200), "{:?}", asked.elapsed());
    let error = within("the statement ends", running).await.unwrap().unwrap_err();
    assert!(matches!(&error, Error::Statement(failure) if failure.is_aborted()), "{error:?}");
    let seen = &stand_in.seen(ABORT)[0];
    assert_eq!(seen.body, serde_json::json!({"requestId": request.to_string()}));
    assert_ne!(seen.asked("requestId"), request.to_string());
}

#[tokio::test]
async fn an_abort_may_overtake_its_statement() {
    let (stand_in, session) = StandIn::logged_in(|_, times| match times {
        0 | 1 => answers::refused("000605", "not executing"),
        _ => answers::success(&serde_json::Value::Null),
    })
    .await;
    assert_eq!(session.abort(RequestId::new()).await.unwrap(), Aborted::Accepted);
    assert_eq!(stand_in.seen(ABORT).len(), 3);
}

#[tokio::test]
async fn there_may_be_nothing_to_abort() {
    let (stand_in, session) = StandIn::logged_in(|_, _| answers::refused("000605", "not executing")).await;
    assert_eq!(session.abort(RequestId::new()).await.unwrap(), Aborted::NotRunning);
    assert_eq!(stand_in.seen(ABORT).len(), 4);
}

#[tokio::test]
async fn a_query_is_aborted_by_its_id() {
    let (stand_in, session) = StandIn::logged_in(|_, times| match times {
        0 => answers::success(&serde_json::Value::Null),
        _ => answers::refused("003001", "not yours"),
    })
    .await;
    let query = QueryId::parse("01-a").unwrap();
    assert_eq!(session.abort_query(&query).await.unwrap(), Aborted::Accepted);
    assert_eq!(stand_in.seen("/queries/01-a/abort-request").len(), 1);
    let refused = session.abort_query(&query).await.unwrap_err();
    assert_eq!(refused.to_string(), "cannot abort the query: not yours (code 003001)");
}

#[tokio::test]
async fn who_stops_waiting_hangs_up() {
    let never = Arc::new(Notify::new());
    let (stand_in, session) =
        StandIn::logged_in(move |_, _| answers::done("01-a", &["1"]).when(&never)).await;
    let leaving = session.clone();
    let leaving =
        tokio::spawn(async move { leaving.submit(RequestId::new(), &Statement::new("select 1")).await });
    until("it runs", || stand_in.seen(SUBMIT).len() == 1).await;
    leaving.abort();
    until("the connection is closed", || stand_in.open_connections() == 0).await;
    assert!(session.is_alive());
}
