//! Decrypting a private key: PKCS#8 with PBES2 or the older schemes, and PEM blocks with `DEK-Info`.
//!
//! Sources: RFC 8018 (PBES1, PBES2), RFC 7292 appendix B (key derivation of PKCS#12), RFC 1421 and
//! `EVP_BytesToKey` of OpenSSL (`DEK-Info`). The old schemes are weak; they are read because there are files.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockCipherDecrypt, BlockModeDecrypt, KeyInit, KeyIvInit};
use md5::{Digest, Md5};
use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::Kdf;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use zeroize::Zeroizing;

use super::der::{Elements, OCTET_STRING, OID};
use super::oid;
use crate::error::KeyError;
use crate::secret::Secret;

/// The most iterations of a key derivation: a few seconds. OpenSSL's default is 2,048.
const ITERATIONS_MAX: u32 = 2_000_000;
/// The most memory of scrypt's key derivation, in bytes. OpenSSL's default takes 16 MiB.
const SCRYPT_BYTES_MAX: u64 = 64 << 20;
/// The most passes of scrypt's key derivation.
const SCRYPT_PASSES_MAX: u16 = 16;

/// A block of the ciphers of the old schemes, in bytes.
const DES_BLOCK: usize = 8;

type Plain = Zeroizing<Vec<u8>>;

/// Decrypts the PKCS#8 document `whole`, whose parts are the other two.
pub(super) fn decrypt(
    whole: &[u8],
    mut algorithm: Elements<'_>,
    data: &[u8],
    passphrase: Option<&Secret>,
) -> Result<Plain, KeyError> {
    let name = oid::name(algorithm.take(OID).unwrap_or_default());
    match name.as_str() {
        "PBES2" => {
            let used = pbes2_names(algorithm).ok_or(KeyError::UnsupportedEncryption(name))?;
            if let Some(odd) = used.iter().find(|used| !PBES2.contains(&used.as_str())) {
                return Err(KeyError::UnsupportedEncryption(odd.clone()));
            }
            let passphrase = passphrase.ok_or(KeyError::PassphraseMissing)?;
            let document = EncryptedPrivateKeyInfoRef::try_from(whole).map_err(|_| {
                KeyError::UnsupportedEncryption(format!("{} in an unusual form", used.join(", ")))
            })?;
            if let Some(costly) = excess(&document.encryption_algorithm) {
                return Err(KeyError::UnsupportedEncryption(costly));
            }
            let plain = document.decrypt(passphrase.expose()).map_err(|_| KeyError::WrongPassphrase)?;
            Ok(Zeroizing::new(plain.as_bytes().to_vec()))
        }
        "PBE-SHA1-3DES" | "PBE-SHA1-2DES" | "PBE-SHA1-DES" | "PBE-MD5-DES" => {
            let parameters = algorithm
                .sequence()
                .and_then(|mut parameters| Some((parameters.take(OCTET_STRING)?, parameters.number()?)));
            let (salt, iterations) =
                parameters.ok_or(KeyError::Damaged("its encryption lacks parameters"))?;
            if iterations > ITERATIONS_MAX {
                return Err(KeyError::UnsupportedEncryption(format!("{name} and {iterations} iterations")));
            }
            let passphrase = passphrase.ok_or(KeyError::PassphraseMissing)?.expose();
            let (key, iv) = match name.as_str() {
                "PBE-SHA1-3DES" => pkcs12(passphrase, salt, iterations, 24),
                "PBE-SHA1-2DES" => pkcs12(passphrase, salt, iterations, 16),
                "PBE-SHA1-DES" => pbkdf1(sha1, passphrase, salt, iterations),
                _ => pbkdf1(md5, passphrase, salt, iterations),
            };
            let is_single = key.len() == DES_BLOCK;
            let plain = if is_single { cbc::<des::Des>(&key, &iv, data) } else { triple(&key, &iv, data) };
            plain.ok_or(KeyError::WrongPassphrase)
        }
        _ => Err(KeyError::UnsupportedEncryption(name)),
    }
}

