//! What can be wrong with a private key.

/// Why a private key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// No PEM, or one of something else.
    #[error(
        "no PEM block of a private key was found; expected a line `-----BEGIN PRIVATE KEY-----` or \
         `-----BEGIN ENCRYPTED PRIVATE KEY-----`"
    )]
    NotPem,
    /// An encrypted key without a passphrase.
    #[error("the private key is encrypted and no passphrase was given")]
    PassphraseMissing,
    /// The passphrase is wrong, or the encryption is not supported.
    #[error(
        "the private key cannot be decrypted: the passphrase is wrong, or its encryption is not supported \
         (supported: PBES2 with AES or 3DES)"
    )]
    Undecipherable,
    /// Not an RSA key, or one too small, too large or inconsistent.
    #[error("the private key is not a valid RSA key of 2048 to 4096 bits ({0})")]
    Unusable(String),
    /// The system provided no randomness, or no valid time.
    #[error("signing with the private key failed")]
    Unsigned,
}
