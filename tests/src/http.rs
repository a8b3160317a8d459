//! A gateway with the HTTP front, and a client that speaks HTTP/1.1 without a library: what it sends is what a test says,
//! also where that is wrong.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use warehouse::support::{eventually, patience, until};

use crate::harness::{Home, Random, kill};

/// Ports that the system gives to no connection that goes out, so that one stays free while a gateway is started again.
const PORTS: std::ops::Range<u64> = 10_000..30_000;

/// A free port of the loopback address, which stays free.
///
/// # Panics
/// There is none.
pub fn free_port() -> u16 {
    let mut random = Random::new(u64::from(std::process::id()) << 32 | u64::from(next_number()));
    let free = (0..1_000).find_map(|_| {
        let port = u16::try_from(PORTS.start + random.below(PORTS.end - PORTS.start)).ok()?;
        TcpListener::bind(("127.0.0.1", port)).is_ok().then_some(port)
    });
    free.expect("a free port")
}

fn next_number() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A gateway with the HTTP front, started by `snowgate serve`. Dropping it stops it.
#[derive(Debug)]
pub struct HttpGateway {
    /// Its home; shims can be started there, too.
    pub home: Home,
    address: SocketAddr,
    process: Mutex<Child>,
}

impl HttpGateway {
    /// One for two empty databases that lets in every client: `auth = "none"`.
    ///
    /// # Panics
    /// It does not start.
    #[track_caller]
    pub fn new() -> Self {
        Self::with(Home::new(), "auth = 'none'\n", "")
    }

    /// One in `home`, with these lines of `[http]` besides `enabled` and `listen`, and `toml` before them: what
    /// [`Home::configure`] takes.
    ///
    /// # Panics
    /// It does not start.
    #[track_caller]
    pub fn with(home: Home, http: &str, toml: &str) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        home.configure(&format!("{toml}\n[http]\nenabled = true\nlisten = '{address}'\n{http}"));
        Self::start(home, address)
    }

    /// One in `home`, whose config file is there already and listens on `address`.
    ///
    /// # Panics
    /// It does not start.
    #[track_caller]
    pub fn start(home: Home, address: SocketAddr) -> Self {
        let process = serve(&home);
        let gateway = Self { home, address, process: Mutex::new(process) };
        gateway.wait();
        gateway
    }

    #[track_caller]
    fn wait(&self) {
        until("the gateway listens for HTTP", || {
            // One that starts on a slow disk may not answer in time yet.
            let status = self.home.run(&["status", "--json"]);
            match status.code {
                Some(0) => status.json()["http"]["address"] == self.address.to_string(),
                Some(3 | 70) => false,
                _ => panic!("snowgate status: {status:?}"),
            }
        });
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://ADDRESS` and this path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The process id of the gateway that was started last.
    ///
    /// # Panics
    /// It is no process id.
    pub fn pid(&self) -> u32 {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).id()
    }

    /// Kills the gateway outright, and waits for its end.
    ///
    /// # Panics
    /// It stays.
    #[track_caller]
    pub fn kill(&self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        kill(process.id());
        process.wait().expect("waiting for the killed gateway");
    }

    /// Starts the next gateway of this home: after [`HttpGateway::kill`], or where another one has stopped.
    ///
    /// # Panics
    /// It does not start.
    #[track_caller]
    pub fn start_again(&self) {
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = serve(&self.home);
        self.wait();
    }

    /// Kills the gateway and starts the next.
    ///
    /// # Panics
    /// As the two.
    #[track_caller]
    pub fn kill_and_start_again(&self) {
        self.kill();
        self.start_again();
    }

    /// Opens a connection.
    ///
    /// # Panics
    /// It cannot.
    #[track_caller]
    pub fn connect(&self) -> HttpConnection {
        HttpConnection::to(self.address)
    }

    /// `GET path` on a connection of its own.
    ///
    /// # Panics
    /// There is no answer.
    #[track_caller]
    pub fn get(&self, path: &str) -> HttpResponse {
        self.connect().request("GET", path, &[], b"")
    }

    /// `POST path` with a JSON body on a connection of its own.
    ///
    /// # Panics
    /// There is no answer.
    #[track_caller]
    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> HttpResponse {
        self.connect().post(path, headers, body)
    }
}

