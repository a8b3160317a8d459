//! The backends by the names of their connections.
//!
//! A connection of the config names a backend and its credentials. Here it is a name and a function that
//! opens the backend, which is called when the connection is first used.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::Mutex as AsyncMutex;
use tokio::task::spawn_blocking;
use tracing::Span;

use super::{Backend, BackendError, ErrorKind};

/// Opens a backend. It may block on files.
type Opener = dyn Fn() -> Result<Arc<dyn Backend>, BackendError> + Send + Sync;

/// The connections that the config defines.
#[derive(Default)]
pub struct Registry {
    connections: Mutex<BTreeMap<String, Arc<Definition>>>,
}

/// One connection.
struct Definition {
    open: Box<Opener>,
    /// Held while `open` runs, so that it runs once at a time.
    opening: Arc<AsyncMutex<()>>,
    /// Set by the first opening that succeeds.
    backend: OnceLock<Arc<dyn Backend>>,
}

impl Registry {
    /// Defines the connection `name`; its backend is opened by `open` when it is first used. A second
    /// definition replaces the first.
    pub fn define(
        &self,
        name: impl Into<String>,
        open: impl Fn() -> Result<Arc<dyn Backend>, BackendError> + Send + Sync + 'static,
    ) {
        let definition =
            Definition { open: Box::new(open), opening: Arc::default(), backend: OnceLock::new() };
        self.lock().insert(name.into(), Arc::new(definition));
    }

    /// Forgets the connection `name`: who has its backend keeps it.
    pub fn remove(&self, name: &str) {
        self.lock().remove(name);
    }

