//! Cancelling. No test sleeps: what must be stopped never ends without a cancel, so an answer proves it.

use super::*;

/// Runs `sql` and cancels again and again until it answers.
async fn cancelled(client: &mut Client, sql: &str, transaction: Transaction) -> BackendError {
    let cancel = client.connection.canceller();
    let run = client.run(statement(sql, transaction), CAPS);
    tokio::pin!(run);
    loop {
        tokio::select! {
            biased;
            answer = &mut run => return answer.unwrap_err(),
            () = tokio::task::yield_now() => cancel.cancel(),
        }
    }
}

#[tokio::test]
async fn an_endless_query_ends_on_cancel_and_the_connection_stays_usable() {
    let mut client = Fixture::shop().client("shop").await;
    for transaction in [Transaction::None, Transaction::Commit, Transaction::Rollback] {
        assert_eq!(cancelled(&mut client, ENDLESS, transaction).await.kind, ErrorKind::Cancelled);
        assert!(client.connection.is_usable());
        assert_eq!(client.text("SELECT 1").await, "1");
    }
}

/// Whether a statement is reading the file.
fn is_being_read(path: PathBuf) -> bool {
    let other = rusqlite::Connection::open(path).unwrap();
    other.busy_timeout(Duration::ZERO).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE; ROLLBACK").is_err()
}

#[tokio::test]
async fn a_cancel_of_a_running_statement_takes_effect_at_once() {
    let fixture = Fixture::shop();
    let mut client = fixture.client("shop").await;
    let cancel = client.connection.canceller();
    let endless =
        "WITH RECURSIVE n(i) AS (SELECT id FROM items UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    let (answer, cancelled_at) = tokio::join!(client.sql(endless), async {
        while !is_being_read(fixture.path("shop.db")) {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
        std::time::Instant::now()
    });
    assert_eq!(answer.unwrap_err().kind, ErrorKind::Cancelled);
    // Generous for a loaded machine: the progress handler needs less than a millisecond.
    assert!(cancelled_at.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_late_cancel_does_not_affect_the_next_statement() {
    let mut client = Fixture::shop().client("shop").await;
    let cancel = client.connection.canceller();
    for _ in 0..100 {
        assert_eq!(client.text("SELECT count(*) FROM items").await, "3");
        cancel.cancel();
    }
}

#[tokio::test]
async fn with_cancels_at_any_moment_every_answer_is_complete_or_cancelled() {
    let mut client = Fixture::shop().client("shop").await;
    let cancel = client.connection.canceller();
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stop = Arc::clone(&done);
    let thread = std::thread::spawn(move || {
        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
            cancel.cancel();
            std::thread::yield_now();
        }
    });
    for _ in 0..300 {
        match client.sql("SELECT count(*) FROM items, crm.people").await {
            Ok(completion) => assert_eq!(flat(&completion), "6"),
            Err(error) => assert_eq!(error.kind, ErrorKind::Cancelled, "{error}"),
        }
    }
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    thread.join().unwrap();
    assert_eq!(client.text("SELECT count(*) FROM items, crm.people").await, "6");
}

#[tokio::test]
async fn a_wait_for_a_lock_ends_on_cancel() {
    let fixture = Fixture::shop().writable();
    let mut client = fixture.client("shop").await;
    client.text("SELECT 1").await;
    let other = rusqlite::Connection::open(fixture.path("shop.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = cancelled(&mut client, "DELETE FROM items", Transaction::None).await;
    assert_eq!(error.kind, ErrorKind::Cancelled);
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(client.text("SELECT count(*) FROM items").await, "3");
}

#[tokio::test]
async fn a_dropped_future_cancels_and_the_next_request_waits_for_the_thread() {
    let mut client = Fixture::shop().client("shop").await;
    for _ in 0..5 {
        let context = client.context.clone();
        let operation = statement(ENDLESS, Transaction::None);
        let request = request(context, operation, CAPS, TestJournal::Accepts);
        {
            let run = client.connection.run(request);
            tokio::pin!(run);
            tokio::select! {
                biased;
                _ = &mut run => unreachable!("it is endless"),
                () = tokio::task::yield_now() => {}
            }
        }
        assert!(client.connection.is_usable());
        assert_eq!(client.text("SELECT 2").await, "2");
    }
}

#[tokio::test]
async fn a_dropped_connection_ends_its_thread() {
    let fixture = Fixture::shop();
    let mut client = fixture.client("shop").await;
    client.text("SELECT 1").await;
    let cancel = client.connection.canceller();
    drop(client);
    // The thread holds the other reference, until it ends.
    let ended = tokio::task::spawn_blocking(move || {
        while Arc::strong_count(&cancel) > 1 {
            std::thread::yield_now();
        }
    });
    tokio::time::timeout(PATIENCE, ended).await.expect("the thread ends").unwrap();
}
