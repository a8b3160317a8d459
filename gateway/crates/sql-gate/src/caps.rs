//! What is bounded of a text, in tokens and before anything parses it: a parser's recursion can end the process.
//!
//! What is over a cap is not understood; its class is still found, from its tokens.

use snowflake_tokens::Token;

use crate::tokens::Tok;

/// Bytes of a text that is parsed.
pub(crate) const BYTES_MAX: usize = 1 << 20;

/// Bytes of a text that is read in every way in which it can be; what is longer is of no known class.
pub(crate) const AMBIGUOUS_BYTES_MAX: usize = 64 << 10;

/// Tokens that are kept of a text.
pub(crate) const TOKENS_MAX: usize = 250_000;

/// Tokens that the parser gets, of which a long list of literals is only a few.
pub(crate) const PARSED_MAX: usize = 30_000;

/// Tokens kept of each part of a chain once there are `TOKENS_MAX`: enough for its head.
pub(crate) const HEAD_TOKENS: usize = 64;

/// Parts of a chain (`->>`).
pub(crate) const PARTS_MAX: usize = 64;

/// Caps of one query.
#[derive(Debug)]
pub(crate) struct Caps {
    tokens: usize,
    /// Parentheses, brackets, braces and CASEs in each other.
    depth: usize,
    /// JOINs, and set operators.
    joins: usize,
    /// Operators that follow each other without a comma or parenthesis between them.
    chain: usize,
    /// Bytes of the stack that the parser may have taken where it begins an expression or a table.
    pub(crate) stack_bytes: usize,
}

/// What is read on the caller's stack. Beyond `stack_bytes` it takes as much again at most (see the tests): what it
/// does between two expressions, the nesting of `depth`, and the visit of the tree. Without optimisation the parser's
/// frames are ten times as large.
pub(crate) const IN_PLACE: Caps = Caps {
    tokens: 400,
    depth: if cfg!(debug_assertions) { 2 } else { 10 },
    joins: 40,
    chain: 100,
    stack_bytes: 256 << 10,
};

/// What is read on a stack of its own.
pub(crate) const ON_LARGE_STACK: Caps =
    Caps { tokens: TOKENS_MAX, depth: 200, joins: 1000, chain: 10_000, stack_bytes: 128 << 20 };

/// How large a query is, in what makes a parser recurse.
#[derive(Debug, Default)]
pub(crate) struct Extent {
    tokens: usize,
    depth: usize,
    joins: usize,
    chain: usize,
}

impl Extent {
    /// That of `tokens`.
    pub(crate) fn of(tokens: &[Tok<'_>]) -> Self {
        let mut extent = Self { tokens: tokens.len(), ..Self::default() };
        let (mut depth, mut chain) = (0usize, 0usize);
        // What was counted of each group that is open.
        let mut outer: Vec<usize> = Vec::new();
        for tok in tokens {
            match tok.token {
                Token::Open | Token::Sign('[' | '{') => {
                    depth += 1;
                    // What is deeper than any cap is not counted further.
                    if depth <= ON_LARGE_STACK.depth {
                        outer.push(std::mem::take(&mut chain));
                    }
                }
                Token::Close | Token::Sign(']' | '}') => {
                    if depth <= ON_LARGE_STACK.depth {
                        chain = outer.pop().unwrap_or_default() + 1;
                    }
                    depth = depth.saturating_sub(1);
                }
                Token::Sign(',') => chain = 0,
                Token::Sign(_) | Token::Dot => chain += 1,
                Token::Word(word) => extent.note_word(word, &mut depth, &mut chain),
                _ => {}
            }
            extent.depth = extent.depth.max(depth);
            extent.chain = extent.chain.max(chain);
        }
        extent
    }

    fn note_word(&mut self, word: &str, depth: &mut usize, chain: &mut usize) {
        let is = |known: &str| word.eq_ignore_ascii_case(known);
        match word.len() {
            2 if is("OR") || is("IS") || is("IN") => *chain += 1,
            3 if is("AND") || is("NOT") => *chain += 1,
            3 if is("END") => *depth = depth.saturating_sub(1),
            4 if is("CASE") => *depth += 1,
            4 if is("JOIN") => self.joins += 1,
            4 if is("LIKE") => *chain += 1,
            5 if is("UNION") || is("MINUS") => self.joins += 1,
            6 if is("EXCEPT") => self.joins += 1,
            9 if is("INTERSECT") => self.joins += 1,
            _ => {}
        }
    }

    /// Whether it is within `caps`.
    pub(crate) fn is_within(&self, caps: &Caps) -> bool {
        self.check(caps).is_ok()
    }

    /// # Errors
    /// What is over a cap.
    pub(crate) fn check(&self, caps: &Caps) -> Result<(), String> {
        for (count, max, what) in [
            (self.tokens, caps.tokens, "tokens"),
            (self.depth, caps.depth, "levels of parentheses"),
            (self.joins, caps.joins, "JOINs and UNIONs"),
            (self.chain, caps.chain, "operators in a row"),
        ] {
            if count > max {
                return Err(format!("a query of more than {max} {what}"));
            }
        }
        Ok(())
    }
}
