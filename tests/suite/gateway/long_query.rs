//! A read that takes longer than finding a gateway may: its gateway is killed while it runs.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, patience, tool_text};

/// The variable that says how many seconds the read takes, about; without it a few.
const SECONDS: &str = "SNOWGATE_TEST_QUERY_SECONDS";
const SECONDS_DEFAULT: u64 = 3;
/// The read has run for this part of its time when its gateway is killed: early, because the machine may be
/// faster now.
const KILLED_AFTER: u32 = 4;
/// The read that the machine's speed is measured with.
const SAMPLE_COUNT: u64 = 500_000;
/// No machine is so slow that a read of these seconds takes longer undisturbed.
const OWN_LIMIT: Duration = Duration::from_secs(200);

/// A read that counts to `count` and gives three rows.
fn read_to(count: u64) -> Value {
    json!({"query": format!(
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < {count}) \
         select i % 3 as k, count(*) as c from n group by k order by k"
    )})
}

/// What [`read_to`] gives.
fn rows_to(count: u64) -> String {
    format!("k|c\n0|{}\n1|{}\n2|{}\n(3 rows)", count / 3, count.div_ceil(3), (count + 1) / 3)
}

/// Runs the read to its end; gives how long that took.
fn timed(client: &mut Client, count: u64) -> Duration {
    let since = Instant::now();
    let id = client.send_call("execute_query", &read_to(count));
    let answer = client.answer_within(OWN_LIMIT, &id);
    assert_eq!(tool_text(&answer), rows_to(count), "{answer}");
    since.elapsed()
}

/// The count that takes about `seconds`.
fn count_for(client: &mut Client, seconds: u64) -> u64 {
    let sample = timed(client, SAMPLE_COUNT).as_micros().max(1);
    let count = u128::from(SAMPLE_COUNT) * u128::from(seconds) * 1_000_000 / sample;
    u64::try_from(count).expect("a count that SQLite can count to")
}

#[test]
fn a_long_read_whose_gateway_is_killed_gives_its_rows_once() {
    let seconds = std::env::var(SECONDS).map_or(SECONDS_DEFAULT, |text| {
        text.parse().unwrap_or_else(|_| panic!("{SECONDS}={text} is no number"))
    });
    let home = Home::new();
    // However slow the machine is, this is about the answer to the call itself.
    home.configure("[limits]\nanswer_within_ms = 0\n");
    let mut client = home.client();
    client.initialize();
    let count = count_for(&mut client, seconds);
    let own = timed(&mut client, count);

    let id = client.send_call("execute_query", &read_to(count));
    let since = Instant::now();
    home.sessions_until("the read runs", |sessions| sessions[0]["running"] == 1);
    std::thread::sleep((own / KILLED_AFTER).saturating_sub(since.elapsed()));
    assert_eq!(home.session_of(client.pid())["running"], 1, "it runs when its gateway is killed");
    home.kill_gateway();
    let answer = client.answer_within(patience() + 4 * own, &id);
    println!(
        "{own:?} undisturbed, {:?} with a gateway killed after {:?}",
        since.elapsed(),
        own / KILLED_AFTER
    );
    assert_eq!(tool_text(&answer), rows_to(count), "{answer}");

    client.close_stdin();
    assert_eq!(client.rest(), Vec::<Value>::new(), "the read is answered once");
}