/// What a key derivation asks for over its bounds: whoever reads the file would pay for it.
fn excess(scheme: &EncryptionScheme) -> Option<String> {
    match &scheme.pbes2()?.kdf {
        Kdf::Pbkdf2(derivation) => {
            let iterations = derivation.iteration_count;
            (iterations > ITERATIONS_MAX).then(|| format!("PBKDF2 with {iterations} iterations"))
        }
        Kdf::Scrypt(derivation) => {
            let (cost, block, passes) =
                (derivation.cost_parameter, u64::from(derivation.block_size), derivation.parallelization);
            let bytes = cost.saturating_mul(block).saturating_mul(128);
            let is_sound = cost.is_power_of_two() && block > 0 && (1..=SCRYPT_PASSES_MAX).contains(&passes);
            (!is_sound || bytes > SCRYPT_BYTES_MAX)
                .then(|| format!("scrypt with N = {cost}, r = {block}, p = {passes}"))
        }
        _ => None,
    }
}

/// The algorithms of PBES2 that are read.
const PBES2: [&str; 14] = [
    "PBKDF2",
    "scrypt",
    "hmacWithSHA1",
    "hmacWithSHA224",
    "hmacWithSHA256",
    "hmacWithSHA384",
    "hmacWithSHA512",
    "AES-128-CBC",
    "AES-192-CBC",
    "AES-256-CBC",
    "AES-128-GCM",
    "AES-256-GCM",
    "DES-EDE3-CBC",
    "DES-CBC",
];

/// The algorithms that PBES2 uses: for the key, for its hash unless that is the default, for the data.
fn pbes2_names(mut parameters: Elements<'_>) -> Option<Vec<String>> {
    let mut parameters = parameters.sequence()?;
    let (mut derivation, mut cipher) = (parameters.sequence()?, parameters.sequence()?);
    let derived = oid::name(derivation.take(OID)?);
    let mut names = vec![oid::name(cipher.take(OID)?)];
    if derived == "PBKDF2" {
        let mut rest = derivation.sequence()?;
        while let Some((tag, content)) = rest.next() {
            if tag == super::der::SEQUENCE {
                names.push(oid::name(Elements(content).take(OID)?));
            }
        }
    }
    names.push(derived);
    Some(names)
}

/// Decrypts a PEM block whose `DEK-Info` is `info`.
pub(super) fn decrypt_block(info: &str, data: &[u8], passphrase: Option<&Secret>) -> Result<Plain, KeyError> {
    let (cipher, iv) = info.split_once(',').unwrap_or((info, ""));
    let cipher = cipher.to_ascii_uppercase();
    let key_bytes = match cipher.as_str() {
        "AES-128-CBC" => 16,
        "AES-192-CBC" | "DES-EDE3-CBC" => 24,
        "AES-256-CBC" => 32,
        "DES-CBC" => 8,
        _ => return Err(KeyError::UnsupportedEncryption(cipher)),
    };
    let iv = hex(iv).filter(|iv| iv.len() >= DES_BLOCK);
    let iv = iv.ok_or(KeyError::Damaged("the line DEK-Info is incomplete"))?;
    let passphrase = passphrase.ok_or(KeyError::PassphraseMissing)?.expose().as_bytes();
    let mut key = Zeroizing::new(Vec::new());
    let mut last: Vec<u8> = Vec::new();
    while key.len() < key_bytes {
        last = md5(&[last.as_slice(), passphrase, &iv[..DES_BLOCK]].concat());
        key.extend_from_slice(&last);
    }
    let key = &key[..key_bytes];
    let plain = match cipher.as_str() {
        "AES-128-CBC" => cbc::<aes::Aes128Dec>(key, &iv, data),
        "AES-192-CBC" => cbc::<aes::Aes192Dec>(key, &iv, data),
        "AES-256-CBC" => cbc::<aes::Aes256Dec>(key, &iv, data),
        "DES-CBC" => cbc::<des::Des>(key, &iv, data),
        _ => triple(key, &iv, data),
    };
    plain.ok_or(KeyError::WrongPassphrase)
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let text = text.trim().as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.chunks(2).map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}

/// `None`: the key, the start or the padding does not fit.
fn cbc<C: BlockCipherDecrypt + KeyInit>(key: &[u8], iv: &[u8], data: &[u8]) -> Option<Plain> {
    let mut buffer = Zeroizing::new(data.to_vec());
    let length = ::cbc::Decryptor::<C>::new_from_slices(key, iv)
        .ok()?
        .decrypt_padded::<Pkcs7>(&mut buffer)
        .ok()?
        .len();
    buffer.truncate(length);
    Some(buffer)
}

