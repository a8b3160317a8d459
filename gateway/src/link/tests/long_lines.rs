//! Lines that are read, looked at and parsed away from the runtime's thread.

use snowgate_link::frame::{FLAG_REPLAY, HEADER_BYTES};

use super::*;

/// A statement too long for the runtime's thread, that no other is.
fn long(name: &str) -> String {
    format!("{name} {}", "x".repeat(1_000_000))
}

/// A call of `query` as one line.
fn call(id: u64, query: &str) -> Vec<u8> {
    let params = json!({"name": "execute_query", "arguments": {"query": query}});
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}).to_string().into_bytes()
}

fn cancel(id: u64) -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}})
}

async fn one_at_a_time() -> Shim {
    Shim::with(|config| config.gateway.session_requests_max = 1, 8 << 20).await
}

#[tokio::test(start_paused = true)]
async fn requests_start_in_order_however_long_they_are() {
    let mut shim = one_at_a_time().await;
    for round in 0..3 {
        let ids = [round * 3, round * 3 + 1, round * 3 + 2];
        shim.query(ids[0], &long("first")).await;
        shim.query(ids[1], "second").await;
        shim.query(ids[2], &long("third")).await;
        for id in ids {
            assert_eq!(shim.receive_line().await.message["id"], id);
        }
    }
    let begins = ["first", "second", "third"].repeat(3);
    let ran: Vec<Event> = shim.gateway.fake.events();
    let ran = ran.iter().filter_map(|event| match event {
        Event::Ran(_, query) => query.split(' ').next(),
        _ => None,
    });
    assert_eq!(ran.collect::<Vec<_>>(), begins);
}

#[tokio::test(start_paused = true)]
async fn a_long_request_that_waits_or_is_parsed_is_cancelled_like_any_other() {
    let mut shim = one_at_a_time().await;
    shim.gateway.fake.script("endless", Script::endless());
    let endless = shim.query(1, "endless").await;
    shim.until(&ran("endless")).await;
    let waiting = shim.query(2, &long("waiting")).await;
    let mut unanswered = vec![endless, waiting, shim.send(cancel(2)).await, shim.send(cancel(1)).await];
    // Nothing runs: this one is parsed at once, and cancelled meanwhile.
    unanswered.extend([shim.query(3, &long("parsed")).await, shim.send(cancel(3)).await]);
    let last = shim.query(4, "select 4").await;
    let mut acknowledged = Vec::new();
    loop {
        let received = shim.receive().await.unwrap();
        match received.kind {
            Kind::Ack => acknowledged.push(received.re),
            Kind::Line => {
                assert_eq!(received.re, last, "{received:?}");
                break;
            }
            _ => {}
        }
    }
    acknowledged.sort_unstable();
    unanswered.sort_unstable();
    assert_eq!(acknowledged, unanswered);
    assert!(!shim.gateway.fake.events().contains(&ran(&long("waiting"))));
    // All of the memory is free again.
    shim.gateway.shared.lines.hold(usize::MAX).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_cancel_comes_behind_a_waiting_line_that_is_longer_than_the_window() {
    let mut shim = one_at_a_time().await;
    shim.gateway.fake.script("endless", Script::endless());
    shim.query(1, "endless").await;
    shim.until(&ran("endless")).await;
    for id in 2..4 {
        // More than the window has room for, were they to count.
        shim.query(id, &"x".repeat(9_000_000)).await;
    }
    shim.send(cancel(1)).await;
    for id in 2..4 {
        assert_eq!(shim.receive_line().await.message["id"], id);
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_request_whose_params_do_not_fit_is_refused_and_ends() {
    let mut shim = one_at_a_time().await;
    for id in 1..=3 {
        let params = json!({"name": "execute_query", "arguments": "x".repeat(100_000)});
        shim.send(json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})).await;
        let answer = shim.receive_line().await.message;
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(id), &json!(-32602)));
    }
    shim.query(4, "select 4").await;
    assert_eq!(shim.receive_line().await.message["id"], 4);
}

#[tokio::test(start_paused = true)]
async fn a_long_request_is_refused_where_memory_is_held_and_nothing_moves() {
    let mut shim = one_at_a_time().await;
    let held = shim.gateway.shared.lines.hold(usize::MAX).await.unwrap();
    let begun = Instant::now();
    for (flags, told) in [(0, false), (FLAG_REPLAY, true)] {
        shim.sent += 1;
        let payload = call(shim.sent, &long("select"));
        let frame = Frame { kind: Kind::Line, flags, seq: shim.sent, re: 0, payload: &payload };
        shim.stream.write_all(&frame.to_bytes()).await.unwrap();
        let answer = shim.receive_line().await.message;
        let message = answer["error"]["message"].as_str().unwrap();
        assert_eq!(answer["id"], shim.sent);
        assert!(message.contains("no room") && message.contains("5 s"), "{message}");
        assert_eq!(message.contains("an earlier gateway may have run it"), told, "{message}");
        assert_eq!(begun.elapsed().as_secs(), 5);
    }
    drop(held);
    shim.query(9, &long("select")).await;
    assert_eq!(shim.receive_line().await.message["id"], 9);
}

#[tokio::test(start_paused = true)]
async fn a_long_line_that_does_not_arrive_ends_its_connection_and_frees_its_memory() {
    let mut shim = one_at_a_time().await;
    let payload = vec![b' '; 16 << 20];
    let frame = Frame { kind: Kind::Line, flags: 0, seq: 1, re: 0, payload: &payload }.to_bytes();
    shim.stream.write_all(&frame[..HEADER_BYTES + 100]).await.unwrap();
    let begun = Instant::now();
    shim.rest().await;
    // It is the next line's memory then.
    assert_eq!(begun.elapsed().as_secs(), 30);
    let lines = &shim.gateway.shared.lines;
    let (_first, _second) = (lines.clone().read(16 << 20).await, lines.clone().read(16 << 20).await);
}

#[tokio::test(start_paused = true)]
async fn a_long_line_waits_for_memory_and_its_connection_is_not_read_meanwhile() {
    let mut shim = one_at_a_time().await;
    let lines = shim.gateway.shared.lines.clone();
    let memory = lines.clone().read(usize::MAX).await;
    shim.query(1, &long("select")).await;
    let begun = Instant::now();
    assert!(tokio::time::timeout(Duration::from_secs(3_600), shim.receive_line()).await.is_err());
    drop(memory);
    assert_eq!(shim.receive_line().await.message["id"], 1);
    assert_eq!(begun.elapsed().as_secs(), 3_600);
}
