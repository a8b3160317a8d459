//! What holds the lines of the trail together: each names the SHA-256 of the one before.

use sha2::{Digest as _, Sha256};

/// The SHA-256 of a line of the trail, without the line feed that ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LineHash([u8; 32]);

impl LineHash {
    /// What the first line of a trail names as the one before.
    pub(super) const NONE: Self = Self([0; 32]);

    /// That of `line`.
    pub(super) fn of(line: &[u8]) -> Self {
        Self(Sha256::digest(line).into())
    }

    /// In hexadecimal.
    pub(super) fn hex(&self) -> String {
        hex(&self.0)
    }

    fn parse(text: &str) -> Option<Self> {
        unhex(text)?.try_into().ok().map(Self)
    }
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |number: u8| char::from(DIGITS[usize::from(number)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The bytes of lower-case hexadecimal.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

/// Where a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// Its number, counted from 1.
    pub(super) seq: u64,
    /// The hash of the line before it.
    pub(super) prev: LineHash,
}

impl Link {
    /// The line of `fields`, which are members of a JSON object.
    pub(super) fn line(&self, fields: &str) -> String {
        format!("{{\"seq\":{},\"prev\":\"{}\",{fields}}}", self.seq, self.prev.hex())
    }

    /// Reads the beginning of a line, as [`Link::line`] writes it.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(line).ok()?;
        let (seq, rest) = text.strip_prefix("{\"seq\":")?.split_once(",\"prev\":\"")?;
        let (prev, rest) = rest.split_at_checked(64)?;
        if !rest.starts_with("\",") || !rest.ends_with('}') {
            return None;
        }
        let number = seq.parse().ok().filter(|number: &u64| number.to_string() == seq)?;
        serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
        Some(Self { seq: number, prev: LineHash::parse(prev)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_read_as_it_is_written() {
        let link = Link { seq: 7, prev: LineHash::of(b"before") };
        let line = link.line("\"kind\":\"x\"");
        assert_eq!(Link::read(line.as_bytes()), Some(link));
        for broken in [&line[..line.len() - 1], &line[1..], "", "{}", &line.replace(":7,", ":07,")] {
            assert_eq!(Link::read(broken.as_bytes()), None, "{broken}");
        }
        assert_eq!(unhex(&hex(&[0, 127, 255])), Some(vec![0, 127, 255]));
        assert_eq!(unhex("abc"), None);
    }
}
