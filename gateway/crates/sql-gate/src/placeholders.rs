//! The parameters of a text: where `:name` stands for a value that is bound.
//!
//! Not in a text, a name in quotes or a comment; in Snowflake's dialect neither in a cast (`x::date`) nor in a path into a
//! value (`v:field`, `f(x):field`, `v[0]:field`). A path may have blanks around its colon, so behind a word that is no
//! keyword `:name` could be either: then it is [`Misplaced::Ambiguous`].

use std::ops::Range;

use snowflake_tokens::{Reading, Token};

use crate::Dialect;

/// One place where a value is bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placeholder {
    /// The name without its colon.
    pub name: String,
    /// Where it stands with its colon, in bytes.
    pub range: Range<usize>,
}

/// Why the parameters of a text cannot be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misplaced {
    /// A parameter without a name, or of another form: `?`, `?1`, `@x`, `$x` (SQLite).
    OtherForm(String),
    /// It may be a parameter, or a path into a value.
    Ambiguous(String),
    /// It would be a name: in `IDENTIFIER(...)` or `TABLE(...)`, which make one of a text.
    AsName(String),
    /// The text can be read in more than one way, and has other parameters in each: a comment in a comment, a carriage
    /// return that ends no line.
    Unclear,
    /// A text, a name or a comment has no end.
    Unfinished,
}

/// Words of Snowflake's dialect behind which a value may come. `:name` behind any other may be a path.
const BEFORE_VALUES: [&str; 37] = [
    "ALL",
    "AND",
    "ANY",
    "BETWEEN",
    "BY",
    "CASE",
    "DISTINCT",
    "ELSE",
    "ESCAPE",
    "EXCEPT",
    "FETCH",
    "FIRST",
    "FROM",
    "HAVING",
    "ILIKE",
    "IN",
    "INTERSECT",
    "INTERVAL",
    "IS",
    "LIKE",
    "LIMIT",
    "MINUS",
    "NEXT",
    "NOT",
    "OFFSET",
    "ON",
    "OR",
    "QUALIFY",
    "REGEXP",
    "RLIKE",
    "SELECT",
    "SET",
    "THEN",
    "TOP",
    "UNION",
    "WHEN",
    "WHERE",
];

/// The parameters of `sql`, in the order of the text.
///
/// # Errors
/// They cannot be told, or one is of a form that cannot be bound by its name.
pub fn placeholders(sql: &str, dialect: Dialect) -> Result<Vec<Placeholder>, Misplaced> {
    if dialect == Dialect::Sqlite {
        return of_sqlite(sql);
    }
    let mut found: Option<Vec<Placeholder>> = None;
    for reading in Reading::of(sql) {
        let read = of_reading(sql, reading)?;
        if found.as_ref().is_some_and(|found| *found != read) {
            return Err(Misplaced::Unclear);
        }
        found = Some(read);
    }
    Ok(found.unwrap_or_default())
}

/// What stands before a colon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// Nothing that a path could begin with.
    Nothing,
    /// A word behind which a value may come.
    Keyword,
    /// A value, or what may be one.
    Value,
}

