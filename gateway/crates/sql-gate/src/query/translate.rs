//! Our tokens as the parser's. Made from ours rather than from the text, so that both see the same words, names and
//! texts.

use snowflake_tokens::Token;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Span, Token as Parsed, TokenWithSpan, Word};

use crate::tokens::{Tok, fold, unquote};

/// Bytes of a text of which the parser gets the content: no name is longer.
const TEXT_BYTES_MAX: usize = 1024;

/// What stands for a longer text: no name.
const LONG_TEXT: &str = "'";

/// How an identifier of the parser's tokens is quoted that does not stand so in the text. Real ones have `"` or none.
pub(super) mod quotes {
    /// It was in a text: `IDENTIFIER('t')`. A CTE does not shadow it.
    pub(in crate::query) const NAME_IN_TEXT: char = 'i';
    /// It stands for something whose objects are already noted.
    pub(in crate::query) const NOTED: char = '@';
    /// `$1`, the rows of an earlier statement of a chain.
    pub(in crate::query) const ROWS: char = '$';
}

/// The parser's tokens as they are made.
#[derive(Debug, Default)]
pub(super) struct Translation {
    pub(super) tokens: Vec<TokenWithSpan>,
}

impl Translation {
    pub(super) fn with_capacity(count: usize) -> Self {
        Self { tokens: Vec::with_capacity(count) }
    }

    /// Adds a token that stands for the one at `at`, which an error of the parser then names.
    pub(super) fn push(&mut self, token: Parsed, at: usize) {
        let location = Location::new(at as u64 + 1, 1);
        self.tokens.push(TokenWithSpan::new(token, Span::new(location, location)));
    }

    /// Adds an identifier that is quoted in one of the ways of `quotes`.
    pub(super) fn push_name(&mut self, name: String, quote: char, at: usize) {
        let word = Word { value: name, quote_style: Some(quote), keyword: Keyword::NoKeyword };
        self.push(Parsed::Word(word), at);
    }

    /// Adds what begins at `at`; returns how many of our tokens that are.
    pub(super) fn push_next(&mut self, tokens: &[Tok<'_>], at: usize) -> usize {
        match tokens[at].token {
            Token::Word("x" | "X") if is_text_adjacent(tokens, at) => {
                self.push(Parsed::SingleQuotedString(String::new()), at);
                return 2;
            }
            Token::Word(word) => self.push(Parsed::make_word(word, None), at),
            Token::Quoted(inside) => self.push_name(unquote(inside), '"', at),
            Token::Text(text) => {
                let text = if text.len() > TEXT_BYTES_MAX { LONG_TEXT } else { text };
                self.push(Parsed::SingleQuotedString(text.to_owned()), at);
            }
            Token::Number(_) => return self.push_number(tokens, at),
            Token::Dot if begins_number(tokens, at) => return self.push_number(tokens, at),
            Token::Variable(name) => self.push(Parsed::Placeholder(format!("${name}")), at),
            Token::Open => self.push(Parsed::LParen, at),
            Token::Close => self.push(Parsed::RParen, at),
            Token::Dot => self.push(Parsed::Period, at),
            Token::Semicolon => self.push(Parsed::SemiColon, at),
            Token::Sign(sign) => return self.push_sign(sign, tokens, at),
            Token::Flow | Token::Unfinished => self.push(Parsed::Char('\0'), at),
        }
        1
    }

    /// A number of up to five of our tokens (`1`, `.`, `5e`, `-`, `3`), and the word that follows without a blank.
    fn push_number(&mut self, tokens: &[Tok<'_>], at: usize) -> usize {
        let mut number = String::new();
        let mut next = at;
        let mut word = "";
        if let Token::Number(first) = tokens[at].token {
            word = take_digits(first, &mut number);
            next += 1;
        }
        if word.is_empty() && adjacent(tokens, next) == Some(Token::Dot) || next == at {
            let begins_name = matches!(adjacent(tokens, next + 1), Some(Token::Quoted(_)));
            if !begins_name {
                number.push('.');
                next += 1;
                if let Some(Token::Number(fraction) | Token::Word(fraction)) = adjacent(tokens, next) {
                    word = take_digits(fraction, &mut number);
                    next += 1;
                }
            }
        }
        if word.eq_ignore_ascii_case("e")
            && let (Some(Token::Sign(sign @ ('+' | '-'))), Some(Token::Number(exponent))) =
                (adjacent(tokens, next), adjacent(tokens, next + 1))
        {
            number.push_str(word);
            number.push(sign);
            word = take_digits(exponent, &mut number);
            next += 2;
        }
        self.push(Parsed::Number(number, false), at);
        if !word.is_empty() {
            self.push(Parsed::make_word(word, None), next - 1);
        }
        next - at
    }

    fn push_sign(&mut self, sign: char, tokens: &[Tok<'_>], at: usize) -> usize {
        let next = match adjacent(tokens, at + 1) {
            Some(Token::Sign(next)) => next,
            _ => '\0',
        };
        let (token, count) = match (sign, next) {
            (':', ':') => (Parsed::DoubleColon, 2),
            (':', '=') => (Parsed::Assignment, 2),
            ('=', '>') => (Parsed::RArrow, 2),
            ('-', '>') => (Parsed::Arrow, 2),
            ('<', '=') => (Parsed::LtEq, 2),
            ('>', '=') => (Parsed::GtEq, 2),
            ('<', '>') | ('!', '=') => (Parsed::Neq, 2),
            ('|', '|') => (Parsed::StringConcat, 2),
            _ => (single(sign), 1),
        };
        self.push(token, at);
        count
    }
}

fn single(sign: char) -> Parsed {
    match sign {
        ',' => Parsed::Comma,
        ':' => Parsed::Colon,
        '=' => Parsed::Eq,
        '<' => Parsed::Lt,
        '>' => Parsed::Gt,
        '+' => Parsed::Plus,
        '-' => Parsed::Minus,
        '*' => Parsed::Mul,
        '/' => Parsed::Div,
        '%' => Parsed::Mod,
        '[' => Parsed::LBracket,
        ']' => Parsed::RBracket,
        '{' => Parsed::LBrace,
        '}' => Parsed::RBrace,
        '&' => Parsed::Ampersand,
        '|' => Parsed::Pipe,
        '^' => Parsed::Caret,
        '~' => Parsed::Tilde,
        '!' => Parsed::ExclamationMark,
        '?' => Parsed::Placeholder("?".to_owned()),
        other => Parsed::Char(other),
    }
}

/// The token at `at` if nothing stands between it and the one before.
pub(super) fn adjacent<'a>(tokens: &[Tok<'a>], at: usize) -> Option<Token<'a>> {
    let tok = tokens.get(at)?;
    let before = at.checked_sub(1).and_then(|before| tokens.get(before))?;
    (before.end == tok.begin).then_some(tok.token)
}

