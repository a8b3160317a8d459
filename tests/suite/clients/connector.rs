//! Snowflake's official Python connector, which knows nothing of the stand-in, and what it makes of it.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use snowgate_tests::clients::{self, available};
use snowgate_tests::patience;
use warehouse::{Endpoint, Fault, QueryState, SecondFactor, Strike, Warehouse, secrets};

/// The connector's releases that are in use. They have hardly any code in common: 5 has a core in Rust.
#[derive(Clone, Copy, PartialEq)]
enum Release {
    Four,
    Five,
}

impl Release {
    const BOTH: [Self; 2] = [Self::Four, Self::Five];

    fn python(self) -> PathBuf {
        available(match self {
            Self::Four => clients::snowflake_python(),
            Self::Five => clients::connector_5_python(),
        })
    }
}

/// Runs these checks of the program, which must all succeed.
#[track_caller]
fn run(release: Release, warehouse: &Warehouse, checks: &[&str]) {
    // Whatever the connector keeps for the next log-in, it keeps here.
    let home = tempfile::tempdir().expect("a folder");
    let secrets = json!({
        "user": secrets::USER, "password": secrets::PASSWORD, "oauth_token": secrets::OAUTH_TOKEN,
        "access_token": secrets::ACCESS_TOKEN, "private_key": secrets::private_key(),
        "encrypted_private_key": secrets::encrypted_private_key(), "passphrase": secrets::PASSPHRASE,
        "other_private_key": secrets::other_private_key(),
    });
    let mut program = Command::new(release.python());
    program
        .args(["-B", "-W", "ignore"])
        .arg(clients::folder().join("warehouse/connector.py"))
        .arg(warehouse.address().to_string())
        .arg(secrets.to_string())
        .args(checks)
        .env("HOME", home.path())
        .env("SF_TEMPORARY_CREDENTIAL_CACHE_DIR", home.path());
    let finished = clients::run(&mut program, 2 * patience()).expect("Python starts");
    assert!(finished.success(), "{}", finished.output);
    for check in checks {
        assert!(finished.output.contains(&format!("ok - {check}\n")), "{check}: {}", finished.output);
    }
}

#[test]
fn results_are_understood() {
    for release in Release::BOTH {
        let warehouse = Warehouse::start();
        run(release, &warehouse, &["types", "chunks", "context", "errors", "inserts"]);
        warehouse.seen(|seen| {
            // Release 5 does not know the old key of chunks, `qrmk`.
            let results = if release == Release::Five { 2 } else { 3 };
            assert_eq!(seen.count(Endpoint::Chunk), 7 * results);
            assert!(seen.queries.iter().any(|query| query.tag.as_deref() == Some("from python")));
        });
    }
}

#[test]
fn long_queries_are_polled_cancelled_and_detached() {
    let warehouse = Warehouse::builder().hold(Duration::from_millis(200)).start();
    run(Release::Four, &warehouse, &["polled", "cancelled", "detached", "closed"]);
    warehouse.seen(|seen| {
        assert_eq!(seen.queries_of("select polls(3)")[0].polls, 3);
        let endless = seen.queries_of("select held('never')");
        assert!(endless.len() == 2 && endless.iter().all(|query| query.state == QueryState::Aborted));
        let by_request = seen.aborts[0].request_id.as_ref();
        assert_eq!(by_request, Some(&endless[0].request_id));
        assert_eq!(seen.aborts.last().and_then(|abort| abort.query_id.as_ref()), Some(&endless[1].query_id));
        assert_eq!((seen.heartbeats.len(), seen.closes.len()), (1, 4));
    });
}

/// Release 5 has no time-out for a statement.
#[test]
fn long_queries_are_polled_and_detached_by_release_5() {
    let warehouse = Warehouse::builder().hold(Duration::from_millis(200)).start();
    run(Release::Five, &warehouse, &["polled", "detached"]);
    warehouse.seen(|seen| {
        let endless = seen.queries_of("select held('never')");
        assert!(endless.len() == 1 && endless[0].state == QueryState::Aborted);
    });
}

