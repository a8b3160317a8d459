//! One request on a connection that is in hand: let through by the breaker, run to its end, or stopped.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backon::BackoffBuilder as _;
use tokio::time::{Instant, timeout};

use super::breaker::{Pass, Visit};
use super::desk::Desk;
use super::errors::{self, unfetched};
use super::manager::OpenConnection;
use super::retries::{is_repeatable, retries};
use super::stop::{CHECK_TIMEOUT, STOP_TIMEOUT, StopReason};
use crate::backend::{BackendError, Completion, ErrorKind, Health as _, Ownership, Request};

/// How long a request took, for the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunTimes {
    /// It was stopped in the lane for short requests, and is to run where the others do.
    pub is_too_long_for_lane: bool,
    /// Waiting for a connection: for a slot, and for one to be opened.
    pub waited: Duration,
    /// Running on it; `None`: it got none.
    pub ran: Option<Duration>,
}

/// Says that a request runs, until it is dropped.
struct RunningMark(Arc<AtomicBool>);

impl RunningMark {
    fn set(mark: Arc<AtomicBool>) -> Self {
        mark.store(true, Ordering::Relaxed);
        Self(mark)
    }
}

impl Drop for RunningMark {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// How a run ended.
pub(super) struct Ended {
    pub(super) result: Result<Completion, BackendError>,
    /// The statement goes on although it was cancelled: its connection must be closed.
    pub(super) goes_on: bool,
}

impl Ended {
    fn of(result: Result<Completion, BackendError>) -> Self {
        Self { result, goes_on: false }
    }
}

/// Runs `request` as soon as the breaker lets it, to its end, which `stop` or its time-out may bring about earlier.
/// Fills in `times`.
pub(super) async fn run(
    desk: &Desk,
    connection: &mut OpenConnection,
    request: Request,
    visit: Visit,
    mut stop: Pin<&mut impl Future<Output = StopReason>>,
    times: &mut RunTimes,
) -> Ended {
    let began = Instant::now();
    let passing = async {
        let pass = desk.breaker.pass(visit).await?;
        if pass.is_probe() { probe(pass, connection).await } else { Ok(pass) }
    };
    let passed = tokio::select! {
        biased;
        stop = &mut stop => Err(errors::stopped_while_waiting(stop, request.earlier.as_deref())),
        passed = passing => passed,
    };
    let begun = Instant::now();
    times.waited += begun - began;
    let ended = match passed {
        Ok(_pass) => {
            let _running = request.is_running.clone().map(RunningMark::set);
            run_and_repeat(desk, connection, request, stop).await
        }
        Err(error) => return Ended::of(Err(unfetched(error, &request))),
    };
    times.ran = Some(times.ran.unwrap_or_default() + begun.elapsed());
    ended
}

/// Runs `request`, and again where the backend has not processed it; its time of running counts the pauses.
async fn run_and_repeat(
    desk: &Desk,
    connection: &mut OpenConnection,
    request: Request,
    mut stop: Pin<&mut impl Future<Output = StopReason>>,
) -> Ended {
    let deadline = Instant::now() + request.timeout;
    let mut pauses = retries(deadline).build();
    let is_shared = request.ownership == Ownership::Shared;
    let mut again = (is_shared && is_repeatable(&request)).then(|| request.clone());
    let mut ended = run_to_end(desk, connection, request, stop.as_mut()).await;
    while let (Err(error), Some(request)) = (&ended.result, &mut again) {
        let repeats = error.may_retry && desk.breaker.is_closed() && connection.is_usable();
        let Some(pause) = pauses.next().filter(|_| repeats) else { break };
        tokio::select! {
            biased;
            stop = &mut stop => return Ended::of(Err(errors::stopped_while_waiting(stop, None))),
            () = tokio::time::sleep(pause) => {}
        }
        tracing::info!(code = error.code, "the backend has not processed it; trying again");
        desk.board().counters.retried += 1;
        request.timeout = deadline.saturating_duration_since(Instant::now());
        ended = run_to_end(desk, connection, request.clone(), stop.as_mut()).await;
    }
    ended
}

/// Asks the backend whether it is back, so that it is no client's statement that finds out. Where the connection
/// cannot tell (it has to log in first), the request itself does.
async fn probe<'a>(mut pass: Pass<'a>, connection: &mut OpenConnection) -> Result<Pass<'a>, BackendError> {
    match timeout(CHECK_TIMEOUT, connection.check()).await {
        Ok(Ok(())) => Ok(pass),
        // It is back, and does not know this connection any more: the request finds its way.
        Ok(Err(_)) if !pass.is_probe() => Ok(pass),
        Ok(Err(_)) | Err(_) => {
            pass.fail();
            Err(pass.refusal())
        }
    }
}

async fn run_to_end(
    desk: &Desk,
    connection: &mut OpenConnection,
    request: Request,
    stop: Pin<&mut impl Future<Output = StopReason>>,
) -> Ended {
    let limit = request.timeout;
    let canceller = connection.canceller();
    let mut running = connection.run(request);
    let stopped = tokio::select! {
        biased;
        result = &mut running => return Ended::of(result),
        stop = stop => {
            match stop {
                StopReason::Cancel => canceller.cancel(),
                StopReason::Detach => canceller.detach(),
            }
            errors::cancelled()
        }
        () = tokio::time::sleep(limit) => {
            canceller.cancel();
            errors::timed_out(limit)
        }
    };
    match timeout(STOP_TIMEOUT, running).await {
        // It took effect before the stop reached it.
        Ok(Ok(done)) => Ended::of(Ok(done)),
        // It is not known, or not yet, whether it took effect: the caller must learn that.
        Ok(Err(error)) if error.leaves_outcome_open() => Ended::of(Err(error)),
        Ok(Err(_)) => Ended::of(Err(stopped)),
        Err(_) => {
            tracing::error!(
                timeout_ms = STOP_TIMEOUT.as_millis(),
                "a statement did not stop when cancelled; closing its connection"
            );
            let error = errors::did_not_stop();
            // A file on a share that hangs, or a server: nothing else says so.
            let ms = STOP_TIMEOUT.as_millis();
            let why =
                format!("the backend does not answer: a statement went on for {ms} ms after it was stopped");
            desk.breaker.failed(BackendError::new(ErrorKind::Unavailable, why), 1);
            Ended { result: Err(error), goes_on: true }
        }
    }
}
