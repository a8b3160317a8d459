//! Clients that have a session with a past: a context that they set and a call that was answered in it.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use snowgate_tests::Home;

use crate::common::connection::{Connection, Request};
use crate::common::{interrupt, sample};

/// The database that all clients set. Only there is the table that they ask.
const DATABASE: &str = "TWO";

/// A gateway's clients. The fields are dropped in order: clients before what they lead to.
pub(crate) struct Fleet {
    pub(crate) clients: Vec<Connection>,
    /// What each asks: a small query that fails in any context but its own.
    pub(crate) question: Request,
    pub(crate) home: Home,
}

impl Fleet {
    /// Starts this many, one after the other, so that the machine stays usable.
    pub(crate) fn start(clients: usize) -> Result<Self> {
        let home = Home::bare();
        home.configure("read_only = false\n");
        home.add_database("ONE");
        home.add_database(DATABASE);
        let question = query("select name from place");
        let mut fleet = Self { clients: Vec::with_capacity(clients), question, home };
        for number in 1..=clients {
            interrupt::check()?;
            let client = fleet.client(number == 1).with_context(|| format!("starting client {number}"))?;
            fleet.clients.push(client);
        }
        Ok(fleet)
    }

    fn client(&self, is_first: bool) -> Result<Connection> {
        let mut client = sample::client(&self.home)?;
        client.ask(&Request::call("set_context", &json!({"database": DATABASE})))?;
        if is_first {
            client.ask(&query("create table place (name text)"))?;
            client.ask(&query("insert into place values ('two')"))?;
        }
        check(&client.ask(&self.question)?)?;
        Ok(client)
    }
}

/// An error unless this answers the question.
pub(crate) fn check(answer: &Value) -> Result<()> {
    let text = answer["result"]["content"][0]["text"].as_str().unwrap_or_default();
    ensure!(text.contains("two"), "not the answer from database {DATABASE}: {answer}");
    Ok(())
}

fn query(sql: &str) -> Request {
    Request::call("execute_query", &json!({"query": sql}))
}
