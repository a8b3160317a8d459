//! Whether a statement must keep its place among the requests of its session, as far as its first words tell.
//!
//! A look at the text of a JSON value, not a reading of SQL: a statement that begins behind a longer comment is not
//! recognized, and keeps its place only if its client waits for the answer before it sends the next one.

/// The first bytes of the text that are looked at.
const LOOK_BYTES_MAX: usize = 512;

/// First words of statements that the later ones of a session depend on: its context, its transaction, its state.
const WORDS: [&str; 11] =
    ["begin", "commit", "end", "release", "rollback", "savepoint", "set", "start", "unset", "use", "abort"];

/// First words of such statements, if the second is one of these.
const PAIRS: [(&str, &[&str]); 2] =
    [("alter", &["session"]), ("create", &["temp", "temporary", "volatile", "local", "global", "or"])];

/// Whether the JSON text `value` is a statement that later ones depend on.
pub(super) fn keeps_its_place(value: &str) -> bool {
    let Some(text) = value.strip_prefix('"') else { return false };
    let mut end = text.len().min(LOOK_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = unescaped(&text[..end]);
    let (first, rest) = word(&text);
    let (second, _) = word(rest);
    let is = |known: &&str| first.eq_ignore_ascii_case(known);
    WORDS.iter().any(&is)
        || PAIRS
            .iter()
            .any(|(known, then)| is(known) && then.iter().any(|then| second.eq_ignore_ascii_case(then)))
}

/// The text with its escapes resolved, as far as blanks and letters are concerned.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            plain.push(char);
            continue;
        }
        match chars.next() {
            Some('n' | 'r') => plain.push('\n'),
            Some('t' | 'f' | 'b') => plain.push(' '),
            Some('u') => {
                let code: String = chars.by_ref().take(4).collect();
                let code = u32::from_str_radix(&code, 16).ok().and_then(char::from_u32);
                plain.push(code.unwrap_or('\u{fffd}'));
            }
            Some(other) => plain.push(other),
            None => {}
        }
    }
    plain
}

/// The first word behind blanks and comments, and what follows it.
fn word(mut text: &str) -> (&str, &str) {
    loop {
        text = text.trim_start_matches(|char: char| {
            char.is_whitespace() || matches!(char, '\u{feff}' | '\u{200b}' | ';')
        });
        let end = if text.starts_with("--") || text.starts_with("//") {
            text.find('\n').map(|end| end + 1)
        } else if text.starts_with("/*") {
            text.find("*/").map(|end| end + 2)
        } else {
            break;
        };
        text = end.map_or("", |end| &text[end..]);
    }
    let end = text.find(|char: char| !char.is_ascii_alphabetic()).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_later_statements_depend_on_keeps_its_place() {
        for sql in [
            "BEGIN",
            " begin transaction",
            "\\n-- why\\n/* what */ Use database d",
            "\\u0062egin",
            "set x = 1",
            "START TRANSACTION",
            "alter session set timezone = 'UTC'",
            "create temp table t (x int)",
            "CREATE OR REPLACE TEMPORARY TABLE t (x int)",
            "savepoint s",
            "rollback to s",
            "// x\\nuse role r",
        ] {
            assert!(keeps_its_place(&format!("\"{sql}\"")), "{sql}");
        }
        for sql in [
            "select 1",
            "insert into begin values (1)",
            "-- begin",
            "/* never ends begin",
            "settle x",
            "create table t (x int)",
            "alter table session",
            "",
            "\\u00",
        ] {
            assert!(!keeps_its_place(&format!("\"{sql}\"")), "{sql}");
        }
        assert!(!keeps_its_place("7"));
        assert!(!keeps_its_place(&format!("\"{}begin\"", " ".repeat(LOOK_BYTES_MAX))));
        assert!(!keeps_its_place(&format!("\"{}\"", "\u{1f600}".repeat(LOOK_BYTES_MAX))));
    }
}
