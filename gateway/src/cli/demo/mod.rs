//! `snowgate demo`: three clients at work through one gateway, in a temporary home of their own.

mod client;
mod home;
mod snippet;
mod sweep;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;

use self::client::{Client, Era};
use self::home::DemoHome;
use super::DemoArgs;
use super::control::columns;
use crate::link::{Command, Reply, ask};
use crate::os::private_memory_of;

/// One client of the demo: its name, its database and its queries.
struct Script {
    name: &'static str,
    version: &'static str,
    /// How the real client speaks MCP.
    era: Era,
    database: &'static str,
    queries: [(&'static str, &'static str); 2],
}

const SCRIPTS: [Script; 3] = [
    Script {
        name: "Claude Desktop",
        version: "1.4",
        era: Era::Stateless,
        database: "SNOWFLAKE_SAMPLE_DATA",
        queries: [
            (
                "revenue by nation",
                "select n_name, round(sum(l_extendedprice * (1 - l_discount)), 2) as revenue from customer \
                 join orders on o_custkey = c_custkey join lineitem on l_orderkey = o_orderkey \
                 join nation on n_nationkey = c_nationkey group by n_name order by revenue desc",
            ),
            ("orders of 1995", "select count(*) as orders from orders where o_orderdate like '1995-%'"),
        ],
    },
    Script {
        name: "Claude Code",
        version: "2.1",
        era: Era::Handshake("2025-11-25"),
        database: "SALES",
        queries: [
            (
                "deals by stage",
                "select stage, count(*) as deals, sum(amount) as amount from deals group by stage",
            ),
            (
                "deals with their nation",
                "select n_name, count(*) as deals from deals join snowflake_sample_data.nation on n_nationkey = nation \
                 group by n_name order by deals desc",
            ),
        ],
    },
    Script {
        name: "Roo Code",
        version: "3.44",
        era: Era::Handshake("2025-06-18"),
        database: "SUPPORT",
        queries: [
            ("open tickets", "select id, subject from tickets where state = 'open'"),
            ("tickets by state", "select state, count(*) as tickets from tickets group by state"),
        ],
    },
];

/// One call of the demo, for the report.
struct Call {
    client: &'static str,
    database: String,
    what: &'static str,
    outcome: String,
    started: Duration,
    took: Duration,
}

/// Runs three clients; with `guard`, waits for the end of the demo whose home that is.
pub(super) fn run(args: &DemoArgs) -> Result<ExitCode> {
    if let Some(home) = &args.guard {
        return home::guard(home);
    }
    let shim = shim()?;
    let mut home = DemoHome::create()?;
    println!(
        "Starting three clients at once, with a gateway of their own in {} ...\n",
        home.path().display()
    );
    let begun = Instant::now();
    let (calls, memory) = play(&shim, &home, begun)?;
    let elapsed = begun.elapsed();
    print_calls(&calls);
    println!(
        "\nOne gateway ({}) served all three in {:.1} s; each client needed one shim ({}).",
        memory.gateway,
        elapsed.as_secs_f64(),
        memory.shim
    );
    home.remove()?;
    println!("The gateway was stopped and its files were removed.\n");
    print!("{}", snippet::text(&shim));
    Ok(ExitCode::SUCCESS)
}

/// The shim that was built with this gateway.
fn shim() -> Result<PathBuf> {
    let own = std::env::current_exe().context("cannot find this program's own path")?;
    let shim = own.with_file_name(format!("snowgate-shim{}", std::env::consts::EXE_SUFFIX));
    ensure!(
        shim.is_file(),
        "snowgate-shim is missing next to {}: build it with `cargo build --release`",
        own.display()
    );
    Ok(shim)
}

/// Private memory of the processes, as text.
struct Memory {
    gateway: String,
    shim: String,
}

fn play(shim: &std::path::Path, home: &DemoHome, begun: Instant) -> Result<(Vec<Call>, Memory)> {
    let ready = Barrier::new(SCRIPTS.len());
    let mut played = std::thread::scope(|scope| {
        let threads: Vec<_> = SCRIPTS
            .iter()
            .map(|script| scope.spawn(|| play_client(script, shim, home, &ready, begun)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| bail!("a client of the demo failed")))
            .collect::<Result<Vec<_>>>()
    })?;
    let Some(Reply::Status(status)) = ask(home.endpoint(), &Command::Status)? else {
        bail!("the demo's gateway is not running");
    };
    ensure!(status.sessions == SCRIPTS.len(), "{} sessions instead of {}", status.sessions, SCRIPTS.len());
    let shim_pid = played.first().map_or(0, |(client, _)| client.pid());
    let memory = Memory { gateway: private_memory(status.pid), shim: private_memory(shim_pid) };
    let mut calls: Vec<Call> = played.iter_mut().flat_map(|(_, calls)| std::mem::take(calls)).collect();
    calls.sort_by_key(|call| call.started);
    Ok((calls, memory))
}

/// Plays one client; returns it still connected.
fn play_client(
    script: &'static Script,
    shim: &std::path::Path,
    home: &DemoHome,
    ready: &Barrier,
    begun: Instant,
) -> Result<(Client, Vec<Call>)> {
    let opened =
        Client::launch(shim, home.path(), script.name, script.version, script.era).and_then(|mut client| {
            client.call("set_context", &json!({"database": script.database}))?;
            Ok(client)
        });
    // Every client waits here, failed ones too: otherwise the others would wait forever.
    ready.wait();
    let mut client = opened.with_context(|| format!("{} could not connect", script.name))?;
    let mut calls = Vec::new();
    for (what, query) in &script.queries {
        let started = begun.elapsed();
        let text = client.call("execute_query", &json!({"query": query}))?;
        let took = begun.elapsed() - started;
        let outcome = text.lines().last().unwrap_or_default().trim_matches(['(', ')']).to_owned();
        calls.push(Call {
            client: script.name,
            database: script.database.to_owned(),
            what,
            outcome,
            started,
            took,
        });
    }
    let info: serde_json::Value = serde_json::from_str(&client.call("session_info", &json!({}))?)?;
    ensure!(
        info["context"]["database"] == script.database,
        "{} is in the wrong context: {info}",
        script.name
    );
    Ok((client, calls))
}

fn print_calls(calls: &[Call]) {
    let mut rows = vec![["CLIENT", "DATABASE", "QUERY", "RESULT", "AT", "TOOK"].map(str::to_owned)];
    rows.extend(calls.iter().map(|call| {
        [
            call.client.to_owned(),
            call.database.clone(),
            call.what.to_owned(),
            call.outcome.clone(),
            format!("{} ms", call.started.as_millis()),
            format!("{:.1} ms", call.took.as_secs_f64() * 1e3),
        ]
    }));
    print!("{}", columns(&rows));
}

/// The private memory of a process, if the system reports it.
fn private_memory(pid: u32) -> String {
    match private_memory_of(pid).map(|bytes| bytes / 1024) {
        None => "memory unknown".to_owned(),
        Some(kilobytes @ 0..4096) => format!("{kilobytes} KB of private memory"),
        Some(kilobytes) => format!(
            "{:.1} MB of private memory",
            f64::from(u32::try_from(kilobytes).unwrap_or(u32::MAX)) / 1024.0
        ),
    }
}
