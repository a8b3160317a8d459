//! Failures of the network and of the service.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::{column, done};
use crate::stand_in::{Reply, StandIn, answers, within};
use crate::{Credentials, Error, LogIn, QueryId, RequestId, SecondFactor, Secret, Session, Statement};

const SUBMIT: &str = "/queries/v1/query-request";

async fn select(session: &Session) -> Result<Vec<String>, Error> {
    let mut answer = done(session.submit(RequestId::new(), &Statement::new("select 1")).await?);
    column(&mut answer.rows).await
}

#[tokio::test]
async fn a_submission_is_the_same_however_often_it_is_sent() {
    let (stand_in, session) = StandIn::logged_in(|_, times| match times {
        0 => Reply::status(503),
        1 => Reply::status(429).header("Retry-After", "0"),
        2 => answers::done("01-a", &["1"]).cut(),
        _ => answers::done("01-a", &["1"]),
    })
    .await;
    assert_eq!(select(&session).await.unwrap(), ["1"]);
    let seen = stand_in.seen(SUBMIT);
    assert_eq!(seen.len(), 4);
    assert!(seen.iter().all(|again| again.asked("requestId") == seen[0].asked("requestId")));
    assert!(seen.iter().all(|again| again.asked("clientStartTime") == seen[0].asked("clientStartTime")));
    assert!(seen.iter().all(|again| again.body == seen[0].body));
    let guids: HashSet<_> = seen.iter().map(|again| again.asked("request_guid")).collect();
    assert_eq!(guids.len(), 4, "an attempt has a name of its own");
    let told: Vec<_> =
        seen.iter().map(|again| (again.asked("retryCount"), again.asked("retryReason"))).collect();
    assert_eq!(told, [("", ""), ("1", "503"), ("2", "429"), ("3", "0")]);
}

/// Load balancers, and what stands before them, answer with any of these now and then.
#[tokio::test]
async fn every_status_of_the_server_side_is_tried_again_under_the_same_name() {
    for status in [403, 408, 429, 500, 501, 502, 503, 504, 520, 529, 599] {
        let (stand_in, session) = StandIn::logged_in(move |_, times| match times {
            0 | 1 => Reply::status(status),
            _ => answers::done("01-a", &["1"]),
        })
        .await;
        assert_eq!(select(&session).await.unwrap(), ["1"], "{status}");
        let seen = stand_in.seen(SUBMIT);
        let names: HashSet<_> = seen.iter().map(|again| again.asked("requestId")).collect();
        assert_eq!((seen.len(), names.len()), (3, 1), "{status}");
        assert_eq!(seen[2].asked("retryReason"), status.to_string());
    }
}

/// What the status says counts, as with Snowflake's drivers; of a 403 the reason is looked for.
#[tokio::test]
async fn an_error_of_the_server_side_is_no_answer_whatever_its_body_says() {
    let (_, session) = StandIn::logged_in(|_, times| match times {
        0 => answers::refused("000603", "an internal error").but(500),
        _ => answers::done("01-a", &["1"]),
    })
    .await;
    assert_eq!(select(&session).await.unwrap(), ["1"]);
    let (stand_in, session) =
        StandIn::logged_in(|_, _| answers::refused("390422", "not allowed").but(403)).await;
    let error = select(&session).await.unwrap_err();
    assert_eq!(error.failure().map(|failure| failure.code.as_str()), Some("390422"), "{error:?}");
    assert_eq!(stand_in.seen(SUBMIT).len(), 1);
}

#[tokio::test]
async fn retries_have_an_end() {
    let (stand_in, session) = StandIn::logged_in(|_, _| Reply::status(503)).await;
    let error = select(&session).await.unwrap_err();
    assert!(matches!(error, Error::Status { status: 503, .. }) && error.is_outage(), "{error:?}");
    assert_eq!(stand_in.seen(SUBMIT).len(), 4);
}

