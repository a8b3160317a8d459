//! Keys as users have them. They are made by OpenSSL, for these tests only: see `test_keys/README.md`.

use std::process::{Command, Stdio};

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
    VerificationAlgorithm,
};

use super::*;

const PLAIN: &str = include_str!("../test_keys/rsa.p8");
const PKCS1: &str = include_str!("../test_keys/rsa_pkcs1.pem");
const DEK: &str = include_str!("../test_keys/rsa_dek_aes256.pem");
/// As OpenSSL computes it for that key.
const FINGERPRINT: &str = "SHA256:5FFhGdploGT7DaW6BZKLN3MRul7EEoHZ0QEWqL7nOSY=";

fn passphrase() -> Secret {
    Secret::new("test-passphrase")
}

#[track_caller]
fn is_read(text: &str) {
    let key =
        KeyPair::from_pem(text, Some(&passphrase())).unwrap_or_else(|error| panic!("{error}: {text:.90}"));
    assert_eq!(key.fingerprint(), FINGERPRINT);
}

#[track_caller]
fn refusal(text: &str) -> String {
    KeyPair::from_pem(text, Some(&passphrase())).map(|_| ()).unwrap_err().to_string()
}

/// The DER in a PEM text without headers.
fn der(pem: &str) -> Vec<u8> {
    document::read(pem).unwrap().der.to_vec()
}

#[test]
fn a_key_is_read_in_each_encryption() {
    for pem in [
        PLAIN,
        PKCS1,
        include_str!("../test_keys/rsa_aes.p8"),
        include_str!("../test_keys/rsa_aes_sha512.p8"),
        include_str!("../test_keys/rsa_des3_sha1.p8"),
        include_str!("../test_keys/rsa_des.p8"),
        include_str!("../test_keys/rsa_scrypt.p8"),
        include_str!("../test_keys/rsa_pbe_sha1_3des.p8"),
        include_str!("../test_keys/rsa_pbe_sha1_2des.p8"),
        include_str!("../test_keys/rsa_pbe_sha1_des.p8"),
        include_str!("../test_keys/rsa_pbe_md5_des.p8"),
        include_str!("../test_keys/rsa_dek_aes128.pem"),
        include_str!("../test_keys/rsa_dek_aes192.pem"),
        DEK,
        include_str!("../test_keys/rsa_dek_des3.pem"),
        include_str!("../test_keys/rsa_dek_des.pem"),
    ] {
        is_read(pem);
        let wrong = KeyPair::from_pem(pem, Some(&Secret::new("wrong")));
        if pem.contains("ENCRYPTED") {
            assert!(matches!(wrong, Err(KeyError::WrongPassphrase)), "{wrong:?} of {pem:.90}");
            let missing = KeyPair::from_pem(pem, None);
            assert!(matches!(missing, Err(KeyError::PassphraseMissing)), "{missing:?} of {pem:.90}");
        }
    }
}

#[test]
fn a_key_is_read_in_each_spelling() {
    let encrypted = include_str!("../test_keys/rsa_pbe_sha1_3des.p8");
    let certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    for pem in [PLAIN, PKCS1, DEK, encrypted] {
        is_read(&format!("Bag Attributes\n    friendlyName: x\nKey Attributes: <No Attributes>\n{pem}"));
        is_read(&format!("{certificate}{pem}"));
        is_read(&format!("\u{feff}{pem}"));
        is_read(&pem.replace('\n', "\r\n"));
        is_read(&pem.replace('\n', "\\n"));
        is_read(&pem.replace('\n', "\\r\\n"));
        is_read(&pem.replace('\n', " "));
        is_read(&format!("\"{}\"", pem.replace('\n', "\\n")));
        is_read(&BASE64_STANDARD.encode(pem));
    }
    for pem in [PLAIN, PKCS1] {
        is_read(&pem.replace('\n', ""));
    }
    for pem in [PLAIN, PKCS1, encrypted] {
        let bare = BASE64_STANDARD.encode(der(pem));
        is_read(&bare);
        is_read(bare.trim_end_matches('='));
        is_read(&BASE64_URL_SAFE.encode(der(pem)));
        is_read(
            &bare
                .as_bytes()
                .chunks(76)
                .map(|line| std::str::from_utf8(line).unwrap())
                .collect::<Vec<_>>()
                .join("\n"),
        );
    }
}

