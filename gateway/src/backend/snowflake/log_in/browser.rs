//! The browser's part in a log-in: it is sent to an address, and brings a token back to a port of this
//! machine.

use std::ffi::OsStr;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use url::{Host, Url};

use snowflake_wire::Secret;

use crate::os::{self, Browser};

/// The longest request that is read, in bytes: the token is in its first line.
const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// How long a browser may take for one request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections that are served at a time.
const VISITS_MAX: usize = 16;

/// A program that opens browsers has failed by then, if it does.
const STARTED_CHECKS: u32 = 20;
const STARTED_PAUSE: Duration = Duration::from_millis(50);

const DONE: &str = "You are logged in. You can close this page and go back to your work.";
const NOTHING: &str = "There is nothing here.";
const FOREIGN: &str = "This is the answer to another log-in. Use the address that you were given last.";
const REFUSED: &str = "The log-in was refused. You can close this page.";

/// What one visit of a browser is.
#[derive(Debug)]
pub(super) enum Visit<T> {
    /// Something else.
    Nothing,
    /// The answer to a log-in that is not this one.
    Foreign,
    /// What was waited for.
    Brought(T),
    /// That it does not come.
    Refused(T),
}

/// Waits for a browser at a port of the loopback interface.
pub(super) struct Landing {
    listener: TcpListener,
    /// The port.
    pub(super) port: u16,
}

impl Landing {
    /// # Errors
    /// The system has no free port.
    pub(super) async fn open() -> io::Result<Self> {
        Self::open_at(None).await
    }

    /// Waits at the address that the browser will return to; without a port in it, at a free one.
    ///
    /// # Errors
    /// The port is taken, or the system has no free one.
    pub(super) async fn open_at(redirect: Option<&Url>) -> io::Result<Self> {
        let address = match redirect.and_then(Url::host) {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) | None => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let port = redirect.and_then(Url::port).unwrap_or(0);
        let listener = TcpListener::bind((address, port)).await?;
        let port = listener.local_addr()?.port();
        Ok(Self { listener, port })
    }

    /// The token that a browser brings.
    ///
    /// # Errors
    /// The system accepts nothing any more.
    pub(super) async fn token(self) -> io::Result<Secret> {
        self.brought(|url: &Url| token_in(url).map_or(Visit::Nothing, Visit::Brought)).await
    }

    /// What a browser brings, as `read` finds it in an address. Whatever else comes is answered and forgotten;
    /// browsers open connections that they do not use, so several are served at a time.
    ///
    /// # Errors
    /// The system accepts nothing any more.
    pub(super) async fn brought<T: Send + 'static>(
        self,
        read: impl Fn(&Url) -> Visit<T> + Clone + Send + 'static,
    ) -> io::Result<T> {
        let mut visits = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if visits.len() < VISITS_MAX => {
                    let (stream, _) = accepted?;
                    visits.spawn(timeout(REQUEST_TIMEOUT, visit(stream, read.clone())));
                }
                Some(visited) = visits.join_next() => {
                    if let Ok(Ok(Ok(Some(brought)))) = visited {
                        return Ok(brought);
                    }
                }
            }
        }
    }
}

/// Serves one request; returns what it brings, if it is what is waited for.
async fn visit<T>(mut stream: TcpStream, read: impl Fn(&Url) -> Visit<T>) -> io::Result<Option<T>> {
    let mut request = Vec::with_capacity(4096);
    // The whole head: closing a socket with something unread makes the browser see a reset instead of the
    // page.
    while !request.ends_with(b"\r\n\r\n") && request.len() < REQUEST_BYTES_MAX {
        if stream.read_buf(&mut request).await? == 0 {
            break;
        }
    }
    let (status, text, brought) = match address_in(&request).map_or(Visit::Nothing, |url| read(&url)) {
        Visit::Nothing => ("404 Not Found", NOTHING, None),
        Visit::Foreign => ("400 Bad Request", FOREIGN, None),
        Visit::Brought(brought) => ("200 OK", DONE, Some(brought)),
        Visit::Refused(brought) => ("200 OK", REFUSED, Some(brought)),
    };
    let page = format!("<!doctype html><title>Snowgate</title><p>{text}</p>\n");
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n",
        page.len()
    );
    // It counts also where the browser does not wait for the page.
    let _ = stream.write_all((head + &page).as_bytes()).await;
    let _ = stream.shutdown().await;
    Ok(brought)
}

