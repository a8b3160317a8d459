//! Log-ins of every kind.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;

use serde_json::{Value, json};
use warehouse::{Context, Gate, SecondFactor, User, Warehouse, secrets, visit};

use crate::caller::Caller;

/// What a log-in with these fields comes to: the code, or nothing.
#[track_caller]
fn outcome(warehouse: &Warehouse, proof: &Value) -> String {
    let answer = Caller::stranger(warehouse).log_in(proof);
    match answer["success"] {
        Value::Bool(true) => String::new(),
        _ => answer["code"].as_str().expect("a code").to_owned(),
    }
}

#[test]
fn each_way_that_needs_no_cryptography() {
    let warehouse = Warehouse::start();
    let user = secrets::USER.to_lowercase();
    for (proof, code) in [
        (json!({"LOGIN_NAME": user, "PASSWORD": secrets::PASSWORD}), ""),
        (json!({"LOGIN_NAME": user, "PASSWORD": "x"}), "390100"),
        (json!({"LOGIN_NAME": "nobody", "PASSWORD": secrets::PASSWORD}), "390100"),
        (json!({"AUTHENTICATOR": "OAUTH", "TOKEN": secrets::OAUTH_TOKEN}), ""),
        (json!({"AUTHENTICATOR": "OAUTH", "TOKEN": secrets::OAUTH_TOKEN, "LOGIN_NAME": "other"}), "390303"),
        (json!({"AUTHENTICATOR": "OAUTH", "TOKEN": "x", "LOGIN_NAME": user}), "390303"),
        (
            json!({"AUTHENTICATOR": "PROGRAMMATIC_ACCESS_TOKEN", "TOKEN": secrets::ACCESS_TOKEN, "LOGIN_NAME": user}),
            "",
        ),
        (json!({"AUTHENTICATOR": "PROGRAMMATIC_ACCESS_TOKEN", "TOKEN": "x", "LOGIN_NAME": user}), "394400"),
        (json!({"LOGIN_NAME": user, "PASSWORD": secrets::ACCESS_TOKEN}), ""),
        (json!({"AUTHENTICATOR": "SNOWFLAKE_JWT", "TOKEN": "a.b.c", "LOGIN_NAME": user}), "390144"),
        (json!({"AUTHENTICATOR": "ID_TOKEN", "TOKEN": "x", "LOGIN_NAME": user}), "390195"),
        (json!({"AUTHENTICATOR": "https://okta", "LOGIN_NAME": user}), "390139"),
    ] {
        assert_eq!(outcome(&warehouse, &proof), code, "{proof}");
    }
    warehouse.change_user(secrets::USER, |user| user.expire_oauth_token(secrets::OAUTH_TOKEN));
    let expired = json!({"AUTHENTICATOR": "OAUTH", "TOKEN": secrets::OAUTH_TOKEN});
    assert_eq!(outcome(&warehouse, &expired), "390318");
    warehouse.seen(|seen| {
        assert_eq!((seen.log_ins.len(), seen.sessions()), (13, 4));
        assert_eq!(seen.log_ins[1].outcome, Err("390100".into()));
        assert_eq!(
            (seen.log_ins[3].user.as_str(), seen.log_ins[3].authenticator.as_str()),
            (secrets::USER, "OAUTH")
        );
        assert_eq!(seen.log_ins[0].application.as_deref(), Some("Test"));
    });
}

#[test]
fn too_many_wrong_passwords_lock_a_user() {
    let warehouse = Warehouse::start();
    let with = |password: &str| json!({"LOGIN_NAME": secrets::USER, "PASSWORD": password});
    for _ in 0..5 {
        assert_eq!(outcome(&warehouse, &with("x")), "390100");
    }
    assert_eq!(outcome(&warehouse, &with(secrets::PASSWORD)), "390102");
    warehouse.change_user(secrets::USER, |user| user.set_locked(false));
    assert_eq!(outcome(&warehouse, &with(secrets::PASSWORD)), "");
}

#[test]
fn a_second_factor_is_asked_for_and_remembered() {
    let user = User::new("mfa").password("pw").second_factor(SecondFactor::Passcode("123456".into()));
    let warehouse = Warehouse::builder().user(user).start();
    let with = |extra: Value| {
        let mut proof = json!({"LOGIN_NAME": "mfa", "PASSWORD": "pw"});
        proof.as_object_mut().expect("fields").extend(extra.as_object().expect("fields").clone());
        proof
    };
    assert_eq!(outcome(&warehouse, &with(json!({}))), "394508");
    let code = |code: &str| json!({"EXT_AUTHN_DUO_METHOD": "passcode", "PASSCODE": code});
    assert_eq!(outcome(&warehouse, &with(code("000000"))), "394507");
    assert_eq!(outcome(&warehouse, &with(code("123456"))), "");
    let appended = json!({"EXT_AUTHN_DUO_METHOD": "passcode", "PASSWORD": "pw123456"});
    assert_eq!(outcome(&warehouse, &with(appended)), "");
    let mut remembering = code("123456");
    remembering["SESSION_PARAMETERS"] = json!({"CLIENT_REQUEST_MFA_TOKEN": true});
    let granted = Caller::stranger(&warehouse).log_in(&with(remembering));
    let token = granted["data"]["mfaToken"].as_str().expect("an MFA token").to_owned();
    assert_eq!(outcome(&warehouse, &with(json!({"TOKEN": token}))), "");
    warehouse.change_user("MFA", User::revoke_remembered);
    assert_eq!(outcome(&warehouse, &with(json!({"TOKEN": token}))), "394508");
}