#[tokio::test]
async fn what_does_not_pass_is_not_tried_again() {
    for status in [400, 404, 405] {
        let (stand_in, session) = StandIn::logged_in(move |_, _| Reply::status(status)).await;
        let error = select(&session).await.unwrap_err();
        assert!(matches!(error, Error::Status { status: got, .. } if got == status), "{error:?}");
        assert_eq!(stand_in.seen(SUBMIT).len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_late_is_replaced_all_the_same() {
    let signal = Arc::new(Notify::new());
    let held = Arc::clone(&signal);
    let (stand_in, _) = StandIn::logged_in(move |_, times| match times {
        0 => Reply::HangUp.when(&held),
        _ => answers::done("01-a", &["1"]),
    })
    .await;
    let mut settings = stand_in.settings();
    settings.retry.total_max = Duration::from_millis(20);
    let session = stand_in.session_with(&settings).await;
    let held = tokio::spawn(async move { select(&session).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    signal.notify_one();
    assert_eq!(within("the second attempt", held).await.unwrap().unwrap(), ["1"]);
}

#[tokio::test]
async fn a_server_that_asks_for_too_long_a_pause_is_told_of() {
    let (stand_in, session) =
        StandIn::logged_in(|_, _| Reply::status(429).header("Retry-After", "3600")).await;
    let error = select(&session).await.unwrap_err();
    let asked = Some(Duration::from_secs(3600));
    assert!(
        matches!(error, Error::Status { status: 429, retry_after, .. } if retry_after == asked),
        "{error:?}"
    );
    assert_eq!(stand_in.seen(SUBMIT).len(), 1);
}

#[tokio::test]
async fn an_answer_that_stops_in_the_middle_is_asked_for_again() {
    let (stand_in, session) = StandIn::logged_in(|_, times| match times {
        0 => Reply::body(b"{\"data\": {\"rowset\": [[\"1\"".to_vec()),
        1 => Reply::body(Vec::new()),
        _ => answers::done("01-a", &["1"]),
    })
    .await;
    assert_eq!(select(&session).await.unwrap(), ["1"]);
    assert_eq!(stand_in.seen(SUBMIT).len(), 3);
}

#[tokio::test]
async fn an_answer_that_is_not_json_is_an_error() {
    let (stand_in, session) = StandIn::logged_in(|_, _| Reply::body(b"<html>".to_vec())).await;
    let error = select(&session).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot submit the statement: the answer is not JSON at line 1 column 1");
    assert_eq!(stand_in.seen(SUBMIT).len(), 1);
}

#[tokio::test]
async fn answers_may_be_compressed_and_have_a_bound() {
    let (stand_in, _) = StandIn::logged_in(|_, _| {
        let rows = vec!["12345"; 20_000];
        match answers::done("01-a", &rows) {
            Reply::Send { body, .. } => Reply::gzip(&body).header("Content-Encoding", "gzip"),
            other => other,
        }
    })
    .await;
    let mut settings = stand_in.settings();
    settings.limits.answer_bytes_max = 400_000;
    assert_eq!(select(&stand_in.session_with(&settings).await).await.unwrap().len(), 20_000);
    settings.limits.answer_bytes_max = 100_000;
    let error = select(&stand_in.session_with(&settings).await).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { bytes_max: 100_000, .. }), "{error:?}");
}

#[tokio::test]
async fn a_silent_server_is_left() {
    let (stand_in, _) = StandIn::logged_in(|_, times| match times {
        0 => Reply::Silence,
        _ => answers::done("01-a", &["1"]),
    })
    .await;
    let mut settings = stand_in.settings();
    settings.limits.held_timeout = Duration::from_millis(50);
    let session = stand_in.session_with(&settings).await;
    assert_eq!(within("the second attempt", select(&session)).await.unwrap(), ["1"]);
    settings.retry.attempts_max = 1;
    let (silent, _) = StandIn::logged_in(|_, _| Reply::Silence).await;
    settings.port = silent.settings().port;
    let error = select(&silent.session_with(&settings).await).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }) && error.is_outage(), "{error:?}");
}

#[tokio::test]
async fn redirects_that_keep_the_request_are_followed() {
    for status in [307, 308] {
        let (stand_in, session) = StandIn::logged_in(move |seen, _| match seen.path.as_str() {
            SUBMIT => Reply::status(status).header("Location", "/elsewhere"),
            _ => answers::done("01-a", &["1"]),
        })
        .await;
        assert_eq!(select(&session).await.unwrap(), ["1"], "{status}");
        let followed = &stand_in.seen("/elsewhere")[0];
        assert_eq!((followed.method.as_str(), followed.token()), ("POST", Some("token-1")));
        assert_eq!(followed.body["sqlText"], "select 1");
    }
}

#[tokio::test]
async fn other_redirects_are_not() {
    for status in [301, 302, 303] {
        let (stand_in, session) =
            StandIn::logged_in(move |_, _| Reply::status(status).header("Location", "/elsewhere")).await;
        let error = select(&session).await.unwrap_err();
        assert!(matches!(error, Error::Status { status: got, .. } if got == status), "{error:?}");
        assert!(stand_in.seen("/elsewhere").is_empty());
    }
    let (stand_in, session) = StandIn::logged_in(|_, _| Reply::status(307).header("Location", SUBMIT)).await;
    let error = select(&session).await.unwrap_err();
    assert!(matches!(error, Error::Status { status: 307, .. }), "{error:?}");
    assert_eq!(stand_in.seen(SUBMIT).len(), 6, "a circle is left");
}

