//! Where the rest of a result is: one signed address for each chunk, valid for some hours.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::value::RawValue;
use url::Url;

use crate::envelope::Fields;
use crate::error::{Error, Operation};
use crate::ids::QueryId;

/// The chunks of a result, in order, and the headers that they are asked for with. No formatter shows the
/// addresses: who has one can read the rows.
#[derive(Clone, Default)]
pub(crate) struct Links {
    pub(super) chunks: Vec<Link>,
    pub(super) headers: HeaderMap,
}

/// Where new links of a finished query come from once the old ones have expired: what fetches results, which
/// is built on the rows and not the other way round.
pub(crate) trait LinkSource: Send + Sync {
    /// Fetches the result's links once more.
    ///
    /// # Errors
    /// Anything that fetching a result can fail with.
    fn fetch_links<'a>(&'a self, query: &'a QueryId) -> FetchedLinks<'a>;
}

/// The links that are being fetched. The future may be dropped.
pub(crate) type FetchedLinks<'a> = Pin<Box<dyn Future<Output = Result<Links, Error>> + Send + 'a>>;

/// The rows of a result that are not in its answer.
pub(crate) struct RemoteRows {
    pub(crate) links: Links,
    /// `None`: the server did not name the query, so its links cannot be fetched again.
    pub(crate) query_id: Option<QueryId>,
    pub(crate) source: Box<dyn LinkSource>,
}

/// One chunk.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) address: Url,
    /// Rows in it, where the server says so.
    pub(super) rows: Option<u64>,
}

impl Links {
    /// Reads `chunks` with `chunkHeaders`, or with `qrmk`, the older way to name the key of encrypted
    /// storage. An answer that came encrypted (`secure`) leads to encrypted places only.
    pub(crate) fn read(operation: Operation, data: &Fields<'_>, secure: bool) -> Result<Self, Error> {
        let listed: Vec<&RawValue> = data.read("chunks").unwrap_or_default();
        let chunks: Option<Vec<_>> = listed.iter().map(|chunk| Link::read(chunk.get())).collect();
        let chunks =
            chunks.ok_or_else(|| Error::malformed(operation, "a part of the result has no address"))?;
        if secure && chunks.iter().any(|chunk| chunk.address.scheme() != "https") {
            return Err(Error::malformed(
                operation,
                "a part of the result is at an address without encryption",
            ));
        }
        let headers = headers(data)
            .ok_or_else(|| Error::malformed(operation, "the result's download headers are no headers"))?;
        Ok(Self { chunks, headers })
    }

    /// Whether `other` lists the same chunks, be it under other addresses.
    pub(super) fn lists_the_same(&self, other: &Self) -> bool {
        let rows = |links: &Self| links.chunks.iter().map(|chunk| chunk.rows).collect::<Vec<_>>();
        rows(self) == rows(other)
    }
}

impl Link {
    fn read(json: &str) -> Option<Self> {
        let chunk = Fields::of(json.as_bytes());
        let rows = chunk.number("rowCount").and_then(|rows| u64::try_from(rows).ok());
        Some(Self { address: Url::parse(&chunk.text("url")?).ok()?, rows })
    }
}

fn headers(data: &Fields<'_>) -> Option<HeaderMap> {
    const ENCRYPTION: &str = "x-amz-server-side-encryption-customer-algorithm";
    const KEY: &str = "x-amz-server-side-encryption-customer-key";
    let mut listed: HashMap<String, String> = data.read("chunkHeaders").unwrap_or_default();
    if let (true, Some(key)) = (listed.is_empty(), data.filled("qrmk")) {
        listed = HashMap::from([(ENCRYPTION.into(), "AES256".into()), (KEY.into(), key)]);
    }
    listed.iter().map(|(name, value)| header(name, value)).collect()
}

fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value))
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").field("chunks", &self.chunks.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Links, Error> {
        Links::read(Operation::Result, &Fields::of(json.as_bytes()), true)
    }

    #[test]
    fn headers_come_from_their_list_or_from_the_key() {
        let listed = read(r#"{"chunkHeaders": {"x-key": "k1"}, "qrmk": "k2"}"#).unwrap();
        assert_eq!((listed.headers.len(), listed.headers["x-key"].to_str().unwrap()), (1, "k1"));
        for json in [r#"{"qrmk": "k2"}"#, r#"{"chunkHeaders": {}, "qrmk": "k2"}"#] {
            let headers = read(json).unwrap().headers;
            assert_eq!(headers["x-amz-server-side-encryption-customer-key"], "k2");
            assert_eq!(headers["x-amz-server-side-encryption-customer-algorithm"], "AES256");
        }
        assert!(read("{}").unwrap().headers.is_empty());
        assert!(read(r#"{"chunkHeaders": {"a b": "c"}}"#).is_err());
    }

    #[test]
    fn no_formatter_shows_an_address_or_a_key() {
        let json = r#"{"chunks": [{"url": "https://s/x?sig=secret", "rowCount": 3}], "qrmk": "secret"}"#;
        assert!(!format!("{:?}", read(json).unwrap()).contains("secret"));
    }

    #[test]
    fn a_chunk_without_a_safe_address_is_an_error() {
        for json in [
            r#"{"chunks": [{"rowCount": 3}]}"#,
            r#"{"chunks": [{"url": "nowhere"}]}"#,
            r#"{"chunks": [{"url": "http://s/x"}]}"#,
        ] {
            assert!(matches!(read(json), Err(Error::Malformed { .. })), "{json}");
        }
    }

    #[test]
    fn the_same_chunks_may_have_moved() {
        let at = |host: &str, rows: u32| {
            read(&format!(r#"{{"chunks": [{{"url": "https://{host}/x", "rowCount": {rows}}}]}}"#)).unwrap()
        };
        assert!(at("a", 3).lists_the_same(&at("b", 3)));
        assert!(!at("a", 3).lists_the_same(&at("a", 4)));
        assert!(!at("a", 3).lists_the_same(&Links::default()));
    }
}