    /// The names of all connections.
    pub fn names(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// That there is no connection `name`, and which there are.
    pub fn unknown(&self, name: &str) -> BackendError {
        let connections = self.lock();
        let names: Vec<&str> = connections.keys().map(String::as_str).collect();
        let message = format!("no connection is named {name:?}");
        BackendError::new(ErrorKind::Refused, message).with_next_step(match names.as_slice() {
            [] => "define one in the config".to_owned(),
            names => format!("use one of: {}", names.join(", ")),
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Definition>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The backend of the connection `name`, opened if this is its first use. Concurrent first users wait for
    /// one opening.
    ///
    /// # Errors
    /// There is no such connection (the next step lists those there are), or it cannot be opened: the next
    /// user tries again.
    pub async fn backend(&self, name: &str) -> Result<Arc<dyn Backend>, BackendError> {
        let definition = self.lock().get(name).cloned();
        Definition::backend(&definition.ok_or_else(|| self.unknown(name))?).await
    }
}

impl Definition {
    async fn backend(self: &Arc<Self>) -> Result<Arc<dyn Backend>, BackendError> {
        if let Some(backend) = self.backend.get() {
            return Ok(Arc::clone(backend));
        }
        // The lock goes into the thread: an opening whose user does not wait any more runs to its end there,
        // and its backend is the next user's.
        let opening = Arc::clone(&self.opening).lock_owned().await;
        let (definition, span) = (Arc::clone(self), Span::current());
        let opened = spawn_blocking(move || {
            let _opening = opening;
            span.in_scope(|| definition.open_once())
        });
        opened.await.unwrap_or_else(|cause| {
            Err(BackendError::new(ErrorKind::Unavailable, format!("cannot open the backend: {cause}")))
        })
    }

    /// Opens the backend unless it is open. The caller holds `opening`.
    fn open_once(&self) -> Result<Arc<dyn Backend>, BackendError> {
        if let Some(backend) = self.backend.get() {
            return Ok(Arc::clone(backend));
        }
        let backend = (self.open)()?;
        Ok(Arc::clone(self.backend.get_or_init(|| backend)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;

    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
    use tokio::task::{JoinHandle, yield_now};

    use super::*;
    use crate::backend::fake::{FakeBackend, error};

    type Answer = Result<(), BackendError>;

    /// A registry of one connection, whose openings wait for the test.
    struct Fixture {
        registry: Arc<Registry>,
        /// Hears of each opening that begins.
        begun: UnboundedReceiver<()>,
        /// Lets one opening end.
        answers: mpsc::Sender<Answer>,
    }

    impl Fixture {
        fn new() -> Self {
            let (answers, answer) = mpsc::channel::<Answer>();
            let answer = std::sync::Mutex::new(answer);
            let (begin, begun) = unbounded_channel();
            let registry = Registry::default();
            registry.define("fake", move || {
                begin.send(()).expect("the test listens");
                answer.lock().unwrap().recv().expect("the test answers each opening")?;
                Ok(Arc::new(FakeBackend::new()))
            });
            Self { registry: Arc::new(registry), begun, answers }
        }

        async fn open(&self) -> Answer {
            self.registry.backend("fake").await.map(drop)
        }

        fn spawn(&self) -> JoinHandle<Answer> {
            let registry = Arc::clone(&self.registry);
            tokio::spawn(async move { registry.backend("fake").await.map(drop) })
        }

        /// Whether an opening keeps others out.
        fn is_opening(&self) -> bool {
            self.registry.lock()["fake"].opening.try_lock().is_err()
        }
    }

    /// Lets all other tasks run until they wait. The clock cannot say so here: it stands still while a thread
    /// blocks.
    async fn settle() {
        for _ in 0..10 {
            yield_now().await;
        }
    }

    #[tokio::test]
    async fn concurrent_first_users_wait_for_one_opening() {
        let mut fixture = Fixture::new();
        let first = fixture.spawn();
        fixture.begun.recv().await;
        assert!(fixture.is_opening());
        let others = [fixture.spawn(), fixture.spawn()];
        settle().await;
        fixture.answers.send(Ok(())).unwrap();
        assert!(first.await.unwrap().is_ok());
        for other in others {
            assert!(other.await.unwrap().is_ok());
        }
        assert!(fixture.begun.try_recv().is_err(), "there was one opening");
    }

    #[tokio::test]
    async fn an_opening_that_fails_is_reported_and_tried_again_by_the_next_user() {
        let mut fixture = Fixture::new();
        fixture.answers.send(Err(error(ErrorKind::Unavailable))).unwrap();
        fixture.answers.send(Ok(())).unwrap();
        assert_eq!(fixture.open().await, Err(error(ErrorKind::Unavailable)));
        assert!(fixture.open().await.is_ok() && fixture.open().await.is_ok());
        let openings = std::iter::from_fn(|| fixture.begun.try_recv().ok()).count();
        assert_eq!(openings, 2);
    }

    #[tokio::test]
    async fn an_opening_whose_user_is_gone_serves_the_next_one() {
        let mut fixture = Fixture::new();
        let gone = fixture.spawn();
        fixture.begun.recv().await;
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        assert!(fixture.is_opening());
        let next = fixture.spawn();
        settle().await;
        fixture.answers.send(Ok(())).unwrap();
        assert!(next.await.unwrap().is_ok());
        assert!(fixture.begun.try_recv().is_err(), "there was one opening");
    }

    #[tokio::test]
    async fn an_opening_that_panics_is_an_error_and_is_tried_again() {
        let registry = Registry::default();
        let panics = AtomicBool::new(true);
        registry.define("fake", move || {
            assert!(!panics.swap(false, Ordering::Relaxed), "scripted");
            Ok(Arc::new(FakeBackend::new()))
        });
        let error = registry.backend("fake").await.err().unwrap();
        assert_eq!(error.kind, ErrorKind::Unavailable);
        assert!(error.message.starts_with("cannot open the backend: "), "{error}");
        assert!(registry.backend("fake").await.is_ok());
    }

    #[tokio::test]
    async fn without_connections_the_error_says_where_they_are_defined() {
        let error = Registry::default().backend("fake").await.err().unwrap();
        assert_eq!(error.next_step.as_deref(), Some("define one in the config"));
    }
}
