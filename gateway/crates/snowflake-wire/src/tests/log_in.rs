//! Logging in: what is sent, what is kept, what is tried again.

use std::time::Duration;

use serde_json::json;

use crate::stand_in::{Reply, StandIn, answers, log_in};
use crate::{Client, Credentials, Error, LogIn, Protocol, Proxy, SecondFactor, Secret, SessionContext};

const PATH: &str = "/session/v1/login-request";

fn with_password(factor: SecondFactor) -> LogIn {
    LogIn::new("me", Credentials::Password { password: Secret::new("pw"), factor })
}

#[tokio::test]
async fn a_log_in_opens_a_session() {
    let stand_in = StandIn::start(|_, _| answers::granted("token-1", "master-1")).await;
    let mut wanted = log_in();
    (wanted.role, wanted.database) = (Some("R 1".into()), Some("D&1".into()));
    let granted = stand_in.client().log_in(&wanted).await.unwrap();
    let session = granted.session;
    assert_eq!((session.id(), granted.user.as_deref()), (Some(4711), Some("ME")));
    assert_eq!(granted.server_version.as_deref(), Some("10.1"));
    let name = |name: &str| Some(name.to_owned());
    let context =
        SessionContext { role: name("R0"), warehouse: name("W0"), database: name("D0"), schema: name("S0") };
    assert_eq!(session.context(), context);
    assert_eq!(session.parameter("TIMEZONE"), Some(json!("Europe/Berlin")));
    let good_for = session.token_expires_in().unwrap();
    assert!(good_for > Duration::from_secs(3500) && good_for <= Duration::from_secs(3600), "{good_for:?}");
    assert!(session.renewable_for().unwrap() > Duration::from_secs(14_300));

    let seen = &stand_in.seen(PATH)[0];
    assert_eq!(
        (seen.asked("roleName"), seen.asked("databaseName"), seen.asked("warehouse")),
        ("R 1", "D&1", "")
    );
    assert!(!seen.asked("requestId").is_empty() && seen.token().is_none());
    assert_eq!(seen.headers["accept"], "application/snowflake");
    assert!(seen.headers["user-agent"].starts_with("Test/1.0 ("), "{}", seen.headers["user-agent"]);
    assert_eq!(seen.body["data"]["TOKEN"], "oauth-token");
}

#[tokio::test]
async fn wrong_credentials_are_tried_once() {
    for reply in ["200", "403"] {
        let stand_in = StandIn::start(move |_, _| {
            answers::refused("390100", "wrong password").but(reply.parse().unwrap())
        })
        .await;
        let refused = stand_in.client().log_in(&with_password(SecondFactor::Push)).await;
        let Err(Error::LogInRefused(failure)) = refused else { panic!("{refused:?}") };
        assert_eq!((failure.code.as_str(), failure.message.as_str()), ("390100", "wrong password"));
        assert_eq!(stand_in.count(), 1, "HTTP {reply}");
    }
}

/// A success without a session: the server wants something else first.
#[tokio::test]
async fn a_success_without_a_token_says_what_the_server_wants() {
    for (action, message, said) in [
        ("PWD_CHANGE", json!(null), "the password must be changed before anybody can log in with it"),
        ("EXT_AUTHN_DUO_PUSH", json!("Tap."), "another step first (nextAction EXT_AUTHN_DUO_PUSH): Tap."),
    ] {
        let data = json!({"token": null, "masterToken": null, "nextAction": action, "inFlightCtx": "x"});
        let answer = json!({"data": data, "code": null, "message": message, "success": true});
        let stand_in = StandIn::start(move |_, _| Reply::json(&answer)).await;
        let refused = stand_in.client().log_in(&log_in()).await;
        let Err(Error::LogInRefused(failure)) = refused else { panic!("{refused:?}") };
        assert!(failure.message.contains(said) && failure.message.contains(action), "{failure}");
        assert_eq!(stand_in.count(), 1);
    }
    let stand_in = StandIn::start(|_, _| answers::success(&json!({}))).await;
    let error = stand_in.client().log_in(&log_in()).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot log in: the answer has no session token");
}

#[tokio::test]
async fn a_status_that_is_no_answer_is_an_error_by_itself() {
    let stand_in = StandIn::start(|_, _| Reply::status(403)).await;
    let refused = stand_in.client().log_in(&log_in()).await;
    assert!(matches!(refused, Err(Error::Status { status: 403, .. })), "{refused:?}");
    assert_eq!(stand_in.count(), 1);
}

#[tokio::test]
async fn an_outage_is_waited_out() {
    let stand_in = StandIn::start(|_, times| match times {
        0 => Reply::status(503),
        1 => Reply::HangUp,
        2 => answers::granted("t", "m").cut(),
        _ => answers::granted("t", "m"),
    })
    .await;
    stand_in.client().log_in(&log_in()).await.unwrap();
    let seen = stand_in.seen(PATH);
    assert_eq!(seen.len(), 4);
    assert!(seen.iter().all(|again| again.asked("requestId") == seen[0].asked("requestId")));
    assert!(seen.iter().all(|again| again.asked("retryCount").is_empty()), "only statements count");
}

