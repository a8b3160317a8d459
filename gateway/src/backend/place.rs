//! Where the names of a context mean something.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Backend;

/// The longest kind of a backend that is read back, in bytes.
const KIND_BYTES_MAX: usize = 16;

/// A connection of the config, with its backend's kind, its account or folder, and its user: a context belongs to it, and
/// its names say nothing about another. Short, because shims carry it: the kind, 48 bits of a SHA-256 of kind, connection
/// and account, and behind a dot 48 bits of one of the [`Backend::site`]. Earlier builds have no second part.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub struct Place(Arc<str>);

impl Place {
    /// The place of contexts on `connection`, which leads to `backend`.
    pub fn of(connection: &str, backend: &dyn Backend) -> Self {
        let (kind, account) = (backend.kind(), backend.account().unwrap_or_default());
        // No name holds the separator.
        let place = short(&format!("{kind}\0{connection}\0{account}"));
        let site = backend.site().map(|site| format!(".{}", short(site)));
        Self(format!("{kind}:{place}{}", site.unwrap_or_default()).into())
    }

    /// Whether a context of this place means nothing at `here`. What one of them does not say is not compared.
    pub fn is_other_than(&self, here: &Self) -> bool {
        let parts = |place: &Self| {
            let (first, site) =
                place.0.split_once('.').map_or((&*place.0, None), |(first, site)| (first, Some(site)));
            (first.to_owned(), site.map(str::to_owned))
        };
        let ((first, site), (first_here, site_here)) = (parts(self), parts(here));
        first != first_here || site.zip(site_here).is_some_and(|(site, site_here)| site != site_here)
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The backend's kind, for people. What a shim or a file says is cut to what a kind can be.
    fn kind(&self) -> String {
        let kind = self.0.split(':').next().unwrap_or_default();
        kind.chars().filter(char::is_ascii_alphanumeric).take(KIND_BYTES_MAX).collect()
    }
}

/// 48 bits of a SHA-256.
fn short(text: &str) -> String {
    Sha256::digest(text.as_bytes())[..6].iter().map(|byte| format!("{byte:02x}")).collect()
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
        let of_site = |site: &str| Place::from(format!("sqlite:0123456789ab{site}"));
        assert!(of_site(".1").is_other_than(&of_site(".2")) && !of_site(".1").is_other_than(&of_site(".1")));
        assert!(!of_site("").is_other_than(&of_site(".2")), "an earlier build did not say");
        assert!(one.is_other_than(&two) && !one.is_other_than(&one));
        let odd = Place::from(format!("x\n{}:1", "y".repeat(99)));
        assert_eq!(odd.to_string(), format!("a x{} connection", "y".repeat(15)));
    }
}
