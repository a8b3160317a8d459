//! What passes is tried again where that is safe; what does not is a clear error.

use std::collections::HashSet;
use std::time::Instant;

use super::*;

/// What may pass.
fn passing() -> [(u16, Fault); 9] {
    [
        (500, Fault::status(500)),
        (501, Fault::status(501)),
        (520, Fault::status(520)),
        (529, Fault::status(529)),
        (503, Fault::status(503)),
        (429, Fault::busy(429, 0)),
        (502, Fault::status(502)),
        (504, Fault::status(504)),
        (408, Fault::status(408)),
    ]
}

#[test]
fn a_submission_is_sent_again_under_its_name_and_carried_out_once() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    works_again(&mut client);
    for (status, fault) in passing() {
        let write = insert(&format!("'{status}'"));
        let read = format!("SELECT {status} AS N");
        for (sql, expected) in
            [(&write, "1 row changed".to_owned()), (&read, format!("N\n{status}\n(1 row)"))]
        {
            warehouse.fault(Endpoint::Submit, Strike::First(2), fault.clone());
            assert_eq!(query(&mut client, sql), expected);
            warehouse.clear_faults();
            warehouse.seen(|seen| {
                let sent: Vec<_> =
                    seen.requests_to(Endpoint::Submit).filter(|sent| sent.body["sqlText"] == **sql).collect();
                let all =
                    |name: &str| sent.iter().map(|sent| sent.query.get(name).cloned()).collect::<Vec<_>>();
                let text = |text: &str| Some(text.to_owned());
                assert_eq!(all("requestId").into_iter().collect::<HashSet<_>>().len(), 1, "{sql}");
                assert_eq!(all("request_guid").into_iter().collect::<HashSet<_>>().len(), 3, "{sql}");
                assert_eq!(all("retryCount"), [None, text("1"), text("2")], "{sql}");
                let reason = text(&status.to_string());
                assert_eq!(all("retryReason"), [None, reason.clone(), reason], "{sql}");
            });
            assert_eq!(submissions(&warehouse, sql), (1, 1));
        }
        assert_eq!(warehouse.count_key(LOG, &status.to_string()), 1);
    }
}

#[test]
fn log_ins_questions_and_chunks_are_tried_again() {
    for (status, fault) in passing() {
        let (warehouse, home) = started(impatient(20));
        for endpoint in [Endpoint::LogIn, Endpoint::Result, Endpoint::Chunk] {
            warehouse.fault(endpoint, Strike::First(2), fault.clone());
        }
        let mut client = client(&home);
        assert_eq!(query(&mut client, "SELECT polls(2) AS N"), "N\n2\n(1 row)", "{status}");
        assert_eq!(query(&mut client, &insert("'once'")), "1 row changed", "{status}");
        let rows = query(&mut client, "SELECT * FROM TABLE(GENERATOR(rowcount => 4, chunks => 2))");
        assert_eq!(rows, "N\n0\n1\n2\n3\n(4 rows)", "{status}");
        assert_eq!((warehouse.count_key(LOG, "once"), warehouse.seen(Seen::sessions)), (1, 1));
        warehouse.seen(|seen| assert_eq!(seen.count(Endpoint::LogIn), 3, "{status}"));
    }
}

#[test]
fn a_pause_that_the_server_asks_for_is_kept() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    works_again(&mut client);
    let sql = insert("'later'");
    warehouse.fault(Endpoint::Submit, Strike::First(1), Fault::busy(429, 1));
    assert_eq!(query(&mut client, &sql), "1 row changed");
    let at: Vec<Instant> = warehouse.seen(|seen| {
        seen.requests_to(Endpoint::Submit)
            .filter(|sent| sent.body["sqlText"] == *sql)
            .map(|sent| sent.at)
            .collect()
    });
    assert!(at.len() == 2 && at[1] - at[0] >= Duration::from_secs(1), "{at:?}");
    // One that is too long is an error at once.
    let sql = insert("'never'");
    warehouse.fault(Endpoint::Submit, Strike::First(1), Fault::busy(429, 3600));
    let answer = ask(&mut client, &sql);
    let text = tool_text(&answer);
    assert!(text.contains("HTTP 429") && text.contains("nothing was changed"), "{text}");
    works_again(&mut client);
    assert_eq!(submissions(&warehouse, &sql), (0, 0));
}

