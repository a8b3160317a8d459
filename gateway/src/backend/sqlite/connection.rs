//! A connection's handle: hands requests to its thread and awaits the answers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::interrupt::Interrupt;
use super::worker::{Answer, Job, Known, Shared, Task, Worker};
use crate::backend::{BackendError, BoxFuture, Cancel, Connection, Context, ErrorKind, Held, Request};

/// Numbers the threads, only for their names.
static THREADS: AtomicU64 = AtomicU64::new(1);

/// One connection: a thread that owns the file, and the channel to it. Dropping it cancels the running
/// request and ends the thread.
pub(super) struct SqliteConnection {
    jobs: Sender<Job>,
    interrupt: Arc<Interrupt>,
    /// Written by the thread.
    shared: Shared,
    /// The awaited answer. It stays here when the future of [`Connection::run`] is dropped halfway, so that
    /// the next request waits until the thread is done with the last.
    pending: Option<oneshot::Receiver<Answer>>,
}

impl SqliteConnection {
    /// Starts the thread of a connection; `worker` creates its worker.
    pub(super) fn start(
        interrupt: Arc<Interrupt>,
        worker: impl FnOnce(Shared) -> Worker,
    ) -> Result<Self, BackendError> {
        let (jobs, received) = channel();
        let shared = Shared { usable: Arc::new(AtomicBool::new(true)), known: Arc::default() };
        let worker = worker(shared.clone());
        let name = format!("sqlite-{}", THREADS.fetch_add(1, Ordering::Relaxed));
        // What a gate or a journal waits for may need the runtime's clock.
        let runtime = Handle::try_current().ok();
        let serve = move || {
            let _entered = runtime.as_ref().map(Handle::enter);
            worker.serve(&received);
        };
        std::thread::Builder::new().name(name).spawn(serve).map_err(|cause| {
            BackendError::new(
                ErrorKind::Unavailable,
                format!("cannot start a thread for a connection: {cause}"),
            )
            .with_retry(true)
        })?;
        Ok(Self { jobs, interrupt, shared, pending: None })
    }

    async fn answer(&mut self, task: Task) -> Answer {
        self.settle().await;
        let (answer, receiver) = oneshot::channel();
        self.interrupt.begin();
        if self.jobs.send(Job { task, answer }).is_err() {
            self.interrupt.end();
            return Err(self.thread_ended());
        }
        self.pending = Some(receiver);
        self.settle().await.unwrap_or_else(|| Err(self.thread_ended()))
    }

    /// Awaits the pending answer; `None` if there is none, or if the thread died before answering.
    async fn settle(&mut self) -> Option<Answer> {
        let receiver = self.pending.as_mut()?;
        let mut on_drop = CancelOnDrop { interrupt: &self.interrupt, armed: true };
        let answer = receiver.await;
        on_drop.armed = false;
        self.pending = None;
        answer.ok()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.shared.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn thread_ended(&self) -> BackendError {
        self.shared.usable.store(false, Ordering::Release);
        BackendError::new(ErrorKind::Unavailable, "the connection's thread has ended")
            .with_next_step("try again; the connection is replaced")
    }
}

impl Connection for SqliteConnection {
    fn run(&mut self, request: Request) -> BoxFuture<'_, Answer> {
        if let Some(wall) = &request.wall {
            let message =
                format!("nothing is run: the profile has {wall}, and a file has no log-in to check");
            let error = BackendError::new(ErrorKind::Refused, message)
                .with_next_step("take it out of the profile, or give the profile a connection to Snowflake");
            return Box::pin(std::future::ready(Err(error)));
        }
        Box::pin(self.answer(Task::Run(Box::new(request))))
    }

    fn context(&self) -> Option<Context> {
        self.known().context.clone()
    }

    fn held(&self) -> Held {
        self.known().held.clone()
    }

    fn reset(&mut self) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async { self.answer(Task::Reset).await.map(drop) })
    }

    fn check(&mut self) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async { self.answer(Task::Check).await.map(drop) })
    }

    fn canceller(&self) -> Arc<dyn Cancel> {
        Arc::clone(&self.interrupt) as Arc<dyn Cancel>
    }

    fn is_usable(&self) -> bool {
        self.shared.usable.load(Ordering::Acquire)
    }
}

impl Drop for SqliteConnection {
    fn drop(&mut self) {
        self.interrupt.cancel();
    }
}

/// Cancels the request of a future that is dropped before its answer arrived.
struct CancelOnDrop<'a> {
    interrupt: &'a Interrupt,
    armed: bool,
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        if self.armed {
            self.interrupt.cancel();
        }
    }
}
