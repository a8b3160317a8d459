//! The lane for what would hold up the runtime's one thread: reading and writing large messages.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::available_parallelism;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Messages of more bytes than this are read and written in the lane. 64 KiB of JSON take well under a
/// millisecond; of smaller ones the way to the lane would cost more than it saves.
pub const HEAVY_BYTES: usize = 64 * 1024;

/// Jobs that are in the lane at once, at most; always fewer than the machine has cores.
const JOBS_MAX: usize = 4;

/// Runs jobs on threads of their own, a few at a time and in the order in which they came. Whoever brings
/// jobs bounds how many of them wait.
#[derive(Clone, Debug)]
pub struct HeavyLane {
    permits: Arc<Semaphore>,
}

impl Default for HeavyLane {
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, NonZero::get);
        Self { permits: Arc::new(Semaphore::new((cores - 1).clamp(1, JOBS_MAX))) }
    }
}

impl HeavyLane {
    /// Runs `job` when its turn comes. A job that waits is dropped with the future; one that runs goes on to
    /// its end, and counts as running until then.
    pub async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        // The semaphore is never closed; without a permit the job would run all the same.
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok();
        let running = spawn_blocking(move || {
            let _permit = permit;
            job()
        });
        match running.await {
            Ok(done) => done,
            // A blocking job is never aborted, so it panicked.
            Err(error) => resume_unwind(error.into_panic()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_few_jobs_run_at_once_and_each_returns_its_own_result() {
        let lane = HeavyLane::default();
        let width = lane.permits.available_permits();
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let jobs = (0..64_usize).map(|number| {
            let (lane, running, most) = (lane.clone(), Arc::clone(&running), Arc::clone(&most));
            tokio::spawn(async move {
                let job = move || {
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    running.fetch_sub(1, Ordering::SeqCst);
                    number
                };
                lane.run(job).await
            })
        });
        let jobs: Vec<_> = jobs.collect();
        for (number, job) in jobs.into_iter().enumerate() {
            assert_eq!(job.await.unwrap(), number);
        }
        assert!(most.load(Ordering::SeqCst) <= width);
    }
}
