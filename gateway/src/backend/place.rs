//! Where the names of a context mean something.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Backend;

/// The longest kind of a backend that is read back, in bytes.
const KIND_BYTES_MAX: usize = 16;

/// A connection of the config, with its backend's kind and, where there is one, its account: a context belongs
/// to it, and its names say nothing about another. Short, because shims carry it: the kind, and 48 bits of a
/// SHA-256 of all three.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub struct Place(Arc<str>);

impl Place {
    /// The place of contexts on `connection`, which leads to `backend`.
    pub fn of(connection: &str, backend: &dyn Backend) -> Self {
        let (kind, account) = (backend.kind(), backend.account().unwrap_or_default());
        // No name holds the separator.
        let digest = Sha256::digest(format!("{kind}\0{connection}\0{account}").as_bytes());
        let hex: String = digest[..6].iter().map(|byte| format!("{byte:02x}")).collect();
        Self(format!("{kind}:{hex}").into())
    }

    /// The backend's kind, for people. What a shim or a file says is cut to what a kind can be.
    fn kind(&self) -> String {
        let kind = self.0.split(':').next().unwrap_or_default();
        kind.chars().filter(char::is_ascii_alphanumeric).take(KIND_BYTES_MAX).collect()
    }
}

/// "a snowflake connection".
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {} connection", self.kind())
    }
}

impl From<Place> for String {
    fn from(place: Place) -> Self {
        place.0.as_ref().to_owned()
    }
}

impl From<String> for Place {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::fake::FakeBackend;

    #[test]
    fn each_connection_is_a_place_of_its_own_and_is_read_back_as_written() {
        let fake = FakeBackend::new();
        let (one, two) = (Place::of("one", &fake), Place::of("two", &fake));
        assert_ne!(one, two);
        assert_eq!(one, Place::of("one", &fake));
        let text = serde_json::to_string(&one).unwrap();
        assert!(text.starts_with("\"fake:") && text.len() == 19, "{text}");
        assert_eq!(serde_json::from_str::<Place>(&text).unwrap(), one);
        assert_eq!(one.to_string(), "a fake connection");
        let odd = Place::from(format!("x\n{}:1", "y".repeat(99)));
        assert_eq!(odd.to_string(), format!("a x{} connection", "y".repeat(15)));
    }
}