fn is_text_adjacent(tokens: &[Tok<'_>], at: usize) -> bool {
    matches!(adjacent(tokens, at + 1), Some(Token::Text(_)))
}

/// Whether the dot at `at` begins a number (`.5`): it has no name before it.
fn begins_number(tokens: &[Tok<'_>], at: usize) -> bool {
    let is_behind_name = at.checked_sub(1).is_some_and(|before| {
        matches!(
            tokens[before].token,
            Token::Word(_) | Token::Quoted(_) | Token::Close | Token::Variable(_) | Token::Sign(']')
        ) && adjacent(tokens, at).is_some()
    });
    !is_behind_name && matches!(adjacent(tokens, at + 1), Some(Token::Number(_)))
}

/// Moves the digits at the front of `text`, and a complete exponent, to `number`; returns what is left.
fn take_digits<'a>(text: &'a str, number: &mut String) -> &'a str {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut end = digits(text);
    let is_exponent = text[end..].starts_with(['e', 'E']);
    if is_exponent {
        let exponent = digits(&text[end + 1..]);
        end += if exponent > 0 { 1 + exponent } else { 0 };
    }
    number.push_str(&text[..end]);
    &text[end..]
}

/// The name as Snowflake stores it, of an identifier of the parser.
pub(super) fn stored(value: &str, quote: Option<char>) -> String {
    if quote.is_none() { fold(value) } else { value.to_owned() }
}

#[cfg(test)]
mod tests {
    use snowflake_tokens::Reading;
    use sqlparser::dialect::SnowflakeDialect;
    use sqlparser::tokenizer::Tokenizer;

    use super::*;

    fn translated(sql: &str) -> Vec<Parsed> {
        let tokens: Vec<Tok<'_>> = crate::tokens::tokens(sql, Reading::default()).collect();
        let mut out = Translation::default();
        let mut at = 0;
        while at < tokens.len() {
            at += out.push_next(&tokens, at);
        }
        out.tokens.into_iter().map(|with_span| with_span.token).collect()
    }

    #[test]
    fn the_parser_gets_the_tokens_that_it_would_read_itself() {
        for sql in [
            "SELECT a.b, \"c\"\"d\".*, f(x => 1), -1 FROM t AS \"u v\" -- comment\n WHERE a <> 'x y' AND b != c",
            "select a:b[0].c::number(10,2), x -> x+1, y || z, a<=b, a>=b, a<b, a>b, a=b, {'k': v}",
            "select 1, 1.5, .5, 1e5, 1.5e-3, 2E+7, a.b, t.$1, $1, $name, ?, a%2, a/2, a*2, ~a, a^b, a|b, a&b",
            "select /* c */ 1 // comment\n, $$a$$ from db..t at(offset => -60)",
            "select 12a, 1e from t1, t2",
        ] {
            let parsed = Tokenizer::new(&SnowflakeDialect, sql).with_unescape(false).tokenize().unwrap();
            let parsed: Vec<Parsed> = parsed
                .into_iter()
                .map(|token| match token {
                    Parsed::DollarQuotedString(text) => Parsed::SingleQuotedString(text.value),
                    // The parser leaves quotes in names doubled where it does not unescape.
                    Parsed::Word(word) if word.quote_style.is_some() => {
                        Parsed::Word(Word { value: unquote(&word.value), ..word })
                    }
                    other => other,
                })
                .filter(|token| !matches!(token, Parsed::Whitespace(_)))
                .collect();
            assert_eq!(translated(sql), parsed, "{sql}");
        }
    }
}
