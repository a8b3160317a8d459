//! Class and verb of a query or DML by its first words: what the parser does not know has them, too. (What changes
//! rows further inside is found by `scan`.)

use snowflake_tokens::Token;

use crate::scan::begins_change;
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
    if ["INSERT", "UPDATE", "DELETE", "MERGE"].contains(&out.verb.as_str()) {
        out.raise(Class::Write);
    }
    // WITH x AS (...) DELETE
    let behind_with = tokens
        .windows(3)
        .rev()
        .find(|three| three[0].token == Token::Close && begins_change(three[1].token, Some(three[2].token)));
    if out.verb == "WITH"
        && let Some([_, Tok { token: Token::Word(word), .. }, _]) = behind_with
    {
        out.verb = word.to_ascii_uppercase();
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
