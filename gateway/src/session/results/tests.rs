//! The memory of results, on a paused clock.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use super::*;

const MIB: u64 = 1 << 20;

fn share(memory: &Arc<ResultMemory>) -> (Arc<ResultShare>, CancellationToken) {
    let gone = CancellationToken::new();
    (memory.share(gone.clone()), gone)
}

async fn is_pending(waiting: &mut std::pin::Pin<&mut impl Future<Output = Reservation>>) -> bool {
    poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context).is_pending())).await
}

/// Has a session keep `count` results of `bytes` each.
async fn kept(share: &Arc<ResultShare>, count: usize, bytes: u64) -> Vec<Reservation> {
    let mut kept = Vec::new();
    for _ in 0..count {
        kept.push(share.reserve(bytes).await.keep(bytes).unwrap().unwrap());
    }
    kept
}

#[tokio::test(start_paused = true)]
async fn a_session_over_its_share_waits_until_its_client_reads() {
    let memory = Arc::default();
    let (one, _) = share(&memory);
    let mut results = kept(&one, SHARE_RESULTS_MIN, 7 * MIB).await;
    let mut next = pin!(one.reserve(7 * MIB));
    assert!(is_pending(&mut next).await);
    assert_eq!(one.waiting(), 1);
    let (other, _) = share(&memory);
    other.reserve(7 * MIB).await;
    results.pop();
    next.await;
    assert_eq!(one.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_sessions_of_one_client_have_a_share_together_and_others_go_on() {
    let memory = Arc::default();
    let of = |client: &str| {
        let (share, gone) = share(&memory);
        let client = Principal { client: client.into(), profile: "default".into() };
        share.join(&client, 20 << 20);
        (share, gone)
    };
    let (first, second, other) = (of("a"), of("a"), of("b"));
    let results = kept(&first.0, 2, 7 * MIB).await;
    let mut next = pin!(second.0.reserve(7 * MIB));
    assert!(is_pending(&mut next).await, "14 of 20 MiB are in use");
    other.0.reserve(7 * MIB).await;
    // The window that does not read is closed, and what it has kept is given back with it.
    tokio::time::advance(STALLED).await;
    assert!(is_pending(&mut next).await);
    assert!(first.1.is_cancelled() && !second.1.is_cancelled() && !other.1.is_cancelled());
    drop(results);
    next.await;
    assert_eq!(*other.0.reserved.lock().unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_result_does_not_need_is_given_back_at_once() {
    let (one, _) = share(&Arc::default());
    let mut small = Vec::new();
    for _ in 0..100 {
        small.push(one.reserve(MIB).await.keep(1000).unwrap());
    }
    assert!(small.iter().all(Option::is_none));
    let large = one.reserve(7 * MIB).await.keep(100_000).unwrap().unwrap();
    assert_eq!(*one.reserved.lock().unwrap(), 100_000);
    drop(large);
    assert_eq!((*one.reserved.lock().unwrap(), one.memory.lock().bytes), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn under_pressure_connections_that_do_not_read_are_closed_and_no_others() {
    let memory = Arc::default();
    let sessions: Vec<_> = (0..6).map(|_| share(&memory)).collect();
    let mut results = Vec::new();
    for (one, _) in &sessions {
        results.push(kept(one, 3, 7 * MIB).await);
    }
    tokio::time::advance(STALLED).await;
    sessions[0].0.note_read();
    let closed = || sessions.iter().filter(|(_, gone)| gone.is_cancelled()).count();
    assert_eq!((memory.lock().bytes >> 20, closed()), (126, 0));
    let (seventh, _) = share(&memory);
    let more = kept(&seventh, 3, 7 * MIB).await;
    assert_eq!(closed(), 0);
    let (eighth, _) = share(&memory);
    let last = kept(&eighth, 2, 7 * MIB).await;
    assert_eq!((closed(), sessions[0].1.is_cancelled()), (1, false));
    drop((results, more, last));
    assert_eq!(memory.lock().bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn where_nothing_can_be_closed_a_large_result_is_refused_and_a_small_one_is_not() {
    let memory = Arc::default();
    let sessions: Vec<_> = (0..11).map(|_| share(&memory).0).collect();
    let mut results = Vec::new();
    for (number, one) in sessions.iter().enumerate() {
        results.push(kept(one, if number < 10 { 3 } else { 2 }, 7 * MIB).await);
    }
    assert_eq!(memory.lock().bytes, TOTAL_BYTES);
    let (another, _) = share(&memory);
    assert_eq!(another.reserve(7 * MIB).await.keep(7 * MIB).unwrap_err(), NoRoom { total: TOTAL_BYTES });
    assert!(another.reserve(7 * MIB).await.keep(1000).unwrap().is_none());
    results.pop();
    assert!(another.reserve(7 * MIB).await.keep(7 * MIB).unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_result_that_is_on_its_way_is_counted_until_it_is_taken() {
    let (one, _) = share(&Arc::default());
    let result = kept(&one, 1, MIB).await.remove(0);
    one.put(7, result);
    assert_eq!(one.memory.lock().bytes, 1 << 20);
    assert!(one.take(8).is_none());
    drop(one.take(7));
    assert_eq!(one.memory.lock().bytes, 0);
    one.put(9, kept(&one, 1, MIB).await.remove(0));
    one.close();
    one.put(10, kept(&one, 1, MIB).await.remove(0));
    assert_eq!(one.memory.lock().bytes, 0);
}