impl Default for HttpGateway {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for HttpGateway {
    fn drop(&mut self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        if process.try_wait().ok().flatten().is_none() {
            crate::harness::ask_to_stop(process.id());
            // One that stays is found, and ended, by its home.
            let _ = warehouse::support::last_within(
                patience(),
                || process.try_wait(),
                |ended| !matches!(ended, Ok(None)),
            );
        }
    }
}

#[track_caller]
fn serve(home: &Home) -> Child {
    let mut command = home.gateway();
    command.arg("serve").stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("the gateway starts")
}

/// A connection that is kept alive.
#[derive(Debug)]
pub struct HttpConnection {
    reader: BufReader<TcpStream>,
    host: String,
}

/// An answer, or its beginning where it is a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpResponse {
    /// The HTTP status.
    pub status: u16,
    /// The headers, names in small letters, in their order.
    pub headers: Vec<(String, String)>,
    /// The body; empty after [`HttpConnection::head`].
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// The header of this name (in small letters), the first one.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// It is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of an error of the front.
    ///
    /// # Panics
    /// The body is no JSON.
    #[track_caller]
    pub fn error_code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl HttpConnection {
    /// Connects to `address`.
    ///
    /// # Panics
    /// It cannot.
    #[track_caller]
    pub fn to(address: SocketAddr) -> Self {
        let stream = eventually("a connection", || TcpStream::connect(address).ok());
        stream.set_read_timeout(Some(patience())).expect("a time-out");
        stream.set_write_timeout(Some(patience())).expect("a time-out");
        stream.set_nodelay(true).expect("no delay");
        Self { reader: BufReader::new(stream), host: address.to_string() }
    }

    /// The connection itself.
    pub fn stream(&self) -> &TcpStream {
        self.reader.get_ref()
    }

    /// What comes, for a protocol that is not HTTP any more.
    pub fn reader(&mut self) -> &mut impl std::io::Read {
        &mut self.reader
    }

    /// Sends these bytes.
    ///
    /// # Panics
    /// The connection is closed.
    #[track_caller]
    pub fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).expect("sending");
    }

    /// Sends these bytes.
    ///
    /// # Errors
    /// The connection is closed.
    pub fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.reader.get_mut().write_all(bytes)
    }

    /// Sends a request: `Host` and `Content-Length` are added unless `headers` have them.
    ///
    /// # Panics
    /// The connection is closed.
    #[track_caller]
    pub fn send_request(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) {
        let has = |name: &str| headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        if !has("host") {
            head.push_str(&format!("Host: {}\r\n", self.host));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !has("content-length") && !has("transfer-encoding") && (method != "GET" || !body.is_empty()) {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        self.send(&[head.as_bytes(), body].concat());
    }

    /// Sends a request and reads its answer.
    ///
    /// # Panics
    /// There is none.
    #[track_caller]
    pub fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> HttpResponse {
        self.send_request(method, path, headers, body);
        let mut response = self.head();
        if method != "HEAD" {
            self.read_body(&mut response);
        }
        response
    }

    /// `POST path` with a JSON body.
    ///
    /// # Panics
    /// There is no answer.
    #[track_caller]
    pub fn post(&mut self, path: &str, headers: &[(&str, &str)], body: &Value) -> HttpResponse {
        let has = |name: &str| headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        let mut headers = headers.to_vec();
        if !has("content-type") {
            headers.push(("Content-Type", "application/json"));
        }
        if !has("accept") {
            headers.push(("Accept", "application/json, text/event-stream"));
        }
        self.request("POST", path, &headers, body.to_string().as_bytes())
    }

    /// Reads status and headers of an answer; those of an interim one (1xx, but 101) are skipped.
    ///
    /// # Panics
    /// The connection ends before, or what comes is no HTTP.
    #[track_caller]
    pub fn head(&mut self) -> HttpResponse {
        self.try_head().expect("an answer")
    }

    /// As [`HttpConnection::head`]; `None` where the connection ends before.
    ///
    /// # Panics
    /// What comes is no HTTP.
    pub fn try_head(&mut self) -> Option<HttpResponse> {
        loop {
            let line = self.try_line()?;
            let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
            let status: u16 = status.unwrap_or_else(|| panic!("a status line: {line:?}"));
            let mut headers = Vec::new();
            loop {
                let line = self.try_line()?;
                if line.is_empty() {
                    break;
                }
                let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("a header: {line:?}"));
                headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
            if status == 101 || status >= 200 {
                return Some(HttpResponse { status, headers, body: Vec::new() });
            }
        }
    }

    /// Reads the body that follows this head.
    ///
    /// # Panics
    /// The connection ends before.
    #[track_caller]
    pub fn read_body(&mut self, response: &mut HttpResponse) {
        if response.status == 204 || response.status == 304 {
            return;
        }
        if response.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk() {
                response.body.extend(chunk);
            }
        } else if let Some(length) = response.header("content-length") {
            let mut body = vec![0; length.parse().expect("a length")];
            self.reader.read_exact(&mut body).expect("a whole body");
            response.body = body;
        } else {
            self.reader.read_to_end(&mut response.body).expect("a body");
        }
    }

    /// The next chunk of a body that comes in chunks; `None` at its end.
    ///
    /// # Panics
    /// The connection ends before.
    #[track_caller]
    pub fn chunk(&mut self) -> Option<Vec<u8>> {
        let line = self.try_line().expect("the size of a chunk");
        let length = usize::from_str_radix(line.split(';').next().unwrap_or_default(), 16);
        let mut chunk = vec![0; length.unwrap_or_else(|_| panic!("the size of a chunk: {line:?}"))];
        self.reader.read_exact(&mut chunk).expect("a whole chunk");
        let end = self.try_line();
        assert_eq!(end.as_deref(), Some(""), "a chunk ends with a line break");
        (!chunk.is_empty()).then_some(chunk)
    }

    /// The `data` of the next event of an event stream that comes in chunks; `None` at its end.
    ///
    /// # Panics
    /// The connection ends before.
    #[track_caller]
    pub fn event(&mut self, rest: &mut String) -> Option<String> {
        loop {
            if let Some((event, after)) = rest.split_once("\n\n") {
                let data: Vec<&str> = event
                    .lines()
                    .filter_map(|line| line.strip_prefix("data:"))
                    .map(|data| data.strip_prefix(' ').unwrap_or(data))
                    .collect();
                let (data, after) = (data.join("\n"), after.to_owned());
                *rest = after;
                if !data.is_empty() {
                    return Some(data);
                }
                continue;
            }
            rest.push_str(&String::from_utf8_lossy(&self.chunk()?));
        }
    }

    /// Reads until the other side closes the connection; returns what came.
    ///
    /// # Panics
    /// It stays open.
    #[track_caller]
    pub fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self.reader.read_to_end(&mut bytes) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
            Err(error) => panic!("the connection stays open: {error}"),
        }
        bytes
    }

    fn try_line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(line.trim_end_matches(['\r', '\n']).to_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("reading a line: {error}"),
        }
    }
}
