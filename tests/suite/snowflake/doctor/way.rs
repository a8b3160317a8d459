//! The way to the server: name, connection, proxy, certificate, clock, answer.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use warehouse::{Endpoint, Fault, Gate, Strike};

use super::*;

/// A server that has one answer for every client. Dropping it stops it.
struct Server {
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    serving: Option<JoinHandle<()>>,
}

impl Server {
    fn start(serve: impl Fn(TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let (address, stopping) = (listener.local_addr().expect("an address"), Arc::<AtomicBool>::default());
        let stops = Arc::clone(&stopping);
        let serving = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stops.load(Ordering::Relaxed) {
                    return;
                }
                serve(stream.expect("a connection"));
            }
        });
        Self { address, stopping, serving: Some(serving) }
    }

    /// One that reads the head of a request and answers so.
    fn answering(answer: String) -> Self {
        Self::start(move |mut stream| {
            read_head(&mut stream);
            // The client may have what it wants.
            let _ = stream.write_all(answer.as_bytes());
        })
    }

    /// One with this certificate and key.
    fn with_certificate(pair: &Pair) -> Self {
        let certificate = CertificateDer::from_pem_slice(pair.certificate.as_bytes()).expect("a certificate");
        let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key);
        let config = Arc::new(config.expect("a pair"));
        Self::start(move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            let mut stream = StreamOwned::new(connection, stream);
            let mut head = [0; 1024];
            if stream.read(&mut head).is_ok() {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            }
        })
    }
}

fn read_head(stream: &mut TcpStream) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read > 0) {
        head.push(byte[0]);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        // Wakes it.
        let _ = TcpStream::connect(self.address);
        let _ = self.serving.take().map(JoinHandle::join);
    }
}

/// A certificate signed by itself, and its key, as PEM.
struct Pair {
    certificate: String,
    key: String,
}

impl Pair {
    fn of(name: &str, until: i32) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.distinguished_name.push(DnType::CommonName, "Inspecting Proxy Root");
        (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(until, 1, 1));
        Self { certificate: params.self_signed(&key).expect("a certificate").pem(), key: key.serialize_pem() }
    }
}

/// A home whose account is at this host and port.
fn home_at(host: &str, port: u16, protocol: &str, lines: &str) -> Home {
    let home = Home::bare();
    let text = format!(
        "[backend]\nkind = 'snowflake'\n[snowflake]\naccount = 'org-test'\nuser = 'ADA'\nhost = '{host}'\nport = {port}\n\
         protocol = '{protocol}'\n{}{lines}",
        key_line()
    );
    let text = with_key(&home, &text);
    fs::write(home.config_file(), text).expect("writing the config file");
    home
}

fn found(home: &Home) -> (Value, Option<i32>) {
    doctor(&mut command(home), &[])
}

#[test]
fn a_name_that_does_not_exist_and_a_port_where_nothing_listens() {
    names(
        &found(&home_at("acme.invalid", 443, "https", "")),
        "name",
        &["acme.invalid", "`account`", "getent hosts"],
    );
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let home = home_at("127.0.0.1", free, "https", "");
    names(&found(&home), "reach", &[&format!("127.0.0.1:{free}"), "refused", "firewall"]);
}

#[test]
fn a_proxy_that_is_not_there_wants_a_password_or_refuses() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let home = home_at("acme.invalid", 443, "https", &format!("proxy = 'http://{free}'\n"));
    names(&found(&home), "reach", &["the proxy", &free.to_string()]);
    for (status, words) in [("407 Authentication Required", "USER:PASSWORD"), ("403 Forbidden", "HTTP 403")] {
        let proxy = Server::answering(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));
        let home = home_at("acme.invalid", 443, "https", "");
        let mut command = command(&home);
        command.env("HTTPS_PROXY", format!("http://{}", proxy.address));
        names(&doctor(&mut command, &[]), "proxy", &[&proxy.address.to_string(), words, "NO_PROXY"]);
    }
    // A name in the variable that is none.
    let home = home_at("acme.invalid", 443, "https", "");
    let mut command = command(&home);
    names(
        &doctor(command.env("HTTPS_PROXY", "http://proxy.invalid:3128"), &[]),
        "name",
        &["proxy.invalid", "the proxy"],
    );
}

#[test]
fn a_certificate_that_is_not_trusted_has_expired_or_is_for_another_name() {
    for (pair, is_trusted, words) in [
        (
            Pair::of("localhost", 2100),
            false,
            &["Inspecting Proxy Root", "update-ca-certificates", "SSL_CERT_FILE"][..],
        ),
        (Pair::of("localhost", 2001), true, &["has expired", "clock"]),
        (Pair::of("elsewhere.example", 2100), true, &["another name", "`host`"]),
    ] {
        let server = Server::with_certificate(&pair);
        let home = home_at("localhost", server.address.port(), "https", "");
        let roots = home.path().join("roots.pem");
        fs::write(&roots, &pair.certificate).expect("writing");
        let mut command = command(&home);
        if is_trusted {
            command.env("SSL_CERT_FILE", &roots);
        }
        names(&doctor(&mut command, &[]), "certificate", words);
    }
    let pair = Pair::of("localhost", 2100);
    let server = Server::with_certificate(&pair);
    let home = home_at("localhost", server.address.port(), "https", "");
    let roots = home.path().join("roots.pem");
    fs::write(&roots, &pair.certificate).expect("writing");
    is_healthy(&doctor(command(&home).env("SSL_CERT_FILE", &roots), &[]));
}

#[test]
fn a_server_that_speaks_no_tls() {
    let server = Server::answering("HTTP/1.1 400 Bad Request\r\n\r\n".to_owned());
    let home = home_at("localhost", server.address.port(), "https", "");
    names(&found(&home), "certificate", &["no encrypted connection", "protocol"]);
}

#[test]
fn a_clock_that_is_wrong() {
    let server =
        Server::answering("HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n".to_owned());
    let home = home_at("127.0.0.1", server.address.port(), "http", "");
    names(&found(&home), "clock", &["ahead of", "timedatectl"]);
}

#[test]
fn a_server_that_hangs_or_is_none() {
    let warehouse = Warehouse::start();
    let gate = Gate::new();
    warehouse.fault(Endpoint::Other, Strike::Always, Fault::Hold(gate.clone()));
    names(
        &found(&home_of(&warehouse, &key_line(), "")),
        "answer",
        &["no answer within", "status.snowflake.com"],
    );
    gate.open();
    let server = Server::answering("SSH-2.0-OpenSSH_9.9\r\n\r\n".to_owned());
    names(&found(&home_at("127.0.0.1", server.address.port(), "http", "")), "answer", &["is not HTTP"]);
    for (status, words) in [(403, "accounts that do not exist"), (503, "fault")] {
        let warehouse = Warehouse::start();
        warehouse.fault(Endpoint::Other, Strike::Always, Fault::status(status));
        let found = found(&home_of(&warehouse, &key_line(), ""));
        first_is(&found, "answer", "warning", &[&format!("HTTP {status}"), words]);
    }
}
