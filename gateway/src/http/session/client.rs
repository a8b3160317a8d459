//! Whose a session of the front is.

use super::super::caller::Caller;
use crate::state::{Digest, is_generic_name};

/// Which session a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Which<'a> {
    /// A new one with a session id.
    New,
    /// The one with this `Mcp-Session-Id`.
    Id(&'a str),
    /// That of a client without a session id: `client` is what it calls itself in this request (`clientInfo.name`),
    /// `tag` what its user gave it (`_client_id`, `Snowgate-Client-Id`). Opened when it is first used.
    Named {
        /// What it calls itself.
        client: Option<&'a str>,
        /// What its user calls it.
        tag: Option<&'a str>,
        /// Whether the request has an `Idempotency-Key`: it must be found on another connection, too.
        is_repeatable: bool,
    },
    /// A new one that ends with its handle: a WebSocket's.
    Socket,
}

/// Why there is no session for a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoSession {
    /// No session has this id, or it belongs to another key: HTTP 404.
    #[error(
        "there is no session with this `Mcp-Session-Id` for this key; send `initialize` to begin a new one"
    )]
    Unknown,
    /// It is refused, with what to do about it: HTTP 403, or 503 if `retry`.
    #[error("{message}")]
    Refused {
        /// Why.
        message: String,
        /// What to do about it.
        next_step: Option<String>,
        /// Whether the next gateway, or this one a little later, may do it.
        retry: bool,
    },
}

/// The longest name that a user may give a client, in bytes.
pub(crate) const TAG_BYTES_MAX: usize = 128;

/// Whether a user may give a client this name.
pub(crate) fn is_tag(name: &str) -> bool {
    (1..=TAG_BYTES_MAX).contains(&name.len()) && !name.chars().any(char::is_control)
}

/// What a session is found by while it is open.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum SlotKey {
    /// Its public id.
    Id(String),
    /// What its clients are.
    Identity(Digest),
    /// The connection of a client that nothing else tells apart.
    Connection(u64),
}

/// What finds the session of a client without a session id. A client may share it with others only if they have the same
/// key and the same names.
pub(super) fn named(caller: &Caller, client: Option<&str>, tag: Option<&str>) -> SlotKey {
    let key = caller.key.as_ref().map(|key| key.id.as_str());
    let client = client.filter(|name| !is_generic_name(name));
    // A name that its user gave it says it all: several programs may use it.
    let client = if tag.is_some() { None } else { client };
    if key.is_none() && tag.is_none() && client.is_none() {
        return SlotKey::Connection(caller.connection);
    }
    let part = |kind: &'static [u8], name: Option<&str>| {
        let name = name.map(str::as_bytes).map(<[u8]>::to_vec);
        [kind.to_vec(), if name.is_some() { b"1".to_vec() } else { Vec::new() }, name.unwrap_or_default()]
    };
    let parts: Vec<Vec<u8>> =
        [part(b"key", key), part(b"tag", tag), part(b"client", client)].into_iter().flatten().collect();
    SlotKey::Identity(Digest::of_parts(parts.iter().map(Vec::as_slice)))
}

/// The parts of an `Mcp-Session-Id`.
pub(super) fn split_id(text: &str) -> Option<(&str, &str)> {
    let sound = |part: &str| {
        (1..=64).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.split_once('.').filter(|(id, secret)| sound(id) && sound(secret))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::keys::KeyIdentity;

    fn caller(key: Option<&str>, connection: u64) -> Caller {
        let key = key.map(|id| {
            Arc::new(KeyIdentity {
                id: id.to_owned(),
                name: id.to_owned(),
                profile: None,
                role: None,
                permissions: KeyIdentity::permissions_without_role(),
            })
        });
        Caller { key, address: None, connection, is_operator: false }
    }

    #[test]
    fn clients_share_a_session_only_if_nothing_tells_them_apart() {
        let ways = [
            named(&caller(None, 1), None, None),
            named(&caller(None, 2), Some("python"), None),
            named(&caller(None, 1), Some("notebook"), None),
            named(&caller(None, 1), None, Some("notebook")),
            named(&caller(Some("notebook"), 1), None, None),
            named(&caller(Some("a"), 1), None, None),
            named(&caller(Some("a"), 1), Some("notebook"), None),
            named(&caller(Some("a"), 1), Some("notebook"), Some("one")),
            named(&caller(Some("b"), 1), Some("notebook"), Some("one")),
        ];
        for (at, way) in ways.iter().enumerate() {
            assert!(ways[..at].iter().all(|other| other != way), "{at}");
        }
        assert_eq!(named(&caller(Some("a"), 1), Some("mcp"), None), named(&caller(Some("a"), 2), None, None));
        let tagged = |client| named(&caller(None, 1), client, Some("one"));
        assert_eq!(tagged(Some("notebook")), tagged(None));
    }

    #[test]
    fn a_session_id_has_two_parts() {
        assert_eq!(split_id("a-1.b"), Some(("a-1", "b")));
        for wrong in ["", "a", "a.", ".b", "a.b.c", "a/..b", "a.b c"] {
            assert_eq!(split_id(wrong), None, "{wrong}");
        }
    }
}
