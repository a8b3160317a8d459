//! The way to a server, step by step: its name, the connection, the proxy, TLS, an answer. The first step that fails is the cause.
//!
//! Nothing is shown to the server but a `GET /` without credentials; to a proxy its own ones. Certificates are verified as
//! log-ins do it: against what the system trusts. Whether a certificate was revoked (OCSP, CRL) is asked of no server here; on
//! Linux log-ins do not ask either, elsewhere the system decides.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};
use snowflake_wire::{Protocol, Proxy, Secret, tls_config};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::Url;

use crate::http::issuer_of;
use crate::shared::moments::days_since_1970;

/// How long each step may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(5);

/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 4;

/// Bytes of an answer's head.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// A stream to a server or a proxy.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The other end of a connection: the server, or the proxy before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hop {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) is_secure: bool,
}

impl Hop {
    pub(super) fn of(url: &Url) -> Self {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        Self { host, port: url.port_or_known_default().unwrap_or(443), is_secure: url.scheme() == "https" }
    }
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Untrusted {
    Issuer,
    Expired,
    NotYetValid,
    OtherName,
    Revoked,
    Other,
}

/// The step that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// There are no roots to trust.
    NoRoots(String),
    /// The name is not found.
    Name(String),
    /// No connection.
    Reach(String),
    /// The proxy answers otherwise than with a tunnel: its status, if it said one.
    Proxy { status: Option<u16>, why: String },
    /// The certificate is not trusted; who issued it.
    Certificate { kind: Untrusted, why: String, issuer: Option<String> },
    /// TLS fails for another reason.
    Tls(String),
    /// No answer, or none of HTTP.
    Answer(String),
}

/// What was found on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WayFacts {
    pub(super) server: Hop,
    pub(super) proxy: Option<Hop>,
    /// The step that failed; whether it is the proxy's.
    pub(super) fault: Option<(Fault, bool)>,
    /// The HTTP status of the answer.
    pub(super) status: Option<u16>,
    /// By how many seconds this machine's clock is ahead of the server's.
    pub(super) clock_ahead_s: Option<i64>,
}

/// Goes the way to `server`.
pub(super) async fn walk(server: &Url, proxy: Option<&Proxy>) -> WayFacts {
    let hop = proxy.and_then(|proxy| proxy.address_for(server)).map(Hop::of);
    let mut facts =
        WayFacts { server: Hop::of(server), proxy: hop, fault: None, status: None, clock_ahead_s: None };
    let authorization = proxy.and_then(Proxy::authorization);
    match step(&facts, authorization.as_ref()).await {
        Ok(head) => {
            facts.status = Some(head.status);
            // 407 and the like are the proxy's own, where there is no tunnel through it.
            if facts.proxy.is_some() && head.status == 407 {
                facts.fault =
                    Some((Fault::Proxy { status: Some(407), why: "it wants credentials".to_owned() }, true));
            }
            facts.clock_ahead_s = head.date_s.map(|date| now_s() - date);
        }
        Err(fault) => facts.fault = Some(fault),
    }
    facts
}

type Failed = (Fault, bool);

/// All steps; the fault of the first that fails.
async fn step(facts: &WayFacts, authorization: Option<&Secret>) -> Result<Head, Failed> {
    let roots = |error: &dyn std::error::Error| (Fault::NoRoots(with_causes(error)), false);
    let config = tls_config(if facts.server.is_secure { Protocol::Https } else { Protocol::Http });
    let config = Arc::new(config.map_err(|error| roots(&error))?);
    let mut stream = open(facts, authorization, Arc::clone(&config)).await?;
    if facts.server.is_secure {
        stream = match encrypt(stream, &facts.server, config).await {
            Ok(stream) => stream,
            Err(fault) => return Err((with_issuer(facts, authorization, fault).await, false)),
        };
    }
    // Without TLS a proxy is asked for the whole address.
    let target = match (&facts.proxy, facts.server.is_secure) {
        (Some(_), false) => format!("http://{}/", authority(&facts.server)),
        _ => "/".to_owned(),
    };
    let authorization = authorization.filter(|_| facts.proxy.is_some() && !facts.server.is_secure);
    let request = request("GET", &target, &facts.server, authorization);
    let read = timeout(STEP_TIMEOUT, ask(&mut stream, request.expose())).await;
    let late =
        || io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {} s", STEP_TIMEOUT.as_secs()));
    let head =
        read.unwrap_or_else(|_| Err(late())).map_err(|error| (Fault::Answer(error.to_string()), false))?;
    Head::parse(&head).ok_or_else(|| (Fault::Answer("the answer is not HTTP".to_owned()), false))
}