fn of_reading(sql: &str, reading: Reading) -> Result<Vec<Placeholder>, Misplaced> {
    let tokens: Vec<(Range<usize>, Token<'_>)> = reading.tokens(sql).with_ranges().collect();
    let mut found = Vec::new();
    let (mut before, mut end) = (Before::Nothing, usize::MAX);
    let mut at = 0;
    while let Some((range, token)) = tokens.get(at) {
        at += 1;
        let next = tokens.get(at).filter(|(next, _)| next.start == range.end);
        match token {
            Token::Unfinished => return Err(Misplaced::Unfinished),
            Token::Sign('?') => return Err(Misplaced::OtherForm("?".to_owned())),
            Token::Sign(':') => match next {
                // A cast, whose type follows.
                Some((cast, Token::Sign(':'))) => {
                    (before, end) = (Before::Value, cast.end);
                    at += 1;
                    continue;
                }
                Some((word, Token::Word(name))) => {
                    let is_path = before != Before::Nothing && end == range.start;
                    if before == Before::Value && !is_path {
                        return Err(Misplaced::Ambiguous((*name).to_owned()));
                    }
                    if !is_path && is_name_of_object(&tokens[..at - 1]) {
                        return Err(Misplaced::AsName((*name).to_owned()));
                    }
                    if !is_path {
                        found.push(Placeholder { name: (*name).to_owned(), range: range.start..word.end });
                    }
                    (before, end) = (Before::Value, word.end);
                    at += 1;
                    continue;
                }
                _ => {}
            },
            _ => {}
        }
        (before, end) = (what_is(token), range.end);
    }
    Ok(found)
}

/// Whether `before` ends with what makes a name of a value.
fn is_name_of_object(before: &[(Range<usize>, Token<'_>)]) -> bool {
    let [.., (_, word), (_, Token::Open)] = before else { return false };
    word.is_word("IDENTIFIER") || word.is_word("TABLE")
}

fn what_is(token: &Token<'_>) -> Before {
    match token {
        Token::Word(word) if BEFORE_VALUES.iter().any(|known| word.eq_ignore_ascii_case(known)) => {
            Before::Keyword
        }
        Token::Word(_)
        | Token::Quoted(_)
        | Token::Text(_)
        | Token::Number(_)
        | Token::Variable(_)
        | Token::Close
        | Token::Sign(']') => Before::Value,
        _ => Before::Nothing,
    }
}

/// As SQLite's own tokenizer reads it (`sqlite3GetToken`), so that what is found here is what it binds.
fn of_sqlite(sql: &str) -> Result<Vec<Placeholder>, Misplaced> {
    let bytes = sql.as_bytes();
    let find = |from: usize, what: &str| sql[from..].find(what).map(|at| from + at);
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(&byte) = bytes.get(at) {
        at = match byte {
            b'\'' | b'"' | b'`' => quoted_end(bytes, at).ok_or(Misplaced::Unfinished)?,
            b'[' => find(at, "]").ok_or(Misplaced::Unfinished)? + 1,
            b'-' if bytes.get(at + 1) == Some(&b'-') => find(at, "\n").unwrap_or(bytes.len()),
            b'/' if bytes.get(at + 1) == Some(&b'*') => find(at + 2, "*/").map_or(bytes.len(), |end| end + 2),
            b'?' | b'@' | b'#' | b'$' => {
                let end = variable_end(bytes, at);
                return Err(Misplaced::OtherForm(String::from_utf8_lossy(&bytes[at..end]).into_owned()));
            }
            b':' => {
                let end = variable_end(bytes, at);
                if end > at + 1 {
                    let name = String::from_utf8_lossy(&bytes[at + 1..end]).into_owned();
                    found.push(Placeholder { name, range: at..end });
                }
                end
            }
            _ if is_sqlite_word(byte) => {
                at + bytes[at..].iter().take_while(|byte| is_sqlite_word(**byte)).count()
            }
            _ => at + 1,
        };
    }
    Ok(found)
}

/// The byte behind what begins with a quote at `at`, in which quotes are doubled.
fn quoted_end(bytes: &[u8], at: usize) -> Option<usize> {
    let quote = bytes[at];
    let mut end = at + 1;
    loop {
        match (bytes.get(end)?, bytes.get(end + 1)) {
            (byte, Some(next)) if *byte == quote && *next == quote => end += 2,
            (byte, _) if *byte == quote => return Some(end + 1),
            _ => end += 1,
        }
    }
}

/// The byte behind a variable that begins at `at`. `::` is a part of it, and so are parentheses behind it: TCL's forms.
fn variable_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while let Some(&byte) = bytes.get(end) {
        match byte {
            _ if is_sqlite_word(byte) => end += 1,
            b':' if bytes.get(end + 1) == Some(&b':') => end += 2,
            b'(' if end > at + 1 => {
                let inside =
                    bytes[end..].iter().take_while(|byte| !byte.is_ascii_whitespace() && **byte != b')');
                end += inside.count();
                return (end + usize::from(bytes.get(end) == Some(&b')'))).min(bytes.len());
            }
            _ => break,
        }
    }
    end
}

fn is_sqlite_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

/// `sql` with `?` in the place of each of `placeholders`, which are in its order.
pub fn with_question_marks(sql: &str, placeholders: &[Placeholder]) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut from = 0;
    for placeholder in placeholders {
        out.push_str(&sql[from..placeholder.range.start]);
        out.push('?');
        from = placeholder.range.end;
    }
    out.push_str(&sql[from..]);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(sql: &str, dialect: Dialect) -> Result<Vec<String>, Misplaced> {
        Ok(placeholders(sql, dialect)?.into_iter().map(|found| found.name).collect())
    }

    #[test]
    fn parameters_are_found_where_a_value_stands_and_nowhere_else() {
        for (sql, expected) in [
            ("select * from t where a = :a and b>:b", "select * from t where a = ? and b>?"),
            ("select :a::date, x::date", "select ?::date, x::date"),
            (
                "select v:a, v:a.b:c, f(x):a, v[0]:a, $1:a, \"v\":a",
                "select v:a, v:a.b:c, f(x):a, v[0]:a, $1:a, \"v\":a",
            ),
            (
                "select ':a', \":a\", $$:a$$ -- :a\n/* :a */ // :a\n, :b",
                "select ':a', \":a\", $$:a$$ -- :a\n/* :a */ // :a\n, ?",
            ),
            ("select 'it\\':a' , :a", "select 'it\\':a' , ?"),
            ("where x in (:a,:b) limit :n", "where x in (?,?) limit ?"),
            ("f(x => :a)", "f(x => ?)"),
            ("case when :a then :b else :c end", "case when ? then ? else ? end"),
            ("values (:a, :a)", "values (?, ?)"),
            (":a:b", "?:b"),
            ("limit:n", "limit:n"),
        ] {
            let found = placeholders(sql, Dialect::Snowflake).unwrap();
            assert_eq!(with_question_marks(sql, &found), expected, "{sql}");
        }
    }

    #[test]
    fn what_may_be_a_path_is_not_guessed() {
        for sql in ["select v :a", "select (x) :a", "select 'x' :a", "select x:: :a", "select 1 :a"] {
            assert_eq!(
                placeholders(sql, Dialect::Snowflake),
                Err(Misplaced::Ambiguous("a".to_owned())),
                "{sql}"
            );
        }
        for sql in ["select * from identifier(:a)", "select * from table( :a)"] {
            assert_eq!(
                placeholders(sql, Dialect::Snowflake),
                Err(Misplaced::AsName("a".to_owned())),
                "{sql}"
            );
        }
        assert!(placeholders("execute immediate :a", Dialect::Snowflake).is_err());
        let nested = "select /* /* */ :a /* */ */";
        assert_eq!(placeholders(nested, Dialect::Snowflake), Err(Misplaced::Unclear));
        assert_eq!(placeholders("select ?", Dialect::Snowflake), Err(Misplaced::OtherForm("?".to_owned())));
        assert_eq!(placeholders("select 'x", Dialect::Snowflake), Err(Misplaced::Unfinished));
    }

    #[test]
    fn sqlites_parameters_are_those_of_its_own_tokenizer() {
        for (sql, expected) in [
            ("select :a, ':b', \":c\", `:d`, [:e] -- :f\n/* :g */, :h", &["a", "h"][..]),
            ("select :a::b, x'00', :c(d), 'it''s :e', :f", &["a::b", "c(d)", "f"]),
            ("select 1:a", &["a"]),
            ("select :", &[]),
        ] {
            assert_eq!(names(sql, Dialect::Sqlite).unwrap(), expected, "{sql}");
        }
        for sql in ["select ?", "select ?1", "select @a", "select $a", "select #a"] {
            assert!(matches!(placeholders(sql, Dialect::Sqlite), Err(Misplaced::OtherForm(_))), "{sql}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_rewritten_at_whole_characters(sql in "[-/*'\":a?$@ ä,()\\[\\]\n\r\\\\]{0,32}") {
            for dialect in [Dialect::Snowflake, Dialect::Sqlite] {
                if let Ok(found) = placeholders(&sql, dialect) {
                    let marks = with_question_marks(&sql, &found);
                    prop_assert_eq!(marks.matches('?').count() , sql.matches('?').count() + found.len());
                }
            }
        }
    }
}
