//! Changes of one value in a text of JSON (with comments) or TOML: text in, text out.
//!
//! A change is made of splices of the text itself, never by writing a parsed document again, so whatever lies
//! outside of them is the same byte for byte. `remove` is the inverse of `set`; what a text alone does not tell
//! (whether the object around the value was there before) is in [`Made`].

mod gap;
mod json;
mod json_style;
mod splice;
mod toml;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

/// The byte order mark that some editors write. It is no part of either language, and stays where it is.
const BOM: char = '\u{feff}';

/// What a config file is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// JSON; comments and commas at the end are left as they are.
    Json,
    /// TOML.
    Toml,
}

/// What `set` had to make around the value, so that `remove` can take it away again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Made {
    /// How many objects around the value are ours.
    pub(crate) containers: usize,
    /// What was between the braces of the object that got its first member.
    pub(crate) interior: Option<String>,
}

/// A text that cannot be changed safely. Line and column count from 1, the column in characters.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum EditError {
    /// It does not parse.
    #[error("line {line}, column {column}: {message}")]
    Syntax {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// Something on the way to the entry is of another kind.
    #[error("line {line}, column {column}: `{key}` is {found}, and has to be {expected}")]
    WrongKind {
        /// The key.
        key: String,
        /// What it is.
        found: &'static str,
        /// What it must be.
        expected: &'static str,
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// A key is there twice, and programs differ in which one they take.
    #[error("line {line}, column {column}: `{key}` is there twice")]
    Duplicate {
        /// The key.
        key: String,
        /// The line of the second one.
        line: usize,
        /// Its column.
        column: usize,
    },
    /// TOML that says the same in a way that cannot be extended in place.
    #[error("line {line}: `{key}` is written in a form that cannot be extended in place")]
    Form {
        /// The key.
        key: String,
        /// The line.
        line: usize,
    },
}

impl Language {
    /// The value at `path`; `None` if there is none.
    ///
    /// # Errors
    /// The text does not parse, or something on the way is no object.
    pub(crate) fn get(self, text: &str, path: &[&str]) -> Result<Option<Value>, EditError> {
        let (_, text) = split_bom(text);
        match self {
            Self::Json => json::get(text, path),
            Self::Toml => toml::get(text, path),
        }
    }

    /// The text with `value` at `path`, and what else was made. A text that has it already comes back as it is.
    ///
    /// # Errors
    /// See [`EditError`].
    pub(crate) fn set(self, text: &str, path: &[&str], value: &Value) -> Result<(String, Made), EditError> {
        let (bom, text) = split_bom(text);
        let (text, made) = match self {
            Self::Json => json::set(text, path, value),
            Self::Toml => toml::set(text, path, value),
        }?;
        Ok((format!("{bom}{text}"), made))
    }

    /// The text without what is at `path`, and without what `made` says was made for it. A text that does not have
    /// it comes back as it is.
    ///
    /// # Errors
    /// See [`EditError`].
    pub(crate) fn remove(self, text: &str, path: &[&str], made: &Made) -> Result<String, EditError> {
        let (bom, text) = split_bom(text);
        let text = match self {
            Self::Json => json::remove(text, path, made),
            Self::Toml => toml::remove(text, path),
        }?;
        Ok(format!("{bom}{text}"))
    }

    /// Whether a text says nothing at all: what is left of a file that only had our entry.
    pub(crate) fn is_blank(self, text: &str) -> bool {
        let (_, text) = split_bom(text);
        match self {
            Self::Json => matches!(text.split_whitespace().collect::<String>().as_str(), "" | "{}"),
            Self::Toml => text.trim().is_empty(),
        }
    }
}

/// The order in which members are written; others follow by name.
const ORDER: &[&str] = &["type", "command", "args", "enabled"];

/// The members of `table` in the order in which they are written.
fn in_order(table: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut members: Vec<_> = table.iter().collect();
    let rank = |key: &str| ORDER.iter().position(|known| *known == key).unwrap_or(ORDER.len());
    members.sort_by_key(|(key, _)| (rank(key), *key));
    members
}

fn split_bom(text: &str) -> (&str, &str) {
    match text.strip_prefix(BOM) {
        Some(rest) => text.split_at(text.len() - rest.len()),
        None => ("", text),
    }
}

/// Line and column of `offset`, from 1; the column in characters.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// The newline that `text` uses: that of its first line.
fn newline(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// Where the line begins that `offset` is in.
fn line_start(text: &str, offset: usize) -> usize {
    text[..offset].rfind('\n').map_or(0, |at| at + 1)
}

/// The white space at the beginning of the line that `offset` is in.
fn indent(text: &str, offset: usize) -> &str {
    let line = &text[line_start(text, offset)..];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}
