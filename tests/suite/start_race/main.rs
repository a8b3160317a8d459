//! Kills at random moments: no request of a surviving shim fails, and there is never a second gateway.
//!
//! `SNOWGATE_TEST_ROUNDS` is the number of rounds, a few by default; the full run is
//! `SNOWGATE_TEST_ROUNDS=300 cargo test --release -p snowgate-tests --test start_race`. `SNOWGATE_TEST_SEED`
//! repeats the kills of a failed run, as far as the machine's timing allows; the seed is in the output of
//! a failed test.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "elsewhere.rs")]
mod sockets;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, Random, kill, tool_text, until};

const ROUNDS: usize = 5;
const SHIMS: usize = 40;
/// Of those, the ones that may be killed.
const VICTIMS: usize = 6;
/// Fewer than the connections in a row after which a shim gives a request up.
const KILLS_MAX: u64 = 4;
/// From the start of a round to its last kill, at most.
const MOMENT_MS_MAX: u64 = 80;

const STEADY_CLIENTS: usize = 6;
const STEADY_KILLS: usize = 8;

fn rounds() -> usize {
    std::env::var("SNOWGATE_TEST_ROUNDS").map_or(ROUNDS, |text| text.parse().expect("a number of rounds"))
}

/// What was killed, noted before it was.
#[derive(Default)]
struct Killed(Mutex<BTreeSet<u32>>);

impl Killed {
    fn kill(&self, pid: u32) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(pid);
        kill(pid);
    }

    fn has(&self, pid: u32) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&pid)
    }
}

/// Looks until `done` and returns every set of more than one gateway that were there at once and not killed.
fn watch(home: &Home, killed: &Killed, done: &AtomicBool) -> Vec<BTreeSet<u32>> {
    let mut seen = Vec::new();
    while !done.load(Ordering::Relaxed) {
        let mut at_once = sockets::listening(home);
        // One that was killed may still be on its way out.
        at_once.retain(|&pid| !killed.has(pid));
        if at_once.len() > 1 {
            seen.push(at_once);
        }
        thread::sleep(Duration::from_micros(500));
    }
    seen
}

/// Every gateway in the log was killed or had gone before the next was ready.
fn one_after_the_other(home: &Home, killed: &Killed) {
    let lines: Vec<Value> = home.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let mut serving: Option<u32> = None;
    for line in lines {
        if line["message"] == "stopped" {
            serving = None;
        } else if line["message"] == "ready" {
            assert!(serving.is_none_or(|pid| killed.has(pid)), "two gateways: {}", home.log());
            serving = line["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok());
        }
    }
}

/// Kills whatever may be killed in `home`, a few times, at random moments.
fn kill_at_random(home: &Home, survivors: &BTreeSet<u32>, killed: &Killed, random: &mut Random) {
    for _ in 0..random.below(KILLS_MAX + 1) {
        // No wait for anything: the moment is what is random here.
        thread::sleep(Duration::from_micros(random.below(1 + MOMENT_MS_MAX * 1000 / KILLS_MAX)));
        let mut prey = home.processes();
        prey.retain(|process| !survivors.contains(&process.pid));
        // Half of the time the gateway, or the intermediate that is about to start one.
        if random.below(2) == 0 && prey.iter().any(|process| process.command.contains("serve")) {
            prey.retain(|process| process.command.contains("serve"));
        }
        if !prey.is_empty() {
            let index = usize::try_from(random.below(prey.len() as u64)).expect("small");
            println!("  killing {:?}", prey[index]);
            killed.kill(prey[index].pid);
        }
    }
}

/// A round's client: asks for everything at once and does not wait.
fn ask(client: &mut Client, database: &str) -> [Value; 3] {
    let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}});
    let first = client.send("initialize", &params);
    client.notify("notifications/initialized", &json!({}));
    let second = client.send_call("set_context", &json!({"database": database}));
    [first, second, client.send_call("session_info", &json!({}))]
}

fn check(client: &mut Client, ids: &[Value; 3], database: &str) {
    let answers = ids.each_ref().map(|id| client.answer(id));
    assert_eq!(answers[0]["result"]["protocolVersion"], "2025-11-25", "{answers:?}");
    for answer in &answers[1..] {
        assert_eq!(answer["result"]["structuredContent"]["context"]["database"], database, "{answers:?}");
    }
}

