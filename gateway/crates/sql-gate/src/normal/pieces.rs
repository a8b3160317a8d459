//! The tokens of a text in either dialect, as far as a pattern needs them.

use snowflake_tokens::{Reading, Token};

use crate::Dialect;

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A keyword, a name, a variable.
    Word,
    /// A name between quotes.
    Quoted,
    /// A text.
    Text,
    /// A number, or the first part of one.
    Number,
    /// Any other sign.
    Sign(char),
    /// The text has no end, or can be read in another way from here on.
    Unfinished,
}

/// One token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a> {
    pub(super) what: What,
    /// As it is written, with its quotes.
    pub(super) text: &'a str,
    /// Its first byte.
    pub(super) begin: usize,
    /// The byte behind it.
    pub(super) end: usize,
}

impl Piece<'_> {
    /// Whether it is what may stand before a text to say what it is: `x'00'`.
    pub(super) fn is_prefix(&self) -> bool {
        self.what == What::Word && self.text.len() == 1 && self.text.as_bytes()[0].is_ascii_alphabetic()
    }
}

/// Those of a text.
pub(super) enum Pieces<'a> {
    Snowflake { sql: &'a str, tokens: snowflake_tokens::Tokens<'a>, is_over: bool },
    Sqlite { sql: &'a str, at: usize },
}

impl<'a> Pieces<'a> {
    pub(super) fn new(sql: &'a str, dialect: Dialect) -> Self {
        match dialect {
            Dialect::Snowflake => {
                Self::Snowflake { sql, tokens: Reading::default().tokens(sql), is_over: false }
            }
            Dialect::Sqlite => Self::Sqlite { sql, at: 0 },
        }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        match self {
            Self::Snowflake { sql, tokens, is_over } => {
                if *is_over {
                    return None;
                }
                let token = tokens.next();
                let range = tokens.range();
                *is_over = tokens.is_ambiguous();
                let what = if *is_over { What::Unfinished } else { what_of(token?) };
                Some(Piece { what, text: &sql[range.clone()], begin: range.start, end: range.end })
            }
            Self::Sqlite { sql, at } => {
                let begin = skip_blank(sql, *at);
                let rest = &sql[begin..];
                let (what, length) = sqlite(rest)?;
                *at = begin + length;
                Some(Piece { what, text: &rest[..length], begin, end: *at })
            }
        }
    }
}

fn what_of(token: Token<'_>) -> What {
    match token {
        Token::Word(_) | Token::Variable(_) => What::Word,
        Token::Quoted(_) => What::Quoted,
        Token::Text(_) => What::Text,
        Token::Number(_) => What::Number,
        Token::Open => What::Sign('('),
        Token::Close => What::Sign(')'),
        Token::Dot => What::Sign('.'),
        Token::Semicolon => What::Sign(';'),
        Token::Flow => What::Sign('\u{2192}'),
        Token::Sign(sign) => What::Sign(sign),
        Token::Unfinished => What::Unfinished,
    }
}

/// Where the next token of SQLite's begins.
fn skip_blank(sql: &str, mut at: usize) -> usize {
    loop {
        let rest = sql[at..].trim_start_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}', '\u{feff}']);
        at = sql.len() - rest.len();
        let comment = if rest.starts_with("--") {
            rest.find('\n')
        } else if rest.starts_with("/*") {
            rest.get(2..).and_then(|inside| inside.find("*/")).map(|end| end + 4)
        } else {
            return at;
        };
        // A comment may end with the text.
        at += comment.unwrap_or(rest.len());
    }
}

/// SQLite's token at the front of `rest`, and its length.
fn sqlite(rest: &str) -> Option<(What, usize)> {
    let first = rest.chars().next()?;
    let run = |is_part: fn(char) -> bool| rest.find(|c| !is_part(c)).unwrap_or(rest.len());
    Some(match first {
        '\'' => quoted(rest, b'\'', What::Text),
        '"' | '`' => quoted(rest, u8::try_from(first).unwrap_or(b'"'), What::Quoted),
        '[' => rest.find(']').map_or((What::Unfinished, rest.len()), |end| (What::Quoted, end + 1)),
        '0'..='9' => (What::Number, run(is_word)),
        // A variable.
        '$' => (What::Word, run(is_word)),
        _ if is_word(first) => (What::Word, run(is_word)),
        _ => (What::Sign(first), first.len_utf8()),
    })
}

fn quoted(rest: &str, quote: u8, what: What) -> (What, usize) {
    let bytes = rest.as_bytes();
    let mut at = 1;
    while let Some(&byte) = bytes.get(at) {
        if byte != quote {
            at += 1;
        } else if bytes.get(at + 1) == Some(&quote) {
            at += 2;
        } else {
            return (what, at + 1);
        }
    }
    (What::Unfinished, rest.len())
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(c, '_' | '$')
        || (!c.is_ascii() && !c.is_control() && c != '\u{feff}')
}