#[test]
fn when_the_retries_are_used_up_the_error_says_why_and_nothing_was_changed() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    for (status, fault) in [(503, Fault::status(503)), (429, Fault::status(429))] {
        for sql in [insert(&format!("'{status}'")), format!("SELECT '{status}' AS S")] {
            works_again(&mut client);
            let before = warehouse.seen(|seen| seen.count(Endpoint::Submit));
            warehouse.fault(Endpoint::Submit, Strike::Always, fault.clone());
            let answer = ask(&mut client, &sql);
            warehouse.clear_faults();
            let text = tool_text(&answer);
            assert!(is_error(&answer) && text.starts_with("Backend unavailable: "), "{text}");
            assert!(
                text.contains(&format!("HTTP {status}")) && text.contains("nothing was changed"),
                "{text}"
            );
            assert!(text.contains("Next step: try again"), "{text}");
            let attempts = warehouse.seen(|seen| seen.count(Endpoint::Submit)) - before;
            assert_eq!((attempts, submissions(&warehouse, &sql)), (ATTEMPTS_MAX, (0, 0)), "{sql}");
        }
    }
    works_again(&mut client);
    assert!(warehouse.rows(LOG).is_empty());
}

#[test]
fn what_does_not_pass_is_a_clear_error_and_not_tried_again() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    let faults =
        [(Fault::status(400), "HTTP 400"), (Fault::status(404), "HTTP 404"), (Fault::NoJson, "not JSON")];
    for (number, (fault, said)) in faults.into_iter().enumerate() {
        for sql in [insert(&format!("'{number}'")), format!("SELECT '{number}' AS S")] {
            works_again(&mut client);
            let before = warehouse.seen(|seen| seen.count(Endpoint::Submit));
            warehouse.fault(Endpoint::Submit, Strike::First(1), fault.clone());
            let answer = ask(&mut client, &sql);
            let text = tool_text(&answer);
            assert!(is_error(&answer) && text.contains(said) && text.contains("Next step: "), "{text}");
            // Who knows what stands between us and the server.
            assert_eq!(text.contains("outcome unknown"), sql.starts_with("INSERT"), "{text}");
            assert_eq!(warehouse.seen(|seen| seen.count(Endpoint::Submit)), before + 1);
            // It is the answer to one request, and shuts nobody else out.
            assert_eq!(query(&mut client, "SELECT 1 AS N"), "N\n1\n(1 row)");
        }
    }
    assert!(warehouse.rows(LOG).is_empty());
}

/// With 403 a load balancer answers now and then; at a log-in it means that there is no such account.
#[test]
fn a_forbidden_submission_is_sent_again_and_a_forbidden_log_in_is_not() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    warehouse.fault(Endpoint::LogIn, Strike::First(1), Fault::status(403));
    let text = tool_text(&ask(&mut client, "SELECT 1 AS N")).to_owned();
    assert!(text.contains("HTTP 403") && warehouse.seen(|seen| seen.count(Endpoint::LogIn)) == 1, "{text}");
    works_again(&mut client);
    let sql = insert("'forbidden'");
    warehouse.fault(Endpoint::Submit, Strike::First(2), Fault::status(403));
    assert_eq!(query(&mut client, &sql), "1 row changed");
    assert_eq!((submissions(&warehouse, &sql), warehouse.count_key(LOG, "forbidden")), ((1, 1), 1));
}

#[test]
fn a_log_in_that_does_not_come_to_an_answer_says_why() {
    for (fault, said) in [
        (Fault::status(503), "HTTP 503"),
        (Fault::status(500), "HTTP 500"),
        (Fault::status(403), "HTTP 403"),
        (Fault::NoJson, "not JSON"),
    ] {
        let (warehouse, home) = start();
        warehouse.fault(Endpoint::LogIn, Strike::Always, fault);
        let mut client = client(&home);
        let answer = ask(&mut client, "SELECT 1 AS N");
        let text = tool_text(&answer);
        assert!(is_error(&answer) && text.contains(said) && text.contains("cannot log in"), "{text}");
        warehouse.clear_faults();
        works_again(&mut client);
    }
}
