//! One call of the parser.

use sqlparser::ast::Statement;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::dialect::Bounded;
use super::translate::Translation;

/// Expressions that may begin, for each token, before the parser is stopped: what it tries twice at every level.
const STEPS_A_TOKEN: usize = 64;

/// Why there is no tree.
#[derive(Debug)]
pub(super) enum ParseError {
    /// The bound of recursion or of steps was reached.
    TooDeep,
    /// Our token at which the parser gave up.
    Unexpected(usize),
}

/// Parses a query or DML.
pub(super) fn parse(translation: Translation, recursion: usize) -> Result<Statement, ParseError> {
    let dialect = Bounded::new(translation.tokens.len().saturating_mul(STEPS_A_TOKEN));
    let mut parser =
        Parser::new(&dialect).with_recursion_limit(recursion).with_tokens_with_locations(translation.tokens);
    let parsed = parser.parse_statement().map_err(|error| match error {
        ParserError::RecursionLimitExceeded => ParseError::TooDeep,
        ParserError::ParserError(_) | ParserError::TokenizerError(_) => ParseError::Unexpected(at(&parser)),
    })?;
    if parser.peek_token_ref().token == Token::EOF {
        Ok(parsed)
    } else {
        Err(ParseError::Unexpected(at(&parser)))
    }
}

/// Our token that comes next.
fn at(parser: &Parser<'_>) -> usize {
    let line = parser.peek_token_ref().span.start.line;
    usize::try_from(line).ok().and_then(|line| line.checked_sub(1)).unwrap_or(usize::MAX)
}
