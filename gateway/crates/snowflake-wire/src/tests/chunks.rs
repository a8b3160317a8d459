//! Results in chunks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use super::{column, done};
use crate::stand_in::{Reply, Seen, StandIn, answers, until, within};
use crate::{Error, RequestId, Rows, Session, Settings, Statement};

const SUBMIT: &str = "/queries/v1/query-request";
const RESULT: &str = "/queries/01-a/result";
/// Rows of each chunk.
const EACH: usize = 100;

/// A stand-in whose result has `count` chunks of [`EACH`] rows behind two inline rows; `storage` replies for
/// chunk `n`.
async fn chunked(
    count: usize,
    storage: impl Fn(&Seen, usize, usize) -> Reply + Send + Sync + 'static,
) -> (StandIn, Settings) {
    let stand_in = StandIn::start(move |seen, times| match seen.path.as_str() {
        "/session/v1/login-request" => answers::granted("token-1", "master-1"),
        SUBMIT | RESULT => {
            let host = &seen.headers["host"];
            let asked = if seen.path == SUBMIT { 0 } else { times + 1 };
            let chunks: Vec<_> =
                (0..count).map(|n| (format!("http://{host}/chunk/{n}?sig=secret-{asked}"), EACH)).collect();
            answers::chunked("01-a", &["0", "1"], &chunks)
        }
        chunk => storage(seen, chunk["/chunk/".len()..].parse().unwrap(), times),
    })
    .await;
    let settings = stand_in.settings();
    (stand_in, settings)
}

fn body(n: usize) -> Vec<u8> {
    answers::chunk(2 + n * EACH..2 + (n + 1) * EACH)
}

async fn rows(session: &Session) -> Rows {
    done(session.submit(RequestId::new(), &Statement::new("select n")).await.unwrap()).rows
}

fn expected(count: usize) -> Vec<String> {
    (0..2 + count * EACH).map(|n| n.to_string()).collect()
}

#[tokio::test]
async fn chunks_come_in_order_with_their_key_and_without_the_token() {
    let (stand_in, settings) = chunked(6, |_, n, _| match n % 2 {
        0 => Reply::gzip(&body(n)).header("Content-Encoding", "gzip"),
        _ => Reply::body(body(n)),
    })
    .await;
    let mut rows = rows(&stand_in.session_with(&settings).await).await;
    assert_eq!(rows.total(), Some(602));
    assert_eq!(within("all rows", column(&mut rows)).await.unwrap(), expected(6));
    assert_eq!(rows.next().await.unwrap(), None);
    let seen = &stand_in.seen("/chunk/0")[0];
    assert_eq!((seen.headers["x-storage-key"].as_str(), seen.token()), ("storage-secret", None));
    assert_eq!(seen.asked("sig"), "secret-0");
}

#[tokio::test]
async fn a_slow_first_chunk_does_not_change_the_order_and_holds_the_others_back() {
    let signal = Arc::new(Notify::new());
    let held = Arc::clone(&signal);
    let (stand_in, settings) = chunked(8, move |_, n, _| match n {
        0 => Reply::body(body(0)).when(&held),
        _ => Reply::body(body(n)),
    })
    .await;
    let session = stand_in.session_with(&settings).await;
    let reading = tokio::spawn(async move { column(&mut rows(&session).await).await });
    until("two are fetched ahead", || stand_in.seen("/chunk/2").len() == 1).await;
    assert!(stand_in.seen("/chunk/3").is_empty(), "no more than two");
    signal.notify_one();
    assert_eq!(within("all rows", reading).await.unwrap().unwrap(), expected(8));
}

#[tokio::test]
async fn a_download_that_breaks_starts_again_and_repeats_no_row() {
    let (stand_in, settings) = chunked(5, |_, n, times| match (n, times) {
        (0, 0) => Reply::body(body(0)).cut(),
        (1, 0) => Reply::status(503),
        (1, 1) => Reply::HangUp,
        (2, 0) => Reply::gzip(&body(2)).cut(),
        // Within a row, and between two.
        (3, 0) => Reply::body(body(3)[..301].to_vec()),
        (3, 1) => Reply::body(body(3)[..50 * "[\"300\"],".len() - 1].to_vec()),
        _ => Reply::body(body(n)),
    })
    .await;
    let mut rows = rows(&stand_in.session_with(&settings).await).await;
    assert_eq!(within("all rows", column(&mut rows)).await.unwrap(), expected(5));
    assert_eq!(stand_in.seen("/chunk/3").len(), 3);
}

