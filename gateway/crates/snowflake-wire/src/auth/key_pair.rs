//! A user's private key.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use pkcs8::der::SecretDocument;
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use ring::rand::SystemRandom;
use ring::rsa;
use ring::signature::{self, KeyPair as _};

use super::jwt;
use crate::error::KeyError;
use crate::secret::Secret;

/// An RSA key of 2048 to 4096 bits, read once. It never leaves this value; what is sent is a token that it
/// signed.
#[derive(Clone)]
pub struct KeyPair {
    key: Arc<rsa::KeyPair>,
    fingerprint: String,
}

impl KeyPair {
    /// Reads a PEM file's content: PKCS#8, plain or encrypted with `passphrase`, or the older PKCS#1.
    ///
    /// Decrypting takes as long as the file's iteration count makes it, a second at times: not for an async
    /// task.
    ///
    /// # Errors
    /// Not a key, not decrypted, not of a kind that Snowflake takes.
    pub fn from_pem(pem: &str, passphrase: Option<&Secret>) -> Result<Self, KeyError> {
        // A certificate or a comment may stand before the key.
        let start = pem.find("-----BEGIN").ok_or(KeyError::NotPem)?;
        let (label, document) = SecretDocument::from_pem(&pem[start..]).map_err(|_| KeyError::NotPem)?;
        match label {
            "PRIVATE KEY" => Self::from_pkcs8(document.as_bytes()),
            "RSA PRIVATE KEY" => Self::new(rsa::KeyPair::from_der(document.as_bytes())),
            "ENCRYPTED PRIVATE KEY" => {
                let passphrase = passphrase.ok_or(KeyError::PassphraseMissing)?;
                Self::from_pkcs8(decrypted(document.as_bytes(), passphrase)?.as_bytes())
            }
            _ => Err(KeyError::NotPem),
        }
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let info = PrivateKeyInfoRef::try_from(der).map_err(|_| KeyError::NotPem)?;
        Self::new(rsa::KeyPair::from_der(info.private_key.as_bytes()))
    }

    fn new(key: Result<rsa::KeyPair, ring::error::KeyRejected>) -> Result<Self, KeyError> {
        let key = key.map_err(|rejected| KeyError::Unusable(rejected.to_string()))?;
        let fingerprint = jwt::fingerprint(key.public_key().as_ref());
        Ok(Self { key: Arc::new(key), fingerprint })
    }

    /// The public key's name, as `DESCRIBE USER` shows it: `SHA256:...`.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// A token for one log-in.
    pub(super) fn token(&self, account: &str, user: &str) -> Result<Secret, KeyError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|_| KeyError::Unsigned)?;
        let unsigned = jwt::unsigned(account, user, &self.fingerprint, now.as_secs());
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), unsigned.as_bytes(), &mut signature)
            .map_err(|_| KeyError::Unsigned)?;
        Ok(Secret::new(format!("{unsigned}.{}", jwt::encoded(&signature))))
    }
}

fn decrypted(der: &[u8], passphrase: &Secret) -> Result<SecretDocument, KeyError> {
    EncryptedPrivateKeyInfoRef::try_from(der)
        .map_err(|_| KeyError::NotPem)?
        .decrypt(passphrase.expose())
        .map_err(|_| KeyError::Undecipherable)
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;

    const PLAIN: &str = include_str!("test_keys/rsa.p8");
    /// As OpenSSL computes it for that key.
    const FINGERPRINT: &str = "SHA256:5FFhGdploGT7DaW6BZKLN3MRul7EEoHZ0QEWqL7nOSY=";

    fn passphrase() -> Secret {
        Secret::new("test-passphrase")
    }

    #[test]
    fn a_key_is_read_in_each_form() {
        for pem in [
            PLAIN,
            include_str!("test_keys/rsa_pkcs1.pem"),
            include_str!("test_keys/rsa_aes.p8"),
            include_str!("test_keys/rsa_des3_sha1.p8"),
            include_str!("test_keys/rsa_scrypt.p8"),
            &format!("Bag Attributes\n    name: x\n{PLAIN}"),
            &PLAIN.replace('\n', "\r\n"),
        ] {
            let key = KeyPair::from_pem(pem, Some(&passphrase())).unwrap();
            assert_eq!(key.fingerprint(), FINGERPRINT);
        }
    }

    #[test]
    fn what_is_no_usable_key_says_why() {
        let encrypted = include_str!("test_keys/rsa_aes.p8");
        assert!(matches!(KeyPair::from_pem(encrypted, None), Err(KeyError::PassphraseMissing)));
        let wrong = KeyPair::from_pem(encrypted, Some(&Secret::new("wrong")));
        assert!(matches!(wrong, Err(KeyError::Undecipherable)), "{wrong:?}");
        let ec = KeyPair::from_pem(include_str!("test_keys/ec.p8"), None);
        assert!(matches!(ec, Err(KeyError::Unusable(_))), "{ec:?}");
        for odd in
            ["", "MIIE", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &PLAIN[..600]]
        {
            assert!(matches!(KeyPair::from_pem(odd, None), Err(KeyError::NotPem)), "{odd}");
        }
    }

    #[test]
    fn a_token_is_signed_with_the_key() {
        let key = KeyPair::from_pem(PLAIN, None).unwrap();
        let token = key.token("ACCT", "me").unwrap();
        let (unsigned, signature) = token.expose().rsplit_once('.').unwrap();
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.key.public_key());
        assert!(public.verify(unsigned.as_bytes(), &signature).is_ok());
        assert_eq!(unsigned.split('.').count(), 2);
    }

    #[test]
    fn no_formatter_shows_more_than_the_fingerprint() {
        let shown = format!("{:?}", KeyPair::from_pem(PLAIN, None).unwrap());
        assert_eq!(shown, format!("KeyPair {{ fingerprint: \"{FINGERPRINT}\", .. }}"));
    }
}
