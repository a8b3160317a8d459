//! SQLite's own functions, limited to arguments that they can process in bounded time.
//!
//! The functions replaced on the client's connection still exist on another connection, in memory and without
//! a file: calls within bounds are forwarded to it, so the results are SQLite's.

use rusqlite::functions::{Context, FunctionFlags, SubType};
use rusqlite::types::{FromSql, ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Error, Params};

use super::within_budget;

/// The largest product of two arguments' lengths, for functions whose time grows with it: about a second.
const PRODUCT_MAX: u64 = 1 << 30;
/// The subtype of JSON text: without it another JSON function takes the text for a string.
const JSON: SubType = Some(b'J' as u32);

thread_local! {
    static BUILTIN: Result<Connection, Error> = Connection::open_in_memory();
}

/// Replaces SQLite's own functions.
pub(super) fn replace_slow(connection: &Connection, flags: FunctionFlags) -> Result<(), Error> {
    for (name, sql, subtype) in [
        ("json_patch", "SELECT json_patch(?1, ?2)", JSON),
        ("jsonb_patch", "SELECT jsonb_patch(?1, ?2)", None),
        ("unhex", "SELECT unhex(?1, ?2)", None),
    ] {
        let flags = flags | FunctionFlags::SQLITE_RESULT_SUBTYPE;
        connection.create_scalar_function(name, 2, flags, move |context| {
            within_budget(|| bounded(context, name, sql, subtype))
        })?;
    }
    Ok(())
}

/// The result of `sql` (one row of one column) with SQLite's own functions.
pub(super) fn builtin<T: FromSql>(sql: &str, values: impl Params) -> Result<T, Error> {
    BUILTIN.with(|builtin| {
        let builtin = builtin.as_ref().map_err(|error| Error::UserFunctionError(error.to_string().into()))?;
        builtin.prepare_cached(sql)?.query_row(values, |row| row.get(0))
    })
}

fn bounded(
    context: &Context<'_>,
    name: &str,
    sql: &str,
    subtype: SubType,
) -> Result<(Value, SubType), Error> {
    let values = (context.get_raw(0), context.get_raw(1));
    let (first, second) = (length(values.0), length(values.1));
    if first.saturating_mul(second) > PRODUCT_MAX {
        let message = format!("{name}() of {first} and {second} bytes would take too long; split the values");
        return Err(Error::UserFunctionError(message.into()));
    }
    let value: Value = builtin(sql, (ToSqlOutput::Borrowed(values.0), ToSqlOutput::Borrowed(values.1)))?;
    let subtype = subtype.filter(|_| value != Value::Null);
    Ok((value, subtype))
}

/// Bytes of a value as text.
fn length(value: ValueRef<'_>) -> u64 {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len() as u64,
        // Longer than any number.
        _ => 32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(sql: &str) -> Result<Option<String>, Error> {
        let connection = Connection::open_in_memory().unwrap();
        super::super::replace_slow(&connection).unwrap();
        connection.query_row(&format!("SELECT CAST(({sql}) AS TEXT)"), [], |row| row.get(0))
    }

    #[test]
    fn within_bounds_they_answer_as_sqlites_own() {
        for sql in [
            "json_patch('{\"a\": 1, \"b\": 2}', '{\"a\": null, \"c\": [3]}')",
            "json_array(json_patch('{}', '{\"a\": 1}'), json(jsonb_patch('{\"a\":{\"b\":1}}', jsonb('{\"a\":{}}'))))",
            "json_patch(NULL, '{}')",
            "typeof(json_patch(12, 1.5))",
            "unhex('61 62-63', ' -')",
            "unhex('61x62', ' -')",
            "unhex(6162, 7)",
            "unhex(x'3631', NULL)",
        ] {
            let original: Option<String> = builtin(&format!("SELECT CAST(({sql}) AS TEXT)"), []).unwrap();
            assert_eq!(answer(sql).unwrap(), original, "{sql}");
        }
        assert!(answer("json_patch('{', '{}')").unwrap_err().to_string().starts_with("malformed JSON"));
    }

    #[test]
    fn beyond_them_they_say_so() {
        let error = answer("unhex(hex(zeroblob(1000000)), hex(zeroblob(1000000)))").unwrap_err();
        assert_eq!(
            error.to_string(),
            "unhex() of 2000000 and 2000000 bytes would take too long; split the values"
        );
    }
}
