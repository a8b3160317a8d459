//! A session's context, as it is written down and carried from gateway to gateway.

use serde::{Deserialize, Serialize};

use crate::backend::{Context, Place};

/// A context, and what decides whether another session, or a later gateway, may run statements in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptContext {
    /// The context.
    #[serde(flatten)]
    pub context: Context,
    /// Where its names mean something; `None`: it was written by a build that did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Place>,
    /// Whether the client set it, or an earlier session of it did; if not, it is its profile's. `None`: a
    /// build wrote it that did not say.
    #[serde(default, rename = "set", skip_serializing_if = "Option::is_none")]
    pub is_set: Option<bool>,
    /// Whether it was set by another session of the same identity, which this one began in.
    #[serde(default, rename = "inh", skip_serializing_if = "std::ops::Not::not")]
    pub is_inherited: bool,
}

impl KeptContext {
    /// Whether it belongs to another place than `here`.
    pub fn is_foreign_to(&self, here: &Place) -> bool {
        self.at.as_ref().is_some_and(|at| at.is_other_than(here))
    }

    /// As it is written down.
    pub(super) fn to_json(&self) -> String {
        // Names are all that is in it.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_older_builds_wrote_is_read_and_what_this_one_writes_is_read_by_them() {
        let old = r#"{"database":"D","schema":"S"}"#;
        let kept: KeptContext = serde_json::from_str(old).unwrap();
        assert_eq!((kept.context.database.as_deref(), &kept.at, kept.is_set), (Some("D"), &None, None));
        assert_eq!(serde_json::to_string(&kept).unwrap(), old);
        let here = Place::from("sqlite:0123456789ab".to_owned());
        assert!(!kept.is_foreign_to(&here), "nobody knows");
        let kept = KeptContext { at: Some(here.clone()), is_set: Some(true), ..kept };
        let text = serde_json::to_string(&kept).unwrap();
        assert_eq!(serde_json::from_str::<Context>(&text).unwrap(), kept.context);
        assert!(!kept.is_foreign_to(&here) && kept.is_foreign_to(&Place::from("x".to_owned())));
    }
}
