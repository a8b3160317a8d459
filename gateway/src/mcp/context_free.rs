//! Statements that do the same in every context: a client's `select 1` must not fail because its database is
//! gone.

/// Longer statements are not looked at, in bytes.
const BYTES_MAX: usize = 1024;

/// What may stand where a name would.
const WORDS: [&str; 10] =
    ["select", "values", "as", "null", "true", "false", "and", "or", "not", "current_timestamp"];

/// What a text is made of, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part<'a> {
    Word(&'a str),
    Literal,
    Open,
    Operator,
}

/// Whether `sql` is a SELECT or VALUES of literals and arithmetic alone. `false` where that is not certain:
/// anything that is looked up by its name (a table, a column, a function) may depend on the context.
pub(super) fn is_context_free(sql: &str) -> bool {
    if sql.len() > BYTES_MAX {
        return false;
    }
    let mut rest = sql.trim().trim_end_matches(';').trim_end();
    let (mut before, mut is_first) = (Part::Operator, true);
    while !rest.is_empty() {
        let Some((part, after)) = next(rest) else { return false };
        let may_stand = match part {
            Part::Word(word) => is_allowed(word, before, is_first),
            Part::Open => !is_first && !is_name(before),
            Part::Literal | Part::Operator => !is_first,
        };
        if !may_stand {
            return false;
        }
        (before, rest, is_first) = (part, after.trim_start(), false);
    }
    !is_first
}

fn is_allowed(word: &str, before: Part<'_>, is_first: bool) -> bool {
    let is = |known: &str| word.eq_ignore_ascii_case(known);
    if is_first {
        return is("select") || is("values");
    }
    // An alias is looked up nowhere.
    let is_alias = matches!(before, Part::Word(before) if before.eq_ignore_ascii_case("as"));
    is_alias || WORDS.iter().any(|&known| is(known))
}

/// Whether `(` behind `part` would make it a function's arguments.
fn is_name(part: Part<'_>) -> bool {
    let is_operator = |word: &str| {
        ["select", "values", "and", "or", "not"].iter().any(|known| word.eq_ignore_ascii_case(known))
    };
    matches!(part, Part::Word(word) if !is_operator(word))
}

/// The first part of a text that does not begin with a blank, and what follows it; `None`: something else.
fn next(text: &str) -> Option<(Part<'_>, &str)> {
    let first = text.chars().next()?;
    let run = |is_part: fn(char) -> bool| text.split_at(text.find(|c| !is_part(c)).unwrap_or(text.len()));
    match first {
        'a'..='z' | 'A'..='Z' | '_' => {
            let (word, rest) = run(|c| c.is_ascii_alphanumeric() || c == '_');
            Some((Part::Word(word), rest))
        }
        '0'..='9' => Some((Part::Literal, run(|c| c.is_ascii_digit() || c == '.').1)),
        '\'' => {
            // A doubled quote reads as two literals, which is as good.
            let (inner, rest) = text[1..].split_once('\'')?;
            (!inner.contains('\\')).then_some((Part::Literal, rest))
        }
        '(' => Some((Part::Open, &text[1..])),
        // A comment begins like an operator.
        _ if text.starts_with("--") || text.starts_with("/*") || text.starts_with("//") => None,
        '+' | '-' | '*' | '/' | '%' | ',' | ')' | '<' | '>' | '=' | '!' | '|' => {
            Some((Part::Operator, &text[1..]))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_arithmetic_need_no_context() {
        for sql in [
            "select 1",
            " SELECT 1 ; ",
            "select 1 as one, 'it''s' as text, NULL, (2 + 3) * 4.5 <> 1",
            "values (1, 'a'), (2, 'b')",
            "select current_timestamp",
            "select not(true)",
        ] {
            assert!(is_context_free(sql), "{sql}");
        }
    }

    #[test]
    fn whatever_may_be_looked_up_needs_one() {
        for sql in [
            "",
            ";",
            "1",
            "(select 1)",
            "select 1 from t",
            "select x",
            "select current_database()",
            "select f(1)",
            "select as (1)",
            "select 1 as t.x",
            "select s.nextval",
            "select \"x\"",
            "select $1",
            "select 'a\\'",
            "select 'open",
            "select 1 -- comment",
            "select /* hint */ 1",
            "insert into t values (1)",
            "select 1; select 2",
            "select [1]",
        ] {
            assert!(!is_context_free(sql), "{sql}");
        }
        assert!(!is_context_free(&format!("select {}", "1,".repeat(BYTES_MAX))));
    }
}
