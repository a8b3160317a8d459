//! What a client says of itself with a request.

use serde::Deserialize;
use serde_json::value::RawValue;

/// What is kept of a client's name while its request waits, in characters; a session keeps less.
const CLIENT_CHARS_MAX: usize = 1_000;

/// A request's `_meta`, as far as it is kept or repeated.
#[derive(Clone, Copy, Default, Deserialize)]
pub(super) struct Meta<'a> {
    #[serde(borrow, rename = "progressToken")]
    progress_token: Option<&'a RawValue>,
    #[serde(borrow, rename = "io.modelcontextprotocol/protocolVersion")]
    revision: Option<&'a RawValue>,
    #[serde(borrow, rename = "io.modelcontextprotocol/clientInfo")]
    client: Option<&'a RawValue>,
}

/// Bytes of a text as it is written, without its quotes.
pub(super) fn bytes_of_text(raw: &RawValue) -> usize {
    raw.get().trim_matches('"').len()
}

fn text(raw: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(raw?.get()).ok()
}

/// The name in a client's words on itself.
pub(super) fn client_name(client: Option<&RawValue>) -> Option<String> {
    let name = text(ClientWords::read(client).name)?;
    Some(name.chars().take(CLIENT_CHARS_MAX).collect())
}

/// A client's own words on itself.
#[derive(Clone, Copy, Default, Deserialize)]
struct ClientWords<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    version: Option<&'a RawValue>,
}

impl<'a> ClientWords<'a> {
    fn read(raw: Option<&'a RawValue>) -> Self {
        raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }
}

impl<'a> Meta<'a> {
    /// That in `raw`; what is none is without members, and is found when the request is parsed.
    pub(super) fn read(raw: &'a RawValue) -> Self {
        serde_json::from_str(raw.get()).unwrap_or_default()
    }

    /// What is repeated, with its bytes. What the client says of itself is cut where it is kept.
    pub(super) fn words(self) -> [(&'static str, usize); 2] {
        let bytes = |raw: Option<&RawValue>| raw.map_or(0, bytes_of_text);
        [("`progressToken`", bytes(self.progress_token)), ("the protocol's version", bytes(self.revision))]
    }

    /// What the client is called; as `rmcp`, only if it states its version too.
    pub(super) fn client_name(self) -> Option<String> {
        let version: Option<String> = text(ClientWords::read(self.client).version);
        version.and_then(|_| client_name(self.client))
    }
}
