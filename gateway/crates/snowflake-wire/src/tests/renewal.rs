//! Tokens that expire, sessions that end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::{column, done};
use crate::stand_in::{Reply, Seen, StandIn, answers, until, within};
use crate::{Error, RequestId, Session, Statement};

const SUBMIT: &str = "/queries/v1/query-request";
const RENEW: &str = "/session/token-request";
const RESULT: &str = "/queries/01-a/result";

async fn select(session: &Session) -> Result<Vec<String>, Error> {
    let mut answer = done(session.submit(RequestId::new(), &Statement::new("select 1")).await?);
    column(&mut answer.rows).await
}

/// Answers who shows the second token.
fn second_token_only(seen: &Seen) -> Reply {
    match (seen.path.as_str(), seen.token()) {
        (RENEW, _) => answers::renewed("token-2"),
        (_, Some("token-2")) => answers::done("01-a", &["1"]),
        _ => answers::expired(),
    }
}

#[tokio::test]
async fn an_expired_token_is_renewed_unnoticed() {
    let (stand_in, session) = StandIn::logged_in(|seen, _| second_token_only(seen)).await;
    assert_eq!(select(&session).await.unwrap(), ["1"]);
    let renewals = stand_in.seen(RENEW);
    assert_eq!((renewals.len(), renewals[0].token()), (1, Some("master-1")));
    assert_eq!(renewals[0].body["oldSessionToken"], "token-1");
    assert_eq!(renewals[0].body["requestType"], "RENEW");
    let submissions = stand_in.seen(SUBMIT);
    assert_eq!(submissions.len(), 2);
    assert_eq!(submissions[0].asked("requestId"), submissions[1].asked("requestId"));
    session.renew().await.unwrap();
    assert_eq!(stand_in.seen(RENEW)[1].token(), Some("master-2"), "the new master token");
}

#[tokio::test]
async fn a_token_may_expire_while_a_query_runs() {
    let (stand_in, session) = StandIn::logged_in(|seen, times| match (seen.path.as_str(), times) {
        (SUBMIT, _) => answers::running("333333", "01-a"),
        (RESULT, 0) => answers::running("333333", "01-a"),
        _ => second_token_only(seen),
    })
    .await;
    let progress = session.submit(RequestId::new(), &Statement::new("select 1")).await.unwrap();
    let finished = session.finish(progress, Duration::from_secs(60));
    let mut answer = within("the result", finished).await.unwrap();
    assert_eq!(column(&mut answer.rows).await.unwrap(), ["1"]);
    assert_eq!((stand_in.seen(SUBMIT).len(), stand_in.seen(RENEW).len()), (1, 1));
}

#[tokio::test]
async fn http_401_without_a_code_is_an_expired_token() {
    let (stand_in, session) = StandIn::logged_in(|seen, _| match seen.token() {
        Some("token-1") => Reply::status(401),
        _ => second_token_only(seen),
    })
    .await;
    assert_eq!(select(&session).await.unwrap(), ["1"]);
    assert_eq!(stand_in.seen(RENEW).len(), 1);
}

#[tokio::test]
async fn one_renewal_serves_all() {
    let signal = Arc::new(Notify::new());
    let held = Arc::clone(&signal);
    let (stand_in, session) = StandIn::logged_in(move |seen, _| match seen.path.as_str() {
        RENEW => answers::renewed("token-2").when(&held),
        _ => second_token_only(seen),
    })
    .await;
    let mut users = JoinSet::new();
    for _ in 0..20 {
        let session = session.clone();
        users.spawn(async move { select(&session).await });
    }
    until("all were refused", || stand_in.seen(SUBMIT).len() == 20 && stand_in.seen(RENEW).len() == 1).await;
    signal.notify_one();
    for answer in within("all are answered", users.join_all()).await {
        assert_eq!(answer.unwrap(), ["1"]);
    }
    assert_eq!((stand_in.seen(SUBMIT).len(), stand_in.seen(RENEW).len()), (40, 1));
}

#[tokio::test]
async fn who_leaves_during_a_renewal_does_not_lose_it_for_the_others() {
    let signal = Arc::new(Notify::new());
    let held = Arc::clone(&signal);
    let (stand_in, session) = StandIn::logged_in(move |seen, _| match seen.path.as_str() {
        RENEW => answers::renewed("token-2").when(&held),
        _ => second_token_only(seen),
    })
    .await;
    let leaving = session.clone();
    let leaving = tokio::spawn(async move { select(&leaving).await });
    until("the renewal is under way", || stand_in.seen(RENEW).len() == 1).await;
    leaving.abort();
    let _ = leaving.await;
    signal.notify_one();
    assert_eq!(within("the other's answer", select(&session)).await.unwrap(), ["1"]);
    assert_eq!(stand_in.seen(RENEW).len(), 1);
}

