//! What can be wrong with a private key.

/// How to encrypt a key in a way that is supported.
const ENCRYPT_ANEW: &str = "write it anew: openssl pkcs8 -topk8 -v2 aes-256-cbc -in OLD -out NEW";

/// How to make a key that Snowflake takes.
const MAKE_RSA: &str = "make an RSA key: openssl genrsa 2048 | openssl pkcs8 -topk8 -v2 aes-256-cbc -out NEW";

/// Why a private key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// No PEM, no DER, and nothing else that is known.
    #[error(
        "no private key was found; expected a line `-----BEGIN PRIVATE KEY-----` or \
         `-----BEGIN ENCRYPTED PRIVATE KEY-----` and what follows, or its DER form, as it is or in base64"
    )]
    NotPem,
    /// PEM without its end.
    #[error("the private key is cut off: the line `-----END {0}-----` is missing")]
    Incomplete(String),
    /// What is in the PEM, or in the file, is no key.
    #[error("the private key is damaged: {0}")]
    Damaged(&'static str),
    /// Something else that belongs to a key.
    #[error("it is {0}, not a private key; give the file of the private key that belongs to it")]
    NotPrivate(&'static str),
    /// A key in a form of another program.
    #[error("the private key is in the form of {form}; convert it: {command}")]
    OtherForm {
        /// The program or form.
        form: &'static str,
        /// What converts it.
        command: &'static str,
    },
    /// An encrypted key without a passphrase.
    #[error("the private key is encrypted and no passphrase was given")]
    PassphraseMissing,
    /// The passphrase does not decrypt it.
    #[error("the private key cannot be decrypted: the passphrase is wrong")]
    WrongPassphrase,
    /// An encryption that is not supported.
    #[error("the private key is encrypted with {0}, which is not supported; {ENCRYPT_ANEW}{more}", more = legacy(.0))]
    UnsupportedEncryption(String),
    /// A kind of key that cannot log in.
    #[error("the private key is of the kind {0}, which cannot log in; {MAKE_RSA}")]
    UnsupportedKind(String),
    /// An elliptic curve's key without the public part.
    #[error("the private key does not contain its public key; add it: openssl ec -in OLD -out NEW")]
    NoPublicKey,
    /// An RSA key that is too small or too large.
    #[error("the private key is an RSA key of {0} bits; expected 2048 to 4096; {MAKE_RSA}")]
    Size(usize),
    /// A key that is inconsistent.
    #[error("the private key is not valid ({0})")]
    Unusable(String),
    /// The system provided no randomness, or no valid time.
    #[error("signing with the private key failed")]
    Unsigned,
}

/// What OpenSSL 3 needs for the oldest algorithms.
fn legacy(name: &str) -> &'static str {
    let is_old =
        ["RC2", "RC4", "DES-CBC", "MD2", "BF-CBC", "CAST5", "SEED"].iter().any(|old| name.contains(old));
    if is_old { " -provider legacy -provider default" } else { "" }
}
