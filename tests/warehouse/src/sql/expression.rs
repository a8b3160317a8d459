//! Values in a statement: literals, and functions of them.

use super::functions::{Argument, Call};
use super::tokens::Token;
use super::words::Words;
use super::{SqlError, Wait, World};
use crate::result::Column;

/// A value that is known when the statement is carried out.
#[derive(Clone, Debug)]
pub(super) enum Expression {
    Literal(Literal),
    Call(Call),
    /// `$name`, in upper case.
    Variable(String),
}

#[derive(Clone, Debug)]
pub(super) enum Literal {
    Null,
    Text(String),
    Number(String),
    Truth(bool),
}

/// A value and what it is.
pub(super) type Typed = (Column, Option<String>);

impl Expression {
    /// Reads one. A bare name is an error: there is nothing that it could be a column of.
    pub(super) fn read(words: &mut Words<'_>) -> Result<Self, SqlError> {
        let start = words.here();
        let literal = match words.next()? {
            Token::Text(text) => Literal::Text(text),
            Token::Number(number) => Literal::Number(number),
            Token::Sign('-') => match words.next()? {
                Token::Number(number) => Literal::Number(format!("-{number}")),
                _ => return Err(words.unexpected()),
            },
            Token::Word(word) if word.starts_with('$') => {
                return Ok(Self::Variable(word[1..].to_uppercase()));
            }
            Token::Word(word) if words.accept("(") => return call(&word, words).map(Self::Call),
            Token::Word(word) => match word.to_uppercase().as_str() {
                "NULL" => Literal::Null,
                "TRUE" => Literal::Truth(true),
                "FALSE" => Literal::Truth(false),
                name => {
                    let (line, column) = words.position(start);
                    return Err(SqlError::invalid_identifier(line, column, name));
                }
            },
            token => {
                let (line, column) = words.position(start);
                let shown = if let Token::Sign(sign) = token { sign.to_string() } else { "\"".into() };
                return Err(SqlError::syntax(line, column, &shown));
            }
        };
        Ok(Self::Literal(literal))
    }

    /// What the value has to be waited for.
    pub(super) fn waits(&self) -> Result<Vec<Wait>, SqlError> {
        match self {
            Self::Literal(_) | Self::Variable(_) => Ok(Vec::new()),
            Self::Call(call) => call.waits(),
        }
    }

    /// The value, as a column called `name`.
    pub(super) fn value(&self, name: &str, world: &World<'_>) -> Result<Typed, SqlError> {
        match self {
            Self::Literal(literal) => Ok(literal.value(name)),
            Self::Call(call) => call.value(name, world),
            Self::Variable(variable) => {
                let found = world.session.variables.get(variable);
                let value = found.ok_or_else(|| SqlError::unknown_variable(variable))?;
                Ok((Column::text(name), value.clone()))
            }
        }
    }

    /// A literal as text, whatever its type.
    pub(super) fn literal_text(&self) -> Option<String> {
        match self {
            Self::Literal(literal) => literal.value("").1,
            Self::Call(_) | Self::Variable(_) => None,
        }
    }
}

impl Literal {
    fn value(&self, name: &str) -> Typed {
        match self {
            Self::Null => (Column::text(name), None),
            Self::Text(text) => (Column::text(name), Some(text.clone())),
            Self::Truth(truth) => (Column::new(name, "boolean"), Some(u8::from(*truth).to_string())),
            Self::Number(number) if number.contains('e') => (Column::new(name, "real"), Some(number.clone())),
            Self::Number(number) => (exact(name, number), Some(number.clone())),
        }
    }
}

/// The column of an exact number, as narrow as it can be.
fn exact(name: &str, number: &str) -> Column {
    let digits = number.chars().filter(char::is_ascii_digit).count();
    let scale = number.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let narrow = |count: usize| i64::try_from(count).unwrap_or(38);
    Column::new(name, "fixed").with_precision(narrow(digits)).with_scale(narrow(scale))
}

/// The arguments of a call, whose bracket has been read.
fn call(name: &str, words: &mut Words<'_>) -> Result<Call, SqlError> {
    let arguments = if words.is(")") { Vec::new() } else { words.list(argument)? };
    words.expect(")")?;
    Ok(Call { name: name.to_uppercase(), arguments })
}

fn argument(words: &mut Words<'_>) -> Result<Argument, SqlError> {
    let name = match words.peek() {
        Some(Token::Word(word)) => {
            let word = word.to_uppercase();
            words.accept_all(&[&word, "=", ">"]).then_some(word)
        }
        _ => None,
    };
    Expression::read(words).map(|value| Argument { name, value })
}
