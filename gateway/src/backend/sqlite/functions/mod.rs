//! SQLite's own functions in bounded time.
//!
//! `instr`, `replace` and the two-argument `trim`, `ltrim` and `rtrim` of SQLite take the product of their
//! arguments' lengths, within one step of its virtual machine, where neither a cancel nor a time-out is
//! checked: minutes to hours with values of some megabytes. These take the sum and return the same, except
//! for sets of characters to trim that are not UTF-8. A blob is read as text as in a UTF-8 database. Less
//! common functions with the same problem are `bounded`.
//!
//! `math` has those that SQLite is built without.

mod bounded;
mod math;

use std::borrow::Cow;
use std::collections::HashSet;

use memchr::memmem;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Error, ToSql, ffi};

use self::bounded::builtin;
use super::budget;
use super::value::no_memory;

/// Largest value, and largest row that is sorted or written, in bytes. SQLite's functions on one value cannot
/// be interrupted: the bound keeps each short.
pub(super) const VALUE_BYTES_MAX: i32 = 8 << 20;

/// Longest character of UTF-8, in bytes.
const CHARACTER_BYTES_MAX: usize = 4;

/// Replaces and adds the functions that clients' statements and files may use.
pub(super) fn install(connection: &Connection) -> Result<(), Error> {
    replace_slow(connection)?;
    math::add(connection, flags())
}

/// Innocuous, as the originals are: views, indexes and generated columns may use them.
fn flags() -> FunctionFlags {
    FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS
}

/// Replaces SQLite's own functions.
fn replace_slow(connection: &Connection) -> Result<(), Error> {
    let flags = flags();
    connection.create_scalar_function("instr", 2, flags, |context| within_budget(|| instr(context)))?;
    connection.create_scalar_function("replace", 3, flags, |context| within_budget(|| replace(context)))?;
    for (name, left, right) in [("trim", true, true), ("ltrim", true, false), ("rtrim", false, true)] {
        connection.create_scalar_function(name, 2, flags, move |context| {
            within_budget(|| trim(context, left, right))
        })?;
    }
    bounded::replace_slow(connection, flags)
}

/// Calls a function. To read its arguments SQLite may have to copy them, and rusqlite cannot say that it did
/// not: so they are always read, and too much is an error afterwards.
fn within_budget<T>(call: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let result = budget::leniently(call);
    if budget::is_over() { Err(no_memory()) } else { result }
}

/// Text that may not be UTF-8, as a result.
struct Text(Vec<u8>);

impl ToSql for Text {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>, Error> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(&self.0)))
    }
}

/// The position of a text in a text, or of a blob in a blob, from 1; 0 if it does not occur.
fn instr(context: &Context<'_>) -> Result<Option<i64>, Error> {
    let blobs = (0..2).all(|at| matches!(context.get_raw(at), ValueRef::Blob(_)));
    let (Some(haystack), Some(needle)) = (text(context, 0)?, text(context, 1)?) else { return Ok(None) };
    let found = if needle.first().is_some_and(|byte| !blobs && is_inside(*byte)) {
        // A needle that is not valid text can only match where a character starts, which is at the very
        // start.
        haystack.starts_with(&needle).then_some(0)
    } else {
        memmem::find(&haystack, &needle)
    };
    let position = found.map_or(0, |at| {
        if blobs || at == 0 {
            at + 1
        } else {
            1 + haystack[1..=at].iter().filter(|byte| !is_inside(**byte)).count()
        }
    });
    Ok(Some(i64::try_from(position).unwrap_or(i64::MAX)))
}

/// Whether `byte` continues a UTF-8 character.
fn is_inside(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

/// The first text with each occurrence of the second replaced by the third.
fn replace(context: &Context<'_>) -> Result<Option<Text>, Error> {
    let (Some(text), Some(old), Some(new)) = (text(context, 0)?, text(context, 1)?, text(context, 2)?) else {
        return replace_nothing(context);
    };
    if old.first().is_none_or(|byte| *byte == 0) {
        return Ok(Some(Text(text.into_owned())));
    }
    let (mut out, mut from) = (Vec::with_capacity(text.len()), 0);
    for at in memmem::find_iter(&text, &old) {
        out.extend_from_slice(&text[from..at]);
        out.extend_from_slice(&new);
        from = at + old.len();
        if out.len() > VALUE_BYTES_MAX as usize {
            return Err(Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_TOOBIG), None));
        }
    }
    out.extend_from_slice(&text[from..]);
    Ok(Some(Text(out)))
}

/// An argument is NULL: so is the result, unless there is nothing to look for.
fn replace_nothing(context: &Context<'_>) -> Result<Option<Text>, Error> {
    let (text, old) = (text(context, 0)?, text(context, 1)?);
    let empty = old.is_some_and(|old| old.first().is_none_or(|byte| *byte == 0));
    Ok(text.filter(|_| empty).map(|text| Text(text.into_owned())))
}

/// The first text without the characters of the second at its ends.
fn trim(context: &Context<'_>, left: bool, right: bool) -> Result<Option<Text>, Error> {
    let (Some(text), Some(set)) = (text(context, 0)?, text(context, 1)?) else { return Ok(None) };
    let (set, mut rest) = (characters(&set), &*text);
    while let Some(length) = (1..=CHARACTER_BYTES_MAX.min(rest.len() * usize::from(left)))
        .find(|length| set.contains(&rest[..*length]))
    {
        rest = &rest[length..];
    }
    while let Some(length) = (1..=CHARACTER_BYTES_MAX.min(rest.len() * usize::from(right)))
        .find(|length| set.contains(&rest[rest.len() - length..]))
    {
        rest = &rest[..rest.len() - length];
    }
    Ok(Some(Text(rest.to_vec())))
}