#[test]
fn a_file_may_be_text_or_der() {
    let utf16 = |big: bool| -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(PLAIN.encode_utf16());
        units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    };
    let encrypted = der(include_str!("../test_keys/rsa_pbe_sha1_3des.p8"));
    for bytes in [PLAIN.as_bytes().to_vec(), der(PLAIN), der(PKCS1), encrypted, utf16(true), utf16(false)] {
        is_read(KeyPair::text_of(bytes).expose());
    }
    assert!(refusal(KeyPair::text_of(vec![0xff; 40]).expose()).contains("no private key was found"));
}

#[test]
fn what_is_no_usable_key_says_what_it_is() {
    for (text, what) in [
        ("", "no private key was found"),
        ("MIIE", "it has none of the known forms"),
        ("hello world", "no private key was found"),
        (&PLAIN[..600], "`-----END PRIVATE KEY-----` is missing"),
        (&PLAIN.replacen("MII", "M!I", 1), "it is not in base64"),
        (include_str!("../test_keys/rsa_public.pem"), "it is a public key, not a private key"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "it is a certificate"),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----",
            "ssh-keygen -p -m PKCS8",
        ),
        ("PuTTY-User-Key-File-3: ssh-rsa", "puttygen OLD"),
        ("ssh-rsa AAAAB3 me@here", "it is a public key of OpenSSH"),
        (
            include_str!("../test_keys/rsa_pbe_sha1_rc2_40.p8"),
            "encrypted with PBE-SHA1-RC2-40, which is not supported",
        ),
        (include_str!("../test_keys/rsa_pbe_sha1_rc2_40.p8"), "-provider legacy"),
        (include_str!("../test_keys/rsa_camellia.p8"), "encrypted with CAMELLIA-256-CBC"),
        (
            include_str!("../test_keys/rsa_camellia.p8"),
            "openssl pkcs8 -topk8 -v2 aes-256-cbc -in OLD -out NEW",
        ),
        (include_str!("../test_keys/rsa_dek_camellia128.pem"), "encrypted with CAMELLIA-128-CBC"),
        (include_str!("../test_keys/ed25519.p8"), "of the kind Ed25519"),
        (include_str!("../test_keys/ec_p521.p8"), "of the kind EC (P-521)"),
        (include_str!("../test_keys/ec_k1.p8"), "of the kind EC (secp256k1)"),
        (include_str!("../test_keys/ec_k1.p8"), "openssl genrsa 2048"),
        (include_str!("../test_keys/rsa_1024.p8"), "an RSA key of 1024 bits; expected 2048 to 4096"),
    ] {
        let said = refusal(text);
        assert!(said.contains(what), "no {what:?} in {said:?}");
        assert!(!said.contains("test-passphrase"));
    }
    let public = BASE64_STANDARD
        .encode(der(&include_str!("../test_keys/rsa_public.pem").replace("PUBLIC", "PRIVATE")));
    assert!(refusal(&public).contains("it is a public key"));
}

