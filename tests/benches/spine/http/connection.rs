//! One client's HTTP connection, kept alive.

use std::io::Write;
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use anyhow::{Context, Result, bail};
use rustix::io::Errno;
use serde_json::Value;

use crate::common::connection::{Converse, Request, check_answer};
use crate::common::poller::Poller;

const READ_BYTES: usize = 64 * 1024;

/// Requests out, answers in: one JSON-RPC message each, alone or as the event of a stream.
#[derive(Debug)]
pub(crate) struct HttpConnection {
    stream: TcpStream,
    /// Everything of the request's head but the length of its body.
    head: String,
    /// Bytes read of the answer that is not whole yet.
    held: Vec<u8>,
    last_id: u64,
}

impl HttpConnection {
    /// Connects to `address`, to send requests to `path` with these further headers, each with a line break.
    pub(crate) fn connect(address: SocketAddr, path: &str, headers: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nAccept: application/json, \
             text/event-stream\r\n{headers}"
        );
        Ok(Self { stream, head, held: Vec::new(), last_id: 0 })
    }

    /// Connects and opens a session of the protocol.
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let mut connection = Self::connect(address, "/mcp", "")?;
        connection.write(&Request::initialize().line(0))?;
        let (head, _) = connection.answer()?;
        let id = header(&head, "mcp-session-id").context("no session id")?.to_owned();
        connection.head.push_str(&format!("Mcp-Session-Id: {id}\r\nMCP-Protocol-Version: 2025-06-18\r\n"));
        connection.write(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)?;
        connection.answer()?;
        Ok(connection)
    }

    fn write(&mut self, body: &[u8]) -> Result<()> {
        let mut bytes = format!("{}Content-Length: {}\r\n\r\n", self.head, body.len()).into_bytes();
        bytes.extend_from_slice(body);
        self.stream.write_all(&bytes).context("the other end does not read")
    }

    /// Sends `request` and waits for its answer, which must be its result and no error.
    pub(crate) fn ask(&mut self, request: &Request) -> Result<Value> {
        self.send(request)?;
        let (_, body) = self.answer()?;
        check_answer(&message(&body)?, self.last_id)
    }

    fn answer(&mut self) -> Result<(String, Vec<u8>)> {
        let poller = Poller::new()?;
        poller.watch(0, self)?;
        loop {
            if poller.wait()?.next().is_some()
                && let Some(answer) = self.read_more()?
            {
                return Ok(answer);
            }
        }
    }

    /// Reads once; gives head and body of an answer that is whole now.
    fn read_more(&mut self) -> Result<Option<(String, Vec<u8>)>> {
        let mut bytes = [MaybeUninit::uninit(); READ_BYTES];
        let (read, _) = match rustix::io::read(&self.stream, &mut bytes) {
            Err(Errno::INTR) => return Ok(None),
            read => read.context("reading an answer")?,
        };
        if read.is_empty() {
            bail!("the other end went away");
        }
        self.held.extend_from_slice(read);
        let Some((head_bytes, body)) = whole(&self.held) else { return Ok(None) };
        let head = String::from_utf8_lossy(&self.held[..head_bytes]).into_owned();
        self.held.clear();
        if !head.starts_with("HTTP/1.1 20") {
            bail!("{head}{}", String::from_utf8_lossy(&body));
        }
        Ok(Some((head, body)))
    }
}

impl Converse for HttpConnection {
    fn send(&mut self, request: &Request) -> Result<()> {
        self.last_id += 1;
        self.write(request.line(self.last_id).trim_ascii_end())
    }

    fn read(&mut self) -> Result<Option<Vec<u8>>> {
        self.read_more()?.map(|(_, body)| message(&body)).transpose()
    }

    fn last_id(&self) -> u64 {
        self.last_id
    }
}

impl AsFd for HttpConnection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// How long the head of the answer in `bytes` is, and its body, if it is whole.
fn whole(bytes: &[u8]) -> Option<(usize, Vec<u8>)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let rest = &bytes[end..];
    if let Some(length) = header(head, "content-length").and_then(|length| length.parse::<usize>().ok()) {
        return (rest.len() >= length).then(|| (end, rest[..length].to_vec()));
    }
    if header(head, "transfer-encoding").is_none() {
        return Some((end, Vec::new()));
    }
    let (mut body, mut rest) = (Vec::new(), rest);
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&rest[..line]).ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        let chunk = rest.get(line + 2..line + 2 + size)?;
        rest = rest.get(line + 4 + size..)?;
        if size == 0 {
            return Some((end, body));
        }
        body.extend_from_slice(chunk);
    }
}

/// The JSON-RPC message of a body: all of it, or the last event with data.
fn message(body: &[u8]) -> Result<Vec<u8>> {
    if body.starts_with(b"{") {
        return Ok(body.to_vec());
    }
    let text = std::str::from_utf8(body).context("an event stream is text")?;
    let mut data = text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
    let message = data.rfind(|data| data.starts_with('{')).context("no message in the stream")?;
    Ok(message.as_bytes().to_vec())
}
