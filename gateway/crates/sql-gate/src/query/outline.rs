//! Class and verb of a query or DML by its tokens alone: what the parser does not know has them, too.

use snowflake_tokens::Token;

use crate::tokens::Tok;
use crate::{Class, Statement};

/// Bytes of a token that a message shows.
const SHOWN_MAX: usize = 40;

/// Raises the class and sets the verb.
pub(super) fn read(tokens: &[Tok<'_>], out: &mut Statement) {
    let mut words = tokens.iter().filter(|tok| tok.token != Token::Open);
    if out.verb.is_empty()
        && let Some(Tok { token: Token::Word(first), .. }) = words.next()
    {
        out.verb = first.to_ascii_uppercase();
    }
    let is_change = ["INSERT", "UPDATE", "DELETE", "MERGE"].contains(&out.verb.as_str());
    if is_change {
        out.raise(Class::Write);
    }
    let mut before = Token::Open;
    for (at, tok) in tokens.iter().enumerate() {
        if let Token::Word(word) = tok.token {
            let next = tokens.get(at + 1).map(|tok| tok.token);
            if matches!(before, Token::Open | Token::Close) && begins_change(word, next) {
                out.raise(Class::Write);
                if at > 0 && tokens[0].token.is_word("WITH") && before == Token::Close {
                    out.verb = word.to_ascii_uppercase();
                }
            }
            if !is_change && word.eq_ignore_ascii_case("INTO") && !is_insert(before) {
                out.raise(Class::Ddl);
            }
        }
        before = tok.token;
    }
}

/// Whether a change begins with `word`, behind a parenthesis or at the front.
fn begins_change(word: &str, next: Option<Token<'_>>) -> bool {
    let is_next = |known: &[&str]| next.is_some_and(|next| known.iter().any(|known| next.is_word(known)));
    match word.len() {
        5 if word.eq_ignore_ascii_case("MERGE") => is_next(&["INTO"]),
        6 if word.eq_ignore_ascii_case("DELETE") => is_next(&["FROM"]),
        6 if word.eq_ignore_ascii_case("INSERT") => is_next(&["INTO", "OVERWRITE", "ALL", "FIRST"]),
        6 if word.eq_ignore_ascii_case("UPDATE") => matches!(next, Some(Token::Word(_) | Token::Quoted(_))),
        _ => false,
    }
}

/// Whether an INTO behind this token is that of an INSERT or MERGE.
fn is_insert(before: Token<'_>) -> bool {
    match before {
        Token::Word(word) => ["INSERT", "MERGE", "OVERWRITE", "ALL", "FIRST", "THEN", "ELSE"]
            .iter()
            .any(|known| word.eq_ignore_ascii_case(known)),
        _ => false,
    }
}

/// A token, for people: no content of a text.
pub(super) fn shown(tok: &Tok<'_>) -> String {
    match tok.token {
        Token::Word(word) | Token::Number(word) if word.len() <= SHOWN_MAX => format!("\"{word}\""),
        Token::Quoted(name) if name.len() <= SHOWN_MAX => format!("the name \"{name}\""),
        Token::Word(_) | Token::Number(_) | Token::Quoted(_) => "a long word".to_owned(),
        Token::Text(_) => "a text".to_owned(),
        Token::Variable(name) => {
            format!("the variable ${}", name.chars().take(SHOWN_MAX).collect::<String>())
        }
        Token::Open => "\"(\"".to_owned(),
        Token::Close => "\")\"".to_owned(),
        Token::Dot => "\".\"".to_owned(),
        Token::Semicolon => "\";\"".to_owned(),
        Token::Flow => "\"->>\"".to_owned(),
        Token::Sign(sign) => format!("\"{sign}\""),
        Token::Unfinished => "a text, name or comment that has no end".to_owned(),
    }
}
