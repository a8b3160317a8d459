//! A name for what an environment was made from.

/// FNV-1a, 64 bits: the same on every machine and with every Rust release, which `DefaultHasher` does not
/// promise.
///
/// Source: Fowler, Noll, Vo, "The FNV Non-Cryptographic Hash Algorithm" (IETF draft-eastlake-fnv).
pub(super) fn fingerprint(parts: &[&[u8]]) -> u64 {
    const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    // A length before each part, so that moving bytes between parts changes the name.
    let lengths = parts.iter().map(|part| (part.len() as u64).to_le_bytes());
    parts
        .iter()
        .zip(lengths)
        .flat_map(|(part, length)| length.into_iter().chain(part.iter().copied()))
        .fold(OFFSET_BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::fingerprint;

    #[test]
    fn every_part_and_border_counts() {
        let names = [fingerprint(&[b"ab", b"c"]), fingerprint(&[b"a", b"bc"]), fingerprint(&[b"abc"])];
        assert!(names[0] != names[1] && names[1] != names[2] && names[0] != names[2]);
        assert_eq!(names[0], fingerprint(&[b"ab", b"c"]));
    }
}
