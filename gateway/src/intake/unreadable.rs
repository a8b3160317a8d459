//! Values that are JSON and cannot be read all the same: a number beyond every range (`1e400`), a text with half of
//! a surrogate pair.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::mcp::UnreadableArgument;

/// A field's name is repeated up to this many characters.
const SHOWN_CHARS_MAX: usize = 100;

type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// The params of `method` without the argument of a tool that cannot be read, and which it is: that is for the
/// tool to answer, where the model sees it.
///
/// # Errors
/// Which other field cannot be read.
pub(super) fn without_unreadable(
    method: &str,
    params: &str,
) -> Result<(Map<String, Value>, Option<UnreadableArgument>), String> {
    let fields: Fields<'_> =
        serde_json::from_str(params).map_err(|error| format!("a field's name {}", unreadable(&error)))?;
    let mut read = Map::new();
    let mut argument = None;
    for (name, value) in fields {
        if method == "tools/call" && name == "arguments" {
            match arguments(value.get()) {
                Ok(arguments) => _ = read.insert(name, arguments),
                Err(why) => argument = Some(UnreadableArgument(why)),
            }
        } else {
            let value = field(&name, value)?;
            read.insert(name, value);
        }
    }
    Ok((read, argument))
}

fn arguments(given: &str) -> Result<Value, String> {
    let fields: Fields<'_> = match serde_json::from_str(given) {
        Ok(fields) => fields,
        Err(error) if given.starts_with('{') => {
            return Err(format!("an argument's name {}", unreadable(&error)));
        }
        Err(_) => {
            return serde_json::from_str(given).map_err(|error| format!("the text {}", unreadable(&error)));
        }
    };
    let read = fields.into_iter().map(|(name, value)| field(&name, value).map(|value| (name, value)));
    read.collect::<Result<_, _>>().map(Value::Object)
}

fn field(name: &str, value: &RawValue) -> Result<Value, String> {
    let shown = || name.chars().take(SHOWN_CHARS_MAX).collect::<String>();
    serde_json::from_str(value.get()).map_err(|error| format!("`{}` {}", shown(), unreadable(&error)))
}

fn unreadable(error: &serde_json::Error) -> String {
    let why = error.to_string();
    let why = why.split(" at line ").next().unwrap_or_default();
    format!("cannot be read: {why}")
}
