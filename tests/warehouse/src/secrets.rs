//! The secrets of the user that every stand-in knows. They are good for nothing else, and a test may search
//! for them where none must be.

use std::path::PathBuf;

use super::User;
use crate::support::tests_dir;

/// The user's name.
pub const USER: &str = "TESTER";
/// The user's password.
pub const PASSWORD: &str = "sg-test-password-7f3a";
/// The user's OAuth access token.
pub const OAUTH_TOKEN: &str = "sg-test-oauth-token-52c9";
/// The user's programmatic access token.
pub const ACCESS_TOKEN: &str = "sg-test-access-token-e81b";
/// The id of the client that its OAuth server knows.
pub const OAUTH_CLIENT: &str = "sg-test-client";
/// That client's secret. It has characters that forms and headers escape differently.
pub const OAUTH_CLIENT_SECRET: &str = "sg-test-client-secret+/=%7E-83fe";
/// The passphrase of the user's encrypted private key.
pub const PASSPHRASE: &str = "sg-test-passphrase-04d6";
/// What chunks are asked for with.
pub const STORAGE_KEY: &str = "c2ctdGVzdC1zdG9yYWdlLWtleS05YjE3";

/// The user's private key, PKCS#8 as PEM. Made with `openssl genpkey -algorithm RSA -pkeyopt
/// rsa_keygen_bits:2048`.
pub fn private_key() -> PathBuf {
    keys().join("rsa_key.p8")
}

/// The same, encrypted with [`PASSPHRASE`]: `openssl pkcs8 -topk8 -v2 aes-256-cbc`.
pub fn encrypted_private_key() -> PathBuf {
    keys().join("rsa_key_encrypted.p8")
}

/// A private key that no user has.
pub fn other_private_key() -> PathBuf {
    keys().join("other_key.p8")
}

fn keys() -> PathBuf {
    tests_dir().join("clients/warehouse/keys")
}

/// The user: all of the above, no second factor.
pub(super) fn usual_user() -> User {
    User::new(USER)
        .password(PASSWORD)
        .oauth_token(OAUTH_TOKEN)
        .access_token(ACCESS_TOKEN)
        .public_key(include_str!("../../clients/warehouse/keys/rsa_key.pub"))
}
