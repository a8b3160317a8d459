//! What a pool tells clients, for `docs/messages.md`.

use std::time::Duration;

use super::breaker::samples as of_breaker;
use super::errors::{
    Loss, all_busy, all_pinned, cancelled, connect_timed_out, did_not_stop, in_transaction, left_shared_run,
    no_own, no_state, own_queue_full, queue_full, shared_run_failed, stopped_by_person, timed_out,
    waited_long,
};
use crate::allocator::{QueuePlace, Refusal};
use crate::backend::{Held, Sample, sample};
use crate::config::{Config, FairBy, Paths};

const SECONDS: Duration = Duration::from_secs(30);

/// One of each.
pub(crate) fn samples() -> Vec<Sample> {
    let held = Held { transaction: true, temporary: vec!["T".to_owned()], ..Held::default() };
    let place = QueuePlace { position: 3, waiting: 8, waited: SECONDS, estimate: None };
    let folder = std::path::Path::new("/nonexistent");
    let config =
        Config::load(&Paths::below(folder), &std::collections::BTreeMap::<String, String>::new()).unwrap();
    let mut samples = of_breaker();
    samples.extend([
        sample("no connection came free in time", all_busy(10, SECONDS)),
        sample("the same, with a place in the queue", waited_long(Some(place), SECONDS, 10, 10)),
        sample("the profile's `slots_max` are in use", waited_long(None, SECONDS, 10, 2)),
        sample(
            "the client's queue is full",
            queue_full(Refusal::OwnQueue(256), FairBy::Client, Some(SECONDS)),
        ),
        sample("all queues are full", queue_full(Refusal::Queues(2_048), FairBy::Client, None)),
        sample("the backend takes too long to open a connection", connect_timed_out()),
        sample("the client, or the user, cancelled it", cancelled()),
        sample("a person stopped it", stopped_by_person(cancelled())),
        sample("it was cancelled, and others wait for the same statement", left_shared_run()),
        sample("it ran into its time-out", timed_out(Duration::from_secs(300))),
        sample("it did not stop when it was cancelled", did_not_stop()),
        sample(
            "a session's own connection was idle for too long",
            Loss::Idle(SECONDS).error(&held, "default"),
        ),
        sample("a session's own connection broke", Loss::Broken.error(&held, "default")),
        sample("a statement on it did not stop", Loss::Unstopped.error(&held, "default")),
        sample("a request on it ended early", Loss::Abandoned.error(&held, "default")),
        sample(
            "a reload has narrowed the profile of a session with state",
            Loss::Revoked.error(&held, "default"),
        ),
        sample("state, where `isolation` is `relaxed`", no_state("default")),
        sample("a connection of its own, where there is only one", no_own(1, &config.pool)),
        sample("all connections for sessions with state are taken", all_pinned(9, 9, SECONDS, SECONDS)),
        sample("too many requests wait for the session's own connection", own_queue_full(32)),
        sample("a transaction inside a transaction", in_transaction()),
        sample("a run that several sessions waited for failed", shared_run_failed()),
    ]);
    samples
}