#[tokio::test]
async fn a_download_is_given_up_after_its_attempts() {
    let (stand_in, settings) = chunked(2, |_, n, _| match n {
        1 => Reply::body(body(1)).cut(),
        _ => Reply::body(body(n)),
    })
    .await;
    let mut rows = rows(&stand_in.session_with(&settings).await).await;
    let error = within("giving up", column(&mut rows)).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert_eq!(stand_in.seen("/chunk/1").len(), 4);
    assert!(matches!(rows.next().await, Err(Error::GivenUp)), "never a result that looks whole");
}

#[tokio::test]
async fn an_address_that_has_expired_is_asked_for_again() {
    let (stand_in, settings) = chunked(4, |seen, n, _| match (n, seen.asked("sig")) {
        (2.., "secret-0") => Reply::status(403),
        _ => Reply::body(body(n)),
    })
    .await;
    let mut rows = rows(&stand_in.session_with(&settings).await).await;
    assert_eq!(within("all rows", column(&mut rows)).await.unwrap(), expected(4));
    assert_eq!((stand_in.seen(RESULT).len(), stand_in.seen("/chunk/0").len()), (1, 1));
}

#[tokio::test]
async fn new_addresses_are_asked_for_a_few_times_only() {
    let (stand_in, settings) = chunked(2, |_, _, _| Reply::status(403)).await;
    let mut rows = rows(&stand_in.session_with(&settings).await).await;
    let error = within("giving up", column(&mut rows)).await.unwrap_err();
    assert!(matches!(error, Error::Status { status: 403, .. }), "{error:?}");
    assert_eq!(stand_in.seen(RESULT).len(), 3);
}

#[tokio::test]
async fn a_result_that_has_changed_is_not_read_on() {
    let (stand_in, session) = StandIn::logged_in(|seen, _| {
        let url = format!("http://{}/chunk", seen.headers["host"]);
        match seen.path.as_str() {
            SUBMIT => answers::chunked("01-a", &[], &[(url, 3)]),
            RESULT => answers::chunked("01-a", &[], &[(url, 4)]),
            _ => Reply::status(403),
        }
    })
    .await;
    let error = column(&mut rows(&session).await).await.unwrap_err();
    assert!(error.to_string().contains("has changed"), "{error}");
    assert_eq!(stand_in.seen(RESULT).len(), 1);
}

#[tokio::test]
async fn a_part_with_too_many_rows_is_an_error() {
    let (stand_in, settings) = chunked(1, |_, _, _| Reply::body(answers::chunk(0..EACH + 1))).await;
    let error = column(&mut rows(&stand_in.session_with(&settings).await).await).await.unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
}

#[tokio::test]
async fn a_row_has_a_bound() {
    let (stand_in, mut settings) = chunked(1, |_, _, _| Reply::body(b"[\"0123456789\"]".to_vec())).await;
    settings.limits.row_bytes_max = 13;
    let error = column(&mut rows(&stand_in.session_with(&settings).await).await).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { what: "a row", bytes_max: 13, .. }), "{error:?}");
}

#[tokio::test]
async fn a_reader_that_comes_and_goes_loses_no_row() {
    let (stand_in, settings) = chunked(5, |_, n, times| match (n, times) {
        (1 | 3, 0) => Reply::body(body(n)).cut(),
        _ => Reply::body(body(n)),
    })
    .await;
    let mut rows = rows(&stand_in.session_with(&settings).await).await;
    let mut read = Vec::new();
    let reading = async {
        loop {
            // Too short for most awaits: the future is dropped there.
            match tokio::time::timeout(Duration::from_micros(50), rows.next()).await {
                Err(_) => {}
                Ok(row) => match row.unwrap() {
                    Some(row) => read.push(row[0].clone().unwrap()),
                    None => break,
                },
            }
        }
    };
    within("all rows", reading).await;
    assert_eq!(read, expected(5));
}

