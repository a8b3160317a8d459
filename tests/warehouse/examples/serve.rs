//! The stand-in warehouse by itself, for trying things by hand and for clients in other processes:
//!
//! ```sh
//! cargo run -p warehouse --example serve -- --port 8080 --hold-ms 2000
//! ```
//!
//! Lines on stdin do what a test does through its handle; `help` lists them.

use std::env;
use std::io::{self, BufRead, Write};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use warehouse::{Builder, Endpoint, Fault, Seen, Strike, User, Warehouse, secrets};

const HELP: &str = "\
seen             what it saw: log-ins, queries, aborts, requests by endpoint
release NAME     lets the queries go on that wait in held('NAME')
expire           session tokens expire; master tokens renew them
expire-masters   master tokens expire, too
end              sessions end
expire-links     the links to chunks of results expire
down, up         refuses connections, accepts them again
hang-up          resets open connections
busy N           the next N requests of any kind get status 503
clear            no faults any more
quit";

fn main() -> Result<()> {
    let warehouse = configured(Warehouse::builder(), env::args().skip(1))?.start();
    println!("listening on {}", warehouse.url());
    println!("user {}, password {}", secrets::USER, secrets::PASSWORD);
    println!("OAuth token {}, access token {}", secrets::OAUTH_TOKEN, secrets::ACCESS_TOKEN);
    println!("private key {}", secrets::private_key().display());
    io::stdout().flush()?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["quit"] => return Ok(()),
            words => obey(&warehouse, words),
        }
    }
    // Nobody types: it serves until it is stopped.
    loop {
        thread::park();
    }
}

fn configured(mut builder: Builder, mut arguments: impl Iterator<Item = String>) -> Result<Builder> {
    while let Some(name) = arguments.next() {
        let value = arguments.next().with_context(|| format!("{name} needs a value"))?;
        builder = match name.as_str() {
            "--port" => builder.port(value.parse().context("--port")?),
            "--hold-ms" => builder.hold(Duration::from_millis(value.parse().context("--hold-ms")?)),
            "--database" => builder.database(&value),
            "--user" => {
                let (name, password) = value.split_once(':').context("--user NAME:PASSWORD")?;
                builder.user(User::new(name).password(password))
            }
            _ => bail!("{name} is not known; there are --port, --hold-ms, --database and --user"),
        };
    }
    Ok(builder)
}

fn obey(warehouse: &Warehouse, words: &[&str]) {
    match words {
        [] => {}
        ["seen"] => println!("{}", warehouse.seen(summary)),
        ["release", name] => warehouse.release(name),
        ["expire"] => warehouse.expire_tokens(),
        ["expire-masters"] => warehouse.expire_masters(),
        ["end"] => warehouse.end_sessions(),
        ["expire-links"] => warehouse.expire_links(),
        ["down"] => warehouse.go_down(),
        ["up"] => warehouse.come_up(),
        ["hang-up"] => warehouse.hang_up(),
        ["busy", count] => {
            let count = count.parse().unwrap_or(1);
            warehouse.fault_anywhere(Strike::First(count), Fault::status(503));
        }
        ["clear"] => warehouse.clear_faults(),
        _ => println!("{HELP}"),
    }
}

fn summary(seen: &Seen) -> String {
    let mut text = format!(
        "{} log-ins, {} granted; {} renewals, {} heartbeats, {} closes; {} connections\n",
        seen.log_ins.len(),
        seen.sessions(),
        seen.renewals.len(),
        seen.heartbeats.len(),
        seen.closes.len(),
        seen.connections
    );
    for endpoint in [Endpoint::Submit, Endpoint::Result, Endpoint::Chunk, Endpoint::Status, Endpoint::Abort] {
        text += &format!("{endpoint:?}: {}\n", seen.count(endpoint));
    }
    for query in &seen.queries {
        text += &format!(
            "{} {:?}, {} submissions, {} polls, tag {:?}: {}\n",
            query.query_id, query.state, query.submissions, query.polls, query.tag, query.sql
        );
    }
    text
}
