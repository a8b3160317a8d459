//! A request, as its handlers see it.

use std::collections::HashMap;
use std::io::Read;
use std::time::Instant;

use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::http::request::Parts;
use serde_json::Value;

use crate::endpoint::Route;
use crate::seen::SeenRequest;

/// A request.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) at: Instant,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) route: Route,
    pub(crate) query: HashMap<String, String>,
    /// Names in lower case.
    pub(crate) headers: HashMap<String, String>,
    /// Null until it was read, and if it is no JSON. A form is an object of texts.
    pub(crate) body: Value,
}

impl Received {
    pub(super) fn head(parts: &Parts) -> Self {
        let (method, path) = (parts.method.as_str(), parts.uri.path());
        let query = parts.uri.query().unwrap_or_default();
        let header = |(name, value): (&hyper::http::HeaderName, &hyper::http::HeaderValue)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        Self {
            at: Instant::now(),
            method: method.to_owned(),
            path: path.to_owned(),
            route: Route::of(method, path),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            headers: parts.headers.iter().map(header).collect(),
            body: Value::Null,
        }
    }

    /// Reads the body; `false` if it does not come to its end.
    pub(super) async fn read(&mut self, body: Incoming) -> bool {
        let Ok(collected) = body.collect().await else { return false };
        let bytes = collected.to_bytes();
        let zipped = self.headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip");
        let bytes = if zipped { unzipped(&bytes) } else { bytes.to_vec() };
        let is_form = self.headers.get("content-type").is_some_and(|kind| kind.contains("form-urlencoded"));
        self.body = if is_form {
            let text = |text: std::borrow::Cow<'_, str>| Value::String(text.into_owned());
            form_urlencoded::parse(&bytes).map(|(name, value)| (name.into_owned(), text(value))).collect()
        } else {
            serde_json::from_slice(&bytes).unwrap_or(Value::Null)
        };
        true
    }

    /// The token that the request shows.
    pub(crate) fn token(&self) -> Option<&str> {
        self.headers.get("authorization")?.strip_prefix("Snowflake Token=\"")?.strip_suffix('"')
    }

    pub(super) fn seen(&self, connection: usize, struck: bool) -> SeenRequest {
        SeenRequest {
            at: self.at,
            connection,
            endpoint: self.route.endpoint,
            method: self.method.clone(),
            path: self.path.clone(),
            query: self.query.clone(),
            headers: self.headers.clone(),
            body: self.body.clone(),
            struck,
        }
    }
}

fn unzipped(bytes: &[u8]) -> Vec<u8> {
    let mut found = Vec::new();
    // What is no gzip is no JSON either: the handler refuses it.
    let _ = MultiGzDecoder::new(bytes).read_to_end(&mut found);
    found
}