/// A stream to the server, through the proxy if there is one, not encrypted yet.
async fn open(
    facts: &WayFacts,
    authorization: Option<&Secret>,
    config: Arc<ClientConfig>,
) -> Result<Box<dyn Stream>, Failed> {
    let by_proxy = facts.proxy.is_some();
    let first = facts.proxy.as_ref().unwrap_or(&facts.server);
    let mut stream: Box<dyn Stream> = Box::new(connect(first).await.map_err(|fault| (fault, by_proxy))?);
    let Some(proxy) = &facts.proxy else { return Ok(stream) };
    if proxy.is_secure {
        stream = encrypt(stream, proxy, config).await.map_err(|fault| (fault, true))?;
    }
    if !facts.server.is_secure {
        return Ok(stream);
    }
    let request = request("CONNECT", &authority(&facts.server), &facts.server, authorization);
    let refused = |status, why: String| (Fault::Proxy { status, why }, true);
    let answer = timeout(STEP_TIMEOUT, ask(&mut stream, request.expose())).await;
    let head = match answer {
        Ok(Ok(head)) => head,
        Ok(Err(error)) => return Err(refused(None, error.to_string())),
        Err(_) => return Err(refused(None, format!("no answer within {} s", STEP_TIMEOUT.as_secs()))),
    };
    match Head::parse(&head) {
        Some(Head { status: 200..=299, .. }) => Ok(stream),
        Some(Head { status, .. }) => Err(refused(Some(status), format!("it answers HTTP {status}"))),
        None => Err(refused(None, "its answer is not HTTP".to_owned())),
    }
}

async fn connect(hop: &Hop) -> Result<TcpStream, Fault> {
    let late = |what: &str| format!("{what} within {} s", STEP_TIMEOUT.as_secs());
    let found = timeout(STEP_TIMEOUT, lookup_host((hop.host.as_str(), hop.port))).await;
    let addresses: Vec<SocketAddr> = match found {
        Ok(Ok(addresses)) => addresses.take(ADDRESSES_MAX).collect(),
        Ok(Err(error)) => return Err(Fault::Name(error.to_string())),
        Err(_) => return Err(Fault::Name(late("no answer from the name server"))),
    };
    if addresses.is_empty() {
        return Err(Fault::Name("it has no address".to_owned()));
    }
    let mut why = String::new();
    for address in addresses {
        match timeout(STEP_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => why = format!("{address}: {error}"),
            Err(_) => why = late(&format!("{address}: no connection")),
        }
    }
    Err(Fault::Reach(why))
}

async fn encrypt(
    stream: Box<dyn Stream>,
    hop: &Hop,
    config: Arc<ClientConfig>,
) -> Result<Box<dyn Stream>, Fault> {
    let name = ServerName::try_from(hop.host.clone()).map_err(|error| Fault::Tls(error.to_string()))?;
    match timeout(STEP_TIMEOUT, TlsConnector::from(config).connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => Err(of_tls(&error)),
        Err(_) => Err(Fault::Tls(format!("no handshake within {} s", STEP_TIMEOUT.as_secs()))),
    }
}

/// What a failed handshake says.
fn of_tls(error: &io::Error) -> Fault {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let Some(rustls::Error::InvalidCertificate(why)) = tls else { return Fault::Tls(error.to_string()) };
    let kind = match why {
        CertificateError::UnknownIssuer => Untrusted::Issuer,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Untrusted::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Untrusted::NotYetValid,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Untrusted::OtherName
        }
        CertificateError::Revoked => Untrusted::Revoked,
        _ => Untrusted::Other,
    };
    Fault::Certificate { kind, why: why.to_string(), issuer: None }
}

/// The fault with the issuer of the server's certificate, which another handshake shows; nothing is sent on it.
async fn with_issuer(facts: &WayFacts, authorization: Option<&Secret>, fault: Fault) -> Fault {
    let Fault::Certificate { kind, why, .. } = fault else { return fault };
    let look = Arc::new(Look::default());
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions();
    let trusted = tls_config(Protocol::Http).map(Arc::new);
    let (Ok(config), Ok(trusted)) = (config, trusted) else {
        return Fault::Certificate { kind, why, issuer: None };
    };
    let verifier: Arc<dyn ServerCertVerifier> = look.clone();
    let config = config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    if let Ok(stream) = open(facts, authorization, trusted).await {
        // It fails by design: what is looked at is not trusted.
        let _ = encrypt(stream, &facts.server, Arc::new(config)).await;
    }
    let seen = look.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    Fault::Certificate { kind, why, issuer: seen.and_then(|certificate| issuer_of(&certificate)) }
}

