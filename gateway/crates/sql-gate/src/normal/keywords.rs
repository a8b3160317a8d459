//! Words that are written in capitals.

/// What a keyword says of what comes behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyword {
    /// A value may: so a sign is that of a number.
    Value,
    /// A value does, and a name between double quotes is likely meant as one.
    Compare,
    /// A list of values.
    In,
    /// Rows.
    Values,
    /// `NULL`, `TRUE` and `FALSE` are no values there, but part of the grammar.
    Grammar,
    /// `NULL`, `TRUE`, `FALSE`
    Constant,
    /// `DATE` and the like: a text behind it is a value of that type.
    Type,
    /// Nothing.
    Plain,
}

/// Bytes of the longest one.
const BYTES_MAX: usize = 12;

/// What `word` is; `None`: it is a name.
pub(super) fn of(word: &str) -> Option<Keyword> {
    let mut upper = [0u8; BYTES_MAX];
    let upper = upper.get_mut(..word.len())?;
    upper.copy_from_slice(word.as_bytes());
    upper.make_ascii_uppercase();
    let upper = std::str::from_utf8(upper).ok()?;
    Some(match upper {
        "IN" => Keyword::In,
        "VALUES" => Keyword::Values,
        "NULL" | "TRUE" | "FALSE" => Keyword::Constant,
        "IS" | "NOT" | "SET" => Keyword::Grammar,
        "DATE" | "TIME" | "DATETIME" | "TIMESTAMP" | "INTERVAL" => Keyword::Type,
        "LIKE" | "ILIKE" | "RLIKE" | "REGEXP" | "GLOB" | "MATCH" | "BETWEEN" | "ESCAPE" | "THEN" | "ELSE" => {
            Keyword::Compare
        }
        "AND" | "BY" | "CASE" | "DISTINCT" | "FETCH" | "HAVING" | "LIMIT" | "OFFSET" | "ON" | "OR"
        | "QUALIFY" | "RETURN" | "RETURNING" | "SELECT" | "TOP" | "WHEN" | "WHERE" | "DEFAULT" => {
            Keyword::Value
        }
        _ if PLAIN.binary_search(&upper).is_ok() => Keyword::Plain,
        _ => return None,
    })
}

/// Sorted.
const PLAIN: [&str; 85] = [
    "ADD",
    "ALL",
    "ALTER",
    "ANALYZE",
    "ANY",
    "AS",
    "ASC",
    "ATTACH",
    "BEGIN",
    "CALL",
    "CASCADE",
    "CHECK",
    "CLONE",
    "COLLATE",
    "COMMIT",
    "CONSTRAINT",
    "COPY",
    "CREATE",
    "CROSS",
    "DATABASE",
    "DELETE",
    "DESC",
    "DESCRIBE",
    "DETACH",
    "DO",
    "DROP",
    "END",
    "EXCEPT",
    "EXECUTE",
    "EXISTS",
    "EXPLAIN",
    "FOR",
    "FOREIGN",
    "FROM",
    "FULL",
    "FUNCTION",
    "GRANT",
    "GROUP",
    "IF",
    "INDEX",
    "INNER",
    "INSERT",
    "INTERSECT",
    "INTO",
    "JOIN",
    "LATERAL",
    "LEFT",
    "MATERIALIZED",
    "MERGE",
    "MINUS",
    "NATURAL",
    "NULLS",
    "ORDER",
    "OUTER",
    "OVER",
    "OVERWRITE",
    "PARTITION",
    "PIVOT",
    "PRAGMA",
    "PRIMARY",
    "PROCEDURE",
    "RECURSIVE",
    "REFERENCES",
    "REINDEX",
    "REPLACE",
    "REVOKE",
    "RIGHT",
    "ROLLBACK",
    "ROWS",
    "SAVEPOINT",
    "SCHEMA",
    "SHOW",
    "TABLE",
    "TEMP",
    "TEMPORARY",
    "TRIGGER",
    "TRUNCATE",
    "UNION",
    "UNIQUE",
    "UPDATE",
    "USE",
    "USING",
    "VACUUM",
    "VIEW",
    "WITH",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_short_enough() {
        assert!(PLAIN.is_sorted_by(|one, next| one < next));
        assert!(PLAIN.iter().all(|word| word.len() <= BYTES_MAX));
        assert_eq!(
            (of("select"), of("frOm"), of("orders")),
            (Some(Keyword::Value), Some(Keyword::Plain), None)
        );
    }
}
