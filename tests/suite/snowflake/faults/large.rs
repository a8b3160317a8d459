//! Large results: what is downloaded of them, in which order, and what that costs.

use std::process::Command;
use std::time::Instant;

use snowflake_wire::{
    Account, Client as WireClient, Credentials, Identity, LogIn, Progress, Protocol, RequestId, Rows, Secret,
    Session, Settings, Statement,
};
use snowgate_tests::peak_kb;
use warehouse::Gate;

use super::*;

const ROWS: usize = 1_000_000;
const CHUNKS: usize = 40;

/// What memory may grow by while a result is read, in kB.
const GROWTH_MAX_KB: u64 = 64 * 1024;

/// Where the reader's warehouse is.
const READ_FROM: &str = "SNOWGATE_TEST_READ_FROM_PORT";

/// Sends `sql` with room for as many rows as there may be.
#[track_caller]
fn all_of(client: &mut Client, limit: usize, sql: &str) -> String {
    let id = client.send_call("execute_query", &json!({"query": sql, "limit": limit}));
    let answer = client.answer(&id);
    assert!(!is_error(&answer), "{answer}");
    result(&answer).to_owned()
}

/// The numbers in the first column.
fn numbers(text: &str) -> Vec<usize> {
    // A result that was cut says so first, too.
    let text = text.split("\nsummary of ").next().unwrap_or_default();
    let lines = text.lines().filter(|line| !line.starts_with('(')).skip(1);
    lines.map(|line| line.split('|').next().unwrap_or_default().parse().expect("a number")).collect()
}

#[test]
fn a_result_that_is_cut_is_downloaded_no_further_and_counted_exactly() {
    let warehouse = Warehouse::start();
    let home = home_with(&warehouse, "[limits]\nrows_max = 1_000_000\nbytes_max = 7_340_032\n");
    let mut client = client(&home);
    works_again(&mut client);
    let before_kb = peak_kb(home.gateway_pid());
    let sql = format!("SELECT * FROM TABLE(GENERATOR(rowcount => {ROWS}, chunks => {CHUNKS}, text => 200))");
    let text = all_of(&mut client, ROWS, &sql);
    let kept = numbers(&text);
    assert!(kept.iter().copied().eq(0..kept.len()), "rows are not in order");
    let footer = text.lines().next().expect("a line");
    let expected = format!("({} of {ROWS} rows; the size limit was reached; more: ", kept.len());
    assert!(footer.starts_with(&expected), "{footer}");
    // Two chunks hold what is kept; two more may be on their way.
    let chunks = warehouse.seen(|seen| seen.count(Endpoint::Chunk));
    let growth_kb = peak_kb(home.gateway_pid()).saturating_sub(before_kb);
    println!(
        "{} rows kept, {chunks} of {CHUNKS} chunks asked for, the gateway's memory grew by {growth_kb} kB",
        kept.len()
    );
    assert!(chunks <= 2 + kept.len() * CHUNKS / ROWS + 2, "{chunks}");
    assert!(growth_kb <= GROWTH_MAX_KB, "{growth_kb} kB");
    works_again(&mut client);
}

#[test]
fn the_row_cap_stops_the_download_too_and_counts_exactly() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    let sql =
        format!("SELECT * FROM TABLE(GENERATOR(rowcount => {ROWS}, chunks => {CHUNKS}, inline => 100))");
    let text = query(&mut client, &sql);
    assert!(text.starts_with("(100 of 1000000 rows; more: get_result"), "{text}");
    assert_eq!(warehouse.seen(|seen| seen.count(Endpoint::Chunk)), 0);
}

#[test]
fn a_value_that_is_too_long_is_shortened() {
    let warehouse = Warehouse::start();
    let home = home_with(&warehouse, "[limits]\nbytes_max = 1024\n");
    let mut client = client(&home);
    let text = query(&mut client, "SELECT * FROM TABLE(GENERATOR(rowcount => 2, text => 5000000))");
    assert!(text.len() < 2048 && text.contains("... (5000000 bytes)"), "{} bytes", text.len());
    assert!(
        text.contains("(1 of 2 rows; the size limit was reached; more: ")
            && text.contains("1 value was shortened"),
        "{text}"
    );
}

#[test]
fn chunks_of_each_encoding_and_key_come_in_order_also_slowly() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    let pause = Duration::from_millis(1);
    for encoding in ["gzip", "bare_gzip", "plain"] {
        for key in ["headers", "qrmk", "both"] {
            warehouse.fault(Endpoint::Chunk, Strike::Every(2), Fault::SlowBody { piece: 100, pause });
            let sql = format!(
                "SELECT * FROM TABLE(GENERATOR(rowcount => 1000, chunks => 7, inline => 10, encoding => '{encoding}', key => '{key}'))"
            );
            let text = all_of(&mut client, 1000, &sql);
            assert!(
                numbers(&text).into_iter().eq(0..1000) && text.ends_with("(1000 rows)"),
                "{encoding} {key}"
            );
            warehouse.clear_faults();
        }
    }
}

