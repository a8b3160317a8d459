//! The resources that are the same for every session.
//!
//! To add one: a row of [`FIXED`].

use rmcp::model::{MetaObject, Resource, ResourceContents};

/// A resource that is part of the gateway.
#[derive(Debug)]
pub(super) struct Fixed {
    /// Its URI, which is its key.
    pub(super) uri: &'static str,
    /// Its name in lists.
    pub(super) name: &'static str,
    /// What it is, in a line.
    pub(super) description: &'static str,
    /// The type of its text.
    pub(super) mime_type: &'static str,
    /// Its text.
    pub(super) text: &'static str,
    /// The `_meta` of its contents, where they have one.
    pub(super) meta: fn() -> Option<MetaObject>,
}

/// All of them, in the order they are listed.
pub(super) const FIXED: &[Fixed] = &[];

/// The one at `uri`.
pub(super) fn find(uri: &str) -> Option<&'static Fixed> {
    FIXED.iter().find(|fixed| fixed.uri == uri)
}

impl Fixed {
    /// As it is listed.
    pub(super) fn listed(&self) -> Resource {
        let mut listed = Resource::new(self.uri, self.name)
            .with_description(self.description)
            .with_mime_type(self.mime_type);
        listed.size = Some(self.text.len() as u64);
        listed
    }

    /// As it is read.
    pub(super) fn contents(&self) -> ResourceContents {
        ResourceContents::TextResourceContents {
            uri: self.uri.to_owned(),
            mime_type: Some(self.mime_type.to_owned()),
            text: self.text.to_owned(),
            meta: (self.meta)(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_own_uri_and_read_as_it_is_listed() {
        for fixed in FIXED {
            assert_eq!(find(fixed.uri).map(|found| found.name), Some(fixed.name));
            assert!(!fixed.uri.starts_with("snowgate://"), "that is a table's: {}", fixed.uri);
            let contents = serde_json::to_value(fixed.contents()).unwrap();
            assert_eq!(contents["mimeType"], fixed.listed().mime_type.unwrap());
        }
        assert!(find("ui://no/such").is_none());
    }
}
