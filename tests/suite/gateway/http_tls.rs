//! TLS of the HTTP front: a certificate that changes while it is in use, and ones that cannot be used.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use snowgate_tests::{Home, HttpGateway, Output, until};

/// A certificate for `localhost`, signed by itself, and its key, as PEM.
struct Pair {
    certificate: String,
    key: String,
}

impl Pair {
    fn until(year: i32) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(year, 1, 1));
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    fn good() -> Self {
        Self::until(2100)
    }

    fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("a certificate")
    }

    fn write(&self, home: &Home) {
        std::fs::write(certificate_file(home), &self.certificate).expect("writing the certificate");
        std::fs::write(key_file(home), &self.key).expect("writing the key");
    }
}

fn certificate_file(home: &Home) -> PathBuf {
    home.path().join("tls.crt")
}

fn key_file(home: &Home) -> PathBuf {
    home.path().join("tls.key")
}

fn settings(home: &Home) -> String {
    format!(
        "auth = 'none'\ntls_certificate = '{}'\ntls_key = '{}'\n",
        certificate_file(home).display(),
        key_file(home).display()
    )
}

fn gateway(pair: &Pair) -> HttpGateway {
    let home = Home::new();
    pair.write(&home);
    let settings = settings(&home);
    HttpGateway::with(home, &settings, "")
}

/// A client that trusts these certificates, and offers these protocols.
fn config(trusted: &[&Pair], protocols: &[&[u8]]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    trusted.iter().for_each(|pair| roots.add(pair.der()).expect("a root"));
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("versions");
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Arc::new(config)
}

type Stream = StreamOwned<ClientConnection, TcpStream>;

fn connect(address: SocketAddr, config: &Arc<ClientConfig>) -> Stream {
    let name = ServerName::try_from("localhost").expect("a name");
    let client = ClientConnection::new(Arc::clone(config), name).expect("a client");
    StreamOwned::new(client, TcpStream::connect(address).expect("a connection"))
}

/// Asks once on this connection, which stays open; returns the certificate that the other side has shown.
fn ask(stream: &mut Stream) -> std::io::Result<CertificateDer<'static>> {
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let mut answer = Vec::new();
    // The body is one JSON object.
    let count = |answer: &[u8], brace| answer.iter().filter(|&&byte| byte == brace).count();
    while count(&answer, b'}') == 0 || count(&answer, b'}') < count(&answer, b'{') {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        answer.extend(byte);
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
    Ok(stream.conn.peer_certificates().expect("a certificate")[0].clone().into_owned())
}

#[test]
fn connections_are_encrypted_and_choose_their_protocol() {
    let pair = Pair::good();
    let gateway = gateway(&pair);
    let mut stream = connect(gateway.address(), &config(&[&pair], &[b"http/1.1"]));
    assert_eq!(ask(&mut stream).expect("an answer"), pair.der());
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    let mut stream = connect(gateway.address(), &config(&[&pair], &[b"h2", b"http/1.1"]));
    stream.flush().expect("a handshake");
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"h2"[..]));
    let status = gateway.home.status().expect("a gateway");
    assert_eq!(
        (&status["http"]["tls"], status["http"]["certificate_expires"].as_i64()),
        (&true.into(), Some(4_102_444_800))
    );
}

#[test]
fn a_new_certificate_is_used_at_once_and_nothing_is_lost_under_load() {
    let (first, second) = (Pair::good(), Pair::good());
    let gateway = gateway(&first);
    let (config, ends) = (config(&[&first, &second], &[b"http/1.1"]), AtomicBool::new(false));
    let answered = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut lasting = connect(gateway.address(), &config);
                while !ends.load(Ordering::Relaxed) {
                    ask(&mut lasting).expect("an answer on a connection that lasts");
                    ask(&mut connect(gateway.address(), &config)).expect("an answer on a new connection");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        until("load", || answered.load(Ordering::Relaxed) > 20);
        second.write(&gateway.home);
        let shown = || ask(&mut connect(gateway.address(), &config)).expect("an answer");
        until("the new certificate is shown", || shown() == second.der());
        let before = answered.load(Ordering::Relaxed);
        until("load", || answered.load(Ordering::Relaxed) > before + 20);
        ends.store(true, Ordering::Relaxed);
    });
    assert!(gateway.home.status().expect("a gateway")["http"]["problem"].is_null());
}

