//! Statements: submitted, polled, refused.

use std::time::Duration;

use serde_json::json;

use super::{column, done};
use crate::stand_in::{Reply, StandIn, answers, within};
use crate::{Error, FileTransfer, Position, QueryId, QueryState, RequestId, SessionContext, Statement};

const SUBMIT: &str = "/queries/v1/query-request";
const RESULT: &str = "/queries/01-a/result";
const LONG: Duration = Duration::from_secs(60);

fn name(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[tokio::test]
async fn a_short_statement_takes_one_exchange() {
    let (stand_in, session) = StandIn::logged_in(|_, _| answers::done("01-a", &["1", "2"])).await;
    let request = RequestId::new();
    let mut answer = done(session.submit(request, &Statement::new("select 1").tag("t")).await.unwrap());
    assert_eq!(answer.query_id, QueryId::parse("01-a"));
    assert!(answer.statement_type.unwrap().is_select());
    assert_eq!((answer.rows.columns()[0].name.as_str(), answer.rows.total()), ("N", Some(2)));
    assert_eq!(column(&mut answer.rows).await.unwrap(), ["1", "2"]);

    let seen = &stand_in.seen(SUBMIT)[0];
    assert_eq!((seen.method.as_str(), seen.token()), ("POST", Some("token-1")));
    assert_eq!(seen.asked("requestId"), request.to_string());
    assert_eq!((seen.asked("retryCount"), seen.asked("clientStartTime").is_empty()), ("", false));
    assert_eq!(seen.body["parameters"]["QUERY_TAG"], "t");
    assert_eq!(stand_in.count(), 2, "the log-in and the statement");
}

#[tokio::test]
async fn an_answer_tells_the_context() {
    let (_stand_in, session) = StandIn::logged_in(|_, _| answers::done("01-a", &[])).await;
    let answer = done(session.submit(RequestId::new(), &Statement::new("use database d1")).await.unwrap());
    // The role is not mentioned; the schema is, as none.
    let context =
        SessionContext { role: name("R0"), warehouse: name("W1"), database: name("D1"), schema: None };
    assert_eq!((&answer.context, session.context()), (&context, context.clone()));
}

#[tokio::test]
async fn a_long_statement_is_polled() {
    let (stand_in, session) = StandIn::logged_in(|seen, times| match (seen.path.as_str(), times) {
        (SUBMIT, _) => answers::running("333334", "01-a"),
        (RESULT, 0) => answers::running("333333", "01-a"),
        (RESULT, 1) => answers::running("333334", "01-a"),
        _ => answers::done("01-a", &["7"]),
    })
    .await;
    let progress = session.submit(RequestId::new(), &Statement::new("select 7").detached()).await.unwrap();
    assert_eq!(progress.query_id(), QueryId::parse("01-a").as_ref());
    let mut answer = within("three polls", session.finish(progress, LONG)).await.unwrap();
    assert_eq!(column(&mut answer.rows).await.unwrap(), ["7"]);
    assert_eq!(session.context().database, name("D1"));
    let polls = stand_in.seen(RESULT);
    assert_eq!((polls.len(), polls[0].method.as_str(), polls[0].token()), (3, "GET", Some("token-1")));
    assert_eq!(stand_in.seen(SUBMIT)[0].body["asyncExec"], true);
}

#[tokio::test]
async fn waiting_has_an_end() {
    let (_stand_in, session) = StandIn::logged_in(|_, _| answers::running("333333", "01-a")).await;
    let progress = session.submit(RequestId::new(), &Statement::new("select 1")).await.unwrap();
    let waited = session.finish(progress, Duration::from_millis(100)).await;
    assert!(matches!(waited, Err(Error::StillRunning { .. })), "{waited:?}");
}

#[tokio::test]
async fn an_error_keeps_all_that_the_server_said() {
    let (_stand_in, session) = StandIn::logged_in(|_, _| {
        Reply::json(&json!({
            "data": {"errorCode": "002003", "sqlState": "02000", "queryId": "01-e", "line": 2,
                "pos": 14, "age": 0},
            "code": "002003", "message": "Object 'T' does not exist", "success": false, "headers": null,
        }))
    })
    .await;
    let error = session.submit(RequestId::new(), &Statement::new("select * from t")).await.unwrap_err();
    let failure = error.failure().unwrap();
    assert_eq!((failure.code.as_str(), failure.sql_state.as_deref()), ("002003", Some("02000")));
    assert_eq!(failure.position, Some(Position { line: 2, column: 14 }));
    assert_eq!(failure.query_id, QueryId::parse("01-e"));
    assert!(matches!(error, Error::Statement(_)) && !error.ends_session() && !error.is_outage());
    assert_eq!(error.to_string(), "Object 'T' does not exist (code 002003, SQLSTATE 02000)");
}

#[tokio::test]
async fn odd_answers_survive() {
    let (_stand_in, session) = StandIn::logged_in(|_, times| match times {
        0 => answers::refused("001003", "no details"),
        1 => answers::success(
            &json!({"rowset": [], "rowtype": [{"name": "A", "type": "new_type"}], "total": 0}),
        ),
        2 => answers::success(&json!({})),
        _ => answers::success(&json!({"rowtype": [{"name": "A", "type": "fixed"}], "rowset": [[null], [1]]})),
    })
    .await;
    let submit = || session.submit(RequestId::new(), &NOTHING);
    let failure = submit().await.unwrap_err().failure().cloned().unwrap();
    assert_eq!((failure.code.as_str(), failure.query_id), ("001003", None));
    let mut empty = done(submit().await.unwrap());
    assert_eq!((empty.rows.columns().len(), column(&mut empty.rows).await.unwrap().len()), (1, 0));
    let mut nothing = done(submit().await.unwrap());
    assert_eq!((nothing.query_id.as_ref(), nothing.rows.columns().len()), (None, 0));
    assert_eq!(nothing.rows.next().await.unwrap(), None);
    assert_eq!(column(&mut done(submit().await.unwrap()).rows).await.unwrap(), ["NULL", "1"]);
}

static NOTHING: std::sync::LazyLock<Statement> = std::sync::LazyLock::new(|| Statement::new("select 1"));

#[tokio::test]
async fn an_instant_shows_in_the_sessions_zone() {
    let (_stand_in, session) = StandIn::logged_in(|_, times| {
        let zone = if times == 0 { json!([]) } else { json!([{"name": "TIMEZONE", "value": "Asia/Tokyo"}]) };
        answers::success(&json!({
            "rowtype": [{"name": "T", "type": "timestamp_ltz", "scale": 3}], "rowset": [["0.000000000"]],
            "parameters": zone,
        }))
    })
    .await;
    let mut shown = Vec::new();
    for _ in 0..2 {
        let mut answer = done(session.submit(RequestId::new(), &NOTHING).await.unwrap());
        shown.extend(column(&mut answer.rows).await.unwrap());
    }
    assert_eq!(shown, ["1970-01-01 01:00:00.000 +01:00", "1970-01-01 09:00:00.000 +09:00"]);
    assert_eq!(session.parameter("TIMEZONE"), Some(json!("Asia/Tokyo")));
}

#[tokio::test]
async fn file_transfers_are_refused() {
    let (stand_in, session) = StandIn::logged_in(|_, _| {
        answers::success(&json!({"command": "UPLOAD", "src_locations": ["/etc/passwd"]}))
    })
    .await;
    let put = session.submit(RequestId::new(), &Statement::new("/* x */ put file:///etc/passwd @~")).await;
    assert!(matches!(put, Err(Error::FileTransfer(FileTransfer::Put))), "{put:?}");
    assert_eq!(stand_in.count(), 1, "only the log-in");
    let disguised = session.submit(RequestId::new(), &Statement::new("call put_it()")).await;
    assert!(matches!(disguised, Err(Error::FileTransfer(FileTransfer::Put))), "{disguised:?}");
}

#[tokio::test]
async fn another_format_is_refused_by_name() {
    let (_stand_in, session) = StandIn::logged_in(|_, _| {
        answers::success(
            &json!({"rowtype": [], "rowsetBase64": "QUJD", "queryResultFormat": "arrow", "total": 1}),
        )
    })
    .await;
    let refused = session.submit(RequestId::new(), &NOTHING).await;
    assert!(matches!(&refused, Err(Error::Format { format }) if format == "arrow"), "{refused:?}");
}

#[tokio::test]
async fn a_query_of_another_session_can_be_looked_at_and_fetched() {
    let (stand_in, session) = StandIn::logged_in(|seen, times| match (seen.path.as_str(), times) {
        ("/monitoring/queries/01-a", 0) => {
            answers::success(&json!({"queries": [{"id": "01-a", "status": "RUNNING"}]}))
        }
        ("/monitoring/queries/01-a", _) => answers::success(&json!({"queries": []})),
        (RESULT, 0) => answers::running("333334", "01-a"),
        _ => answers::done("01-a", &["1"]),
    })
    .await;
    let query = QueryId::parse("01-a").unwrap();
    assert_eq!(session.status(&query).await.unwrap().state, QueryState::Running);
    assert_eq!(session.status(&query).await.unwrap().state, QueryState::Unknown);
    assert_eq!(stand_in.seen("/monitoring/queries/01-a")[0].headers["accept"], "application/json");
    let progress = session.result(&query).await.unwrap();
    let mut answer = within("the result", session.finish(progress, LONG)).await.unwrap();
    assert_eq!(column(&mut answer.rows).await.unwrap(), ["1"]);
    assert_eq!(session.context().database, name("D0"), "the other session's context is not this one's");
}

#[tokio::test]
async fn a_token_goes_to_its_own_server_only() {
    let elsewhere = StandIn::start(|_, _| answers::done("01-a", &["1"])).await;
    let url = elsewhere.url("/queries/01-a/result");
    let (_stand_in, session) = StandIn::logged_in(move |_, _| {
        let data = json!({"getResultUrl": url, "queryId": "01-a"});
        Reply::json(&json!({"data": data, "code": "333333", "message": "", "success": true}))
    })
    .await;
    let progress = session.submit(RequestId::new(), &NOTHING).await.unwrap();
    let polled = session.finish(progress, LONG).await;
    assert!(matches!(polled, Err(Error::Malformed { .. })), "{polled:?}");
    assert_eq!(elsewhere.count(), 0);
}

/// Intervals are months and nanoseconds on the wire.
#[tokio::test]
async fn intervals_show_as_what_they_are() {
    let (_, session) = StandIn::logged_in(|_, _| {
        let mut data = answers::numbers("01-a", &[]);
        data["rowtype"] = json!([
            {"name": "A", "type": "INTERVAL_YEAR_MONTH", "scale": 0, "precision": 4, "nullable": true},
            {"name": "B", "type": "interval_day_time", "scale": 9, "precision": 9, "nullable": true},
        ]);
        data["rowset"] = json!([["14", "93784500000000"], ["-14", null]]);
        (data["total"], data["returned"]) = (json!(2), json!(2));
        answers::success(&data)
    })
    .await;
    let mut answer = done(session.submit(RequestId::new(), &Statement::new("select 1")).await.unwrap());
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(answer.rows.next().await.unwrap().unwrap(), [text("+1-02"), text("1 day, 2:03:04.5")]);
    assert_eq!(answer.rows.next().await.unwrap().unwrap(), [text("-1-02"), None]);
    assert_eq!(answer.rows.next().await.unwrap(), None);
}

/// So a statement reads what the one before wrote to a hybrid table, also on another session of the pool.
#[tokio::test]
async fn what_an_answer_says_of_what_was_read_goes_with_the_next_statement() {
    let entry = |timestamp: i64| json!({"id": 0, "timestamp": timestamp, "priority": 0, "context": "CAQ="});
    let (stand_in, first) = StandIn::logged_in(move |_, times| {
        let mut data = answers::numbers("01-a", &["1"]);
        data["queryContext"] = json!({"entries": [entry([7, 9, 8, 8][times])]});
        answers::success(&data)
    })
    .await;
    let client = stand_in.client();
    let second = client.log_in(&crate::stand_in::log_in()).await.unwrap().session;
    let third = client.log_in(&crate::stand_in::log_in()).await.unwrap().session;
    for session in [&first, &second, &second, &third] {
        done(session.submit(RequestId::new(), &Statement::new("select 1")).await.unwrap());
    }
    let carried: Vec<_> =
        stand_in.seen(SUBMIT).iter().map(|seen| seen.body["queryContextDTO"].clone()).collect();
    let sent = |timestamp: i64| {
        json!({"entries": [
            {"id": 0, "timestamp": timestamp, "priority": 0, "context": {"base64Data": "CAQ="}}]})
    };
    // The first is of another client. An older time does not replace a newer one.
    assert_eq!(carried, [json!(null), json!(null), sent(9), sent(9)]);
}

#[tokio::test]
async fn fewer_rows_than_announced_are_an_error() {
    for (announced, chunk_rows, is_short) in
        [(3, None, false), (4, None, true), (5, Some(2), false), (6, Some(2), true)]
    {
        let (_, session) = StandIn::logged_in(move |seen, _| {
            if seen.path == "/chunk" {
                return Reply::body(answers::chunk(0..2));
            }
            let host = seen.headers["host"].clone();
            let mut data = answers::numbers("01-a", &["1", "2", "3"]);
            if let Some(rows) = chunk_rows {
                data["chunks"] = json!([{"url": format!("http://{host}/chunk"), "rowCount": rows}]);
            }
            (data["total"], data["returned"]) = (json!(announced), json!(announced));
            answers::success(&data)
        })
        .await;
        let mut answer = done(session.submit(RequestId::new(), &Statement::new("select 1")).await.unwrap());
        let read = column(&mut answer.rows).await;
        match read {
            Ok(rows) => assert!(!is_short && rows.len() == announced, "{announced}"),
            Err(error) => {
                let said = format!("the server announced {announced} rows and delivered {}", announced - 1);
                assert!(is_short && error.to_string().contains(&said), "{error}");
            }
        }
    }
}

/// `ROWS_PER_RESULTSET` keeps rows back: then fewer are delivered than there are, as the server says.
#[tokio::test]
async fn rows_that_the_server_keeps_back_are_no_error() {
    let (_, session) = StandIn::logged_in(|_, _| {
        let mut data = answers::numbers("01-a", &["1", "2"]);
        data["total"] = json!(100);
        answers::success(&data)
    })
    .await;
    let mut answer = done(session.submit(RequestId::new(), &Statement::new("select 1")).await.unwrap());
    assert_eq!((answer.rows.total(), column(&mut answer.rows).await.unwrap().len()), (Some(100), 2));
}
