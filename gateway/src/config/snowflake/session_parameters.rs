//! Session parameters: which ones a user may set for every session, and which ones the gateway relies on.
//!
//! Sessions are shared by all clients and replaced without notice, so a parameter is set at the log-in or not at
//! all.

use std::collections::BTreeMap;

use snowflake_wire::ParameterValue;

use crate::config::error::InvalidValue;
use crate::config::kind::{RawValue, Value};
use crate::config::settings::Setting;

/// The most parameters.
const PARAMETERS_MAX: usize = 64;

/// The longest name, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// The longest text, in bytes.
const VALUE_BYTES_MAX: usize = 1024;

/// The table, for the reference page.
pub(in crate::config) const DOC: &str = "\
Parameters that every session is opened with, each as `NAME = value` (a text, a whole number, `true` or `false`):
`TIMEZONE = \"UTC\"`, `WEEK_START = 1`. At most 64, names in any case, texts of at most 1,024 bytes. Those of a connection
in Snowflake's own files are used, too. The gateway relies on some, which are refused by name: `AUTOCOMMIT`,
`QUERY_TAG`, `MULTI_STATEMENT_COUNT`, `STATEMENT_TIMEOUT_IN_SECONDS`, `ROWS_PER_RESULTSET`, `ABORT_DETACHED_QUERY`,
`TRANSACTION_ABORT_ON_ERROR`, `QUOTED_IDENTIFIERS_IGNORE_CASE`, the output formats of dates, times and binary values,
and all that begin with `CLIENT_`.";

/// Names that drivers also take as keys of a connection itself.
const USUAL: [&str; 20] = [
    "BINARY_INPUT_FORMAT",
    "DATE_INPUT_FORMAT",
    "ERROR_ON_NONDETERMINISTIC_MERGE",
    "ERROR_ON_NONDETERMINISTIC_UPDATE",
    "GEOGRAPHY_OUTPUT_FORMAT",
    "GEOMETRY_OUTPUT_FORMAT",
    "JSON_INDENT",
    "LOCK_TIMEOUT",
    "SEARCH_PATH",
    "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS",
    "STRICT_JSON_OUTPUT",
    "TIMESTAMP_INPUT_FORMAT",
    "TIMESTAMP_TYPE_MAPPING",
    "TIMEZONE",
    "TIME_INPUT_FORMAT",
    "TWO_DIGIT_CENTURY_START",
    "UNSUPPORTED_DDL_ACTION",
    "USE_CACHED_RESULT",
    "WEEK_OF_YEAR_POLICY",
    "WEEK_START",
];

/// Why a parameter is not taken.
#[derive(Debug)]
pub(in crate::config) enum Refusal {
    /// The gateway relies on it.
    Reserved(&'static str),
    /// Its name or value is invalid.
    Invalid(InvalidValue),
}

impl From<Refusal> for InvalidValue {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Reserved(why) => Self::with_hint(format!("cannot be set: {why}"), "remove it"),
            Refusal::Invalid(invalid) => invalid,
        }
    }
}

/// The parameter under its own name and as a key of a connection, if it is one that drivers take there.
pub(super) fn usual(normalized: &str) -> Option<&'static str> {
    USUAL.into_iter().find(|name| super::fields::normalized(name) == normalized)
}

/// Why the gateway needs `name`, in upper case, as it is.
pub(super) fn reserved(name: &str) -> Option<&'static str> {
    Some(match name {
        "AUTOCOMMIT" => "sessions are shared, so every statement takes effect by itself",
        "QUERY_TAG" => "the tag says which client and request a statement came from",
        "MULTI_STATEMENT_COUNT" => "a request is one statement: what it may do is checked before it runs",
        "STATEMENT_TIMEOUT_IN_SECONDS" => {
            "each statement has its own time-out; the longest is `statement_timeout_ms` under [limits]"
        }
        "ROWS_PER_RESULTSET" => "results would be cut without a note; the bound is `rows_max` under [limits]",
        "ABORT_DETACHED_QUERY" => "a statement goes on while the gateway restarts",
        "TRANSACTION_ABORT_ON_ERROR" => "the gateway begins and ends transactions itself",
        "QUOTED_IDENTIFIERS_IGNORE_CASE" => "the gateway quotes names, and their case must count",
        "GEOGRAPHY_OUTPUT_FORMAT" | "GEOMETRY_OUTPUT_FORMAT" => return None,
        _ if name.starts_with("CLIENT_") => "it controls the client, which is the gateway itself",
        _ if name.ends_with("_OUTPUT_FORMAT") => {
            "results have one form for every client; TO_CHAR(value, 'format') in a statement gives another"
        }
        _ if name.ends_with("QUERY_RESULT_FORMAT") => "the gateway reads results in one format",
        _ => return None,
    })
}