fn round(home: &Home, killed: &Killed, random: &mut Random) {
    let mut victims: Vec<Client> = (0..VICTIMS).map(|_| home.client()).collect();
    let mut clients: Vec<Client> = (VICTIMS..SHIMS).map(|_| home.client()).collect();
    let survivors: BTreeSet<u32> = clients.iter().map(Client::pid).collect();
    let database = |at: usize| if at.is_multiple_of(2) { "ONE" } else { "TWO" };
    thread::scope(|scope| {
        let kills = scope.spawn(|| kill_at_random(home, &survivors, killed, random));
        let ids: Vec<_> =
            clients.iter_mut().enumerate().map(|(at, client)| ask(client, database(at))).collect();
        kills.join().expect("the kills are done");
        for (at, (client, ids)) in clients.iter_mut().zip(&ids).enumerate() {
            check(client, ids, database(at));
        }
    });
    victims.iter_mut().for_each(Client::close_stdin);
    for victim in &mut victims {
        victim.wait();
    }

    // A gateway that was killed after it had answered is not there until somebody asks again.
    for client in &mut clients {
        assert_eq!(client.request("ping", &json!({}))["result"], json!({}));
    }
    until("one gateway has everybody's session", || {
        let sessions: BTreeSet<_> =
            home.sessions().iter().filter_map(|session| session["pid"].as_u64()).collect();
        sessions == survivors.iter().map(|&pid| u64::from(pid)).collect() && home.gateways().len() == 1
    });
    for client in &mut clients {
        client.close_stdin();
        assert_eq!(client.rest(), Vec::<Value>::new(), "each is answered once");
    }
    if random.below(2) == 0 {
        killed.kill(home.gateway_pid());
    } else {
        home.stop();
    }
    until("the gateway is gone", || home.processes().is_empty());
}

#[test]
fn forty_shims_start_one_gateway_whichever_process_is_killed() {
    let mut random = Random::from_env("SNOWGATE_TEST_SEED");
    println!("SNOWGATE_TEST_SEED={}", random.seed);
    let (home, killed, done) = (Home::new(), Killed::default(), AtomicBool::new(false));
    let at_once = thread::scope(|scope| {
        let watch = scope.spawn(|| watch(&home, &killed, &done));
        // Ends the watch even if a round panics.
        let ended = scope.spawn(|| {
            for number in 0..rounds() {
                println!("round {number}");
                round(&home, &killed, &mut random);
            }
        });
        let ended = ended.join();
        done.store(true, Ordering::Relaxed);
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        watch.join().expect("the watch ends")
    });
    assert_eq!(at_once, Vec::<BTreeSet<u32>>::new(), "more than one gateway at once");
    one_after_the_other(&home, &killed);
}

/// Asks until `done`, counting answers.
fn work(client: &mut Client, answers: &AtomicUsize, done: &AtomicBool) {
    client.initialize();
    for number in 0.. {
        let answer = client.query(&format!("select {number} as number"));
        assert_eq!(tool_text(&answer), format!("number\n{number}\n(1 row)"));
        answers.fetch_add(1, Ordering::Relaxed);
        if done.load(Ordering::Relaxed) {
            break;
        }
    }
    client.close_stdin();
    assert_eq!(client.rest(), Vec::<Value>::new(), "each is answered once");
}

#[test]
fn clients_at_work_do_not_notice_that_gateways_are_killed() {
    let mut random = Random::from_env("SNOWGATE_TEST_SEED");
    println!("SNOWGATE_TEST_SEED={}", random.seed);
    let (home, done) = (Home::new(), AtomicBool::new(false));
    let answers: Vec<AtomicUsize> = (0..STEADY_CLIENTS).map(|_| AtomicUsize::new(0)).collect();
    thread::scope(|scope| {
        let workers: Vec<_> = answers
            .iter()
            .map(|answers| (home.client(), answers))
            .map(|(mut client, answers)| {
                let done = &done;
                scope.spawn(move || work(&mut client, answers, done))
            })
            .collect();
        for _ in 0..STEADY_KILLS {
            let before: Vec<usize> = answers.iter().map(|count| count.load(Ordering::Relaxed)).collect();
            until("everybody got another answer", || {
                let lost = workers.iter().any(thread::ScopedJoinHandle::is_finished);
                lost || answers.iter().zip(&before).all(|(now, before)| now.load(Ordering::Relaxed) > *before)
            });
            thread::sleep(Duration::from_micros(random.below(20_000)));
            home.gateways().iter().for_each(|gateway| kill(gateway.pid));
        }
        done.store(true, Ordering::Relaxed);
    });
}