/// The address in a request's first line, `GET /?token=... HTTP/1.1`.
fn address_in(request: &[u8]) -> Option<Url> {
    let line = request.split(|&byte| byte == b'\r').next()?;
    let path = std::str::from_utf8(line).ok()?.strip_prefix("GET ")?.split(' ').next()?;
    // A path that names a host of its own leads nowhere.
    let url = Url::parse("http://localhost").ok()?;
    url.join(path).ok().filter(|joined| joined.origin() == url.origin())
}

fn token_in(url: &Url) -> Option<Secret> {
    let (_, token) = url.query_pairs().find(|(name, value)| name == "token" && !value.is_empty())?;
    Some(Secret::new(token))
}

/// Starts `program` outside of this process's own service: there a browser is not bound by what the unit forbids, which it
/// needs for its own sandbox, and does not end with the gateway. `None`: systemd has not started this process.
fn outside(program: &OsStr) -> Option<Command> {
    let own = std::process::id().to_string();
    std::env::var("SYSTEMD_EXEC_PID").ok().filter(|executed| *executed == own)?;
    std::env::var_os("XDG_RUNTIME_DIR")?;
    let mut command = os::program("systemd-run").ok()?;
    // As long as it takes, so that its exit code is known.
    command.args(["--user", "--quiet", "--collect", "--wait"]);
    for name in ["DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY"] {
        if std::env::var_os(name).is_some() {
            command.arg(format!("--setenv={name}"));
        }
    }
    command.arg("--").arg(program);
    Some(command)
}

/// Opens `address` in a browser; returns whether that seems to work. The variable `BROWSER` names another
/// program than the system's. Blocks for as long as that takes to start one.
pub(super) fn open(address: &Url) -> bool {
    let program = match Browser::find() {
        None => return false,
        Some(Browser::Program(program)) => program,
        Some(Browser::System) => {
            let opened = os::open_in_browser(address.as_str());
            return opened.inspect_err(|error| tracing::warn!(%error, "no browser could be opened")).is_ok();
        }
    };
    let Ok(command) = os::program(program) else { return false };
    let mut command = outside(command.get_program()).unwrap_or(command);
    // There may be secrets among them, which a browser must not get.
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"SNOWFLAKE_"))
    {
        command.env_remove(name);
    }
    command.arg(address.as_str()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let opened = os::unblock_signals_in(&mut command).spawn().and_then(|mut child| {
        for _ in 0..STARTED_CHECKS {
            if let Some(status) = child.try_wait()? {
                return Ok(status.success());
            }
            std::thread::sleep(STARTED_PAUSE);
        }
        // It is the browser itself, and stays.
        std::thread::spawn(move || child.wait());
        Ok(true)
    });
    opened.unwrap_or_else(|error| {
        tracing::warn!(%error, "no browser could be opened");
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_get_with_a_token_has_one() {
        let token = |request: &str| {
            let address = address_in(request.as_bytes());
            address.and_then(|url| token_in(&url)).map(|token| token.expose().to_owned())
        };
        assert_eq!(token("GET /?token=a%2Bb&x=1 HTTP/1.1\r\n\r\n").as_deref(), Some("a+b"));
        for other in
            ["", "GET / HTTP/1.1\r\n\r\n", "GET /?token= HTTP/1.1\r\n", "POST /?token=a HTTP/1.1\r\n", "GET"]
        {
            assert_eq!(token(other), None, "{other}");
        }
    }

    #[tokio::test]
    async fn a_landing_waits_for_the_token() {
        let landing = Landing::open().await.unwrap();
        let port = landing.port;
        let waiting = tokio::spawn(landing.token());
        // A silent connection does not hold up the others.
        let _silent = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        for (path, status) in [("/favicon.ico", "404"), ("/?token=t", "200")] {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            stream
                .write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())
                .await
                .unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        }
        assert_eq!(waiting.await.unwrap().unwrap().expose(), "t");
    }
}
