//! One call of the parser.

use sqlparser::ast::Statement;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::dialect::Bounded;
use super::translate::Translation;

/// Expressions that may begin, for each token, before the parser is stopped: what it tries twice at every level.
const STEPS_A_TOKEN: usize = 64;

/// Why there is no tree.
#[derive(Debug)]
pub(super) enum ParseError {
    /// The bound of the stack or of steps was reached.
    TooDeep,
    /// Our token at which the parser gave up.
    Unexpected(usize),
}

/// Parses a query or DML.
pub(super) fn parse(translation: Translation, stack_max: usize) -> Result<Statement, ParseError> {
    let dialect = Bounded::new(translation.tokens.len().saturating_mul(STEPS_A_TOKEN), stack_max);
    let mut parser =
        Parser::new(&dialect).with_recursion_limit(usize::MAX).with_tokens_with_locations(translation.tokens);
    let parsed = parser.parse_statement();
    if dialect.is_exhausted() {
        return Err(ParseError::TooDeep);
    }
    let parsed = parsed.map_err(|_| ParseError::Unexpected(at(&parser)))?;
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
