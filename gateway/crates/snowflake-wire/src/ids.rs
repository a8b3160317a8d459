//! The two names of a query: ours before it runs, the server's once it knows of it.

use std::fmt;

use uuid::Uuid;

/// The name that a client gives a submission.
///
/// The server keeps it: a submission that comes again under the same name is the same query, not a second
/// one. So it may be repeated after any failure of the network, and a query can be aborted by it before its
/// [`QueryId`] is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(Uuid);

impl RequestId {
    /// A new, random name.
    #[allow(clippy::new_without_default, reason = "two of them are never equal, which a default suggests")]
    pub fn new() -> Self {
        Self(Uuid::new_v4())
    }

    /// A name kept from before, as returned by [`RequestId::as_uuid`].
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The name as a UUID, to be kept.
    pub fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The server's name for a query.
///
/// It becomes part of a path, so it holds nothing but ASCII letters, digits, `-` and `_`, at most
/// [`QueryId::BYTES_MAX`] of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QueryId(String);

impl QueryId {
    /// Bytes that a query id may have.
    pub const BYTES_MAX: usize = 128;

    /// Takes `text` if it is a query id.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let fits = !text.is_empty() && text.len() <= Self::BYTES_MAX;
        (fits && text.bytes().all(allowed)).then(|| Self(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for QueryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_id_cannot_leave_its_place_in_a_path() {
        assert_eq!(QueryId::parse("01b2-c3_D").map(|id| id.to_string()), Some("01b2-c3_D".into()));
        let too_long = "a".repeat(QueryId::BYTES_MAX + 1);
        for odd in ["", "a/b", "..", "a?b", "a b", "ä", too_long.as_str()] {
            assert_eq!(QueryId::parse(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_request_id_survives_being_kept() {
        let id = RequestId::new();
        assert_eq!(RequestId::from_uuid(id.as_uuid()), id);
        assert_ne!(RequestId::new(), id);
    }
}