/// Waits until the stand-in's connections take no more.
async fn stalled(stand_in: &StandIn) -> u64 {
    let (mut before, mut unchanged) = (0, 0);
    until("the server waits", || {
        let sent = stand_in.bytes_sent();
        unchanged = if sent == before { unchanged + 1 } else { 0 };
        before = sent;
        unchanged > 100
    })
    .await;
    before
}

#[tokio::test]
async fn a_reader_that_waits_holds_a_bounded_part_in_memory() {
    const CHUNK_BYTES: usize = 48 << 20;
    // What sockets of this machine may hold, for one connection: both ends' buffers at their largest.
    const SOCKET_BYTES: u64 = 12 << 20;
    let big = Arc::new([b"[\"x\"]", &vec![b' '; CHUNK_BYTES][..]].concat());
    let (stand_in, mut settings) =
        chunked(4, move |_, _, _| Reply::Send { status: 200, headers: Vec::new(), body: Arc::clone(&big) })
            .await;
    (settings.limits.chunk_buffer_bytes, settings.limits.chunks_ahead) = (1 << 20, 1);
    let mut rows = rows(&stand_in.session_with(&settings).await).await;
    for _ in 0..3 {
        assert!(rows.next().await.unwrap().is_some());
    }
    let sent = stalled(&stand_in).await;
    assert!(sent < 2 * ((2 << 20) + SOCKET_BYTES), "{sent} of {} bytes", 2 * CHUNK_BYTES);
    assert!(stand_in.seen("/chunk/2").is_empty());
    drop(rows);
    until("the downloads stop", || stand_in.open_connections() <= 1).await;
    assert!(stand_in.bytes_sent() < 2 * CHUNK_BYTES as u64, "dropping the rows stops the downloads");
}

#[tokio::test]
async fn storage_that_stalls_is_left() {
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&attempts);
    let (stand_in, mut settings) = chunked(1, move |_, n, _| match counted.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::Silence,
        _ => Reply::body(body(n)),
    })
    .await;
    settings.limits.answer_timeout = Duration::from_millis(100);
    let mut rows = rows(&stand_in.session_with(&settings).await).await;
    assert_eq!(within("all rows", column(&mut rows)).await.unwrap(), expected(1));
    assert_eq!(attempts.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_reader_that_leaves_hangs_up() {
    let (stand_in, settings) = chunked(5, |_, _, _| Reply::Silence).await;
    let mut rows = rows(&stand_in.session_with(&settings).await).await;
    while stand_in.seen("/chunk/2").is_empty() {
        let _ = tokio::time::timeout(Duration::from_millis(5), rows.next()).await;
    }
    assert!(stand_in.open_connections() >= 3);
    drop(rows);
    until("the downloads stop", || stand_in.open_connections() <= 1).await;
}

#[test]
fn futures_can_move_between_threads() {
    fn assert_send<T: Send>(_: &T) {}
    #[allow(dead_code, reason = "compiled, not run")]
    fn compiled(session: &Session, rows: &mut Rows, statement: &Statement) {
        assert_send(&session.submit(RequestId::new(), statement));
        assert_send(&session.renew());
        assert_send(&session.close());
        assert_send(&rows.next());
        assert_send(rows);
    }
}

#[tokio::test]
async fn a_large_row_is_not_lost_when_the_wait_for_it_is_given_up() {
    let long = "7".repeat(1 << 20);
    let chunk = String::from_utf8(body(0)).unwrap().replacen("\"2\"", &format!("\"{long}\""), 1).into_bytes();
    let (stand_in, settings) = chunked(1, move |_, _, _| Reply::body(chunk.clone())).await;
    let mut rows = rows(&stand_in.session_with(&settings).await).await;
    let mut read = Vec::new();
    loop {
        // Polled once and dropped, again and again.
        let next = std::future::poll_fn(|context| {
            std::task::Poll::Ready(match std::pin::pin!(rows.next()).poll(context) {
                std::task::Poll::Ready(row) => Some(row.unwrap()),
                std::task::Poll::Pending => None,
            })
        });
        match next.await {
            Some(Some(row)) => read.push(row[0].clone().unwrap()),
            Some(None) => break,
            None => tokio::task::yield_now().await,
        }
    }
    let mut expected = expected(1);
    expected[2] = long;
    assert!(read == expected, "{} rows", read.len());
}
