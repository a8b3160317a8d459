//! The token that a private key signs.
//!
//! Source: <https://docs.snowflake.com/en/user-guide/key-pair-auth>, and `prepareJWTToken` of gosnowflake.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use serde_json::json;

/// How long a token can be used, in seconds. The server takes up to an hour; each log-in makes its own.
const LIFETIME_S: u64 = 60;

/// `rsaEncryption` and no parameters, in DER: RFC 8017, A.1.
pub(super) const RSA_ENCRYPTION: [u8; 15] =
    [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// What is signed: header and claims of a token for `user` of `account`, both in upper case there.
pub(super) fn unsigned(algorithm: &str, account: &str, user: &str, fingerprint: &str, now_s: u64) -> String {
    let subject = format!("{}.{}", account.to_uppercase(), user.to_uppercase());
    let header = json!({"alg": algorithm, "typ": "JWT"});
    let claims = json!({
        "iss": format!("{subject}.{fingerprint}"),
        "sub": subject,
        "iat": now_s,
        "exp": now_s + LIFETIME_S,
    });
    format!("{}.{}", encoded(header.to_string().as_bytes()), encoded(claims.to_string().as_bytes()))
}

/// A part of a token.
pub(super) fn encoded(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// How the server names a public key: the hash of its `SubjectPublicKeyInfo`, which is made of the
/// algorithm (DER) and the key in its own form: PKCS#1, or a point of the curve.
pub(super) fn fingerprint(algorithm: &[u8], public_key: &[u8]) -> String {
    let info = subject_public_key_info(algorithm, public_key);
    format!("SHA256:{}", BASE64_STANDARD.encode(digest(&SHA256, &info)))
}

/// `SEQUENCE { algorithm, BIT STRING public_key }` in DER, by RFC 5280, 4.1.
fn subject_public_key_info(algorithm: &[u8], public_key: &[u8]) -> Vec<u8> {
    const NO_UNUSED_BITS: u8 = 0;
    let bits = tagged(0x03, &[&[NO_UNUSED_BITS], public_key].concat());
    tagged(0x30, &[algorithm, &bits].concat())
}

/// A DER element: tag, length, content.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant = &length[length.iter().position(|byte| *byte != 0).unwrap_or(length.len() - 1)..];
    let mut element = vec![tag];
    if content.len() > 0x7f {
        #[allow(clippy::cast_possible_truncation, reason = "at most the 8 bytes of a usize")]
        element.push(0x80 | significant.len() as u8);
    }
    element.extend_from_slice(significant);
    element.extend_from_slice(content);
    element
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn decoded(part: &str) -> Value {
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    #[test]
    fn claims_name_account_and_user_in_upper_case() {
        let token = unsigned("RS256", "acct", "Jo.Doe@x.org", "SHA256:abc=", 1_700_000_000);
        let (header, claims) = token.split_once('.').unwrap();
        assert_eq!(decoded(header)["alg"], "RS256");
        let claims = decoded(claims);
        assert_eq!(claims["iss"], "ACCT.JO.DOE@X.ORG.SHA256:abc=");
        assert_eq!(claims["sub"], "ACCT.JO.DOE@X.ORG");
        assert_eq!(
            (claims["iat"].as_u64(), claims["exp"].as_u64()),
            (Some(1_700_000_000), Some(1_700_000_060))
        );
    }

    #[test]
    fn der_lengths_are_short_or_long() {
        assert_eq!(tagged(4, &[7; 3]), [4, 3, 7, 7, 7]);
        assert_eq!(tagged(4, &[]), [4, 0]);
        assert_eq!(tagged(4, &[0; 0x80])[..3], [4, 0x81, 0x80]);
        assert_eq!(tagged(4, &[0; 0x123])[..4], [4, 0x82, 0x01, 0x23]);
    }
}