/// Keeps the certificate that a server shows, and trusts none.
#[derive(Debug, Default)]
struct Look(Mutex<Option<Vec<u8>>>);

impl ServerCertVerifier for Look {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(end_entity.to_vec());
        Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer))
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("nothing is trusted".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("nothing is trusted".to_owned()))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

fn authority(hop: &Hop) -> String {
    if hop.host.contains(':') {
        format!("[{}]:{}", hop.host, hop.port)
    } else {
        format!("{}:{}", hop.host, hop.port)
    }
}

/// A request; a secret, because it may have a proxy's credentials.
fn request(method: &str, target: &str, server: &Hop, authorization: Option<&Secret>) -> Secret {
    let shown = authorization
        .map(|secret| format!("Proxy-Authorization: {}\r\n", secret.expose()))
        .unwrap_or_default();
    Secret::new(format!(
        "{method} {target} HTTP/1.1\r\nHost: {}\r\nUser-Agent: Snowgate/{}\r\nAccept: */*\r\n{shown}{}\r\n",
        authority(server),
        snowgate_link::BUILD,
        if method == "CONNECT" { "" } else { "Connection: close\r\n" }
    ))
}

/// Sends a request and reads the head of the answer.
async fn ask(stream: &mut Box<dyn Stream>, request: &str) -> io::Result<Vec<u8>> {
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut head = Vec::new();
    loop {
        // Of a tunnel nothing comes behind the head before something is sent.
        if stream.read_buf(&mut head).await? == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the connection was closed without an answer",
            ));
        }
        if memchr::memmem::find(&head, b"\r\n\r\n").is_some() {
            return Ok(head);
        }
        if head.len() > HEAD_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the answer's head is too long"));
        }
    }
}

/// What the head of an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// The server's clock, in seconds since 1970.
    date_s: Option<i64>,
}

impl Head {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.split("\r\n");
        let status = lines.next()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
        let date = lines.take_while(|line| !line.is_empty()).find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("date").then(|| date_s(value.trim()))?
        });
        Some(Self { status, date_s: date })
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7), in seconds since 1970.
fn date_s(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = text.split(' ').skip(1);
    let day = parts.next()?.parse().ok()?;
    let month = parts.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    let year = parts.next()?.parse().ok()?;
    let mut time = parts.next()?.split(':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    let seconds = days_since_1970(year, month, day)? * 86_400 + hour * 3_600 + minute * 60 + second;
    i64::try_from(seconds).ok()
}

pub(super) fn now_s() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_its_status_and_the_server_s_clock() {
        let head = Head::parse(
            b"HTTP/1.1 302 Found\r\nLocation: /x\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\nbody",
        );
        assert_eq!(head, Some(Head { status: 302, date_s: Some(784_111_777) }));
        assert_eq!(Head::parse(b"HTTP/1.1 200 OK\r\n\r\nDate: x").unwrap().date_s, None);
        for odd in [&b"SSH-2.0-x\r\n\r\n"[..], b"", b"HTTP/2 200\r\n\r\n", b"HTTP/1.1 x y\r\n\r\n"] {
            assert_eq!(Head::parse(odd), None);
        }
        for odd in ["", "Sun, 06 Nov", "Sun, 99 Nov 1994 08:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT"] {
            assert_eq!(date_s(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_request_names_the_server_and_shows_a_proxy_its_credentials() {
        let hop = Hop { host: "::1".into(), port: 443, is_secure: true };
        let text = request("CONNECT", &authority(&hop), &hop, Some(&Secret::new("Basic eA==")));
        assert!(text.expose().starts_with("CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n"));
        assert!(text.expose().ends_with("Proxy-Authorization: Basic eA==\r\n\r\n"));
    }

    #[tokio::test]
    async fn a_name_that_is_not_there_is_told_from_a_port_where_nothing_listens() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let facts = walk(&Url::parse(&format!("http://{free}/")).unwrap(), None).await;
        assert!(matches!(facts.fault, Some((Fault::Reach(_), false))), "{facts:?}");
        let facts = walk(&Url::parse("http://nothing.invalid/").unwrap(), None).await;
        assert!(matches!(facts.fault, Some((Fault::Name(_), false))), "{facts:?}");
    }
}
