//! What a shim carries for its session from gateway to gateway, without reading it.

use serde::{Deserialize, Serialize};
use snowgate_link::hello::STATE_BYTES_MAX;

use crate::state::{Digest, KeptContext};

/// The longest context a session may have, in bytes of JSON: what is carried beside it fits into the rest.
pub const CONTEXT_BYTES_MAX: usize = STATE_BYTES_MAX - 648;

/// A longer reason of a loss is cut to this many bytes.
const LOST_BYTES_MAX: usize = 120;

/// Longer words on what is held are cut to this many bytes.
const HELD_BYTES_MAX: usize = 120;
/// The name of a profile that takes more bytes than this as JSON is carried as its digest.
const PROFILE_BYTES_MAX: usize = 64;

/// What is carried of the name of a profile: the name, or a digest where it is long. One that is kept is found by comparing.
pub fn kept_name(profile: &str) -> String {
    if serde_json::to_vec(profile).is_ok_and(|written| written.len() <= PROFILE_BYTES_MAX) {
        return profile.to_owned();
    }
    format!("#{}", Digest::of(profile).short())
}

/// The state of a session, as the next gateway is to find it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeState {
    /// The context, or what it was before it was lost.
    #[serde(default)]
    pub context: KeptContext,
    /// Why the context could not be restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<String>,
    /// The journal that has every statement that was run for the session; `None`: no journal has all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<String>,
    /// Whether the session is registered: then a state file that does not know it has lost something.
    #[serde(default, rename = "entered", skip_serializing_if = "std::ops::Not::not")]
    pub registered: bool,
    /// The digest of the tools that the client was offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<String>,
    /// The protocol revision that `initialize` agreed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// What the session's connection holds of its state: the next gateway cannot have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// Statements that its profile has refused.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub denials: u64,
    /// Calls that a limit has refused.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub limited: u64,
    /// The level of log messages that the client has asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// The session's profile, as [`kept_name`] has it; `None`: it was not fixed yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl ResumeState {
    /// Reads what a shim presents.
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The text for the shim, of [`STATE_BYTES_MAX`] at most.
    pub fn to_text(&self) -> String {
        let mut state = self.clone();
        if let Some(lost) = &mut state.lost {
            // Escaped, a character takes six bytes at most.
            *lost = lost.chars().filter(|char| !char.is_control()).take(LOST_BYTES_MAX / 6).collect();
        }
        if let Some(held) = &mut state.held {
            *held = shortened(held, HELD_BYTES_MAX);
        }
        // Names and digests are all that is in it.
        serde_json::to_string(&state).unwrap_or_default()
    }
}

/// As much of `text` as takes `bytes` in JSON.
fn shortened(text: &str, bytes: usize) -> String {
    let mut left = bytes;
    let fits = |char: &char| {
        let takes = if matches!(char, '"' | '\\') { 2 } else { char.len_utf8() };
        let fits = takes <= left;
        left = left.saturating_sub(takes);
        fits
    };
    text.chars().filter(|char| !char.is_control()).take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{Context, Place};

    #[test]
    fn it_stays_under_its_bound() {
        let text = |bytes: usize| Some("\u{1f600}".repeat(bytes / 4));
        let empty =
            serde_json::to_string(&Context { database: text(0), ..Context::default() }).unwrap().len();
        let context = Context { database: text(CONTEXT_BYTES_MAX - empty), ..Context::default() };
        assert!(serde_json::to_string(&context).unwrap().len() <= CONTEXT_BYTES_MAX);
        let at = Some(Place::from("snowflake:0123456789ab".to_owned()));
        let state = ResumeState {
            context: KeptContext { context, at, is_set: Some(true), is_inherited: true },
            lost: Some("\"\n".repeat(9000)),
            journal: Some("0123456789abcdef-0123456789abcdef-01".into()),
            registered: true,
            tools: Some("0123456789ab".into()),
            revision: Some("2025-11-25".into()),
            held: Some("\"\u{1f600}".repeat(300)),
            denials: u64::MAX,
            limited: u64::MAX,
            log: Some("emergency".into()),
            profile: Some(kept_name(&"\u{1}".repeat(10))),
        };
        assert_eq!(kept_name("a"), "a");
        assert!(kept_name(&"\u{1}".repeat(11)).starts_with('#'));
        assert!(state.to_text().len() <= STATE_BYTES_MAX, "{}", state.to_text().len());
    }

    #[test]
    fn what_is_missing_or_unknown_is_tolerated() {
        assert_eq!(ResumeState::read("{}"), Some(ResumeState::default()));
        assert!(ResumeState::read(r#"{"context":{"database":"A"},"colour":1}"#).is_some());
        assert_eq!(ResumeState::read("7"), None);
    }
}
