//! Tokens that a private key has signed.
//!
//! Source: "Using key-pair authentication" in the documentation of Snowflake's SQL API: `iss` is
//! `ACCOUNT.USER.SHA256:fingerprint`, `sub` is `ACCOUNT.USER`, and the token lives for an hour at most.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::Value;

use super::refusals::invalid_jwt;
use crate::answers::Refusal;

const LIFE_MAX_S: u64 = 3600;
/// Clocks may differ by so much.
const SKEW_S: u64 = 60;
/// What stands before the key itself: its algorithm, `rsaEncryption`.
const RSA: [u8; 15] =
    [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// Whether `token` was signed for `user` with the private half of one of `keys`, and is of now.
pub(super) fn check(token: &str, user: &str, keys: &[String]) -> Result<(), Refusal> {
    let (unsigned, signature) = token.rsplit_once('.').ok_or_else(|| invalid_jwt("not three parts"))?;
    let (header, claims) = unsigned.split_once('.').ok_or_else(|| invalid_jwt("not three parts"))?;
    if decoded(header)?["alg"] != "RS256" {
        return Err(invalid_jwt("not RS256"));
    }
    let signature = BASE64_URL_SAFE_NO_PAD
        .decode(signature)
        .map_err(|_| invalid_jwt("the signature is not base64url"))?;
    let verified = |key: &&PublicKey| {
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &key.pkcs1);
        key.verify(unsigned.as_bytes(), &signature).is_ok()
    };
    let keys: Vec<PublicKey> = keys.iter().map(|pem| PublicKey::from_pem(pem)).collect();
    let key = keys.iter().find(verified).ok_or_else(|| invalid_jwt("signed with no key of this user"))?;
    check_claims(&decoded(claims)?, user, &key.fingerprint)
}

fn check_claims(claims: &Value, user: &str, fingerprint: &str) -> Result<(), Refusal> {
    let subject = claims["sub"].as_str().unwrap_or_default();
    let (account, name) = subject.rsplit_once('.').ok_or_else(|| invalid_jwt("sub is not ACCOUNT.USER"))?;
    if account.is_empty() || account.contains('.') || account != account.to_uppercase() {
        return Err(invalid_jwt("sub has no account in upper case and without a region"));
    }
    if name != user {
        return Err(invalid_jwt("sub is another user"));
    }
    if claims["iss"] != format!("{subject}.{fingerprint}") {
        return Err(invalid_jwt("iss is not sub and the key's fingerprint"));
    }
    let (Some(issued), Some(expires)) = (claims["iat"].as_u64(), claims["exp"].as_u64()) else {
        return Err(invalid_jwt("iat or exp is missing"));
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    if issued > now + SKEW_S {
        return Err(invalid_jwt("issued in the future"));
    }
    // Whatever it says, it is good for no longer.
    let expires = expires.min(issued.saturating_add(LIFE_MAX_S));
    if expires + SKEW_S < now { Err(invalid_jwt("expired")) } else { Ok(()) }
}

fn decoded(part: &str) -> Result<Value, Refusal> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| invalid_jwt("not base64url"))?;
    serde_json::from_slice(&bytes).map_err(|_| invalid_jwt("not JSON"))
}

struct PublicKey {
    /// The key itself.
    pkcs1: Vec<u8>,
    /// `SHA256:` and the digest of the whole.
    fingerprint: String,
}

impl PublicKey {
    fn from_pem(pem: &str) -> Self {
        let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = BASE64_STANDARD.decode(base64.trim()).expect("a public key in PEM");
        let algorithm = der.windows(RSA.len()).position(|window| window == RSA).expect("an RSA key");
        // A bit string: tag, length in three bytes, no unused bits.
        const BIT_STRING_HEAD: usize = 5;
        let pkcs1 = der[algorithm + RSA.len() + BIT_STRING_HEAD..].to_vec();
        let fingerprint = format!("SHA256:{}", BASE64_STANDARD.encode(digest(&SHA256, &der)));
        Self { pkcs1, fingerprint }
    }
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
    use serde_json::json;

    use super::*;

    const KEYS: &str = include_str!("../../../clients/warehouse/keys/rsa_key.pub");

    fn pem(text: &str) -> Vec<u8> {
        let base64: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
        BASE64_STANDARD.decode(base64).unwrap()
    }

    fn signed(claims: &Value) -> String {
        let key = include_str!("../../../clients/warehouse/keys/rsa_key.p8");
        let key = RsaKeyPair::from_pkcs8(&pem(key)).unwrap();
        let encoded = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let unsigned = format!("{}.{}", encoded(&json!({"alg": "RS256", "typ": "JWT"})), encoded(claims));
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), unsigned.as_bytes(), &mut signature).unwrap();
        format!("{unsigned}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    /// Good claims, with one changed; gives what is wrong with them.
    fn detail(name: &str, value: Value) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let fingerprint = format!("SHA256:{}", BASE64_STANDARD.encode(digest(&SHA256, &pem(KEYS))));
        let mut claims = json!({
            "sub": "ACCT.ME", "iss": format!("ACCT.ME.{fingerprint}"), "iat": now, "exp": now + 60,
        });
        if !name.is_empty() {
            claims[name] = value;
        }
        match check(&signed(&claims), "ME", &[KEYS.into()]) {
            Ok(()) => String::new(),
            Err(refusal) => refusal.data["standInDetail"].as_str().unwrap().to_owned(),
        }
    }

    #[test]
    fn every_claim_counts() {
        assert_eq!(detail("", Value::Null), "");
        assert_eq!(detail("exp", 1_000_000_000.into()), "expired");
        assert_eq!(detail("iat", 1_000_000_000.into()), "expired", "an hour is the most");
        assert_eq!(detail("iat", 9_000_000_000_u64.into()), "issued in the future");
        assert_eq!(detail("exp", Value::Null), "iat or exp is missing");
        assert_eq!(detail("sub", "ACCT.YOU".into()), "sub is another user");
        assert_eq!(
            detail("sub", "ACCT.EU.ME".into()),
            "sub has no account in upper case and without a region"
        );
        assert_eq!(detail("iss", "ACCT.ME".into()), "iss is not sub and the key's fingerprint");
    }

    #[test]
    fn the_signature_counts() {
        let token = signed(&json!({}));
        assert!(check(&token, "ME", &[]).is_err());
        let unsigned = token.rsplit_once('.').unwrap().0;
        let refusal = check(&format!("{unsigned}.AAAA"), "ME", &[KEYS.into()]).unwrap_err();
        assert_eq!(refusal.data["standInDetail"], "signed with no key of this user");
        assert!(check("nonsense", "ME", &[KEYS.into()]).is_err());
    }
}
