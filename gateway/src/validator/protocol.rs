//! The lines between a gateway and a validator.

use serde::{Deserialize, Serialize};

/// The version of the lines; a change that an older validator would misread raises it.
const VERSION: u32 = 1;

/// A longer reason is cut to this many characters.
const REASON_CHARS_MAX: usize = 300;

/// An object that a statement touches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QuestionObject<'a> {
    /// `relation`, `schema`, `database`, `stage`, `function`, `other` or `account`.
    pub kind: &'static str,
    /// Its parts as the backend stores them, the outermost first.
    pub name: &'a [String],
    /// `read`, `write`, `define` or `use`.
    pub access: &'static str,
}

/// What a validator is told of a statement.
#[derive(Clone, Debug, Serialize)]
pub struct Question<'a> {
    /// The session's id.
    pub session: &'a str,
    /// What the client calls itself, once it has.
    pub client: Option<&'a str>,
    /// The name of the API key that it came with; left out where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<&'a str>,
    /// The program that launched the shim.
    pub parent: Option<&'a str>,
    /// The client's working directory.
    pub folder: Option<&'a str>,
    /// The profile.
    pub profile: &'a str,
    /// The connection.
    pub connection: &'a str,
    /// The class of the statement.
    pub class: &'static str,
    /// Its first words.
    pub verb: &'a str,
    /// What it touches.
    pub objects: Vec<QuestionObject<'a>>,
    /// The first part of it that was not understood: then `objects` may lack some.
    pub not_understood: Option<&'a str>,
    /// The role of the context that it would run in.
    pub role: Option<&'a str>,
    /// Its database.
    pub database: Option<&'a str>,
    /// Its schema.
    pub schema: Option<&'a str>,
    /// The SHA-256 of its text, in hexadecimal digits.
    pub digest: String,
    /// Its text, where the profile has `validator_text`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<&'a str>,
}

#[derive(Serialize)]
struct Line<'a> {
    version: u32,
    id: u64,
    #[serde(flatten)]
    question: &'a Question<'a>,
}

/// What a validator says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the statement may run.
    pub allow: bool,
    /// Why not.
    pub reason: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    id: u64,
    allow: bool,
    #[serde(default)]
    reason: Option<String>,
}

impl Question<'_> {
    /// The line that asks it under `id`.
    pub(super) fn to_line(&self, id: u64) -> Vec<u8> {
        // Texts and numbers are all that is in it.
        let mut line = serde_json::to_vec(&Line { version: VERSION, id, question: self }).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

/// The id and the verdict in `line`; `None`: it is no answer.
pub(super) fn read(line: &[u8]) -> Option<(u64, Verdict)> {
    let Answer { id, allow, reason } = serde_json::from_slice(line).ok()?;
    let shorten = |reason: String| {
        reason.chars().filter(|char| !char.is_control()).take(REASON_CHARS_MAX).collect::<String>()
    };
    Some((id, Verdict { allow, reason: reason.map(shorten).filter(|reason| !reason.is_empty()) }))
}
