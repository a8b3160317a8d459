//! What is bounded of a text, in tokens and before anything parses it: a parser's recursion can end the process.
//!
//! What is over a cap is not understood; its class is still found, from its tokens.

/// Bytes of a text that is parsed.
pub(crate) const BYTES_MAX: usize = 1 << 20;

/// Tokens of a text that is parsed.
pub(crate) const TOKENS_MAX: usize = 100_000;

/// Tokens kept of each part of a chain once there are `TOKENS_MAX`: enough for its head.
pub(crate) const HEAD_TOKENS: usize = 64;

/// Parts of a chain (`->>`).
pub(crate) const PARTS_MAX: usize = 64;
