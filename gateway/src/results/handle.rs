//! Names of results.

use std::fmt;

use ring::rand::{SecureRandom as _, SystemRandom};

/// Letters and digits that are not taken for one another.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Of them, behind the first letter.
const LETTERS: usize = 8;

/// The name of a result, unique among those of all sessions for all that matters: 40 random bits. It is short because models
/// pay for each letter, and it is no secret: a session finds its own results only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(String);

impl Handle {
    /// A new one; `None`: the system has no random numbers.
    pub fn random() -> Option<Self> {
        let mut random = [0_u8; LETTERS];
        SystemRandom::new().fill(&mut random).ok()?;
        let letters = random.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
        Some(Self(std::iter::once('r').chain(letters).collect()))
    }

    /// The handle that `text` is; `None`: it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let letters = text.trim().strip_prefix('r')?;
        let is_one = letters.len() == LETTERS && letters.bytes().all(|byte| ALPHABET.contains(&byte));
        is_one.then(|| Self(format!("r{letters}")))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_read_as_it_is_written_and_nothing_else_is_one() {
        let handle = Handle::random().unwrap();
        assert_eq!(Handle::parse(&format!(" {handle}\n")), Some(handle.clone()));
        assert_ne!(Handle::random().unwrap(), handle);
        for other in [
            "",
            "r",
            "r1111111",
            "raaaaaaa",
            "raaaaaaaaa",
            "../../../x",
            "r/aaaaaaa",
            "raaaaaaa\0",
            "RAAAAAAAA",
        ] {
            assert_eq!(Handle::parse(other), None, "{other:?}");
        }
    }
}
