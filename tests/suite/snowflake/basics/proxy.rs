//! The way to the server leads through a proxy.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, spawn};

use warehouse::secrets;

use super::*;

/// A proxy of one server. It passes bytes on and remembers the heads of the requests that connections begin
/// with.
struct Proxy {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    stopping: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Proxy {
    fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let (heads, stopping) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicBool>::default());
        let (kept, stops) = (Arc::clone(&heads), Arc::clone(&stopping));
        let accepting = spawn(move || {
            for stream in listener.incoming() {
                if stops.load(Ordering::Relaxed) {
                    return;
                }
                let (stream, kept) = (stream.expect("a connection"), Arc::clone(&kept));
                spawn(move || pass_on(&stream, server, &kept));
            }
        });
        Self { address, heads, stopping, accepting: Some(accepting) }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        // Wakes it.
        let _ = TcpStream::connect(self.address);
        let _ = self.accepting.take().map(JoinHandle::join);
    }
}

/// Passes a connection on until either end closes it.
fn pass_on(client: &TcpStream, server: SocketAddr, heads: &Mutex<Vec<String>>) {
    let server = TcpStream::connect(server).expect("the server");
    let mut reader = BufReader::new(client);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).is_ok_and(|bytes| bytes > 0) {}
    heads.lock().expect("nobody panicked").push(head.clone());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _ = std::io::copy(&mut &server, &mut &*client);
            let _ = client.shutdown(std::net::Shutdown::Both);
        });
        let _ = (&server).write_all(head.as_bytes());
        let _ = std::io::copy(&mut reader, &mut &server);
        let _ = server.shutdown(std::net::Shutdown::Both);
    });
}

#[test]
fn everything_goes_through_the_proxy_with_its_password() {
    let warehouse = Warehouse::start();
    let proxy = Proxy::start(warehouse.address());
    let home = Home::of_warehouse(&warehouse);
    let address = format!("http://me:proxy-password@{}", proxy.address);
    let mut client = home.launch().env("http_proxy", &address).start();
    client.initialize();
    assert_eq!(query(&mut client, "SELECT 1 AS N"), "N\n1\n(1 row)");
    let heads = proxy.heads.lock().expect("nobody panicked").clone();
    let host = format!("http://{}/session/v1/login-request", warehouse.address());
    assert!(heads.iter().any(|head| head.contains(&host)), "{heads:?}");
    // me:proxy-password
    assert!(
        heads.iter().all(|head| head.to_lowercase().contains("proxy-authorization: basic ")),
        "{heads:?}"
    );
    assert!(
        !home.log().contains("proxy-password") && !warehouse.seen(|seen| seen.mentions("proxy-password"))
    );
}

/// As the drivers read it: each form, in either spelling of the variable.
#[test]
fn a_host_that_is_excepted_is_reached_without_it() {
    let warehouse = Warehouse::start();
    let proxy = Proxy::start(warehouse.address());
    let at_port = warehouse.address().to_string();
    for (variable, except, is_reached_directly) in [
        ("NO_PROXY", "127.0.0.1", true),
        ("no_proxy", "other.example, 127.0.0.0/8", true),
        ("NO_PROXY", "*", true),
        ("no_proxy", &at_port, true),
        ("NO_PROXY", "127.0.0.1:1", false),
        ("NO_PROXY", "10.0.0.0/8,.0.0.1", false),
    ] {
        let home = Home::bare();
        let key = secrets::private_key();
        let lines = format!(
            "private_key_file = {:?}\nproxy = 'http://{}'\n",
            key.display().to_string(),
            proxy.address
        );
        home.configure_account(&warehouse, &lines, "");
        let mut client = home.launch().env(variable, except).start();
        client.initialize();
        assert_eq!(query(&mut client, "SELECT 1 AS N"), "N\n1\n(1 row)");
        let heads = std::mem::take(&mut *proxy.heads.lock().expect("nobody panicked"));
        assert_eq!(heads.is_empty(), is_reached_directly, "{variable}={except}: {heads:?}");
    }
}

/// The variable for every protocol counts where there is none of the protocol's own.
#[test]
fn the_proxy_for_all_is_used_in_either_spelling() {
    let warehouse = Warehouse::start();
    for variable in ["all_proxy", "ALL_PROXY"] {
        let proxy = Proxy::start(warehouse.address());
        let home = Home::of_warehouse(&warehouse);
        let address = format!("http://{}", proxy.address);
        let mut client = home.launch().env(variable, &address).start();
        client.initialize();
        assert_eq!(query(&mut client, "SELECT 1 AS N"), "N\n1\n(1 row)");
        assert!(!proxy.heads.lock().expect("nobody panicked").is_empty(), "{variable}");
    }
}