/// The characters of `set` up to its first NUL.
fn characters(set: &[u8]) -> HashSet<&[u8]> {
    let mut rest = set.split(|byte| *byte == 0).next().unwrap_or_default();
    let mut characters = HashSet::new();
    while let Some(first) = rest.first() {
        let inside = rest[1..].iter().take_while(|byte| *first >= 0xC0 && is_inside(**byte)).count();
        let (character, behind) = rest.split_at(1 + inside);
        characters.insert(character);
        rest = behind;
    }
    characters
}

/// An argument as text; `None` for NULL.
fn text<'a>(context: &'a Context<'_>, at: usize) -> Result<Option<Cow<'a, [u8]>>, Error> {
    Ok(Some(match context.get_raw(at) {
        ValueRef::Null => return Ok(None),
        ValueRef::Integer(number) => Cow::Owned(number.to_string().into_bytes()),
        ValueRef::Real(number) => {
            Cow::Owned(builtin::<String>("SELECT CAST(?1 AS TEXT)", [number])?.into_bytes())
        }
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Cow::Borrowed(bytes),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rusqlite::types::Value;
    use std::time::{Duration, Instant};

    fn replaced() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        replace_slow(&connection).unwrap();
        connection
    }

    fn call(connection: &Connection, function: &str, values: &[Value]) -> Vec<(Vec<u8>, String)> {
        let marks = vec!["?"; values.len()].join(", ");
        let sql = format!("SELECT CAST(y AS BLOB), typeof(y) FROM (SELECT {function}({marks}) AS y)");
        let mut statement = connection.prepare_cached(&sql).unwrap();
        let rows = statement
            .query_map(rusqlite::params_from_iter(values), |row| {
                Ok((row.get::<_, Option<Vec<u8>>>(0)?.unwrap_or_default(), row.get(1)?))
            })
            .unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            1 => Just(Value::Null),
            2 => (-20i64..200).prop_map(Value::Integer),
            2 => prop_oneof![Just(1.0), Just(-0.5), Just(1e30), Just(0.1 + 0.2), any::<f64>()].prop_map(Value::Real),
            8 => "[ab1.é€\u{1F600} \0]{0,6}".prop_map(Value::Text),
            2 => prop::collection::vec(prop_oneof![Just(b'a'), Just(b'b'), Just(0), Just(0x80), Just(0xC3), Just(0xA9)], 0..6)
                .prop_map(Value::Blob),
        ]
    }

    /// A set of characters that is text.
    fn set() -> impl Strategy<Value = Value> {
        value().prop_filter("no blob", |value| !matches!(value, Value::Blob(_)))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

        #[test]
        fn they_return_the_same_as_sqlites_own(a in value(), b in value(), c in value(), d in set()) {
            thread_local! {
                static BOTH: (Connection, Connection) = (Connection::open_in_memory().unwrap(), replaced());
            }
            BOTH.with(|(original, replaced)| {
                for (function, values) in [
                    ("instr", &[a.clone(), b.clone()][..]),
                    ("replace", &[a.clone(), b, c]),
                    ("trim", &[a.clone(), d.clone()]),
                    ("ltrim", &[a.clone(), d.clone()]),
                    ("rtrim", &[a, d]),
                ] {
                    let answers = (call(original, function, values), call(replaced, function, values));
                    prop_assert_eq!(&answers.0, &answers.1, "{} {:?}", function, values);
                }
                Ok(())
            })?;
        }
    }

    #[test]
    fn the_longest_values_take_less_than_a_minute() {
        let connection = replaced();
        let started = Instant::now();
        for sql in [
            "SELECT instr(zeroblob(8000000), CAST(zeroblob(4000000) AS TEXT) || x'01')",
            "SELECT instr(hex(zeroblob(1000000)), hex(zeroblob(500000)) || '1')",
            "SELECT length(replace(hex(zeroblob(1000000)), hex(zeroblob(500000)) || '1', ''))",
            "SELECT length(trim(hex(zeroblob(500000)), replace(hex(zeroblob(250000)), '0', '1') || '0'))",
        ] {
            connection.query_row(sql, [], |_| Ok(())).unwrap();
        }
        // With SQLite's own it is an hour.
        assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
    }

    #[test]
    fn a_result_that_grows_too_long_is_an_error() {
        let sql = "SELECT replace(hex(zeroblob(1000000)), '0', hex(zeroblob(1000000)))";
        let error = replaced().query_row(sql, [], |_| Ok(())).unwrap_err();
        assert_eq!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::TooBig), "{error}");
    }

    #[test]
    fn views_and_indexes_may_use_them() {
        let connection = replaced();
        connection
            .execute_batch("PRAGMA trusted_schema = 0; CREATE TABLE t(x); CREATE INDEX i ON t(instr(x, 'a'));
                            CREATE VIEW v AS SELECT replace(trim(x, '-'), 'a', 'b') FROM t; INSERT INTO t VALUES ('-a-')")
            .unwrap();
        assert_eq!(connection.query_row("SELECT * FROM v", [], |row| row.get::<_, String>(0)).unwrap(), "b");
    }
}
