//! One log-in for each connection, none for each client.

use warehouse::Endpoint;

use super::*;

const CLIENTS: usize = 20;
const CONNECTIONS_MAX: usize = 4;
const ROUNDS: usize = 10;

#[test]
fn twenty_clients_log_in_no_more_often_than_there_are_connections() {
    let warehouse = Warehouse::start();
    for (lines, variables) in [
        (line("private_key_file", user::private_key().display()), &[][..]),
        (String::new(), &[("SNOWFLAKE_PASSWORD", user::PASSWORD)]),
    ] {
        let before = log_ins(&warehouse).len();
        let home = Home::bare();
        home.configure_account(&warehouse, &lines, &format!("[pool]\nconnections_max = {CONNECTIONS_MAX}\n"));
        let mut clients: Vec<Client> = (0..CLIENTS).map(|_| client_with(&home, variables)).collect();
        for _ in 0..ROUNDS {
            let ids: Vec<Value> = clients.iter_mut().map(send).collect();
            for (client, id) in clients.iter_mut().zip(&ids) {
                answer(client, id).unwrap_or_else(|error| panic!("{error}"));
            }
        }
        let status = home.status().expect("a running gateway");
        let opened = log_ins(&warehouse).len() - before;
        assert!((1..=CONNECTIONS_MAX).contains(&opened), "{opened} log-ins");
        assert_eq!(status["connections_open"], opened, "one log-in a connection");
        assert_eq!(status["sessions"], CLIENTS);
        // A goodbye to each, too.
        let closed = warehouse.seen(|seen| seen.closes.len());
        home.stop();
        warehouse.until("the goodbyes", |seen| seen.closes.len() - closed == opened);
    }
    let queries = warehouse.seen(|seen| seen.count(Endpoint::Submit));
    assert!(queries >= 2 * CLIENTS * ROUNDS, "{queries} queries");
}
