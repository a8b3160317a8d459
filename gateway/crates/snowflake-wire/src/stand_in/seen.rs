//! Requests, as the stand-in saw them.

use std::collections::HashMap;

use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// One request.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `GET`, `POST`.
    pub method: String,
    /// Its path, without the query.
    pub path: String,
    /// The parts of its query, decoded.
    pub query: HashMap<String, String>,
    /// Its headers, by their names in lower case.
    pub headers: HashMap<String, String>,
    /// Its body; `Null` where that is not JSON.
    pub body: Value,
}

impl Seen {
    /// The token that it shows.
    pub fn token(&self) -> Option<&str> {
        self.headers.get("authorization")?.strip_prefix("Snowflake Token=\"")?.strip_suffix('"')
    }

    /// A part of its query; empty where there is none.
    pub fn asked(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }
}

/// Reads a request; `None` at the connection's end.
pub(super) async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.lines();
    let mut request = lines.next()?.split(' ');
    let (method, target) = (request.next()?.to_owned(), request.next()?);
    let headers: HashMap<_, _> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Some(Seen {
        method,
        path: path.to_owned(),
        query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    })
}
