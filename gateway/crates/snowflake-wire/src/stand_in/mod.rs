//! A server for tests, over real sockets: a script decides each reply, broken ones included, and every
//! request is recorded.
//!
//! ```
//! use snowflake_wire::stand_in::{StandIn, answers};
//! use snowflake_wire::{Progress, RequestId, Statement};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), snowflake_wire::Error> {
//! let (server, session) = StandIn::logged_in(|_request, _times| answers::done("01-a", &["42"])).await;
//! let progress = session.submit(RequestId::new(), &Statement::new("select 42")).await?;
//! let Progress::Done(mut answer) = progress else { panic!("the script says that it is done") };
//! assert_eq!(answer.rows.next().await?, Some(vec![Some("42".to_owned())]));
//! assert_eq!(server.seen("/queries/v1/query-request").len(), 1);
//! # Ok(())
//! # }
//! ```

#![allow(clippy::unwrap_used, reason = "it runs in tests only, where a panic is a failure")]

pub mod answers;
mod certificate;
mod reply;
mod seen;

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use reply::Reply;
pub use seen::Seen;
use tokio::net::{TcpListener, TcpStream};

use crate::{
    Account, Client, Credentials, Identity, LogIn, Protocol, RetryPolicy, Secret, Session, Settings,
};

type Script = dyn Fn(&Seen, usize) -> Reply + Send + Sync;

/// A running server. Its connections end with the test's runtime.
pub struct StandIn {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    script: Box<Script>,
    seen: Mutex<Vec<Seen>>,
    /// How often each path was asked for.
    times: Mutex<HashMap<String, usize>>,
    /// Bytes of bodies that the system took from the server.
    sent: AtomicU64,
    /// Connections that are open,
    open: AtomicUsize,
    /// and that ever were.
    connections: AtomicUsize,
}

impl StandIn {
    /// Starts a server that replies as `script` says: to a request, and how many came for the same path
    /// before it. It is asked after log-ins only if it wants to: see [`StandIn::logged_in`].
    pub async fn start(script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(script, |shared, stream| async move { shared.serve(stream).await }).await
    }

    /// Starts a server that shows a certificate that only it knows.
    pub async fn with_own_certificate() -> Self {
        Self::listen(
            |_, _| Reply::HangUp,
            |_, stream| async move {
                // The client leaves before there is anything to say.
                let _ = certificate::acceptor().accept(stream).await;
            },
        )
        .await
    }

    async fn listen<Serving: Future<Output = ()> + Send + 'static>(
        script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static,
        serve: impl Fn(Arc<Shared>, TcpStream) -> Serving + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            script: Box::new(script),
            seen: Mutex::default(),
            times: Mutex::default(),
            sent: AtomicU64::new(0),
            open: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
        });
        let listening = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                listening.connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(Arc::clone(&listening), stream));
            }
        });
        Self { address, shared }
    }

    /// Like [`StandIn::start`], with log-ins granted.
    pub async fn logged_in(
        script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static,
    ) -> (Self, Session) {
        let stand_in = Self::start(move |seen, times| match seen.path.as_str() {
            "/session/v1/login-request" => answers::granted("token-1", "master-1"),
            _ => script(seen, times),
        })
        .await;
        let session = stand_in.client().log_in(&log_in()).await.unwrap().session;
        (stand_in, session)
    }

    /// Settings that lead here, with pauses of a millisecond.
    pub fn settings(&self) -> Settings {
        let identity = Identity::new("Test", "1.0");
        let mut settings = Settings::new(Account::parse("org-acct").unwrap(), identity);
        settings.host = Some(self.address.ip().to_string());
        settings.port = Some(self.address.port());
        settings.protocol = Protocol::Http;
        let (pause_min, pause_max) = (Duration::from_millis(1), Duration::from_millis(5));
        settings.retry = RetryPolicy { attempts_max: 4, pause_min, pause_max, ..RetryPolicy::default() };
        settings
    }

    /// A client with these settings.
    pub fn client(&self) -> Client {
        Client::new(&self.settings()).unwrap()
    }

    /// A session of a client with `settings`.
    pub async fn session_with(&self, settings: &Settings) -> Session {
        Client::new(settings).unwrap().log_in(&log_in()).await.unwrap().session
    }

    /// The address of a path here.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What came for `path`, in order.
    pub fn seen(&self, path: &str) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().iter().filter(|seen| seen.path == path).cloned().collect()
    }

    /// All requests that came.
    pub fn count(&self) -> usize {
        self.shared.seen.lock().unwrap().len()
    }

    /// Bytes of bodies that the system took from the server.
    pub fn bytes_sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }

    /// Connections that were ever made.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Connections that are open.
    pub fn open_connections(&self) -> usize {
        self.shared.open.load(Ordering::Relaxed)
    }
}

impl Shared {
    async fn serve(self: Arc<Self>, mut stream: TcpStream) {
        self.open.fetch_add(1, Ordering::Relaxed);
        while let Some(seen) = seen::read(&mut stream).await {
            let times = {
                let mut times = self.times.lock().unwrap();
                let times = times.entry(seen.path.clone()).or_default();
                *times += 1;
                *times - 1
            };
            self.seen.lock().unwrap().push(seen.clone());
            let reply = (self.script)(&seen, times);
            if !reply.write(&mut stream, &self.sent).await {
                break;
            }
        }
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A log-in with a token.
pub fn log_in() -> LogIn {
    LogIn::new("me", Credentials::OAuth(Secret::new("oauth-token")))
}

/// Waits until `condition`, for ten seconds at most.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    within(what, waiting).await;
}

/// Waits for `future`, for ten seconds at most.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), future)
        .await
        .unwrap_or_else(|_| panic!("{what}: not within 10 s"))
}
