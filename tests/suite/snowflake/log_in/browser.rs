//! Log-ins by browser.

use std::os::unix::fs::PermissionsExt;

use warehouse::{Endpoint, User, visit};

use super::*;

/// A browser that writes down where it is sent, for the test to go there.
pub(super) struct Browser {
    pub(super) program: String,
    sent: PathBuf,
}

impl Browser {
    pub(super) fn of(home: &Home) -> Self {
        let sent = home.path().join("sent");
        let script = format!("#!/bin/sh\necho \"$1\" >> '{}'\n", sent.display());
        let program = write_private(home, "browser", &script);
        set_mode(&program, 0o700);
        Self { program: program.display().to_string(), sent }
    }

    /// The addresses that it was sent to so far.
    pub(super) fn addresses(&self) -> Vec<String> {
        fs::read_to_string(&self.sent).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// Waits until it was sent somewhere `count` times; gives the last address.
    #[track_caller]
    pub(super) fn until_sent(&self, count: usize) -> String {
        eventually("a browser opens", || {
            let addresses = self.addresses();
            (addresses.len() >= count).then(|| addresses[count - 1].clone())
        })
    }
}

/// Does what the user does with an address.
#[track_caller]
pub(super) fn log_in_at(address: &str) {
    let page = visit(address);
    assert!(page.status == 200 && page.text.contains("You are logged in"), "{page:?}");
}

const LINES: &str = "authenticator = 'externalbrowser'\n";

pub(super) fn token_file(home: &Home) -> PathBuf {
    home.path().join("data/snowflake-tokens.json")
}

fn count_of(warehouse: &Warehouse, way: &str, code: Option<&str>) -> usize {
    log_ins(warehouse).iter().filter(|(is, refused)| is == way && refused.as_deref() == code).count()
}

fn challenges(warehouse: &Warehouse) -> usize {
    warehouse.seen(|seen| seen.count(Endpoint::Challenge))
}

/// Five clients that have all asked something, of which nothing is answered yet.
pub(super) fn five_that_ask(home: &Home, browser: &Browser) -> ([Client; 5], [Value; 5]) {
    let mut clients = [(); 5].map(|()| client_with(home, &[("BROWSER", &browser.program)]));
    let ids = clients.each_mut().map(send);
    until_running(home, 5);
    (clients, ids)
}

#[track_caller]
pub(super) fn all_answered(clients: &mut [Client; 5], ids: &[Value; 5]) {
    for (client, id) in clients.iter_mut().zip(ids) {
        answer(client, id).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn five_clients_mean_one_pop_up_and_the_next_gateway_none() {
    let warehouse = Warehouse::start();
    let home = home_of(&warehouse, LINES);
    let browser = Browser::of(&home);
    let (mut clients, ids) = five_that_ask(&home, &browser);
    let address = browser.until_sent(1);
    assert!(until_problem(&home).contains(&address));
    log_in_at(&address);
    all_answered(&mut clients, &ids);
    assert_eq!((browser.addresses().len(), challenges(&warehouse)), (1, 1));
    assert_eq!(count_of(&warehouse, "EXTERNALBROWSER", None), 1);
    let mode = fs::metadata(token_file(&home)).expect("a token file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(problem(&home), None);

    home.kill_gateway();
    let ids = clients.each_mut().map(send);
    all_answered(&mut clients, &ids);
    assert_eq!((browser.addresses().len(), challenges(&warehouse)), (1, 1));
    // Whatever was not by browser was by the token that it gave, one log-in a connection.
    let all = log_ins(&warehouse).len();
    assert_eq!(count_of(&warehouse, "ID_TOKEN", None), all - 1);
    assert!(all <= 10, "{all} log-ins");
}

#[test]
fn a_revoked_id_token_means_a_new_pop_up_and_no_error() {
    let warehouse = Warehouse::start();
    let home = home_of(&warehouse, LINES);
    let browser = Browser::of(&home);
    let (mut clients, ids) = five_that_ask(&home, &browser);
    log_in_at(&browser.until_sent(1));
    all_answered(&mut clients, &ids);
    // A gateway that has sessions, and one that has none.
    for pop_ups in [2, 3] {
        warehouse.change_user(user::USER, User::revoke_remembered);
        warehouse.end_sessions();
        if pop_ups == 3 {
            home.kill_gateway();
        }
        let ids = clients.each_mut().map(send);
        log_in_at(&browser.until_sent(pop_ups));
        all_answered(&mut clients, &ids);
        assert_eq!((browser.addresses().len(), challenges(&warehouse)), (pop_ups, pop_ups));
        assert_eq!(count_of(&warehouse, "EXTERNALBROWSER", None), pop_ups);
    }
    // The token was tried before each: by one connection of the gateway that had none, by each of the five of
    // the other.
    let refused = count_of(&warehouse, "ID_TOKEN", Some("390195"));
    assert!((2..=6).contains(&refused), "{refused}");
    assert_eq!(count_of(&warehouse, "EXTERNALBROWSER", Some("390191")), 0);
}

#[test]
fn without_a_browser_the_address_is_told_at_once_and_works() {
    let warehouse = Warehouse::start();
    let home = home_of(&warehouse, LINES);
    let mut client = client(&home);
    let error = fails(&mut client, &["waiting for you to log in with a browser: http", "Next step: "]);
    let address = error.split_whitespace().find(|word| word.starts_with("http")).expect("an address");
    // Whoever asks again is told the same.
    fails(&mut client, &[address]);
    assert_eq!(challenges(&warehouse), 1);
    assert!(until_problem(&home).contains(address));
    says(&home.run(&["status"]).stdout, &[address]);
    log_in_at(address);
    works(&mut client);
    assert_eq!((challenges(&warehouse), problem(&home)), (1, None));
    assert_eq!(count_of(&warehouse, "EXTERNALBROWSER", None), 1);
}

#[test]
fn a_browser_that_does_not_start_counts_as_none() {
    let warehouse = Warehouse::start();
    let home = home_of(&warehouse, LINES);
    let program = home.path().join("no-browser").display().to_string();
    let mut client = client_with(&home, &[("BROWSER", &program)]);
    let error = fails(&mut client, &["waiting for you to log in with a browser: http"]);
    log_in_at(error.split_whitespace().find(|word| word.starts_with("http")).expect("an address"));
    works(&mut client);
}

#[test]
fn a_person_who_does_not_come_is_told_of_and_may_come_later() {
    let warehouse = Warehouse::start();
    let home = home_of(&warehouse, LINES);
    let browser = Browser::of(&home);
    let (mut clients, ids) = five_that_ask(&home, &browser);
    let address = browser.until_sent(1);
    // The gateway waits for a while, then says what is to be done.
    for (client, id) in clients.iter_mut().zip(&ids) {
        let error = answer(client, id).expect_err("an error");
        says(&error, &["waiting for you to log in with a browser", &address, "Next step: "]);
    }
    let ids = clients.each_mut().map(send);
    log_in_at(&address);
    all_answered(&mut clients, &ids);
    assert_eq!((browser.addresses().len(), challenges(&warehouse)), (1, 1));
}

#[test]
fn a_gateway_that_is_killed_while_somebody_waits_leaves_the_next_to_ask_again() {
    let warehouse = Warehouse::start();
    let home = home_of(&warehouse, LINES);
    let browser = Browser::of(&home);
    let (mut clients, ids) = five_that_ask(&home, &browser);
    browser.until_sent(1);
    home.kill_gateway();
    log_in_at(&browser.until_sent(2));
    all_answered(&mut clients, &ids);
    assert_eq!(browser.addresses().len(), 2);
}

#[test]
fn a_restart_while_somebody_waits_loses_no_request() {
    let warehouse = Warehouse::start();
    let home = home_of(&warehouse, LINES);
    let browser = Browser::of(&home);
    let (mut clients, ids) = five_that_ask(&home, &browser);
    browser.until_sent(1);
    let restarted = home.run(&["restart"]);
    assert_eq!(restarted.code, Some(0), "{restarted:?}");
    log_in_at(&browser.until_sent(2));
    all_answered(&mut clients, &ids);
    assert_eq!(browser.addresses().len(), 2);
}

#[test]
fn an_account_that_grants_no_tokens_means_one_connection_for_all() {
    let warehouse = Warehouse::builder().grants_no_tokens().start();
    let home = home_of(&warehouse, LINES);
    let browser = Browser::of(&home);
    let (mut clients, ids) = five_that_ask(&home, &browser);
    log_in_at(&browser.until_sent(1));
    all_answered(&mut clients, &ids);
    for _ in 0..3 {
        let ids = clients.each_mut().map(send);
        all_answered(&mut clients, &ids);
    }
    assert_eq!((browser.addresses().len(), challenges(&warehouse)), (1, 1));
    assert_eq!(log_ins(&warehouse), [("EXTERNALBROWSER".to_owned(), None)]);
    assert_eq!(home.status().expect("a gateway")["connections_open"], 1);
    assert!(!token_file(&home).exists());

    // The one session is lost: one more pop-up.
    warehouse.end_sessions();
    let id = send(&mut clients[0]);
    log_in_at(&browser.until_sent(2));
    answer(&mut clients[0], &id).expect("an answer");
    assert_eq!((browser.addresses().len(), log_ins(&warehouse).len()), (2, 2));
}

#[test]
fn a_lost_session_without_a_token_means_one_more_pop_up_for_all() {
    let warehouse = Warehouse::builder().grants_no_tokens().start();
    let home = home_of(&warehouse, LINES);
    let browser = Browser::of(&home);
    let (mut clients, ids) = five_that_ask(&home, &browser);
    log_in_at(&browser.until_sent(1));
    all_answered(&mut clients, &ids);
    warehouse.end_sessions();
    let ids = clients.each_mut().map(send);
    log_in_at(&browser.until_sent(2));
    all_answered(&mut clients, &ids);
    assert_eq!((browser.addresses().len(), log_ins(&warehouse).len()), (2, 2));
}

#[test]
fn nothing_is_remembered_where_the_config_forbids_it() {
    let warehouse = Warehouse::start();
    let home = home_of(&warehouse, "authenticator = 'externalbrowser'\ntoken_cache = false\n");
    let browser = Browser::of(&home);
    let (mut clients, ids) = five_that_ask(&home, &browser);
    log_in_at(&browser.until_sent(1));
    all_answered(&mut clients, &ids);
    assert_eq!(browser.addresses().len(), 1);
    assert!(!token_file(&home).exists());
    home.kill_gateway();
    let id = send(&mut clients[0]);
    log_in_at(&browser.until_sent(2));
    answer(&mut clients[0], &id).expect("an answer");
}

#[test]
fn a_browser_that_brings_nonsense_is_refused_and_asked_again_later() {
    let warehouse = Warehouse::start();
    let home = home_of(&warehouse, LINES);
    let browser = Browser::of(&home);
    let mut client = client_with(&home, &[("BROWSER", &browser.program)]);
    let id = send(&mut client);
    browser.until_sent(1);
    let port = warehouse.seen(|seen| {
        let challenge = seen.requests_to(Endpoint::Challenge).next().expect("a challenge");
        challenge.body["data"]["BROWSER_MODE_REDIRECT_PORT"].as_str().expect("a port").to_owned()
    });
    assert_eq!(visit(&format!("http://127.0.0.1:{port}/favicon.ico")).status, 404);
    visit(&format!("http://127.0.0.1:{port}/?token=stolen"));
    let error = answer(&mut client, &id).expect_err("an error");
    says(&error, &["Snowflake refuses the log-in", "390191", "Next step: "]);
    fails(&mut client, &["390191"]);
    assert_eq!(log_ins(&warehouse).len(), 1);
    assert!(problem(&home).is_some_and(|problem| problem.contains("refuses the log-in")));
    assert_eq!(home.run(&["restart"]).code, Some(0));
    let id = send(&mut client);
    log_in_at(&browser.until_sent(2));
    answer(&mut client, &id).expect("an answer");
}
