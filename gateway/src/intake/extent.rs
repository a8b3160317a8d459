//! How much a message will take once it is parsed, seen from its text: in one pass, without memory of its own.

/// What a token takes as a parsed value, in bytes, at most: an object of one member is the dearest.
const TOKEN_BYTES: usize = 256;

/// What there is in a text that is JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// Values and names; a few too many, never too few.
    pub(super) tokens: usize,
    /// The deepest level of arrays and objects.
    pub(super) depth: usize,
}

impl Extent {
    /// That of `line`, which is JSON.
    pub(super) fn of(line: &[u8]) -> Self {
        let mut extent = Self { tokens: 1, depth: 0 };
        let mut level = 0_usize;
        let mut bytes = line.iter();
        while let Some(byte) = bytes.next() {
            match byte {
                b'"' => skip_string(&mut bytes),
                b'{' | b'[' => {
                    level += 1;
                    extent.tokens += 1;
                    extent.depth = extent.depth.max(level);
                }
                b'}' | b']' => level = level.saturating_sub(1),
                b',' | b':' => extent.tokens += 1,
                _ => {}
            }
        }
        extent
    }

    /// The bytes that the message takes at most, of which `text_bytes` are its text.
    pub(super) fn bytes(self, text_bytes: usize) -> usize {
        text_bytes + self.tokens * TOKEN_BYTES
    }
}

/// Skips the rest of a string.
fn skip_string(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Values and names of `value`.
    fn tokens(value: &Value) -> usize {
        1 + match value {
            Value::Array(values) => values.iter().map(tokens).sum(),
            Value::Object(members) => members.values().map(|value| 1 + tokens(value)).sum(),
            _ => 0,
        }
    }

    #[test]
    fn no_token_and_no_level_is_missed() {
        for (text, depth) in [
            ("7", 0),
            ("[]", 1),
            ("[0,0,0]", 1),
            ("[{},{},[]]", 2),
            (r#"{"a":{"b":[1,{"c":null}]},"d":"x"}"#, 4),
            (r#"["{[,:\"{[,:\\",{"\"[":"]"}]"#, 2),
        ] {
            let (extent, value) = (Extent::of(text.as_bytes()), serde_json::from_str(text).unwrap());
            assert_eq!(extent.depth, depth, "{text}");
            assert!((tokens(&value)..=2 * tokens(&value)).contains(&extent.tokens), "{text}: {extent:?}");
        }
    }

    #[test]
    fn a_string_is_one_token_however_long() {
        let text = format!("[\"{}\"]", ",[{:".repeat(1_000));
        assert_eq!(Extent::of(text.as_bytes()), Extent { tokens: 2, depth: 1 });
    }
}
