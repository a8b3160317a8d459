//! The HTTP server: a thread of its own that listens, can go down and come up again on its port, and stops.

mod act;
mod body;
mod connection;
mod received;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

pub(super) use received::Received;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::state::Shared;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// A running server. Dropping it stops it; nothing of it is left then.
#[derive(Debug)]
pub(super) struct Server {
    commands: mpsc::UnboundedSender<Command>,
    thread: Option<JoinHandle<()>>,
}

/// A server that holds its port and does not serve yet.
pub(super) struct Bound {
    runtime: Runtime,
    /// Bound, and never listening: keeps the port when the server is down.
    reserved: TcpSocket,
    address: SocketAddr,
}

/// What the server is told; it says when that is done.
#[derive(Debug)]
struct Command {
    what: What,
    done: Sender<()>,
}

#[derive(Clone, Copy, Debug)]
enum What {
    /// Refuse connections, and reset those that are open.
    Down,
    /// Accept connections.
    Up,
    /// Reset open connections.
    HangUp,
}

impl Server {
    /// Takes a port; 0: a free one.
    ///
    /// # Panics
    /// It is taken.
    pub(super) fn bind(port: u16) -> Bound {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        // Another stand-in would share the port. Free now is as good as it gets.
        drop(std::net::TcpListener::bind(wanted).unwrap_or_else(|error| panic!("binding {wanted}: {error}")));
        let reserved = socket(wanted);
        let address = reserved.local_addr().expect("a bound socket's address");
        Bound { runtime, reserved, address }
    }

    pub(super) fn go_down(&self) {
        self.tell(What::Down);
    }

    pub(super) fn come_up(&self) {
        self.tell(What::Up);
    }

    pub(super) fn hang_up(&self) {
        self.tell(What::HangUp);
    }

    fn tell(&self, what: What) {
        let (done, wait) = channel();
        let told = self.commands.send(Command { what, done });
        told.ok().and_then(|()| wait.recv().ok()).expect("the server's thread runs");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The thread ends when nobody can tell it anything any more.
        self.commands = mpsc::unbounded_channel().0;
        if let Some(thread) = self.thread.take() {
            // If it has panicked, the test has seen that as failed requests.
            let _ = thread.join();
        }
    }
}

impl Bound {
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts to serve.
    pub(super) fn start(self, shared: Arc<Shared>) -> Server {
        let (commands, told) = mpsc::unbounded_channel();
        let listener = {
            let _entered = self.runtime.enter();
            listen(self.address)
        };
        let Self { runtime, reserved, address } = self;
        let serving = async move {
            Listening {
                shared,
                address,
                listener: Some(listener),
                connections: JoinSet::new(),
                hang_up: watch::Sender::new(()),
            }
            .serve(told)
            .await;
            drop(reserved);
        };
        let thread = thread::Builder::new().name("warehouse".into()).spawn(move || runtime.block_on(serving));
        Server { commands, thread: Some(thread.expect("a thread")) }
    }
}

struct Listening {
    shared: Arc<Shared>,
    address: SocketAddr,
    /// `None`: the server is down.
    listener: Option<TcpListener>,
    connections: JoinSet<()>,
    hang_up: watch::Sender<()>,
}

impl Listening {
    async fn serve(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        loop {
            tokio::select! {
                command = commands.recv() => {
                    let Some(Command { what, done }) = command else { return };
                    self.obey(what).await;
                    // Who told it waits, or is gone.
                    let _ = done.send(());
                }
                stream = accept(self.listener.as_ref()) => {
                    let shared = Arc::clone(&self.shared);
                    let number = shared.with(|state| {
                        state.seen.connections += 1;
                        state.seen.connections
                    });
                    self.connections.spawn(connection::serve(stream, number, shared, self.hang_up.subscribe()));
                }
                Some(_) = self.connections.join_next() => {}
            }
        }
    }

    async fn obey(&mut self, what: What) {
        match what {
            What::Up => {
                if self.listener.is_none() {
                    self.listener = Some(listen(self.address));
                }
                return;
            }
            What::Down => self.listener = None,
            What::HangUp => {}
        }
        self.hang_up.send_replace(());
        while self.connections.join_next().await.is_some() {}
    }
}

async fn accept(listener: Option<&TcpListener>) -> tokio::net::TcpStream {
    let Some(listener) = listener else { return std::future::pending().await };
    loop {
        // A connection that was gone before it was accepted is nobody's.
        if let Ok((stream, _)) = listener.accept().await {
            return stream;
        }
    }
}

fn listen(address: SocketAddr) -> TcpListener {
    socket(address).listen(BACKLOG).expect("listening on a bound socket")
}

/// A socket of this address. Several may be bound to one, and only those that listen get connections.
fn socket(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("SO_REUSEADDR");
    // Windows has it not, and SO_REUSEADDR says the same there.
    #[cfg(unix)]
    socket.set_reuseport(true).expect("SO_REUSEPORT");
    socket.bind(address).unwrap_or_else(|error| panic!("binding {address}: {error}"));
    socket
}