#[tokio::test]
async fn a_passcode_is_sent_again_only_if_the_server_did_not_process_it() {
    let factor = || SecondFactor::Passcode(Secret::new("123456"));
    let busy = StandIn::start(|_, times| match times {
        0 => Reply::status(503),
        _ => answers::granted("t", "m"),
    })
    .await;
    assert!(busy.client().log_in(&with_password(factor())).await.is_ok());
    assert_eq!(busy.count(), 2);

    let cut = StandIn::start(|_, _| Reply::HangUp).await;
    let lost = cut.client().log_in(&with_password(factor())).await;
    assert!(matches!(lost, Err(Error::Unreachable { .. })), "{lost:?}");
    assert_eq!(cut.count(), 1);
}

#[tokio::test]
async fn no_server_is_an_error_that_names_it() {
    let stand_in = StandIn::start(|_, _| Reply::HangUp).await;
    let mut settings = stand_in.settings();
    settings.port = Some(1);
    let lost = Client::new(&settings).unwrap().log_in(&log_in()).await.unwrap_err();
    assert!(matches!(lost, Error::Unreachable { .. }) && lost.is_outage(), "{lost:?}");
    assert_eq!(lost.to_string(), "cannot log in: no working connection to 127.0.0.1");
}

#[tokio::test]
async fn a_proxy_is_told_its_own_password_only() {
    let proxy = StandIn::start(|_, _| answers::granted("token-1", "master-1")).await;
    let mut settings = proxy.settings();
    (settings.host, settings.port) = (Some("snowflake.test".into()), None);
    let address = proxy.url("").replace("http://", "http://user:pw@");
    settings.proxy = Some(Proxy::parse(&address, "").unwrap());
    proxy.session_with(&settings).await;
    let seen = &proxy.seen("http://snowflake.test/session/v1/login-request")[0];
    assert_eq!(seen.headers["proxy-authorization"], "Basic dXNlcjpwdw==");
    assert_eq!(seen.headers["host"], "snowflake.test");
}

#[tokio::test]
async fn an_untrusted_certificate_is_refused_without_a_retry() {
    let stand_in = StandIn::with_own_certificate().await;
    let mut settings = stand_in.settings();
    (settings.host, settings.protocol) = (Some("localhost".into()), Protocol::Https);
    let error = Client::new(&settings).unwrap().log_in(&log_in()).await.unwrap_err();
    assert!(matches!(error, Error::Untrusted { .. }) && !error.is_outage(), "{error:?}");
    assert_eq!((stand_in.connections(), stand_in.count()), (1, 0));
}

#[tokio::test]
async fn a_browser_proves_who_asked() {
    let stand_in = StandIn::start(|seen, _| match seen.path.as_str() {
        "/session/authenticator-request" => {
            let port = seen.body["data"]["BROWSER_MODE_REDIRECT_PORT"].as_str().unwrap();
            answers::success(
                &json!({"ssoUrl": format!("https://idp/sso?port={port}"), "proofKey": "proof-1"}),
            )
        }
        _ => {
            answers::success(&json!({"token": "t", "masterToken": "m", "idToken": "id-1", "mfaToken": null}))
        }
    })
    .await;
    let client = stand_in.client();
    let challenge = client.browser_challenge("me", 54_321).await.unwrap();
    assert_eq!(challenge.address.as_str(), "https://idp/sso?port=54321");
    let proof = Credentials::Browser { token: Secret::new("from-browser"), proof_key: challenge.proof_key };
    let granted = client.log_in(&LogIn { remember: true, ..LogIn::new("me", proof) }).await.unwrap();
    assert_eq!(granted.id_token.map(|token| token.expose().to_owned()).as_deref(), Some("id-1"));
    assert!(granted.mfa_token.is_none() && granted.session.token_expires_in().is_none());

    let asked = &stand_in.seen("/session/authenticator-request")[0].body["data"];
    assert_eq!((&asked["AUTHENTICATOR"], &asked["LOGIN_NAME"]), (&json!("EXTERNALBROWSER"), &json!("me")));
    assert!(asked.get("TOKEN").is_none() && asked.get("PROOF_KEY").is_none());
    let shown = &stand_in.seen(PATH)[0].body["data"];
    assert_eq!((&shown["TOKEN"], &shown["PROOF_KEY"]), (&json!("from-browser"), &json!("proof-1")));
    assert_eq!(shown["SESSION_PARAMETERS"], json!({"CLIENT_STORE_TEMPORARY_CREDENTIAL": true}));
}

#[tokio::test]
async fn a_browser_is_sent_to_web_pages_only() {
    let stand_in =
        StandIn::start(|_, _| answers::success(&json!({"ssoUrl": "file:///bin/sh", "proofKey": "p"}))).await;
    let challenge = stand_in.client().browser_challenge("me", 1).await;
    assert!(matches!(challenge, Err(Error::Malformed { .. })), "{challenge:?}");
}
