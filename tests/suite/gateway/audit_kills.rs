//! The audit trail of a gateway that is killed again and again, joined against what its clients wrote.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::Value;
use snowgate_tests::{Client, Home, Random, tool_text, until};

use super::audit::{records, verified};

/// Kills; more by this variable.
const KILLS_VARIABLE: &str = "SNOWGATE_TEST_KILLS";
const KILLS: u64 = 5;

/// The seed of the moments.
const SEED_VARIABLE: &str = "SNOWGATE_TEST_SEED";

/// Statements of a client that are under way at once.
const AT_ONCE: usize = 4;

/// Statements of a client that goes with the gateway.
const LEFT: usize = 20;

/// What the clients do, until it is over.
struct Work {
    number: AtomicU64,
    answers: AtomicU64,
    is_over: AtomicBool,
}

impl Work {
    fn insert(&self) -> (u64, String) {
        let number = self.number.fetch_add(1, Ordering::Relaxed) + 1;
        (number, text_of(number))
    }

    /// Runs statements until it is over; gives those that were answered as done.
    fn write(&self, home: &Home, name: &str) -> Vec<u64> {
        let mut client = named(home, name);
        let (mut sent, mut done) = (VecDeque::new(), Vec::new());
        while !self.is_over.load(Ordering::Relaxed) || !sent.is_empty() {
            if sent.len() < AT_ONCE && !self.is_over.load(Ordering::Relaxed) {
                let (number, sql) = self.insert();
                sent.push_back((number, client.send_query(&sql)));
                continue;
            }
            let Some((number, id)) = sent.pop_front() else { break };
            let answer = client.answer(&id);
            self.answers.fetch_add(1, Ordering::Relaxed);
            if answer["result"]["isError"] == false {
                done.push(number);
            } else {
                let text = tool_text(&answer);
                assert!(text.contains("outcome unknown"), "{text}");
            }
        }
        client.leave();
        done
    }

    fn read(&self, home: &Home) {
        let mut client = named(home, "reader");
        while !self.is_over.load(Ordering::Relaxed) {
            let answer = client.query("select count(*) from t");
            assert_eq!(answer["result"]["isError"], false, "{answer}");
        }
        client.leave();
    }

    /// Kills the gateway at a random moment, and with it a client that will not ask again.
    fn kill(&self, home: &Home, random: &mut Random) {
        let mut gone = named(home, "gone");
        for _ in 0..LEFT {
            gone.send_query(&self.insert().1);
        }
        let wanted = self.answers.load(Ordering::Relaxed) + random.below(40);
        until("the writers get on", || self.answers.load(Ordering::Relaxed) >= wanted);
        if random.percent(50) {
            home.kill_gateway();
            drop(gone);
        } else {
            drop(gone);
            home.kill_gateway();
        }
    }
}

fn text_of(number: u64) -> String {
    format!("insert into t values ({number})")
}

fn named(home: &Home, name: &str) -> Client {
    let mut client = home.client();
    client.initialize_as(name, "2025-11-25");
    client
}

fn rows(home: &Home) -> Vec<u64> {
    let database = rusqlite::Connection::open(home.databases().join("ONE.db")).expect("the database");
    let mut select = database.prepare("select x from t").expect("a table");
    let rows = select.query_map([], |row| row.get::<_, i64>(0)).expect("rows");
    rows.map(|row| row.expect("a row").unsigned_abs()).collect()
}

#[test]
fn each_write_has_one_record_however_often_the_gateway_is_killed() {
    let kills = std::env::var(KILLS_VARIABLE).map_or(KILLS, |text| text.parse().expect("a number"));
    let mut random = Random::from_env(SEED_VARIABLE);
    let home = Home::new();
    home.configure(
        "read_only = false\n[audit]\nstatement_text = true\nhead_interval_s = 1\nfile_bytes_max = 65536\nfiles_max = 10000\n",
    );
    let mut maker = named(&home, "maker");
    assert_eq!(maker.query("create table t (x)")["result"]["isError"], false);
    maker.leave();
    let work =
        Work { number: AtomicU64::new(0), answers: AtomicU64::new(0), is_over: AtomicBool::new(false) };
    let (mut done, mut torn_ends) = (Vec::new(), 0);
    std::thread::scope(|scope| {
        let (work, home) = (&work, &home);
        let writers: Vec<_> =
            ["first", "second"].map(|name| scope.spawn(move || work.write(home, name))).into_iter().collect();
        let reader = scope.spawn(move || work.read(home));
        for _ in 0..kills {
            work.kill(home, &mut random);
            // While the next gateway begins, and while it writes.
            torn_ends += u64::from(!verified(home)["torn_end"].is_null());
        }
        work.is_over.store(true, Ordering::Relaxed);
        done.extend(writers.into_iter().flat_map(|writer| writer.join().expect("a writer")));
        reader.join().expect("the reader");
    });
    until("a gateway is there", || home.status().is_some());
    home.stop();
    let report = verified(&home);
    let mut outcomes: HashMap<String, Vec<String>> = HashMap::new();
    let (mut recovered, found) = (0, records(&home, &["--tool", "execute_query"]));
    for record in &found {
        recovered += u64::from(record["recovered"] == true);
        let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        outcomes.entry(text("text")).or_default().push(text("outcome"));
    }
    let rows = rows(&home);
    let has_row: HashSet<u64> = rows.iter().copied().collect();
    let count = |number: u64, outcome: &str| {
        let of = outcomes.get(&text_of(number)).map_or(&[][..], Vec::as_slice);
        of.iter().filter(|found| *found == outcome).count()
    };
    let known = |number: u64| (count(number, "allowed"), count(number, "outcome_unknown"));
    let all = 1..=work.number.load(Ordering::Relaxed);
    let unknown = rows.iter().filter(|row| known(**row) == (0, 1)).count();
    println!(
        "seed {}: {kills} kills, {} statements, {} rows, of which {unknown} with an outcome that is not known, {} records, \
         {recovered} of them by a later gateway; ends half-written: {torn_ends} seen, {} named",
        random.seed,
        all.end(),
        rows.len(),
        report["records"],
        report["torn"]
    );
    assert_eq!(has_row.len(), rows.len(), "a row is there twice");
    let of = |number: u64| {
        let answered = count(number, "answered_from_journal");
        let of: Vec<Value> =
            found.iter().filter(|record| record["text"] == *text_of(number)).cloned().collect();
        format!("{number}: {:?}, from the journal {answered}; {of:#?}", known(number))
    };
    for number in all {
        let (allowed, unknown) = known(number);
        if has_row.contains(&number) {
            assert_eq!(allowed + unknown, 1, "a row and its records: {}", of(number));
        } else {
            assert!(allowed == 0 && unknown <= 1, "no row, and its records: {}", of(number));
        }
    }
    for number in done {
        assert!(has_row.contains(&number), "answered as done, without a row: {}", of(number));
    }
    assert_eq!(report["lost"], 0, "{report}");
}
