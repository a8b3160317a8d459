//! The backends by the names of their connections.
//!
//! A connection of the config names a backend and its credentials. Here it is a name and a function that
//! opens the backend, which is called when the connection is first used.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tracing::Span;

use super::{Backend, BackendError, ErrorKind};

/// Opens a backend. It may block on files.
type Opener = dyn Fn() -> Result<Arc<dyn Backend>, BackendError> + Send + Sync;

/// The connections that the config defines.
#[derive(Default)]
pub struct Registry {
    connections: BTreeMap<String, Arc<Definition>>,
}

/// One connection.
struct Definition {
    open: Box<Opener>,
    /// Held while `open` runs, so that it runs once at a time.
    opening: Arc<Mutex<()>>,
    /// Set by the first opening that succeeds.
    backend: OnceLock<Arc<dyn Backend>>,
}

impl Registry {
    /// Defines the connection `name`; its backend is opened by `open` when it is first used. A second
    /// definition replaces the first.
    pub fn define(
        &mut self,
        name: impl Into<String>,
        open: impl Fn() -> Result<Arc<dyn Backend>, BackendError> + Send + Sync + 'static,
    ) {
        let definition =
            Definition { open: Box::new(open), opening: Arc::default(), backend: OnceLock::new() };
        self.connections.insert(name.into(), Arc::new(definition));
    }

    /// The backend of the connection `name`, opened if this is its first use. Concurrent first users wait for
    /// one opening.
    ///
    /// # Errors
    /// There is no such connection (the next step lists those there are), or it cannot be opened: the next
    /// user tries again.
    pub async fn backend(&self, name: &str) -> Result<Arc<dyn Backend>, BackendError> {
        let definition = self.connections.get(name).ok_or_else(|| self.unknown(name))?;
        Definition::backend(definition).await
    }

    fn unknown(&self, name: &str) -> BackendError {
        let names: Vec<&str> = self.connections.keys().map(String::as_str).collect();
        let message = format!("no connection is named {name:?}");
        BackendError::new(ErrorKind::Refused, message).with_next_step(match names.as_slice() {
            [] => "define one in the config".to_owned(),
            names => format!("use one of: {}", names.join(", ")),
        })
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
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use tokio::task::yield_now;

    use super::*;
    use crate::backend::fake::{FakeBackend, error};

    /// A registry of one connection, the number of its openings, and what lets one of them end.
    fn blocking_registry() -> (Arc<Registry>, Arc<AtomicUsize>, mpsc::Sender<Result<(), BackendError>>) {
        let (answers, answer) = mpsc::channel::<Result<(), BackendError>>();
        let (answer, openings) = (std::sync::Mutex::new(answer), Arc::<AtomicUsize>::default());
        let counter = Arc::clone(&openings);
        let mut registry = Registry::default();
        registry.define("fake", move || {
            counter.fetch_add(1, Ordering::Relaxed);
            answer.lock().unwrap().recv().expect("the test answers each opening")?;
            Ok(Arc::new(FakeBackend::new()))
        });
        (Arc::new(registry), openings, answers)
    }

    /// Lets all other tasks run until they wait. The clock cannot say so here: it stands still while a thread
    /// blocks.
    async fn settle() {
        for _ in 0..10 {
            yield_now().await;
        }
    }

    async fn opened(registry: &Arc<Registry>) -> Result<(), BackendError> {
        registry.backend("fake").await.map(drop)
    }

    fn spawn(registry: &Arc<Registry>) -> tokio::task::JoinHandle<Result<(), BackendError>> {
        let registry = Arc::clone(registry);
        tokio::spawn(async move { opened(&registry).await })
    }

    #[tokio::test]
    async fn concurrent_first_users_wait_for_one_opening() {
        let (registry, openings, answers) = blocking_registry();
        let users = [spawn(&registry), spawn(&registry), spawn(&registry)];
        settle().await;
        answers.send(Ok(())).unwrap();
        for user in users {
            assert!(user.await.unwrap().is_ok());
        }
        assert_eq!(openings.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn an_opening_that_fails_is_reported_and_tried_again_by_the_next_user() {
        let (registry, openings, answers) = blocking_registry();
        answers.send(Err(error(ErrorKind::Unavailable))).unwrap();
        answers.send(Ok(())).unwrap();
        assert_eq!(opened(&registry).await, Err(error(ErrorKind::Unavailable)));
        assert!(opened(&registry).await.is_ok() && opened(&registry).await.is_ok());
        assert_eq!(openings.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn an_opening_whose_user_is_gone_serves_the_next_one() {
        let (registry, openings, answers) = blocking_registry();
        let gone = spawn(&registry);
        settle().await;
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        let next = spawn(&registry);
        settle().await;
        answers.send(Ok(())).unwrap();
        assert!(next.await.unwrap().is_ok());
        assert_eq!(openings.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn an_opening_that_panics_is_an_error() {
        let (registry, _, answers) = blocking_registry();
        drop(answers);
        let error = opened(&registry).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable);
        assert!(error.message.starts_with("cannot open the backend: "), "{error}");
    }

    #[tokio::test]
    async fn without_connections_the_error_says_where_they_are_defined() {
        let error = Registry::default().backend("fake").await.err().unwrap();
        assert_eq!(error.next_step.as_deref(), Some("define one in the config"));
    }
}