#[test]
fn a_pair_that_cannot_be_used_keeps_the_one_before_and_status_says_so() {
    let (first, other) = (Pair::good(), Pair::good());
    let gateway = gateway(&first);
    let config = config(&[&first, &other], &[b"http/1.1"]);
    let problem = || gateway.home.status().expect("a gateway")["http"]["problem"].as_str().map(str::to_owned);
    for (wrong, why) in [
        (
            Pair { certificate: first.certificate.clone(), key: other.key.clone() },
            "is not the one of the certificate",
        ),
        (Pair::until(2001), "expired on 2001-01-01"),
        (Pair { certificate: "nothing".to_owned(), key: other.key.clone() }, "no certificate in PEM form"),
        (Pair { certificate: other.certificate.clone(), key: other.certificate.clone() }, "no private key"),
    ] {
        wrong.write(&gateway.home);
        until(why, || problem().is_some_and(|problem| problem.contains(why)));
        assert!(problem().expect("a problem").contains("the certificate before is still used"));
        let restarted = gateway.home.run(&["restart"]);
        assert!(restarted.code == Some(78) && restarted.stderr.contains(why), "{restarted:?}");
        let mut stream = connect(gateway.address(), &config);
        assert_eq!(ask(&mut stream).expect("an answer"), first.der(), "{why}");
    }
    assert!(!gateway.home.log_lines("the TLS certificate was not changed").is_empty());
    other.write(&gateway.home);
    until("the next good pair is used", || problem().is_none());
    assert_eq!(ask(&mut connect(gateway.address(), &config)).expect("an answer"), other.der());
}

#[test]
fn a_certificate_that_cannot_be_used_is_named_at_the_start_and_by_config_check() {
    let (good, other) = (Pair::good(), Pair::good());
    let cases: [(Pair, &[&str]); 5] = [
        (Pair::until(2001), &["tls.crt", "`http.tls_certificate`", "expired on 2001-01-01", "valid now"]),
        (
            Pair { certificate: good.certificate.clone(), key: other.key.clone() },
            &["tls.key", "`http.tls_key`", "is not the one of the certificate"],
        ),
        (
            Pair { certificate: good.key.clone(), key: good.key.clone() },
            &["tls.crt", "a private key, but no certificate"],
        ),
        (
            Pair { certificate: good.certificate.clone(), key: good.certificate.clone() },
            &["tls.key", "a certificate, but no private key"],
        ),
        (
            Pair { certificate: good.certificate.clone(), key: String::new() },
            &["tls.key", "no private key in PEM form"],
        ),
    ];
    let says = |output: &Output, parts: &[&str]| {
        assert_ne!(output.code, Some(0), "{output:?}");
        parts.iter().for_each(|part| assert!(output.stderr.contains(part), "{part}: {output:?}"));
    };
    for (pair, parts) in cases {
        let home = Home::new();
        pair.write(&home);
        home.configure(&format!("[http]\nenabled = true\nlisten = '127.0.0.1:0'\n{}", settings(&home)));
        says(&home.run(&["serve"]), parts);
        says(&home.run(&["config", "check"]), parts);
    }
    let home = Home::new();
    home.configure(&format!("[http]\nenabled = true\nlisten = '127.0.0.1:0'\n{}", settings(&home)));
    says(&home.run(&["serve"]), &["tls.crt", "cannot read", "No such file"]);
    // A shim's clients are served all the same.
    let mut client = home.client();
    client.initialize();
    assert!(
        home.status().expect("a gateway")["http"]["problem"].as_str().expect("a problem").contains("tls.crt")
    );
}
