//! A client that is frozen by a signal.

use super::*;

#[test]
fn a_result_that_came_while_no_gateway_was_there_is_fetched() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    let sql = insert("held('meanwhile')");
    let id = client.send_call("execute_query", &json!({"query": sql}));
    warehouse.until("its result is asked for", |seen| {
        seen.queries_of(&sql).first().is_some_and(|query| query.polls > 0)
    });
    client.signal(snowgate_tests::Signal::STOP);
    home.kill_gateway();
    warehouse.release("meanwhile");
    warehouse.until("it is done", |seen| seen.queries_of(&sql)[0].state == QueryState::Succeeded);
    client.signal(snowgate_tests::Signal::CONT);
    assert_eq!(result(&client.answer(&id)), "1 row changed");
    assert_eq!(warehouse.count_key(LOG, "meanwhile"), 1);
}
