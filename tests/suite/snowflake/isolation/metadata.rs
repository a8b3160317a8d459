//! Questions about the catalog that are not asked again.

use warehouse::{Endpoint, Fault, Gate, Strike};

use super::*;
use snowgate_tests::until;

fn tables(client: &mut Client) -> String {
    let answer = client.call("list_tables", &json!({"database": "STAGING", "schema": "PUBLIC"}));
    assert!(!is_error(&answer), "{answer}");
    tool_text(&answer).to_owned()
}

fn shows(warehouse: &Warehouse) -> usize {
    warehouse.seen(|seen| seen.queries.iter().filter(|query| query.sql.starts_with("SHOW TABLES")).count())
}

#[test]
fn the_same_question_of_many_clients_is_one_statement_and_kept_for_seconds() {
    let warehouse = Warehouse::start();
    let home = home_with(&warehouse, "[profiles.own]\nisolation = 'strict'\n");
    let mut clients: Vec<Client> = (0..6)
        .map(|number| {
            let launch = home.launch();
            let launch = if number % 2 == 0 { launch } else { launch.arg("--profile").arg("own") };
            let mut client = launch.start();
            client.initialize();
            client
        })
        .collect();
    // A connection is open, in the context of all.
    query(&mut clients[0], "SELECT CURRENT_DATABASE() AS D");
    let gate = Gate::new();
    warehouse.fault(Endpoint::Submit, Strike::First(1), Fault::Hold(gate.clone()));
    let asked = json!({"database": "STAGING", "schema": "PUBLIC"});
    let ids: Vec<_> = clients.iter_mut().map(|client| client.send_call("list_tables", &asked)).collect();
    until("five wait for the first one's", || {
        home.status().is_some_and(|status| status["pool"]["coalesced"] == 5)
    });
    gate.open();
    let answers: Vec<_> = clients.iter_mut().zip(&ids).map(|(client, id)| client.answer(id)).collect();
    assert!(answers.iter().all(|answer| tool_text(answer) == tool_text(&answers[0])), "{answers:?}");
    assert_eq!(shows(&warehouse), 1);
    let status = home.status().expect("a gateway");
    assert_eq!((&status["metadata"]["asked"], &status["metadata"]["shared"]), (&json!(1), &json!(5)));
}

#[test]
fn what_is_kept_is_dropped_by_ddl_and_is_nobody_else_s() {
    let warehouse = Warehouse::start();
    let home = home_with(&warehouse, "[pool]\nmetadata_cache_ms = 3600000\n");
    let (mut one, mut two) = (client(&home), client(&home));
    let before = tables(&mut one);
    assert_eq!((tables(&mut two), shows(&warehouse)), (before, 1));
    query(&mut two, "SELECT 1 AS X");
    query(&mut two, "CREATE TABLE STAGING.PUBLIC.MADE (X INT)");
    assert!(tables(&mut one).contains("MADE"));
    assert_eq!(shows(&warehouse), 2);
    query(&mut one, &format!("INSERT INTO {LOG} VALUES ('a')"));
    tables(&mut two);
    assert_eq!(shows(&warehouse), 3, "a number of rows is in it");
    // One that failed may have changed something before.
    error(&mut two, "CREATE TABLE NOWHERE.X.Y (X INT)");
    tables(&mut one);
    assert_eq!(shows(&warehouse), 4);
    let role = two.call("set_context", &json!({"role": "LOADER"}));
    if !is_error(&role) {
        tables(&mut two);
        assert_eq!(shows(&warehouse), 5, "another role may see others");
    }
    let seen = shows(&warehouse);
    // Its own temporary table is seen by its session alone.
    query(&mut one, "CREATE TEMPORARY TABLE STAGING.PUBLIC.MINE (X INT)");
    tables(&mut one);
    tables(&mut one);
    assert_eq!(shows(&warehouse), seen + 2, "a session with state asks for itself");
}
