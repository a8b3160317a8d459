//! Names of databases, schemas, tables and the like: as a person writes them, as the account stores them, as
//! SQL quotes them.
//!
//! A session's context holds names *as written*: `ORDERS`, or `"orders"` where only quotes keep it so. That
//! form can be read again and again, which a stored name cannot: the stored `orders` would be read as
//! `ORDERS`.
//!
//! Source: Snowflake's documentation, "Identifier requirements".

/// `name` as the account stores it. In double quotes it stands for itself; one that SQL lets stand without
/// quotes is stored in upper case; anything else could only have been made with quotes, and stands for
/// itself.
pub fn stored(name: &str) -> String {
    let inner = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inner {
        Some(inner) if name.len() >= 2 => inner.replace("\"\"", "\""),
        _ if is_plain(name) => name.to_ascii_uppercase(),
        _ => name.to_owned(),
    }
}

/// The one written form of a stored name.
pub(super) fn written(stored: &str) -> String {
    if is_plain(stored) && !stored.bytes().any(|byte| byte.is_ascii_lowercase()) {
        stored.to_owned()
    } else {
        quoted(stored)
    }
}

/// Whether SQL lets the name stand without quotes.
fn is_plain(name: &str) -> bool {
    let starts = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let goes_on = |byte: u8| starts(byte) || byte.is_ascii_digit() || byte == b'$';
    name.bytes().next().is_some_and(starts) && name.bytes().all(goes_on)
}

/// The stored name in SQL: nothing in it can end the quotes.
pub(super) fn quoted(stored: &str) -> String {
    format!("\"{}\"", stored.replace('"', "\"\""))
}

/// A name as written, in SQL.
pub(super) fn sql(name: &str) -> String {
    quoted(&stored(name))
}

/// A text in SQL: nothing in it can end the quotes.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folded_as_sql_folds_them() {
        for (written, stored_name) in [
            ("orders", "ORDERS"),
            ("Orders$1", "ORDERS$1"),
            ("\"orders\"", "orders"),
            ("\"a\"\"b\"", "a\"b"),
            ("my table", "my table"),
            ("1st", "1st"),
            ("\u{e4}rger", "\u{e4}rger"),
            ("\"", "\""),
        ] {
            assert_eq!(stored(written), stored_name, "{written}");
        }
    }

    #[test]
    fn a_written_name_can_be_read_again() {
        for (name, form) in [
            ("orders", "ORDERS"),
            ("\"orders\"", "\"orders\""),
            ("\"ORDERS\"", "ORDERS"),
            ("my table", "\"my table\""),
            ("a\"b", "\"a\"\"b\""),
        ] {
            let once = written(&stored(name));
            assert_eq!(once, form, "{name}");
            assert_eq!(written(&stored(&once)), once, "{name}");
        }
    }

    #[test]
    fn nothing_gets_out_of_quotes() {
        assert_eq!(sql("x\"; DROP TABLE y; --"), "\"x\"\"; DROP TABLE y; --\"");
        assert_eq!(sql("\"x\" . \"y\""), "\"x\"\" . \"\"y\"");
        assert_eq!(literal("it's \\' x"), "'it''s \\\\'' x'");
    }
}