#[test]
fn links_that_expire_while_a_result_is_read_are_asked_for_again() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    let gate = Gate::new();
    warehouse.fault(Endpoint::Chunk, Strike::Nth(2), Fault::Hold(gate.clone()));
    let sql = "SELECT * FROM TABLE(GENERATOR(rowcount => 1000, chunks => 10, text => 10))";
    let id = client.send_call("execute_query", &json!({"query": sql, "limit": 1000}));
    gate.until_arrived(1);
    warehouse.expire_links();
    gate.open();
    let answer = client.answer(&id);
    assert!(numbers(result(&answer)).into_iter().eq(0..1000), "{answer}");
    assert_eq!(submissions(&warehouse, sql), (1, 1));
    assert!(warehouse.seen(|seen| seen.queries_of(sql)[0].polls) > 0);
}

#[test]
fn a_session_that_ends_while_a_result_is_read_costs_its_reader_nothing() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    let gate = Gate::new();
    warehouse.fault(Endpoint::Chunk, Strike::Nth(2), Fault::Hold(gate.clone()));
    let sql = "SELECT * FROM TABLE(GENERATOR(rowcount => 1000, chunks => 10))";
    let id = client.send_call("execute_query", &json!({"query": sql, "limit": 1000}));
    gate.until_arrived(1);
    warehouse.end_sessions();
    warehouse.expire_links();
    gate.open();
    let answer = client.answer(&id);
    assert!(!is_error(&answer) && numbers(result(&answer)).into_iter().eq(0..1000), "{answer}");
}

/// Reads all rows in a process of its own, whose memory is that of a reader and of nothing else.
#[test]
fn a_million_rows_are_read_in_order_within_little_memory() {
    let warehouse = Warehouse::start();
    let mut reader = Command::new(std::env::current_exe().expect("this program"));
    reader.args(["--exact", "faults::large::reads_all_rows", "--ignored", "--nocapture"]);
    let output =
        reader.env(READ_FROM, warehouse.address().port().to_string()).output().expect("the reader starts");
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{text}");
    assert!(
        output.status.success() && text.contains("rows in order"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(warehouse.seen(|seen| seen.count(Endpoint::Chunk)), CHUNKS + 1);
}

#[test]
#[ignore = "the reader of the test above"]
fn reads_all_rows() {
    let Some(port) = std::env::var(READ_FROM).ok().and_then(|port| port.parse().ok()) else { return };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let session = log_in(port).await;
        // What any first query needs.
        assert_eq!(count(&mut rows(&session, 10, 1).await).await, 10);
        let (before_kb, since) = (peak_kb(std::process::id()), Instant::now());
        assert_eq!(count(&mut rows(&session, ROWS, CHUNKS).await).await, ROWS);
        let growth_kb = peak_kb(std::process::id()) - before_kb;
        println!(
            "{ROWS} rows in order, from {CHUNKS} chunks, in {:?}: memory grew by {growth_kb} kB at most",
            since.elapsed()
        );
        assert!(growth_kb <= GROWTH_MAX_KB, "{growth_kb} kB");
        session.close().await.expect("a goodbye");
    });
}

async fn log_in(port: u16) -> Session {
    let account = Account::parse("org-test").expect("an account");
    let mut settings = Settings::new(account, Identity::new("Reader", "1"));
    settings.host = Some("127.0.0.1".into());
    settings.port = Some(port);
    settings.protocol = Protocol::Http;
    let client = WireClient::new(&settings).expect("a client");
    let credentials = Credentials::OAuth(Secret::new(secrets::OAUTH_TOKEN));
    client.log_in(&LogIn::new(secrets::USER, credentials)).await.expect("a log-in").session
}

/// So many rows of some 120 bytes each.
async fn rows(session: &Session, rows: usize, chunks: usize) -> Rows {
    let sql = format!("SELECT * FROM TABLE(GENERATOR(rowcount => {rows}, chunks => {chunks}, text => 100))");
    match session.submit(RequestId::new(), &Statement::new(sql)).await.expect("a result") {
        Progress::Done(answer) => answer.rows,
        Progress::Running(_) => panic!("it runs"),
    }
}

/// Reads to the end; each row must follow the one before.
async fn count(rows: &mut Rows) -> usize {
    let mut count = 0;
    while let Some(row) = rows.next().await.expect("a row") {
        assert_eq!(row[0].as_deref(), Some(&*count.to_string()));
        count += 1;
    }
    count
}
