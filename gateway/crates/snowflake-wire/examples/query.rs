//! Runs a query against the scripted server and prints its rows.
//!
//! `cargo run -p snowflake-wire --example query --features stand-in`. Against an account, everything but the
//! server is the same: settings with the account's identifier, and credentials of its user.

use std::io::Write;
use std::time::Duration;

use snowflake_wire::stand_in::{StandIn, answers};
use snowflake_wire::{Client, Credentials, LogIn, RequestId, Secret, Statement};

type Error = Box<dyn std::error::Error>;

/// The longest wait for the query, which the server may keep for hours.
const TIMEOUT: Duration = Duration::from_secs(60);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(&mut std::io::stdout()).await
}

async fn run(out: &mut impl Write) -> Result<(), Error> {
    // A server that says first that the query runs, and then what came of it.
    let server = StandIn::start(|request, _| match request.path.as_str() {
        "/session/v1/login-request" => answers::granted("session-token", "master-token"),
        "/queries/v1/query-request" => answers::running("333334", "01-example"),
        "/queries/01-example/result" => answers::done("01-example", &["1", "2", "3"]),
        _ => answers::success(&serde_json::json!({})),
    })
    .await;
    let client = Client::new(&server.settings())?;
    let credentials = Credentials::ProgrammaticAccessToken(Secret::new("a token"));
    let session = client.log_in(&LogIn::new("me", credentials)).await?.session;

    // The server knows the request again by its id, so submitting it again never runs it twice.
    let statement = Statement::new("select n from numbers").timeout(TIMEOUT);
    let progress = session.submit(RequestId::new(), &statement).await?;
    let mut answer = session.finish(progress, TIMEOUT).await?;
    let names: Vec<_> = answer.rows.columns().iter().map(|column| column.name.as_str()).collect();
    writeln!(out, "{}", names.join("\t"))?;
    while let Some(row) = answer.rows.next().await? {
        let cells: Vec<_> = row.iter().map(|cell| cell.as_deref().unwrap_or("NULL")).collect();
        writeln!(out, "{}", cells.join("\t"))?;
    }
    session.close().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn the_example_prints_every_row() {
        let mut out = Vec::new();
        super::run(&mut out).await.unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "N\n1\n2\n3\n");
    }
}
