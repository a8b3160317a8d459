//! Fifty clients, eight connections: the server counts eight log-ins, however much the clients ask.

use std::sync::Barrier;
use std::thread;

use serde_json::{Value, json};
use snowgate_tests::clients::{Fakesnow, available};
use snowgate_tests::{Client, Home, tool_text, until};

const CLIENTS: usize = 50;
const CONNECTIONS: u64 = 8;
const DATABASES: [&str; 3] = ["ALPHA", "BRAVO", "CHARLIE"];

/// Statements of each client.
const TURNS: usize = 6;

/// What each asks, all at the same time.
const SQL: &str = "select max(range) as n, current_database() as d from range(100000)";

fn start() -> (Fakesnow, Home) {
    let server = available(Fakesnow::start());
    server.run(&DATABASES.map(|database| format!("create database {database}")));
    let home = Home::bare();
    let text = format!("{}[pool]\nconnections_max = {CONNECTIONS}\n", server.config(DATABASES[0]));
    std::fs::write(home.config_file(), text).expect("writing the config file");
    (server, home)
}

/// The client in its database.
fn client(home: &Home, database: &str) -> Client {
    let mut client = home.client();
    client.initialize();
    let answer = client.call("set_context", &json!({"database": database}));
    assert_eq!(answer["result"]["structuredContent"]["context"]["database"], database, "{answer}");
    client
}

fn work(client: &mut Client, database: &str) {
    for _ in 0..TURNS {
        let answer = client.query(SQL);
        let text = tool_text(&answer);
        assert!(text.starts_with(&format!("N|D\n99999|{database}\n(1 row)")), "{text}");
    }
}

fn connections(home: &Home) -> Value {
    let status = home.status().expect("a running gateway");
    status["connections_open"].clone()
}

#[test]
fn fifty_clients_on_eight_connections_log_in_eight_times() {
    let (server, home) = start();
    // The one that filled the databases.
    let before = server.counts().log_ins;
    let together = Barrier::new(CLIENTS);
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (home, together) = (&home, &together);
            scope.spawn(move || {
                let database = DATABASES[number % DATABASES.len()];
                let mut client = client(home, database);
                together.wait();
                work(&mut client, database);
                client.leave();
            });
        }
    });
    let counts = server.counts();
    assert_eq!((counts.log_ins - before, counts.sessions), (CONNECTIONS, CONNECTIONS), "{counts:?}");
    assert_eq!(connections(&home), json!(CONNECTIONS));
    println!("{CLIENTS} clients, {} statements: {} log-ins", counts.queries, counts.log_ins - before);
    home.stop();
    until("the gateway's sessions are closed", || server.counts().sessions == 0);
}