#[test]
fn a_push_is_waited_for() {
    let gate = Gate::new();
    let user = User::new("phone").password("pw").second_factor(SecondFactor::Push(gate.clone()));
    let denied = User::new("denied").password("pw").second_factor(SecondFactor::DeniedPush);
    let warehouse = Warehouse::builder().user(user).user(denied).start();
    let stranger = Caller::stranger(&warehouse);
    let waiting = thread::spawn(move || stranger.log_in(&json!({"LOGIN_NAME": "phone", "PASSWORD": "pw"})));
    gate.until_arrived(1);
    warehouse.seen(|seen| assert!(seen.log_ins.is_empty()));
    gate.open();
    assert_eq!(waiting.join().expect("an answer")["success"], true);
    assert_eq!(outcome(&warehouse, &json!({"LOGIN_NAME": "denied", "PASSWORD": "pw"})), "390120");
}

#[test]
fn a_browser_is_sent_back_with_a_token_that_is_good_once() {
    let warehouse = Warehouse::start();
    let stranger = Caller::stranger(&warehouse);
    let back = TcpListener::bind("localhost:0").expect("a port");
    let port = back.local_addr().expect("an address").port();
    let asked = json!({"data": {
        "AUTHENTICATOR": "EXTERNALBROWSER", "LOGIN_NAME": secrets::USER, "BROWSER_MODE_REDIRECT_PORT": port.to_string(),
    }});
    let challenge = stranger.post("/session/authenticator-request", &asked)["data"].clone();
    let url = challenge["ssoUrl"].as_str().expect("a page").to_owned();
    let browsing = thread::spawn(move || visit(&url));
    let (mut stream, _) = back.accept().expect("the browser");
    let head = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let line = head.collect::<Vec<_>>().swap_remove(0);
    stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nthanks").expect("a page");
    drop(stream);
    assert_eq!(browsing.join().expect("a page").text, "thanks");
    let token = line.strip_prefix("GET /?token=").and_then(|rest| rest.split(' ').next()).expect("a token");
    let proof = json!({
        "AUTHENTICATOR": "EXTERNALBROWSER", "LOGIN_NAME": secrets::USER, "TOKEN": token,
        "PROOF_KEY": challenge["proofKey"], "SESSION_PARAMETERS": {"CLIENT_STORE_TEMPORARY_CREDENTIAL": true},
    });
    let mut wrong = proof.clone();
    wrong["PROOF_KEY"] = "x".into();
    assert_eq!(outcome(&warehouse, &wrong), "390191");
    let granted = stranger.log_in(&proof);
    let id_token = granted["data"]["idToken"].as_str().expect("an ID token").to_owned();
    assert_eq!(outcome(&warehouse, &proof), "390191", "used twice");
    let by_id_token = json!({"AUTHENTICATOR": "ID_TOKEN", "LOGIN_NAME": secrets::USER, "TOKEN": id_token});
    assert_eq!(outcome(&warehouse, &by_id_token), "");
}

#[test]
fn a_log_in_asks_for_its_context() {
    let warehouse = Warehouse::start();
    let stranger = Caller::stranger(&warehouse);
    let proof = json!({"LOGIN_NAME": secrets::USER, "PASSWORD": secrets::PASSWORD});
    let info = |query: &str| stranger.log_in_at(query, &proof)["data"]["sessionInfo"].clone();
    let usual = json!({"databaseName": "SALES", "schemaName": "PUBLIC", "warehouseName": "COMPUTE_WH", "roleName": "ANALYST"});
    assert_eq!(info(""), usual);
    let asked = info("?databaseName=staging&schemaName=%22Mixed%20Case%22&warehouse=big_wh&roleName=LOADER");
    let expected = json!({"databaseName": "STAGING", "schemaName": "Mixed Case", "warehouseName": "BIG_WH", "roleName": "LOADER"});
    assert_eq!(asked, expected);
    assert_eq!(info("?databaseName=nope&warehouse=nope")["databaseName"], Value::Null);
    assert_eq!(stranger.log_in_at("?roleName=nope", &proof)["code"], "390189");
    let staging = Context { database: Some("STAGING".into()), ..Context::default() };
    assert!(warehouse.sessions().iter().any(|(_, context)| context.database == staging.database));
}
