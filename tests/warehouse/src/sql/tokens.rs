//! SQL text in tokens.

use super::SqlError;

/// A piece of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A keyword or an unquoted name, as written.
    Word(String),
    /// A quoted name, without its quotes.
    Quoted(String),
    /// A text, without its quotes.
    Text(String),
    /// A number, as written.
    Number(String),
    /// A single other character.
    Sign(char),
}

/// A token and where it stands, in bytes.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The tokens of `sql`, without spaces and comments.
pub(super) fn tokens(sql: &str) -> Result<Vec<Placed>, SqlError> {
    let mut scanner = Scanner { sql, at: 0 };
    let mut found = Vec::new();
    loop {
        scanner.skip();
        let start = scanner.at;
        let Some(token) = scanner.token()? else { return Ok(found) };
        found.push(Placed { token, start, end: scanner.at });
    }
}

/// The line, from 1, and the column, from 0, of a place in `sql`.
pub(super) fn position(sql: &str, at: usize) -> (usize, usize) {
    let before = &sql[..at.min(sql.len())];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count());
    (line, column)
}

struct Scanner<'a> {
    sql: &'a str,
    at: usize,
}

impl Scanner<'_> {
    fn rest(&self) -> &str {
        &self.sql[self.at..]
    }

    fn skip(&mut self) {
        loop {
            let rest = self.rest();
            let skipped = if rest.starts_with("--") || rest.starts_with("//") {
                rest.find('\n').unwrap_or(rest.len())
            } else if rest.starts_with("/*") {
                rest.find("*/").map_or(rest.len(), |end| end + 2)
            } else {
                rest.len() - rest.trim_start().len()
            };
            if skipped == 0 {
                return;
            }
            self.at += skipped;
        }
    }

    fn token(&mut self) -> Result<Option<Token>, SqlError> {
        let Some(first) = self.rest().chars().next() else { return Ok(None) };
        let token = match first {
            '\'' => Token::Text(self.enclosed('\'')?),
            '"' => Token::Quoted(self.enclosed('"')?),
            first if first.is_ascii_digit() => Token::Number(self.number()),
            first if is_word(first) => Token::Word(self.taken(is_word)),
            first => {
                self.at += first.len_utf8();
                Token::Sign(first)
            }
        };
        Ok(Some(token))
    }

    fn taken(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let rest = self.rest();
        let end = rest.find(|next| !belongs(next)).unwrap_or(rest.len());
        let taken = rest[..end].to_owned();
        self.at += end;
        taken
    }

    /// Digits, a fraction, an exponent.
    fn number(&mut self) -> String {
        let mut number = self.taken(|next| next.is_ascii_digit() || next == '.');
        let mut rest = self.rest().chars();
        if let Some('e' | 'E') = rest.next() {
            let mut exponent = rest.as_str().trim_start_matches(['+', '-']).chars();
            if exponent.next().is_some_and(|next| next.is_ascii_digit()) {
                self.at += 1;
                number.push('e');
                number += &self.taken(|next| next.is_ascii_digit() || "+-".contains(next));
            }
        }
        number
    }

    /// What stands between two `quote`s. A doubled quote is one; in texts a backslash takes the next
    /// character as it is, but for `n` and `t`.
    fn enclosed(&mut self, quote: char) -> Result<String, SqlError> {
        let mut found = String::new();
        let mut rest = self.rest().char_indices().skip(1).peekable();
        while let Some((at, next)) = rest.next() {
            if next == quote {
                if rest.peek().is_some_and(|&(_, after)| after == quote) {
                    rest.next();
                    found.push(quote);
                    continue;
                }
                self.at += at + quote.len_utf8();
                return Ok(found);
            }
            if next == '\\' && quote == '\'' {
                found.extend(rest.next().map(|(_, escaped)| match escaped {
                    'n' => '\n',
                    't' => '\t',
                    other => other,
                }));
            } else {
                found.push(next);
            }
        }
        let (line, column) = position(self.sql, self.sql.len());
        Err(SqlError::syntax(line, column, "<EOF>"))
    }
}

fn is_word(next: char) -> bool {
    next.is_alphanumeric() || next == '_' || next == '$'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sql: &str) -> Vec<Token> {
        tokens(sql).unwrap().into_iter().map(|placed| placed.token).collect()
    }

    #[test]
    fn quotes_are_doubled_or_escaped() {
        let tokens = read(r#"'it''s' "a ""b""" 'x\'y\n' system$wait(1.5e-3)"#);
        let expected = [
            Token::Text("it's".into()),
            Token::Quoted("a \"b\"".into()),
            Token::Text("x'y\n".into()),
            Token::Word("system$wait".into()),
            Token::Sign('('),
            Token::Number("1.5e-3".into()),
            Token::Sign(')'),
        ];
        assert_eq!(tokens, expected);
    }

    #[test]
    fn comments_are_skipped() {
        assert_eq!(read("a -- b\n/* c */ d // e"), [Token::Word("a".into()), Token::Word("d".into())]);
        assert!(read("  -- only a comment").is_empty());
    }

    #[test]
    fn a_quote_without_an_end_is_an_error() {
        assert_eq!(tokens("select 'x").unwrap_err().position, Some((1, 9)));
    }
}