#[test]
fn keys_of_curves_sign_as_the_official_connector_does() {
    let curves: [(&str, &str, &str, &'static dyn VerificationAlgorithm); 4] = [
        (include_str!("../test_keys/ec.p8"), P256, "ES256", &ECDSA_P256_SHA256_FIXED),
        (include_str!("../test_keys/ec_sec1.pem"), P256, "ES256", &ECDSA_P256_SHA256_FIXED),
        (include_str!("../test_keys/ec_dek.pem"), P256, "ES256", &ECDSA_P256_SHA256_FIXED),
        (include_str!("../test_keys/ec_p384.p8"), P384, "ES384", &ECDSA_P384_SHA384_FIXED),
    ];
    for (pem, fingerprint, algorithm, verification) in curves {
        let key = KeyPair::from_pem(pem, Some(&passphrase())).unwrap();
        assert_eq!(key.fingerprint(), fingerprint);
        let Key::Ec(pair, _) = &*key.key else { panic!("not a curve") };
        let header = verified(&key, verification, pair.public_key().as_ref());
        assert_eq!(header["alg"], algorithm);
    }
}

const P256: &str = "SHA256:AmFWJKTWEx4+KioBxR2M9dRNFfzRup9Cb1faFF0Hscc=";
const P384: &str = "SHA256:XZzAsQh+FUT0iJofQnUS56FcSuzWnlabXq8l7lbvlV8=";

/// The header of a token whose signature is right.
#[track_caller]
fn verified(key: &KeyPair, by: &'static dyn VerificationAlgorithm, public: &[u8]) -> serde_json::Value {
    let token = key.token("ACCT", "me").unwrap();
    let (unsigned, signature) = token.expose().rsplit_once('.').unwrap();
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    assert!(UnparsedPublicKey::new(by, public).verify(unsigned.as_bytes(), &signature).is_ok());
    assert_eq!(unsigned.split('.').count(), 2);
    let header = unsigned.split('.').next().unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap()
}

#[test]
fn a_token_is_signed_with_the_key() {
    let key = KeyPair::from_pem(PLAIN, None).unwrap();
    let Key::Rsa(pair) = &*key.key else { panic!("not RSA") };
    assert_eq!(verified(&key, &RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref())["alg"], "RS256");
}

#[test]
fn no_formatter_shows_more_than_the_fingerprint() {
    let shown = format!("{:?}", KeyPair::from_pem(PLAIN, None).unwrap());
    assert_eq!(shown, format!("KeyPair {{ fingerprint: \"{FINGERPRINT}\", .. }}"));
}

#[test]
fn every_text_gives_an_answer() {
    // Each byte of a key changed, and each beginning of it.
    for pem in [include_str!("../test_keys/ec.p8"), include_str!("../test_keys/ec_sec1.pem")] {
        let whole = der(pem);
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 0x81;
            let _ = KeyPair::from_pem(&BASE64_STANDARD.encode(&changed), None);
            let _ = KeyPair::from_pem(&BASE64_STANDARD.encode(&whole[..place]), None);
        }
    }
}

/// What the installed OpenSSL makes of a key today, for all ciphers that it has and that are read.
#[test]
fn what_the_installed_openssl_writes_is_read() {
    let openssl = |args: &[&str]| {
        let run = Command::new("openssl").args(args).stdin(Stdio::null()).stderr(Stdio::null()).output();
        run.ok().filter(|run| run.status.success()).and_then(|run| String::from_utf8(run.stdout).ok())
    };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("k.p8");
    std::fs::write(&file, PLAIN).unwrap();
    let file = file.to_str().unwrap();
    let pass = ["-passout", "pass:test-passphrase", "-in", file];
    for more in [
        &["-v2", "aes-128-cbc"][..],
        &["-v2", "aes-192-cbc", "-v2prf", "hmacWithSHA224"],
        &["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA384", "-iter", "4000"],
        &["-v2", "des3", "-v2prf", "hmacWithSHA1"],
        &["-scrypt", "-scrypt_N", "1024"],
        &["-v1", "PBE-SHA1-3DES"],
    ] {
        let args = [&["pkcs8", "-topk8"][..], more, &pass].concat();
        // Another OpenSSL may lack one.
        if let Some(pem) = openssl(&args) {
            is_read(&pem);
        }
    }
}
