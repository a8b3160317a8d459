//! OAuth for users: a page in a browser, once, and tokens that are renewed without anybody.

use std::net::TcpListener;

use warehouse::{Endpoint, Fault, OAuth, OAuthPage, Strike, visit};

use super::browser::{Browser, all_answered, five_that_ask, log_in_at, token_file};
use super::*;

const LINES: &str = "authenticator = 'OAUTH_AUTHORIZATION_CODE'\n";

fn pages(warehouse: &Warehouse) -> usize {
    warehouse.seen(|seen| seen.count(Endpoint::OAuthPage))
}

/// The grants that the token endpoint was asked for.
fn grants(warehouse: &Warehouse) -> Vec<String> {
    let grant =
        |request: &warehouse::SeenRequest| request.body["grant_type"].as_str().unwrap_or("").to_owned();
    warehouse.seen(|seen| seen.requests_to(Endpoint::OAuthToken).map(grant).collect())
}

fn addresses_in(text: &str) -> &str {
    text.split_whitespace().find(|word| word.starts_with("http")).expect("an address")
}

#[test]
fn five_clients_mean_one_page_and_an_expired_token_none() {
    let warehouse = Warehouse::start();
    let home = home_of(&warehouse, LINES);
    let browser = Browser::of(&home);
    let (mut clients, ids) = five_that_ask(&home, &browser);
    let address = browser.until_sent(1);
    // Snowflake's own server and client, where nothing else is set.
    let own = format!("{}/oauth/authorize?response_type=code&client_id=LOCAL_APPLICATION&", warehouse.url());
    says(&address, &[&own, "code_challenge_method=S256", "redirect_uri=http%3A%2F%2F127.0.0.1%3A"]);
    assert!(until_problem(&home).contains(&address));
    log_in_at(&address);
    all_answered(&mut clients, &ids);
    assert_eq!((browser.addresses().len(), grants(&warehouse)), (1, vec!["authorization_code".to_owned()]));
    assert_eq!(problem(&home), None);
    // A gateway that has sessions, and one that has none: the refresh token is enough, and each new one is kept.
    for renewals in 1..=4 {
        warehouse.expire_access_tokens();
        warehouse.end_sessions();
        if renewals % 2 == 0 {
            home.kill_gateway();
        }
        let ids = clients.each_mut().map(send);
        all_answered(&mut clients, &ids);
        let refreshed = grants(&warehouse).iter().filter(|grant| *grant == "refresh_token").count();
        assert_eq!((browser.addresses().len(), refreshed), (1, renewals));
    }
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(token_file(&home)).expect("a token file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_token_that_is_about_to_expire_is_renewed_before() {
    let warehouse = Warehouse::start();
    warehouse.oauth(|oauth| oauth.expires_in = Some(1));
    let home = home_of(&warehouse, LINES);
    let browser = Browser::of(&home);
    let (mut clients, ids) = five_that_ask(&home, &browser);
    log_in_at(&browser.until_sent(1));
    all_answered(&mut clients, &ids);
    eventually("a renewal", || {
        warehouse.end_sessions();
        ask(&mut clients[0]).expect("an answer");
        grants(&warehouse).contains(&"refresh_token".to_owned()).then_some(())
    });
    assert!(log_ins(&warehouse).iter().all(|(_, refused)| refused.is_none()));
    assert_eq!(browser.addresses().len(), 1);
}

#[test]
fn an_expired_refresh_token_means_one_new_page_for_all() {
    let warehouse = Warehouse::start();
    let home = home_of(&warehouse, LINES);
    let browser = Browser::of(&home);
    let (mut clients, ids) = five_that_ask(&home, &browser);
    log_in_at(&browser.until_sent(1));
    all_answered(&mut clients, &ids);
    for opened in [2, 3] {
        warehouse.oauth(OAuth::revoke_refresh_tokens);
        warehouse.expire_access_tokens();
        warehouse.end_sessions();
        if opened == 3 {
            home.kill_gateway();
        }
        let ids = clients.each_mut().map(send);
        log_in_at(&browser.until_sent(opened));
        all_answered(&mut clients, &ids);
        assert_eq!((browser.addresses().len(), pages(&warehouse)), (opened, opened));
    }
}

#[test]
fn without_refresh_tokens_the_access_token_is_remembered() {
    let warehouse = Warehouse::start();
    warehouse.oauth(|oauth| (oauth.gives_refresh_tokens, oauth.expires_in) = (false, None));
    let home = home_of(&warehouse, LINES);
    let browser = Browser::of(&home);
    let (mut clients, ids) = five_that_ask(&home, &browser);
    log_in_at(&browser.until_sent(1));
    all_answered(&mut clients, &ids);
    home.kill_gateway();
    let ids = clients.each_mut().map(send);
    all_answered(&mut clients, &ids);
    assert_eq!((browser.addresses().len(), grants(&warehouse).len()), (1, 1));
}

#[test]
fn another_server_client_and_address_of_return() {
    let warehouse = Warehouse::start();
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let lines = oauth_client::lines(&warehouse, "oauth_authorization_code")
        + &line("oauth_authorization_url", format!("{}/oauth/authorize?tenant=1", warehouse.url()))
        + &line("oauth_redirect_uri", format!("http://localhost:{free}/snowflake/oauth-redirect"))
        + "oauth_scope = 'a b'\noauth_enable_refresh_tokens = true\noauth_enable_single_use_refresh_tokens = true\n";
    let home = home_of(&warehouse, &lines);
    let secret = ("SNOWFLAKE_OAUTH_CLIENT_SECRET", user::OAUTH_CLIENT_SECRET);
    let mut client = client_with(&home, &[secret]);
    let error = fails(&mut client, &["waiting for you to log in with a browser: http", "Next step: "]);
    let address = addresses_in(&error);
    says(address, &["?tenant=1&", "scope=a+b+offline_access", &format!("localhost%3A{free}%2Fsnowflake")]);
    log_in_at(address);
    works(&mut client);
    warehouse.seen(|seen| {
        let request = seen.requests_to(Endpoint::OAuthToken).next().expect("a request");
        assert_eq!(request.body["enable_single_use_refresh_tokens"], "true");
        assert_eq!(request.body["redirect_uri"], format!("http://localhost:{free}/snowflake/oauth-redirect"));
    });
}

#[test]
fn an_answer_to_another_log_in_is_ignored_and_told() {
    let warehouse = Warehouse::start();
    warehouse.oauth(|oauth| oauth.page = OAuthPage::WrongState);
    let home = home_of(&warehouse, LINES);
    let mut client = client(&home);
    let error = fails(&mut client, &["waiting for you to log in with a browser: http"]);
    let page = visit(addresses_in(&error));
    assert!(page.status == 400 && page.text.contains("another log-in"), "{page:?}");
    assert!(grants(&warehouse).is_empty(), "a code of another log-in is not redeemed");
    let told = fails(&mut client, &["another `state`", "ignored"]);
    assert!(until_problem(&home).contains("another `state`"));
    warehouse.oauth(|oauth| oauth.page = OAuthPage::SendsBack);
    log_in_at(addresses_in(&told));
    works(&mut client);
}

#[test]
fn a_page_that_refuses_is_told_to_all_and_does_not_open_again_at_once() {
    let warehouse = Warehouse::start();
    warehouse.oauth(|oauth| oauth.page = OAuthPage::Denies);
    let home = home_of(&warehouse, LINES);
    let browser = Browser::of(&home);
    let (mut clients, ids) = five_that_ask(&home, &browser);
    let page = visit(&browser.until_sent(1));
    assert!(page.text.contains("refused"), "{page:?}");
    for (client, id) in clients.iter_mut().zip(&ids) {
        let error = answer(client, id).expect_err("an error");
        says(&error, &["access_denied: The user has denied this.", "Next step: ", "oauth_scope"]);
    }
    fails(&mut clients[0], &["access_denied"]);
    assert_eq!((browser.addresses().len(), grants(&warehouse).len()), (1, 0));
    assert!(problem(&home).is_some_and(|problem| problem.contains("access_denied")));
    warehouse.oauth(|oauth| oauth.page = OAuthPage::SendsBack);
    assert_eq!(home.run(&["restart"]).code, Some(0));
    let id = send(&mut clients[0]);
    log_in_at(&browser.until_sent(2));
    answer(&mut clients[0], &id).expect("an answer");
}

#[test]
fn an_outage_of_the_token_endpoint_opens_no_page_and_loses_no_refresh_token() {
    let warehouse = Warehouse::start();
    let home = home_of(&warehouse, LINES);
    let browser = Browser::of(&home);
    let (mut clients, ids) = five_that_ask(&home, &browser);
    log_in_at(&browser.until_sent(1));
    all_answered(&mut clients, &ids);
    warehouse.expire_access_tokens();
    warehouse.end_sessions();
    warehouse.fault(Endpoint::OAuthToken, Strike::Always, Fault::status(503));
    fails(&mut clients[0], &["HTTP 503", "oauth_token_request_url"]);
    warehouse.clear_faults();
    eventually("the server is asked again", || ask(&mut clients[0]).ok());
    assert_eq!(browser.addresses().len(), 1);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let warehouse = Warehouse::start();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let redirect = format!("http://127.0.0.1:{}", taken.local_addr().expect("an address").port());
    let home = home_of(&warehouse, &(LINES.to_owned() + &line("oauth_redirect_uri", &redirect)));
    let mut client = client(&home);
    fails(&mut client, &["no local port", "oauth_redirect_uri", &redirect]);
    drop(taken);
    let error = fails(&mut client, &["waiting for you to log in with a browser: http"]);
    log_in_at(addresses_in(&error));
    works(&mut client);
}

#[test]
fn nothing_is_remembered_where_the_config_forbids_it() {
    let warehouse = Warehouse::start();
    let home = home_of(&warehouse, &(LINES.to_owned() + "token_cache = false\n"));
    let browser = Browser::of(&home);
    let (mut clients, ids) = five_that_ask(&home, &browser);
    log_in_at(&browser.until_sent(1));
    all_answered(&mut clients, &ids);
    assert!(!token_file(&home).exists());
    // The running gateway renews what it has.
    warehouse.expire_access_tokens();
    warehouse.end_sessions();
    let ids = clients.each_mut().map(send);
    all_answered(&mut clients, &ids);
    assert_eq!(browser.addresses().len(), 1);
}
