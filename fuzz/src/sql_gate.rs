//! Any text has one reading, which blanks and comments between its tokens do not change.
//!
//! Not a part of `lib.rs`: the gate's own tests include this file, and nothing of the link.

use snowflake_tokens::{Reading, Token};
use sql_gate::{Class, Dialect, Statement, read};

/// Words that a query begins with.
const QUERIES: [&str; 3] = ["SELECT", "WITH", "VALUES"];

/// What a policy decides by.
#[derive(Debug, PartialEq)]
struct Policy<'s> {
    class: Class,
    is_refused: bool,
    is_understood: bool,
    objects: &'s [sql_gate::Object],
    is_repeatable: bool,
}

impl<'s> Policy<'s> {
    fn of(statement: &'s Statement) -> Self {
        Self {
            class: statement.class,
            is_refused: statement.refusal.is_some(),
            is_understood: statement.not_understood.is_none(),
            objects: &statement.objects,
            is_repeatable: statement.is_repeatable,
        }
    }
}

/// Reads `data` as a text, in both dialects.
pub fn sql_gate(data: &[u8]) {
    let sql = String::from_utf8_lossy(data);
    for dialect in [Dialect::Snowflake, Dialect::Sqlite] {
        assert_eq!(read(&sql, dialect), read(&sql, dialect), "{sql:?}");
    }
    let statement = read(&sql, Dialect::Snowflake);
    for object in &statement.objects {
        assert!(!object.name.0.is_empty(), "{sql:?}");
    }
    if Reading::of(&sql).count() == 1 {
        let commented = with_comments(&sql);
        let again = read(&commented, Dialect::Snowflake);
        assert_eq!(Policy::of(&statement), Policy::of(&again), "{sql:?} {commented:?}");
        in_parentheses(&sql, &statement);
    }
}

/// A comment more wherever there is a blank or a comment.
fn with_comments(sql: &str) -> String {
    let mut commented = String::with_capacity(sql.len() * 2);
    let mut end = 0;
    for (number, (range, _)) in Reading::default().tokens(sql).with_ranges().enumerate() {
        commented.push_str(&sql[end..range.start]);
        if range.start > end && end > 0 {
            commented.push_str(["/* it's */", " -- \"\n", "\n", "/**/"][number % 4]);
        }
        commented.push_str(&sql[range.clone()]);
        end = range.end;
    }
    commented.push_str(&sql[end..]);
    commented
}

/// A query in parentheses is of the same class.
fn in_parentheses(sql: &str, statement: &Statement) {
    let mut tokens = Reading::default().tokens(sql);
    let is_query = tokens.next().is_some_and(|first| QUERIES.iter().any(|word| first.is_word(word)));
    if is_query && !tokens.any(|token| matches!(token, Token::Semicolon | Token::Flow | Token::Unfinished)) {
        let inside = read(&format!("({sql}\n)"), Dialect::Snowflake);
        assert_eq!(inside.class, statement.class, "({sql:?})");
        assert_eq!(inside.refusal.is_some(), statement.refusal.is_some(), "({sql:?})");
    }
}
