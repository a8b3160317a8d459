//! A home with the sample data in place, and gateways in it.

use anyhow::{Context, Result};
use snowgate_tests::{Home, until};

use super::connection::{Connection, Request};

/// A home whose first gateway has written the sample data and is still there.
pub(crate) fn home() -> Result<Home> {
    let home = Home::bare();
    warm_up(&home)?;
    Ok(home)
}

/// A client that comes, asks once and goes: afterwards a gateway runs and has served.
pub(crate) fn warm_up(home: &Home) -> Result<()> {
    let mut client = client(home)?;
    client.ask(&select_1()).context("the first query")?;
    client.close()
}

/// A shim with its session opened.
pub(crate) fn client(home: &Home) -> Result<Connection> {
    let mut client = Connection::spawn(&mut home.shim())?;
    client.initialize().context("opening a session")?;
    Ok(client)
}

/// Stops the gateway and waits until it is gone.
pub(crate) fn stop(home: &Home) {
    home.stop();
    until("the gateway is gone", || home.gateways().is_empty());
}

/// A query that costs the database nothing.
pub(crate) fn select_1() -> Request {
    Request::call("execute_query", &serde_json::json!({"query": "select 1"}))
}

/// A call that does not reach the database.
pub(crate) fn session_info() -> Request {
    Request::call("session_info", &serde_json::json!({}))
}
