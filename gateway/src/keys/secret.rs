//! What a key looks like: `sgk_`, 256 random bits in 43 letters and digits, and 6 more that check them.
//!
//! The prefix and the check (CRC-32 of the 43, as GitHub's tokens have it) let a secret scanner tell a key from other
//! text, and the gateway a typo from a wrong key: `sgk_[0-9A-Za-z]{49}`.

use std::fmt;

use ring::rand::{SecureRandom as _, SystemRandom};
use sha2::{Digest as _, Sha256};

/// What each key begins with.
pub(super) const PREFIX: &str = "sgk_";

/// Bytes of randomness.
const RANDOM_BYTES: usize = 32;

/// Digits of base 62 that hold them, and those of the check.
const BODY_CHARS: usize = 43;
const CHECK_CHARS: usize = 6;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The longest text that is looked at: what is longer is no key.
pub const KEY_BYTES_MAX: usize = 256;

/// The SHA-256 of a key: all that is kept of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyDigest(pub(super) [u8; 32]);

impl KeyDigest {
    pub(super) fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    pub(super) fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(super) fn from_hex(hex: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if hex.len() != 64 || !hex.is_ascii() {
            return None;
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

/// Not the digest: it is of no use to a reader of a log, and some use to an attacker.
impl fmt::Debug for KeyDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KeyDigest(..)")
    }
}

/// A new key. Fails only where the system has no randomness.
pub(super) fn generate() -> Result<String, NoRandomness> {
    let mut random = [0; RANDOM_BYTES];
    SystemRandom::new().fill(&mut random).map_err(|_| NoRandomness)?;
    let body = base62(random);
    let check = check_of(&body);
    Ok(format!("{PREFIX}{body}{check}"))
}

/// The system has no randomness to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system's random numbers cannot be read")]
pub struct NoRandomness;

/// Whether `text` is written as a key is, and its check fits.
pub(super) fn is_well_formed(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(PREFIX) else { return false };
    let is_plain = rest.len() == BODY_CHARS + CHECK_CHARS && rest.bytes().all(|byte| DIGITS.contains(&byte));
    is_plain && {
        let (body, check) = rest.split_at(BODY_CHARS);
        check_of(body) == check
    }
}

/// The number `bytes` in [`BODY_CHARS`] digits: 62^43 is just above 2^256.
fn base62(mut bytes: [u8; RANDOM_BYTES]) -> String {
    let mut digits = [0u8; BODY_CHARS];
    for digit in digits.iter_mut().rev() {
        let mut rest = 0u32;
        for byte in &mut bytes {
            let value = (rest << 8) | u32::from(*byte);
            // Below 256, because the rest is below 62.
            *byte = u8::try_from(value / 62).unwrap_or_default();
            rest = value % 62;
        }
        *digit = DIGITS[rest as usize];
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

fn check_of(body: &str) -> String {
    let mut crc = u32::MAX;
    for byte in body.bytes() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
        }
    }
    let mut number = !crc;
    let mut digits = [0u8; CHECK_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(number % 62) as usize];
        number /= 62;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_form_and_a_typo_is_told_apart() {
        let key = generate().unwrap();
        assert_eq!(key.len(), PREFIX.len() + BODY_CHARS + CHECK_CHARS);
        assert!(is_well_formed(&key));
        assert_ne!(key, generate().unwrap());
        for at in PREFIX.len()..key.len() {
            let mut typo = key.clone().into_bytes();
            typo[at] = if typo[at] == b'x' { b'y' } else { b'x' };
            assert!(!is_well_formed(std::str::from_utf8(&typo).unwrap()), "{at}");
        }
        for text in ["", "sgk_", "Bearer", &key[1..], &format!("{key}0"), &key.to_uppercase()] {
            assert!(!is_well_formed(text), "{text}");
        }
    }

    #[test]
    fn all_bits_are_in_the_digits() {
        assert_eq!(base62([0; 32]), "0".repeat(43));
        let most = base62([0xff; 32]);
        assert_eq!(most.len(), 43);
        assert_ne!(
            most,
            base62({
                let mut less = [0xff; 32];
                less[31] = 0xfe;
                less
            })
        );
        // The check value of CRC-32 (IEEE): of "123456789" it is cbf43926, here in base 62.
        assert_eq!(check_of("123456789"), "3jZRME");
    }

    #[test]
    fn a_digest_survives_its_text_and_is_shown_nowhere() {
        let digest = KeyDigest::of("sgk_x");
        assert_eq!(KeyDigest::from_hex(&digest.to_hex()), Some(digest));
        assert_eq!(KeyDigest::from_hex("zz"), None);
        assert!(!format!("{digest:?}").contains(&digest.to_hex()));
    }
}