#[test]
fn an_expired_token_is_renewed_by_the_connector() {
    for release in Release::BOTH {
        let warehouse = Warehouse::start();
        warehouse.fault(Endpoint::Submit, Strike::Nth(2), Fault::ExpireToken);
        run(release, &warehouse, &["statements"]);
        warehouse.seen(|seen| assert_eq!((seen.renewals.len(), seen.log_ins.len()), (1, 1)));
        assert_eq!(warehouse.count_key("STAGING.PUBLIC.LOG", "k"), 1);
    }
}

#[test]
fn what_goes_wrong_is_tried_again_by_the_connector_and_done_once() {
    for release in Release::BOTH {
        const STATEMENTS: usize = 3;
        let warehouse = Warehouse::start();
        let faults = [
            Fault::status(503),
            Fault::busy(429, 0),
            Fault::ResetUnread,
            Fault::ResetAnswer,
            Fault::Redirect(307),
        ];
        let count = faults.len();
        for (run, fault) in faults.into_iter().enumerate() {
            // The second statement of each run. What an earlier fault has struck is not counted.
            warehouse.fault(Endpoint::Submit, Strike::Nth(run * STATEMENTS + 2), fault);
        }
        run(release, &warehouse, &vec!["statements"; count]);
        warehouse.seen(|seen| {
            let attempts = seen.requests_to(Endpoint::Submit).count();
            assert_eq!((attempts, seen.queries.len()), (count * (STATEMENTS + 1), count * STATEMENTS));
            assert!(seen.queries.iter().all(|query| query.executions == 1));
        });
        assert_eq!(warehouse.count_key("STAGING.PUBLIC.LOG", "k"), count);
    }
}

#[test]
fn every_log_in_is_accepted_or_refused_as_it_should() {
    for release in Release::BOTH {
        let warehouse = Warehouse::start();
        // Release 5 opens no browser for an address without TLS.
        let browser: &[&str] = if release == Release::Five { &[] } else { &["browser"] };
        run(release, &warehouse, &[&["passwords", "keys", "tokens"], browser].concat());
        warehouse.change_user(secrets::USER, |user| {
            *user = user.clone().second_factor(SecondFactor::Passcode("123456".into()));
        });
        run(release, &warehouse, &["second_factor"]);
        let found: Vec<_> = warehouse.seen(|seen| {
            let outcome = |outcome: &Result<u64, String>| outcome.as_ref().err().cloned().unwrap_or_default();
            seen.log_ins
                .iter()
                .map(|log_in| (log_in.authenticator.clone(), outcome(&log_in.outcome)))
                .collect()
        });
        let with_a_passcode = if release == Release::Five { "USERNAME_PASSWORD_MFA" } else { "SNOWFLAKE" };
        let expected = [
            ("SNOWFLAKE", ""),
            ("SNOWFLAKE", "390100"),
            ("SNOWFLAKE_JWT", ""),
            ("SNOWFLAKE_JWT", ""),
            ("SNOWFLAKE_JWT", "390144"),
            ("OAUTH", ""),
            ("PROGRAMMATIC_ACCESS_TOKEN", ""),
            ("PROGRAMMATIC_ACCESS_TOKEN", "394400"),
            ("EXTERNALBROWSER", ""),
            ("ID_TOKEN", ""),
            (with_a_passcode, ""),
            (with_a_passcode, ""),
        ];
        let expected: Vec<_> = expected
            .into_iter()
            .filter(|(how, _)| !browser.is_empty() || !["EXTERNALBROWSER", "ID_TOKEN"].contains(how))
            .collect();
        let found: Vec<(&str, &str)> =
            found.iter().map(|(how, code)| (how.as_str(), code.as_str())).collect();
        assert_eq!(found, expected);
    }
}
