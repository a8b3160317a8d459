//! The name of a table in a URI: `snowgate://DATABASE/SCHEMA/TABLE`, each part percent-encoded (RFC 3986).

use crate::mcp::NAME_BYTES_MAX;

const SCHEME: &str = "snowgate://";

/// A table or view, as a URI names it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) database: String,
    pub(super) schema: String,
    pub(super) table: String,
}

/// The table that `uri` names; `None`: it names none.
pub(super) fn table_of(uri: &str) -> Option<Table> {
    let mut parts = uri.strip_prefix(SCHEME)?.split('/').map(decoded);
    let (database, schema, table) = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(Table { database, schema, table })
}

/// The name that `part` encodes; `None`: it is none.
fn decoded(part: &str) -> Option<String> {
    let (mut bytes, mut name) = (part.bytes(), Vec::new());
    while let Some(byte) = bytes.next() {
        name.push(match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            // They begin what is no part of the path.
            b'?' | b'#' => return None,
            byte => byte,
        });
    }
    let name = String::from_utf8(name).ok()?;
    let is_sound = (1..=NAME_BYTES_MAX).contains(&name.len()) && !name.chars().any(char::is_control);
    is_sound.then_some(name)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_names_a_table_by_its_three_parts() {
        for (uri, parts) in [
            ("snowgate://shop/main/orders", ["shop", "main", "orders"]),
            ("snowgate://my%20db/main/a%2Fb", ["my db", "main", "a/b"]),
            ("snowgate://D/S/%22Or%c3%a4%22", ["D", "S", "\"Or\u{e4}\""]),
            ("snowgate://D/S/a%3Fb%23c", ["D", "S", "a?b#c"]),
            ("snowgate://../%2e%2e/%252e", ["..", "..", "%2e"]),
        ] {
            let [database, schema, table] = parts.map(str::to_owned);
            assert_eq!(table_of(uri), Some(Table { database, schema, table }), "{uri}");
        }
    }

    #[test]
    fn what_is_no_name_of_a_table_is_none() {
        let long = format!("snowgate://d/s/{}", "x".repeat(NAME_BYTES_MAX + 1));
        for uri in [
            "",
            "snowgate:",
            "snowgate://",
            "snowgate://d",
            "snowgate://d/s",
            "snowgate://d/s/",
            "snowgate:///s/t",
            "snowgate://d//t",
            "snowgate://d/s/t/",
            "snowgate://d/s/t/u",
            "snowgate://d/s/t?x=1",
            "snowgate://d/s/t#x",
            "snowgate://d/s/%",
            "snowgate://d/s/%4",
            "snowgate://d/s/%zz",
            "snowgate://d/s/%ff",
            "snowgate://d/s/a%00b",
            "snowgate://d/s/a%0ab",
            "SNOWGATE://d/s/t",
            "file:///d/s/t",
            &long,
        ] {
            assert_eq!(table_of(uri), None, "{uri}");
        }
    }
}
