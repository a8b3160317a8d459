//! OAuth for programs: a token for the client's own secret.

use warehouse::{Endpoint, Fault, Strike};

use super::*;

const SECRET: (&str, &str) = ("SNOWFLAKE_OAUTH_CLIENT_SECRET", user::OAUTH_CLIENT_SECRET);

/// The lines of a client of the warehouse's own OAuth server.
pub(super) fn lines(warehouse: &Warehouse, way: &str) -> String {
    line("authenticator", way)
        + &line("oauth_client_id", user::OAUTH_CLIENT)
        + &line("oauth_token_request_url", format!("{}/oauth/token-request", warehouse.url()))
}

fn home(warehouse: &Warehouse) -> Home {
    home_of(
        warehouse,
        &(lines(warehouse, "OAUTH_CLIENT_CREDENTIALS") + &line("oauth_scope", "session:role:R x")),
    )
}

fn asked(warehouse: &Warehouse) -> usize {
    warehouse.seen(|seen| seen.count(Endpoint::OAuthToken))
}

#[test]
fn one_token_serves_all_connections_until_it_expires() {
    let warehouse = Warehouse::start();
    let home = home(&warehouse);
    let mut clients = [(); 5].map(|()| client_with(&home, &[SECRET]));
    let ids = clients.each_mut().map(send);
    for (client, id) in clients.iter_mut().zip(&ids) {
        answer(client, id).unwrap_or_else(|error| panic!("{error}"));
    }
    assert_eq!(asked(&warehouse), 1);
    warehouse.seen(|seen| {
        let request = seen.requests_to(Endpoint::OAuthToken).next().expect("a request");
        assert_eq!(request.body, json!({"grant_type": "client_credentials", "scope": "session:role:R x"}));
    });
    // Nobody sees that it has expired.
    warehouse.expire_access_tokens();
    warehouse.end_sessions();
    let ids = clients.each_mut().map(send);
    for (client, id) in clients.iter_mut().zip(&ids) {
        answer(client, id).unwrap_or_else(|error| panic!("{error}"));
    }
    assert!((2..=3).contains(&asked(&warehouse)), "{}", asked(&warehouse));
    assert!(log_ins(&warehouse).iter().all(|(way, _)| way == "OAUTH"));
    assert_eq!(problem(&home), None);
}

#[test]
fn connections_toml_and_credentials_in_the_body() {
    let warehouse = Warehouse::start();
    let home = Home::bare();
    let port = warehouse.address().port();
    let theirs = format!(
        "[default]\naccount = 'org-test'\nhost = '127.0.0.1'\nport = {port}\nprotocol = 'http'\nuser = '{}'\n\
         role = 'ANALYST'\noauth_client_secret = '{}'\noauth_credentials_in_body = true\n{}",
        user::USER,
        user::OAUTH_CLIENT_SECRET,
        lines(&warehouse, "oauth_client_credentials"),
    );
    write_private(&home, "theirs/connections.toml", &theirs);
    let folder = home.path().join("theirs").display().to_string();
    let variables = [("SNOWGATE_BACKEND_KIND", "snowflake"), ("SNOWFLAKE_HOME", folder.as_str())];
    works(&mut client_with(&home, &variables));
    warehouse.seen(|seen| {
        let request = seen.requests_to(Endpoint::OAuthToken).next().expect("a request");
        assert!(!request.headers.contains_key("authorization"));
        assert_eq!(request.body["client_secret"], user::OAUTH_CLIENT_SECRET);
        assert_eq!(request.body["scope"], "session:role:ANALYST");
    });
}

#[test]
fn a_wrong_client_is_refused_once_and_the_settings_are_named() {
    let warehouse = Warehouse::start();
    let home = home(&warehouse);
    let mut clients =
        [(); 5].map(|()| client_with(&home, &[("SNOWFLAKE_OAUTH_CLIENT_SECRET", "sg-test-wrong")]));
    for _ in 0..2 {
        let ids = clients.each_mut().map(send);
        for (client, id) in clients.iter_mut().zip(&ids) {
            let error = answer(client, id).expect_err("an error");
            says(&error, &["invalid_client", "HTTP 401", "oauth_client_id", "SNOWFLAKE_OAUTH_CLIENT_SECRET"]);
            assert!(!error.contains("sg-test-wrong"));
        }
    }
    assert_eq!((asked(&warehouse), log_ins(&warehouse).len()), (1, 0));
    says(&problem(&home).expect("a problem"), &["invalid_client", "snowgate restart"]);
    assert!(!home.log().contains("sg-test-wrong"));
}

#[test]
fn a_server_that_fails_is_named_and_works_when_it_is_back() {
    let warehouse = Warehouse::start();
    let home = home(&warehouse);
    let mut client = client_with(&home, &[SECRET]);
    for (fault, words) in [
        (Fault::status(503), &["HTTP 503", "oauth_token_request_url", "/oauth/token-request"][..]),
        (Fault::status(500), &["HTTP 500", "oauth_token_request_url"]),
        (Fault::ResetUnread, &["no working connection to 127.0.0.1", "oauth_token_request_url"]),
    ] {
        warehouse.fault(Endpoint::OAuthToken, Strike::Always, fault);
        fails(&mut client, words);
        says(&problem(&home).expect("a problem"), words);
        warehouse.clear_faults();
        eventually("the server is asked again", || ask(&mut client).ok());
        assert_eq!(problem(&home), None);
        warehouse.expire_access_tokens();
        warehouse.end_sessions();
    }
    // What passes is not seen at all.
    warehouse.fault(Endpoint::OAuthToken, Strike::First(2), Fault::status(503));
    works(&mut client);
}

#[test]
fn an_answer_that_is_none_is_refused_within_bounds_and_not_repeated() {
    for (fault, word) in [
        (Fault::NoJson, "is not the JSON of a token"),
        (Fault::Huge(1 << 20), "larger than 262144 bytes"),
        (Fault::Redirect(307), "redirect (HTTP 307), which is not followed"),
        (Fault::Redirect(302), "redirect (HTTP 302), which is not followed"),
        (Fault::status(404), "(HTTP 404)"),
    ] {
        let warehouse = Warehouse::start();
        warehouse.fault(Endpoint::OAuthToken, Strike::Always, fault);
        let home = home(&warehouse);
        let mut client = client_with(&home, &[SECRET]);
        let error = fails(&mut client, &[word, "oauth_token_request_url", "Next step: "]);
        assert!(!error.contains("<html>") && !error.contains("xxxx"), "{error}");
        fails(&mut client, &[word]);
        assert_eq!((asked(&warehouse), log_ins(&warehouse).len()), (1, 0));
        // Nothing was sent on: a redirected request would have another path.
        assert!(
            warehouse.seen(|seen| seen.requests.iter().all(|request| !request.path.starts_with("/moved")))
        );
    }
}