/// Triple DES with two keys or with three.
fn triple(key: &[u8], iv: &[u8], data: &[u8]) -> Option<Plain> {
    let mut three = Zeroizing::new(key.to_vec());
    if three.len() == 16 {
        three.extend_from_slice(&key[..8]);
    }
    cbc::<des::TdesEde3>(&three, iv, data)
}

fn sha1(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref().to_vec()
}

fn md5(bytes: &[u8]) -> Vec<u8> {
    Md5::digest(bytes).to_vec()
}

/// RFC 8018, 5.1 and 6.1: key and start of DES.
fn pbkdf1(hash: fn(&[u8]) -> Vec<u8>, passphrase: &str, salt: &[u8], iterations: u32) -> (Plain, Plain) {
    let mut derived = hash(&[passphrase.as_bytes(), salt].concat());
    for _ in 1..iterations {
        derived = hash(&derived);
    }
    let part = |start: usize| Zeroizing::new(derived[start..start + DES_BLOCK].to_vec());
    (part(0), part(DES_BLOCK))
}

/// RFC 7292, appendix B: key and start of triple DES.
fn pkcs12(passphrase: &str, salt: &[u8], iterations: u32, key_bytes: usize) -> (Plain, Plain) {
    let mut wide: Vec<u8> = passphrase.encode_utf16().flat_map(u16::to_be_bytes).collect();
    wide.extend_from_slice(&[0, 0]);
    let wide = Zeroizing::new(wide);
    let derived = |purpose, bytes| pkcs12_bytes(purpose, &wide, salt, iterations, bytes);
    (derived(1, key_bytes), derived(2, DES_BLOCK))
}

/// `purpose`: 1 for a key, 2 for a start.
fn pkcs12_bytes(purpose: u8, passphrase: &[u8], salt: &[u8], iterations: u32, bytes: usize) -> Plain {
    /// The block of SHA-1.
    const BLOCK: usize = 64;
    let filled = |part: &[u8]| -> Vec<u8> {
        part.iter().copied().cycle().take(part.len().div_ceil(BLOCK) * BLOCK).collect()
    };
    let mut input = Zeroizing::new([filled(salt), filled(passphrase)].concat());
    let mut output = Zeroizing::new(Vec::new());
    while output.len() < bytes {
        let mut hash = sha1(&[&[purpose; BLOCK][..], &input].concat());
        for _ in 1..iterations {
            hash = sha1(&hash);
        }
        output.extend_from_slice(&hash);
        for block in input.chunks_mut(BLOCK) {
            // block + hash (repeated) + 1, modulo 2^512.
            let mut carry = 1;
            for (place, byte) in block.iter_mut().enumerate().rev() {
                let sum = u16::from(*byte) + u16::from(hash[place % hash.len()]) + carry;
                [_, *byte] = sum.to_be_bytes();
                carry = sum >> 8;
            }
        }
    }
    output.truncate(bytes);
    output
}

#[cfg(test)]
mod tests {
    use pkcs8::pkcs5::pbes2::Parameters;
    use pkcs8::pkcs5::scrypt;

    use super::*;

    #[test]
    fn a_derivation_over_its_bounds_is_named_before_it_runs() {
        let pbkdf2 = |iterations| {
            Parameters::generate_pbkdf2_sha256_aes256cbc(iterations, b"12345678", [0; 16]).unwrap().into()
        };
        assert_eq!(excess(&pbkdf2(ITERATIONS_MAX)), None);
        let costly = excess(&pbkdf2(ITERATIONS_MAX + 1)).unwrap();
        assert!(costly.contains("PBKDF2 with 2000001 iterations"), "{costly}");
        let scrypt = |log_n, passes| {
            let cost = scrypt::Params::new(log_n, 8, passes).unwrap();
            Parameters::generate_scrypt_aes256cbc(cost, b"12345678", [0; 16]).unwrap()
        };
        assert_eq!(excess(&scrypt(16, 1).into()), None);
        assert!(excess(&scrypt(17, 1).into()).is_some_and(|costly| costly.contains("N = 131072")));
        assert!(excess(&scrypt(10, 17).into()).is_some_and(|costly| costly.contains("p = 17")));
        let mut odd = scrypt(10, 1);
        if let Kdf::Scrypt(derivation) = &mut odd.kdf {
            derivation.cost_parameter = 0;
        }
        assert!(excess(&odd.into()).is_some());
    }
}