/// The parameter's name in upper case, and its value.
///
/// # Errors
/// The gateway relies on it; it is no name; its value is none that a parameter has, or over the bound.
pub(in crate::config) fn check(name: &str, written: RawValue) -> Result<(String, Value), Refusal> {
    let invalid = |message: String| Refusal::Invalid(InvalidValue::new(message));
    let upper = name.trim().to_ascii_uppercase();
    let is_name = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '$');
    if upper.is_empty() || upper.len() > NAME_BYTES_MAX || !upper.chars().all(is_name) {
        let message =
            format!("expected the name of a session parameter (at most {NAME_BYTES_MAX} letters, digits, _)");
        return Err(invalid(message));
    }
    if let Some(why) = reserved(&upper) {
        return Err(Refusal::Reserved(why));
    }
    let value = match written {
        RawValue::Boolean(truth) => Value::Boolean(truth),
        RawValue::Integer(number) => {
            u64::try_from(number).map_or_else(|_| Value::Text(number.to_string()), Value::Integer)
        }
        RawValue::Decimal(text) | RawValue::Text(text) => Value::Text(text),
        RawValue::Texts(_) => {
            return Err(invalid("expected a text, a number, true or false, got an array".to_owned()));
        }
        RawValue::Other(what) => {
            return Err(invalid(format!("expected a text, a number, true or false, got {what}")));
        }
    };
    match &value {
        Value::Text(text) if text.len() > VALUE_BYTES_MAX => {
            Err(invalid(format!("expected a text of at most {VALUE_BYTES_MAX} bytes, got {}", text.len())))
        }
        _ => Ok((upper, value)),
    }
}

/// Whether there is room for one more.
pub(in crate::config) fn check_room(set: &BTreeMap<String, Setting>, name: &str) -> Result<(), InvalidValue> {
    if set.len() < PARAMETERS_MAX || set.contains_key(&name.to_ascii_uppercase()) {
        return Ok(());
    }
    Err(InvalidValue::new(format!("there are more than {PARAMETERS_MAX} session parameters")))
}

/// What a log-in sends.
pub(super) fn sent(set: &BTreeMap<String, Setting>) -> BTreeMap<String, ParameterValue> {
    set.iter().map(|(name, setting)| (name.clone(), parameter(&setting.value))).collect()
}

fn parameter(value: &Value) -> ParameterValue {
    match value {
        Value::Boolean(truth) => (*truth).into(),
        Value::Integer(number) => {
            i64::try_from(*number).map_or_else(|_| number.to_string().into(), ParameterValue::Number)
        }
        Value::Text(text) => text.as_str().into(),
        Value::Path(path) => path.to_string_lossy().into_owned().into(),
        // No parameter is one: `check` makes none.
        Value::Command(words) | Value::SecretCommand(words) | Value::Texts(words) => words.join(" ").into(),
        Value::Matches(_) | Value::Hidden(_) => String::new().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(name: &str, written: RawValue) -> String {
        InvalidValue::from(check(name, written).unwrap_err()).message
    }

    #[test]
    fn a_parameter_is_a_text_a_number_or_a_truth_value() {
        for (written, value) in [
            (RawValue::Text("UTC".to_owned()), Value::Text("UTC".to_owned())),
            (RawValue::Integer(1), Value::Integer(1)),
            (RawValue::Integer(-1), Value::Text("-1".to_owned())),
            (RawValue::Boolean(true), Value::Boolean(true)),
            (RawValue::Decimal("1.5".to_owned()), Value::Text("1.5".to_owned())),
        ] {
            assert_eq!(check("week_start", written).unwrap(), ("WEEK_START".to_owned(), value));
        }
        assert!(refusal("X", RawValue::Other("an array")).ends_with("got an array"));
        assert!(refusal("a b", RawValue::Integer(1)).contains("name of a session parameter"));
        assert!(check("X", RawValue::Text("x".repeat(VALUE_BYTES_MAX))).is_ok());
        assert!(refusal("X", RawValue::Text("x".repeat(VALUE_BYTES_MAX + 1))).ends_with("got 1025"));
    }

    #[test]
    fn what_the_gateway_relies_on_is_refused_with_the_reason() {
        for name in [
            "autocommit",
            "QUERY_TAG",
            "MULTI_STATEMENT_COUNT",
            "CLIENT_SESSION_KEEP_ALIVE",
            "TIMESTAMP_NTZ_OUTPUT_FORMAT",
            "BINARY_OUTPUT_FORMAT",
            "PYTHON_CONNECTOR_QUERY_RESULT_FORMAT",
            "ROWS_PER_RESULTSET",
        ] {
            assert!(refusal(name, RawValue::Boolean(true)).starts_with("cannot be set: "), "{name}");
            assert!(usual(&super::super::fields::normalized(name)).is_none(), "{name}");
        }
        for name in USUAL {
            assert_eq!(reserved(name), None, "{name}");
            assert_eq!(usual(&super::super::fields::normalized(name)), Some(name));
        }
    }
}