#[tokio::test]
async fn another_host_gets_neither_credentials_nor_tokens_nor_statements() {
    let other = StandIn::start(|_, _| answers::done("01-a", &["1"])).await;
    let location = other.url("/there");
    for status in [307, 308, 302] {
        let to = location.clone();
        let (_stand_in, session) =
            StandIn::logged_in(move |_, _| Reply::status(status).header("Location", to.clone())).await;
        for error in [select(&session).await.unwrap_err(), session.renew().await.unwrap_err()] {
            let why = format!("{error:?}");
            assert!(why.contains("Redirected") && error.was_not_processed(), "{why}");
        }
        let to = location.clone();
        let stand_in = StandIn::start(move |_, _| Reply::status(status).header("Location", to.clone())).await;
        let password = Credentials::Password { password: Secret::new("hunter2"), factor: SecondFactor::Push };
        let refused = stand_in.client().log_in(&LogIn::new("me", password)).await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            "cannot log in: 127.0.0.1 redirects to another host (127.0.0.1), which is not followed"
        );
        let asked = stand_in.client().browser_challenge("me", 1).await;
        assert!(matches!(asked, Err(Error::Redirected { .. })), "{asked:?}");
    }
    assert_eq!(other.count(), 0);
}

/// Storage is another matter: its addresses are signed, and a bucket may have moved.
#[tokio::test]
async fn a_download_may_be_sent_on_to_another_host() {
    let other = StandIn::start(|_, _| Reply::body(answers::chunk(0..3))).await;
    let location = other.url("/there");
    let storage = StandIn::start(move |_, _| Reply::status(307).header("Location", location.clone())).await;
    let chunk = storage.url("/chunk");
    let (_, session) =
        StandIn::logged_in(move |_, _| answers::chunked("01-a", &[], &[(chunk.clone(), 3)])).await;
    assert_eq!(select(&session).await.unwrap(), ["0", "1", "2"]);
}

/// As Snowflake's drivers do with statements: which attempt this is, and why.
#[tokio::test]
async fn polls_and_aborts_say_which_attempt_they_are() {
    let (stand_in, session) = StandIn::logged_in(|_, times| match times {
        0 => Reply::status(502),
        _ => answers::done("01-a", &["1"]),
    })
    .await;
    let query = QueryId::parse("01-a").unwrap();
    done(session.result(&query).await.unwrap());
    session.abort(RequestId::new()).await.unwrap();
    session.abort_query(&query).await.unwrap();
    for path in ["/queries/01-a/result", "/queries/v1/abort-request", "/queries/01-a/abort-request"] {
        let seen = stand_in.seen(path);
        let told: Vec<_> =
            seen.iter().map(|again| (again.asked("retryCount"), again.asked("retryReason"))).collect();
        assert_eq!(told, [("", ""), ("1", "502")], "{path}");
    }
}

/// A server may want all requests of a session in one place.
#[tokio::test]
async fn the_header_that_names_a_sessions_place_is_sent_back() {
    let (stand_in, session) = StandIn::logged_in(|_, times| match times {
        0 => answers::done("01-a", &["1"]),
        1 => answers::done("01-a", &["1"]).header("X-Snowflake-Session", "place-1"),
        2 => answers::done("01-a", &["1"]).header("x-snowflake-session", "place-2"),
        _ => answers::done("01-a", &["1"]).header("x-snowflake-session", "x".repeat(5000)),
    })
    .await;
    for _ in 0..5 {
        select(&session).await.unwrap();
    }
    session.heartbeat().await.unwrap();
    let places = |path: &str| -> Vec<_> {
        stand_in.seen(path).iter().map(|seen| seen.headers.get("x-snowflake-session").cloned()).collect()
    };
    let place = |text: &str| Some(text.to_owned());
    assert_eq!(places(SUBMIT), [None, None, place("place-1"), place("place-2"), place("place-2")]);
    assert_eq!(places("/session/heartbeat"), [place("place-2")]);
}

#[tokio::test]
async fn connections_are_kept() {
    let (stand_in, session) = StandIn::logged_in(|_, _| answers::done("01-a", &["1"])).await;
    for _ in 0..20 {
        select(&session).await.unwrap();
    }
    assert_eq!(stand_in.open_connections(), 1);
}
