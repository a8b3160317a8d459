//! Values that are bound to the `?` of a statement.
//!
//! The form is that of the drivers' `bindings`: by position from 1, each a type and its value as text. What stands for a date
//! is milliseconds since 1970, for a time stamp nanoseconds (gosnowflake `converter.go`, the Python connector's
//! `converter.py`).

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// One value. No formatter shows it.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Binding {
    #[serde(rename = "type")]
    kind: &'static str,
    value: Option<String>,
}

impl Binding {
    /// A text; `None`: NULL.
    pub fn text(value: Option<String>) -> Self {
        Self { kind: "TEXT", value }
    }

    /// A number of up to 38 digits, with a point or without: its digits.
    pub fn fixed(value: Option<String>) -> Self {
        Self { kind: "FIXED", value }
    }

    /// A floating-point number: its digits.
    pub fn real(value: Option<String>) -> Self {
        Self { kind: "REAL", value }
    }

    /// True or false.
    pub fn boolean(value: Option<bool>) -> Self {
        Self { kind: "BOOLEAN", value: value.map(|value| value.to_string()) }
    }

    /// A date, in days since 1970.
    pub fn date(days: Option<i64>) -> Self {
        Self { kind: "DATE", value: days.map(|days| (i128::from(days) * 86_400_000).to_string()) }
    }

    /// A time stamp without a time zone, in nanoseconds since 1970.
    pub fn timestamp_ntz(nanoseconds: Option<i128>) -> Self {
        Self { kind: "TIMESTAMP_NTZ", value: nanoseconds.map(|nanoseconds| nanoseconds.to_string()) }
    }
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{} [{} bytes]", self.kind, value.len()),
            None => write!(f, "{} NULL", self.kind),
        }
    }
}

/// `bindings` as the server reads them.
pub(super) fn by_position(bindings: &[Binding]) -> Option<BTreeMap<String, &Binding>> {
    let numbered = bindings.iter().enumerate();
    (!bindings.is_empty()).then(|| numbered.map(|(at, binding)| ((at + 1).to_string(), binding)).collect())
}
