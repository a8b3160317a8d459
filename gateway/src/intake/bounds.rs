//! The bounds of one request. They bound memory: what is parsed of it, what is kept, and what answers repeat.

use super::extent::Extent;

/// JSON values and names of a request, at most. Its strings may be as long as a line.
const TOKENS_MAX: usize = 100_000;

/// Levels of arrays and objects, at most: fewer than the parser's own bound of 128, which it does not tell from
/// other faults.
pub(super) const DEPTH_MAX: usize = 100;

/// Bytes of a method's name, of a tool's, of a progress token and of a protocol version, at most.
const WORD_BYTES_MAX: usize = 256;

/// Bytes of `_meta`, at most: it is copied with its request.
const META_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a request that is kept for as long as its session, at most, and its values and names.
const LASTING_BYTES_MAX: usize = 64 * 1024;
const LASTING_TOKENS_MAX: usize = 2_000;

/// A request, as far as it has bounds.
pub(super) struct Outline<'a> {
    pub(super) method: &'a str,
    pub(super) line_bytes: usize,
    pub(super) extent: Extent,
    /// Whether it is kept for as long as its session.
    pub(super) is_lasting: bool,
    pub(super) meta_bytes: usize,
    /// Of the tool's name.
    pub(super) tool_bytes: usize,
    /// What else is repeated: what it is, and its bytes.
    pub(super) words: [(&'static str, usize); 2],
}

/// Which bound `request` is over.
pub(super) fn excess(request: &Outline<'_>) -> Option<String> {
    let Extent { tokens, depth } = request.extent;
    if tokens > TOKENS_MAX {
        return Some(format!(
            "the message has over {TOKENS_MAX} JSON values and names, which is the limit; send less at once \
             (a text counts as one, however long)"
        ));
    }
    if depth > DEPTH_MAX {
        return Some(format!("the message is nested over {DEPTH_MAX} levels deep, which is the limit"));
    }
    let names = [("`method`", request.method.len()), ("the tool's name", request.tool_bytes)];
    let words = names.into_iter().chain(request.words).map(|(what, bytes)| (what, bytes, WORD_BYTES_MAX));
    let meta = ("`_meta`", request.meta_bytes, META_BYTES_MAX);
    let lasting = ("the message", request.line_bytes, LASTING_BYTES_MAX);
    let mut sizes = words.chain([meta]).chain(request.is_lasting.then_some(lasting));
    if let Some((what, bytes, limit)) = sizes.find(|(_, bytes, limit)| bytes > limit) {
        return Some(format!("{what} has {bytes} bytes, over the limit of {limit} bytes"));
    }
    (request.is_lasting && tokens > LASTING_TOKENS_MAX).then(|| {
        format!("the message has {tokens} JSON values and names, over the limit of {LASTING_TOKENS_MAX}")
    })
}
