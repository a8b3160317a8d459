//! Who comes first. Slots come free when a test says so, and what it looks at are counts.

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, tool_text, until};

use crate::scans::Scan;
use crate::strategy::{Strategy, has_allocator};
use crate::weights;

const CONNECTIONS: usize = 2;

/// Rows of a scan that takes some milliseconds.
const ROWS: u64 = 20_000;

fn home_with(profiles: &str) -> Home {
    let home = Home::new();
    home.configure(&format!("{}{profiles}", Strategy::default().config(CONNECTIONS, Some(0))));
    home
}

fn named(home: &Home, name: &str) -> Client {
    let mut client = home.client();
    client.initialize_as(name, "2025-11-25");
    client.call("session_info", &json!({}));
    client
}

fn waiting(home: &Home) -> u64 {
    home.status().expect("a running gateway")["requests_waiting"].as_u64().expect("a number")
}

#[track_caller]
fn until_waiting(home: &Home, count: u64) {
    until(&format!("{count} requests wait"), || waiting(home) == count);
}

fn in_use(home: &Home) -> u64 {
    let status = home.status().expect("a running gateway");
    let number = |name: &str| status[name].as_u64().expect("a number");
    number("connections_open") - number("connections_idle")
}

/// A client whose statements without an end hold all slots, and that has `queued` more of them; their ids, those
/// that run first.
fn hog(home: &Home, queued: usize) -> (Client, Vec<Value>) {
    let mut hog = named(home, "hog");
    let mut ids: Vec<Value> = (0..CONNECTIONS).map(|_| send_endless(&mut hog)).collect();
    until("all slots are in use", || in_use(home) == CONNECTIONS as u64);
    ids.extend((0..queued).map(|_| send_endless(&mut hog)));
    until_waiting(home, queued as u64);
    (hog, ids)
}

/// Each different, so that no two share a run.
fn send_endless(client: &mut Client) -> Value {
    client.send_query(&Scan::of(u64::MAX >> 1).sql())
}

fn cancel(client: &mut Client, id: &Value) {
    client.notify("notifications/cancelled", &json!({"requestId": id}));
}

#[test]
fn who_asks_for_little_passes_the_queue_of_who_asks_for_much() {
    let _alone = crate::alone();
    let home = home_with("");
    let (mut hog, ids) = hog(&home, 6);
    let mut small = named(&home, "small");
    let asked = small.send_query("select 41 + 1");
    until_waiting(&home, 7);
    cancel(&mut hog, &ids[0]);
    if Strategy::default().is_fair() {
        // The one slot that came free was enough, with six of the hog's before it.
        assert!(tool_text(&small.answer(&asked)).contains("42"));
        until_waiting(&home, 5);
    } else {
        until_waiting(&home, 6);
        ids.iter().for_each(|id| cancel(&mut hog, id));
        assert!(tool_text(&small.answer(&asked)).contains("42"));
    }
    ids.iter().for_each(|id| cancel(&mut hog, id));
    until("all slots are free", || in_use(&home) == 0 && waiting(&home) == 0);
    assert_eq!(hog.unclaimed().len(), 0, "a cancelled request has no answer");
}

/// Has each of `crowd` (name, windows, statements of each window) send all its statements while others hold the slots, and
/// frees these; the clients of the first `count` that are answered after that. So nothing depends on how fast clients are.
fn first_answered(home: &Home, crowd: &[(&str, usize, usize)], count: usize) -> Vec<String> {
    let (mut hog, held) = hog(home, 0);
    let mut clients: Vec<(Client, Vec<Value>)> = Vec::new();
    for (name, windows, statements) in crowd {
        for _ in 0..*windows {
            let mut client = named(home, name);
            let ids = (0..*statements).map(|_| client.send_query(&Scan::of(ROWS).sql())).collect();
            clients.push((client, ids));
        }
    }
    until_waiting(home, clients.iter().map(|(_, ids)| ids.len() as u64).sum());
    held.iter().for_each(|id| cancel(&mut hog, id));
    for (client, ids) in &mut clients {
        for id in ids {
            assert!(tool_text(&client.answer(id)).contains("(1 row)"));
        }
    }
    home.stop();
    let lines = home.log_lines("request");
    let answered = lines.iter().filter(|line| line["tool"] == "execute_query" && line["outcome"] == "ok");
    answered.take(count).map(|line| line["client"].as_str().expect("a name").to_owned()).collect()
}

fn count_of(answered: &[String], name: &str) -> usize {
    answered.iter().filter(|client| *client == name).count()
}

#[test]
fn ten_windows_of_one_client_are_one_client() {
    let _alone = crate::alone();
    let home = home_with("");
    let answered = first_answered(&home, &[("many", 10, 4), ("single", 1, 20)], 24);
    if Strategy::default().is_fair() {
        // Half of all would be fair, a third is what order of arrival gives at the end of all.
        let single = count_of(&answered, "single");
        assert!(single * 3 > answered.len(), "one window: {single} of {answered:?}");
    }
}

#[test]
fn a_greater_weight_is_a_greater_share() {
    let _alone = crate::alone();
    if !has_allocator() {
        return println!("not tested: these binaries have no weights");
    }
    let home = home_with(&weights::profiles());
    let crowd = weights::CLIENTS.map(|(name, _)| (name, 1, 16));
    let answered = first_answered(&home, &crowd, 28);
    let [light, middle, heavy] = weights::CLIENTS.map(|(name, _)| count_of(&answered, name));
    assert!(light < middle && middle < heavy, "weights 1:2:4, answers {light}:{middle}:{heavy}");
}
