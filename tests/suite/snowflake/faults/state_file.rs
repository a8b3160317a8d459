//! A state file that another program holds.

use super::*;

#[test]
fn writes_that_wait_for_the_state_file_hold_up_nobody_and_are_never_sent() {
    let (warehouse, home) = start();
    let mut reader = client(&home);
    // One connection is left for the reader.
    let mut writers: Vec<Client> = (0..9).map(|_| client(&home)).collect();
    for client in writers.iter_mut().chain([&mut reader]) {
        assert_eq!(query(client, "SELECT 1 AS N"), "N\n1\n(1 row)");
    }
    let other = rusqlite::Connection::open(home.path().join("state/state.db")).expect("the state file");
    other.execute_batch("BEGIN IMMEDIATE").expect("holding the state file");
    let sql = insert("'refused'");
    let writes: Vec<Value> = writers.iter_mut().map(|client| send(client, &sql)).collect();
    for number in 0..20 {
        assert_eq!(reader.request("ping", &json!({}))["result"], json!({}));
        let sql = format!("SELECT {number} AS N");
        assert_eq!(query(&mut reader, &sql), format!("N\n{number}\n(1 row)"));
    }
    for (client, write) in writers.iter_mut().zip(&writes) {
        let answer = client.answer(write);
        assert!(is_error(&answer) && tool_text(&answer).contains("nothing was run"), "{answer}");
    }
    drop(other);
    assert_eq!(query(&mut writers[0], &insert("'later'")), "1 row changed");
    assert_eq!(warehouse.seen(|seen| seen.queries_of(&sql).len()), 0, "what was refused is never sent");
    assert_eq!(warehouse.count_key(LOG, "later"), 1);
}