#[tokio::test]
async fn a_renewal_that_is_refused_ends_the_session() {
    for code in ["390114", "390112"] {
        let (stand_in, session) = StandIn::logged_in(move |seen, _| match seen.path.as_str() {
            RENEW => answers::refused(code, "log in again"),
            _ => answers::expired(),
        })
        .await;
        let mut users = JoinSet::new();
        for _ in 0..5 {
            let session = session.clone();
            users.spawn(async move { select(&session).await.unwrap_err() });
        }
        for error in users.join_all().await {
            assert!(matches!(&error, Error::LogInAgain(failure) if failure.code == code), "{error:?}");
            assert!(error.ends_session());
        }
        assert_eq!(stand_in.seen(RENEW).len(), 1);
        let requests = stand_in.count();
        assert!(select(&session).await.unwrap_err().ends_session() && !session.is_alive());
        assert!(session.close().await.is_ok());
        assert_eq!(stand_in.count(), requests, "nothing is sent for a session that has ended");
    }
}

#[tokio::test]
async fn a_session_that_is_gone_needs_a_log_in() {
    for code in ["390104", "390111", "390113", "390115"] {
        let (stand_in, session) =
            StandIn::logged_in(move |_, _| answers::refused(code, "gone").but(401)).await;
        let error = select(&session).await.unwrap_err();
        assert!(matches!(&error, Error::LogInAgain(failure) if failure.code == code), "{error:?}");
        assert!(stand_in.seen(RENEW).is_empty());
    }
}

#[tokio::test]
async fn a_renewal_that_fails_fails_for_all_who_wait() {
    let signal = Arc::new(Notify::new());
    let held = Arc::clone(&signal);
    let (stand_in, session) = StandIn::logged_in(move |seen, times| match (seen.path.as_str(), times) {
        (RENEW, 0) => Reply::status(503).when(&held),
        (RENEW, 1..4) => Reply::status(503),
        _ => second_token_only(seen),
    })
    .await;
    let mut users = JoinSet::new();
    for _ in 0..10 {
        let session = session.clone();
        users.spawn(async move { session.renew().await.unwrap_err() });
    }
    // The first one's request is here: on this one thread, the others have had their first turn, and wait.
    until("the renewal is under way", || stand_in.seen(RENEW).len() == 1).await;
    signal.notify_one();
    for error in within("all fail", users.join_all()).await {
        assert!(
            matches!(&error, Error::Renewal(_)) && error.is_outage() && !error.ends_session(),
            "{error:?}"
        );
    }
    assert_eq!(stand_in.seen(RENEW).len(), 4, "the attempts of one renewal");
    assert_eq!(select(&session).await.unwrap(), ["1"], "the session was not lost");
}

#[tokio::test]
async fn a_server_that_refuses_its_own_tokens_is_left() {
    let (stand_in, session) = StandIn::logged_in(|seen, times| match seen.path.as_str() {
        RENEW => answers::renewed(&format!("token-{}", times + 2)),
        _ => answers::expired(),
    })
    .await;
    let error = select(&session).await.unwrap_err();
    assert!(matches!(error, Error::Renewal(_)) && error.was_not_processed(), "{error:?}");
    assert!(stand_in.seen(RENEW).len() <= 3);
}

#[tokio::test]
async fn a_session_is_kept_alive_and_closed() {
    let (stand_in, session) = StandIn::logged_in(|seen, _| match seen.path.as_str() {
        "/session/heartbeat" => second_token_only(seen),
        "/session" => Reply::json(&serde_json::json!({"code": 200, "message": "done", "success": true})),
        _ => second_token_only(seen),
    })
    .await;
    session.heartbeat().await.unwrap();
    assert_eq!((stand_in.seen("/session/heartbeat").len(), stand_in.seen(RENEW).len()), (2, 1));
    session.close().await.unwrap();
    let closing = &stand_in.seen("/session")[0];
    assert_eq!((closing.asked("delete"), closing.token()), ("true", Some("token-2")));
    assert!(!session.is_alive());
    assert!(matches!(session.heartbeat().await, Err(Error::Closed)));
    session.close().await.unwrap();
    assert_eq!(stand_in.seen("/session").len(), 1, "closed once");
}

#[tokio::test]
async fn closing_does_not_wait_for_other_requests() {
    let (stand_in, _) = StandIn::logged_in(|_, _| Reply::Silence).await;
    let mut settings = stand_in.settings();
    settings.limits.close_timeout = Duration::from_millis(50);
    let session = stand_in.session_with(&settings).await;
    let closed = within("giving up", session.close()).await;
    assert!(matches!(closed, Err(Error::TimedOut { .. })), "{closed:?}");
    assert!(!session.is_alive());
}

#[tokio::test]
async fn closing_what_is_gone_is_no_error() {
    let (_stand_in, session) = StandIn::logged_in(|_, _| answers::refused("390111", "gone")).await;
    session.close().await.unwrap();
}
