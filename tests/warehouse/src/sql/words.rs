//! Reading a statement word by word.

use super::tokens::{Placed, Token, position, tokens};
use super::{Bindings, SqlError};

/// A place in a statement.
pub(super) struct Words<'a> {
    sql: &'a str,
    tokens: Vec<Placed>,
    at: usize,
}

impl<'a> Words<'a> {
    pub(super) fn of(sql: &'a str, bindings: &Bindings) -> Result<Self, SqlError> {
        let mut tokens = tokens(sql)?;
        bindings.apply(&mut tokens)?;
        Ok(Self { sql, tokens, at: 0 })
    }

    /// How many statements the text holds.
    pub(super) fn statements(&self) -> u64 {
        let separator = |placed: &Placed| placed.token == Token::Sign(';');
        let parts = self.tokens.split(separator).filter(|part| !part.is_empty());
        parts.fold(0, |count, _| count + 1)
    }

    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|placed| &placed.token)
    }

    pub(super) fn next(&mut self) -> Result<Token, SqlError> {
        let token = self.peek().cloned().ok_or_else(|| self.unexpected())?;
        self.at += 1;
        Ok(token)
    }

    /// Whether the next token is this keyword, or this sign.
    pub(super) fn is(&self, word: &str) -> bool {
        self.is_at(0, word)
    }

    fn is_at(&self, ahead: usize, word: &str) -> bool {
        match self.tokens.get(self.at + ahead).map(|placed| &placed.token) {
            Some(Token::Word(next)) => next.eq_ignore_ascii_case(word),
            Some(Token::Sign(next)) => word.len() == next.len_utf8() && word.starts_with(*next),
            _ => false,
        }
    }

    /// Whether a bracket follows the next token.
    pub(super) fn is_call(&self) -> bool {
        self.is_at(1, "(")
    }

    /// Takes the next token if it is `word`.
    pub(super) fn accept(&mut self, word: &str) -> bool {
        self.accept_all(&[word])
    }

    /// Takes the next tokens if they are `words`.
    pub(super) fn accept_all(&mut self, words: &[&str]) -> bool {
        let all = words.iter().enumerate().all(|(ahead, word)| self.is_at(ahead, word));
        if all {
            self.at += words.len();
        }
        all
    }

    pub(super) fn expect(&mut self, word: &str) -> Result<(), SqlError> {
        if self.accept(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// A name; one without quotes is upper-cased.
    pub(super) fn name(&mut self) -> Result<String, SqlError> {
        let name = match self.peek() {
            Some(Token::Word(word)) => word.to_uppercase(),
            Some(Token::Quoted(name)) => name.clone(),
            _ => return Err(self.unexpected()),
        };
        self.at += 1;
        Ok(name)
    }

    /// A name in parts: `a.b.c`.
    pub(super) fn parts(&mut self) -> Result<Vec<String>, SqlError> {
        let mut parts = vec![self.name()?];
        while self.accept(".") {
            parts.push(self.name()?);
        }
        Ok(parts)
    }

    pub(super) fn text(&mut self) -> Result<String, SqlError> {
        match self.peek() {
            Some(Token::Text(text)) => {
                let text = text.clone();
                self.at += 1;
                Ok(text)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// A whole number.
    pub(super) fn number(&mut self) -> Result<usize, SqlError> {
        let number = match self.peek() {
            Some(Token::Number(number)) => number.parse().ok(),
            _ => None,
        };
        let number = number.ok_or_else(|| self.unexpected())?;
        self.at += 1;
        Ok(number)
    }

    /// Things between commas.
    pub(super) fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, SqlError>,
    ) -> Result<Vec<T>, SqlError> {
        let mut items = vec![item(self)?];
        while self.accept(",") {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// Skips to the end of the statement.
    pub(super) fn skip_rest(&mut self) {
        self.at = self.tokens.len();
    }

    /// Nothing must follow but semicolons.
    pub(super) fn end(&mut self) -> Result<(), SqlError> {
        while self.accept(";") {}
        if self.peek().is_none() { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Where the next token begins.
    pub(super) fn here(&self) -> usize {
        self.tokens.get(self.at).map_or(self.sql.len(), |placed| placed.start)
    }

    /// The text from `start` to the end of the token before.
    pub(super) fn since(&self, start: usize) -> &'a str {
        let end =
            self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(start, |placed| placed.end);
        &self.sql[start..end.max(start)]
    }

    /// Line and column of a place.
    pub(super) fn position(&self, at: usize) -> (usize, usize) {
        position(self.sql, at)
    }

    /// The error for what comes next.
    pub(super) fn unexpected(&self) -> SqlError {
        let (line, column) = self.position(self.here());
        let next = self.tokens.get(self.at).map_or("<EOF>", |placed| &self.sql[placed.start..placed.end]);
        SqlError::syntax(line, column, next)
    }
}
