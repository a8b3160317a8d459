//! Sessions are ended on the server, too.

use super::*;

/// Has `count` connections opened.
fn open(warehouse: &Warehouse, home: &Home, count: usize) {
    let mut clients: Vec<Client> = (0..count).map(|_| client(home)).collect();
    let ids: Vec<Value> = clients.iter_mut().map(|client| send(client, "SELECT held('open') AS X")).collect();
    warehouse.until("all run", |seen| seen.queries_of("SELECT held('open') AS X").len() == count);
    warehouse.release("open");
    for (client, id) in clients.iter_mut().zip(&ids) {
        assert_eq!(result(&client.answer(id)), "X\nopen\n(1 row)");
        client.leave();
    }
    assert_eq!(warehouse.sessions().len(), count);
}

#[test]
fn a_gateway_that_is_stopped_ends_its_sessions() {
    let (warehouse, home) = start();
    open(&warehouse, &home, 3);
    home.stop();
    assert!(warehouse.sessions().is_empty());
    assert_eq!(warehouse.seen(|seen| seen.closes.len()), 3);
}

#[test]
fn unused_sessions_are_closed_down_to_the_minimum() {
    let warehouse = Warehouse::start();
    let home = home_with(&warehouse, "[pool]\nconnections_min = 1\nidle_timeout_ms = 1000\n");
    open(&warehouse, &home, 4);
    warehouse.until("three sessions are closed", |seen| seen.closes.len() == 3);
    assert_eq!(warehouse.sessions().len(), 1);
    let mut client = client(&home);
    works_again(&mut client);
    assert_eq!(warehouse.seen(Seen::sessions), 4);
    home.stop();
    assert!(warehouse.sessions().is_empty());
}
