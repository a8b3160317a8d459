//! A user's private key.
//!
//! - `document`: from the text that a user gives to DER. `der`: what that is.
//! - `encryption`: how it is decrypted. `oid`: names of algorithms, for errors.

mod der;
mod document;
mod encryption;
mod oid;

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ring::rand::SystemRandom;
use ring::rsa;
use ring::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, KeyPair as _,
};
use zeroize::Zeroizing;

use self::der::{Elements, Form, OID};
use super::jwt;
use crate::error::KeyError;
use crate::secret::Secret;

/// The size of RSA keys, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// An RSA key of 2048 to 4096 bits, or one of the curves P-256 and P-384, read once. It never leaves this
/// value; what is sent is a token that it signed.
///
/// Snowflake documents RSA keys. Its Python connector signs with those of curves, too.
#[derive(Clone)]
pub struct KeyPair {
    key: Arc<Key>,
    fingerprint: String,
}

enum Key {
    Rsa(rsa::KeyPair),
    Ec(EcdsaKeyPair, &'static Curve),
}

/// A curve whose keys can sign.
struct Curve {
    name: &'static str,
    /// How a token names the signature.
    jwt: &'static str,
    signing: &'static EcdsaSigningAlgorithm,
    /// The public key's algorithm: `SEQUENCE { ecPublicKey, curve }` in DER.
    identifier: &'static [u8],
    /// The secret's length, in bytes.
    bytes: usize,
}

/// RFC 5480, 2.1.1, and RFC 7518, 3.4.
static CURVES: [Curve; 2] = [
    Curve {
        name: "P-256",
        jwt: "ES256",
        signing: &ECDSA_P256_SHA256_FIXED_SIGNING,
        identifier: b"\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07",
        bytes: 32,
    },
    Curve {
        name: "P-384",
        jwt: "ES384",
        signing: &ECDSA_P384_SHA384_FIXED_SIGNING,
        identifier: b"\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22",
        bytes: 48,
    },
];

impl KeyPair {
    /// Reads the content of a key's file, or of a variable: PEM or the base64 of DER; PKCS#8, plain or
    /// encrypted with `passphrase`, or the older forms of RSA keys and of curves, plain or with `DEK-Info`.
    ///
    /// Decrypting takes as long as the file's iteration count makes it, a second at times: not for an async
    /// task.
    ///
    /// # Errors
    /// Not a key, not decrypted, not of a kind that Snowflake takes.
    pub fn from_pem(text: &str, passphrase: Option<&Secret>) -> Result<Self, KeyError> {
        let document = document::read(text)?;
        match &document.encryption {
            Some(info) => Self::from_plain(&encryption::decrypt_block(info, &document.der, passphrase)?),
            None => match der::form(&document.der)? {
                Form::Encrypted { algorithm, data } => {
                    let plain = encryption::decrypt(&document.der, algorithm, data, passphrase)?;
                    Self::from_plain(&plain)
                }
                form => Self::from_form(form, &document.der),
            },
        }
    }

    /// The content of a key's file as [`Self::from_pem`] reads it: text in whatever encoding, or the base64 of
    /// DER.
    pub fn text_of(file: Vec<u8>) -> Secret {
        document::text_of(file)
    }

    /// What was decrypted with a wrong passphrase sometimes looks well until here.
    fn from_plain(plain: &[u8]) -> Result<Self, KeyError> {
        match der::form(plain) {
            Ok(Form::Encrypted { .. }) | Err(_) => Err(KeyError::WrongPassphrase),
            Ok(form) => Self::from_form(form, plain),
        }
    }

    fn from_form(form: Form<'_>, document: &[u8]) -> Result<Self, KeyError> {
        match form {
            Form::Rsa => Self::of_rsa(document),
            Form::Ec => Self::of_curve(document, None),
            Form::Pkcs8 { mut algorithm, key } => {
                let name = oid::name(algorithm.take(OID).unwrap_or_default());
                match name.as_str() {
                    "RSA" => Self::of_rsa(key),
                    "EC" => Self::of_curve(key, Some(algorithm)),
                    _ => Err(KeyError::UnsupportedKind(name)),
                }
            }
            // It is decrypted before.
            Form::Encrypted { .. } => Err(KeyError::PassphraseMissing),
        }
    }

    fn of_rsa(key: &[u8]) -> Result<Self, KeyError> {
        let bits = der::rsa_bits(key).ok_or(KeyError::Damaged("it is not an RSA key"))?;
        if !RSA_BITS.contains(&bits) {
            return Err(KeyError::Size(bits));
        }
        let key = rsa::KeyPair::from_der(key).map_err(|error| KeyError::Unusable(error.to_string()))?;
        let fingerprint = jwt::fingerprint(&jwt::RSA_ENCRYPTION, key.public_key().as_ref());
        Ok(Self { key: Arc::new(Key::Rsa(key)), fingerprint })
    }

    /// `parameters`: where PKCS#8 names the curve.
    fn of_curve(key: &[u8], parameters: Option<Elements<'_>>) -> Result<Self, KeyError> {
        let found = der::ec_key(key).ok_or(KeyError::Damaged("it is not a key of a curve"))?;
        let curve = found.curve.or_else(|| parameters.and_then(|mut parameters| parameters.take(OID)));
        let name = match curve {
            Some(curve) if !curve.is_empty() => oid::name(curve),
            _ => "a curve described by its numbers".to_owned(),
        };
        let Some(curve) = CURVES.iter().find(|curve| curve.name == name) else {
            return Err(KeyError::UnsupportedKind(format!("EC ({name})")));
        };
        let public = found.public.ok_or(KeyError::NoPublicKey)?;
        // Some programs leave out zeros at the start.
        let mut secret = Zeroizing::new(vec![0; curve.bytes.saturating_sub(found.secret.len())]);
        secret.extend_from_slice(found.secret);
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_private_key_and_public_key(curve.signing, &secret, public, &random);
        let key = key.map_err(|error| KeyError::Unusable(error.to_string()))?;
        let fingerprint = jwt::fingerprint(curve.identifier, public);
        Ok(Self { key: Arc::new(Key::Ec(key, curve)), fingerprint })
    }

    /// The public key's name, as `DESCRIBE USER` shows it: `SHA256:...`.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// A token for one log-in.
    pub(super) fn token(&self, account: &str, user: &str) -> Result<Secret, KeyError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|_| KeyError::Unsigned)?;
        let algorithm = match &*self.key {
            Key::Rsa(_) => "RS256",
            Key::Ec(_, curve) => curve.jwt,
        };
        let unsigned = jwt::unsigned(algorithm, account, user, &self.fingerprint, now.as_secs());
        let signature = self.signature(unsigned.as_bytes()).map_err(|_| KeyError::Unsigned)?;
        Ok(Secret::new(format!("{unsigned}.{}", jwt::encoded(&signature))))
    }

    fn signature(&self, text: &[u8]) -> Result<Vec<u8>, ring::error::Unspecified> {
        let random = SystemRandom::new();
        match &*self.key {
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&signature::RSA_PKCS1_SHA256, &random, text, &mut signature)?;
                Ok(signature)
            }
            Key::Ec(key, _) => Ok(key.sign(&random, text)?.as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
