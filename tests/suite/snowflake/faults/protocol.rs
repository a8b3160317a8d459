//! What the official drivers do beside sending statements and reading rows.

use super::*;

/// So a statement reads what the one before wrote to a hybrid table.
#[test]
fn what_an_answer_says_of_what_was_read_goes_with_the_next_statement() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    for number in 1..=3 {
        assert_eq!(query(&mut client, &format!("SELECT {number} AS N")), format!("N\n{number}\n(1 row)"));
    }
    let carried = |sql: &str| {
        warehouse.seen(|seen| {
            let sent = seen.requests_to(Endpoint::Submit).find(|sent| sent.body["sqlText"] == sql);
            sent.expect("the statement").body["queryContextDTO"]["entries"][0].clone()
        })
    };
    assert_eq!(carried("SELECT 1 AS N"), Value::Null);
    let (second, third) = (carried("SELECT 2 AS N"), carried("SELECT 3 AS N"));
    assert_eq!(second["context"], json!({"base64Data": "CAQ="}));
    assert!(third["timestamp"].as_u64() > second["timestamp"].as_u64(), "{second} {third}");
}

#[test]
fn the_header_that_names_a_sessions_place_is_sent_back() {
    let (warehouse, home) = start();
    warehouse.fault(Endpoint::LogIn, Strike::First(1), Fault::Route("place-1".into()));
    let mut client = client(&home);
    query(&mut client, "SELECT 1 AS N");
    warehouse.fault(Endpoint::Submit, Strike::First(1), Fault::Route("place-2".into()));
    query(&mut client, "SELECT 2 AS N");
    query(&mut client, "SELECT 3 AS N");
    warehouse.seen(|seen| {
        for (sql, place) in
            [("SELECT 1 AS N", "place-1"), ("SELECT 2 AS N", "place-1"), ("SELECT 3 AS N", "place-2")]
        {
            let sent = seen.requests_to(Endpoint::Submit).find(|sent| sent.body["sqlText"] == sql);
            let sent = sent.expect("the statement");
            assert_eq!(sent.headers.get("x-snowflake-session").map(String::as_str), Some(place), "{sql}");
        }
    });
}

#[test]
fn rows_that_were_announced_and_do_not_come_are_an_error() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    works_again(&mut client);
    warehouse.fault(Endpoint::Submit, Strike::First(1), Fault::AnnounceMore(2));
    let answer = ask(&mut client, "SELECT * FROM TABLE(GENERATOR(rowcount => 4, chunks => 2))");
    let text = tool_text(&answer);
    assert!(is_error(&answer) && text.contains("announced 6 rows and delivered 4"), "{text}");
    // Our own bound stops early on purpose: that is no error.
    warehouse.fault(Endpoint::Submit, Strike::First(1), Fault::AnnounceMore(1000));
    let arguments = json!({"query": "SELECT * FROM TABLE(GENERATOR(rowcount => 4))", "rows_max": 2});
    let id = client.send_call("execute_query", &arguments);
    let answer = client.answer(&id);
    assert!(!is_error(&answer), "{answer}");
    // What changed something has done so.
    let sql = insert("'announced'");
    warehouse.fault(Endpoint::Result, Strike::First(1), Fault::AnnounceMore(1));
    let _ = ask(&mut client, &sql);
    assert_eq!(warehouse.count_key(LOG, "announced"), 1);
}

#[test]
fn credentials_and_statements_are_not_sent_on_to_another_host() {
    let (warehouse, home) = start();
    let other = Warehouse::start();
    for endpoint in [Endpoint::LogIn, Endpoint::Submit] {
        for status in [307, 308] {
            let url = format!("{}/session/v1/login-request", other.url());
            warehouse.fault(endpoint, Strike::First(1), Fault::RedirectTo { status, url });
            let mut client = client(&home);
            let answer = ask(&mut client, "SELECT 1 AS N");
            let text = tool_text(&answer);
            assert!(is_error(&answer) && text.contains("redirects to another host (127.0.0.1)"), "{text}");
            works_again(&mut client);
            if endpoint == Endpoint::LogIn {
                warehouse.end_sessions();
            }
        }
    }
    assert_eq!(other.seen(|seen| seen.requests.len()), 0);
}

/// A success without a session is told as what it is.
#[test]
fn a_password_that_must_be_changed_is_told_as_that() {
    let (warehouse, home) = start();
    warehouse.fault(Endpoint::LogIn, Strike::First(1), Fault::NextAction("PWD_CHANGE".into()));
    let mut client = client(&home);
    let answer = ask(&mut client, "SELECT 1 AS N");
    let text = tool_text(&answer);
    for word in ["the password must be changed", "PWD_CHANGE", "Next step: log in to Snowsight"] {
        assert!(text.contains(word), "{text}");
    }
    works_again(&mut client);
}

#[test]
fn polls_say_which_attempt_they_are() {
    let (warehouse, home) = started(impatient(20));
    let mut client = client(&home);
    warehouse.fault(Endpoint::Result, Strike::First(1), Fault::status(502));
    assert_eq!(query(&mut client, "SELECT polls(1) AS N"), "N\n1\n(1 row)");
    warehouse.seen(|seen| {
        let told: Vec<_> = seen
            .requests_to(Endpoint::Result)
            .map(|sent| (sent.query.get("retryCount").cloned(), sent.query.get("retryReason").cloned()))
            .collect();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(told[..2], [(None, None), (text("1"), text("502"))]);
    });
}
