//! The path of a file with a secret, where the secret itself may stand by mistake: such a value is refused, and shown nowhere.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::error::InvalidValue;
use super::resolver::Resolver;

/// How a key or certificate in PEM form begins.
pub(crate) const KEY_BEGIN: &str = "-----";

/// What is wrong with a value that is no path.
pub(crate) const IS_SECRET: &str = "its value is a key or token itself, and not the path of its file; put it into a file of mode \
                                    0600, and write that file's path";

/// The longest path, and the longest name in one, on Linux.
const PATH_BYTES_MAX: usize = 4096;
const NAME_BYTES_MAX: usize = 255;

/// Bytes that are read of a file to see what kind of key it has.
const HEAD_BYTES_MAX: u64 = 4096;

/// The path that `text` names. No error has the value in it.
pub(super) fn check(text: &str, resolver: &Resolver<'_>) -> Result<PathBuf, InvalidValue> {
    if !text.is_empty() && is_never_a_path(text) {
        return Err(refusal());
    }
    let resolved = resolver.resolve(text);
    if seems_to_be_a_secret(text) && !resolved.as_ref().is_ok_and(|path| path.exists()) {
        return Err(refusal());
    }
    resolved.map_err(|_| {
        InvalidValue::with_hint(
            "expected the path of a file: an absolute one, or one that starts with `~/`",
            "write the whole path; variables are not expanded. What was written is not shown: it may be a secret",
        )
    })
}

/// The error of a value of another type, which is not shown either.
pub(super) fn not_text() -> InvalidValue {
    InvalidValue::new("expected a path in quotes")
}

fn refusal() -> InvalidValue {
    InvalidValue::with_hint(IS_SECRET, "what was written is not shown; take it out of where it is now")
}

/// Whether `text` is longer than any path, has several lines, or is a key in PEM form.
pub(crate) fn is_never_a_path(text: &str) -> bool {
    text.len() > PATH_BYTES_MAX || text.chars().any(char::is_control) || text.contains(KEY_BEGIN)
}

/// Whether `text`, where no file is, looks like a key or token rather than a path.
pub(crate) fn seems_to_be_a_secret(text: &str) -> bool {
    /// Names of files and folders of letters and digits in both cases are rarely as long; keys are longer.
    const RANDOM_CHARS_MIN: usize = 32;
    let is_random = |part: &str| {
        let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || b"+=_-".contains(&byte);
        let has = |test: fn(&u8) -> bool| part.as_bytes().iter().any(test);
        part.len() >= RANDOM_CHARS_MIN
            && part.bytes().all(is_usual)
            && has(u8::is_ascii_uppercase)
            && has(u8::is_ascii_lowercase)
            && has(u8::is_ascii_digit)
    };
    let text = text.trim();
    // The beginnings of a JSON web token, of an RSA key in base64, and of a token of Snowflake's.
    ["eyJ", "MII", "LS0t", "ver:", "Bearer "].iter().any(|begin| text.starts_with(begin))
        || text.split(['/', '\\', '.', ':', ' ']).any(is_random)
        || text.split('/').any(|name| name.len() > NAME_BYTES_MAX)
}

/// Whether the file has a public key or a certificate, and no private one: nothing to keep from others.
pub(crate) fn is_public(path: &Path) -> bool {
    let mut head = String::new();
    let read = File::open(path).and_then(|file| file.take(HEAD_BYTES_MAX).read_to_string(&mut head));
    read.is_ok()
        && !head.contains("PRIVATE KEY")
        && ["PUBLIC KEY-----", "CERTIFICATE-----"].iter().any(|end| head.contains(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::test_support::absolute;

    const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJSEKRITiOiJ4In0.c2lnbmF0dXJl";

    fn refused(text: &str) -> String {
        let resolver = Resolver { base: Some(Path::new("/etc/snowgate")), home: None };
        let InvalidValue { message, hint } = check(text, &resolver).unwrap_err();
        format!("{message}; {}", hint.unwrap_or_default())
    }

    #[test]
    fn a_secret_in_the_place_of_its_path_is_refused_and_not_repeated() {
        let base64 = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj/MzEfYyjiWA4R4";
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{base64}\n-----END PRIVATE KEY-----\n");
        let opaque = "ver:1-hint:6789-ETMsDgAAAYcxO1fqABRBRVMvQ0JDL1BLQ1M1UGFkZGluZw";
        for secret in [base64, &pem, TOKEN, opaque, &base64[10..], &format!(" {TOKEN}"), &"a".repeat(5000)] {
            let said = refused(secret);
            assert!(said.contains("file of mode 0600"), "{secret:?}: {said}");
            assert!(!said.contains(&secret[..secret.len().min(12)]), "{said}");
        }
    }

    #[test]
    fn a_path_is_taken_and_one_that_cannot_be_used_is_not_repeated() {
        let resolver = Resolver { base: None, home: Some(Path::new("/home/ada")) };
        for path in ["/etc/keys/rsa_key.p8", "~/keys/rsa_key.p8", "/run/secrets/eyJ"] {
            let path = if path.starts_with('/') { absolute(path) } else { path.to_owned() };
            assert!(check(&path, &resolver).is_ok(), "{path}");
        }
        for text in ["s3cret", "$HOME/s3cret", "~ada/s3cret"] {
            let InvalidValue { message, hint } = check(text, &resolver).unwrap_err();
            assert!(!format!("{message} {hint:?}").contains("s3cret"), "{message}");
        }
        // A file of an unusual name is one.
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(TOKEN);
        std::fs::write(&file, "x").unwrap();
        assert!(check(file.to_str().unwrap(), &resolver).is_ok());
    }

    #[test]
    fn a_public_key_is_told_from_a_private_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        for (text, expected) in [
            ("-----BEGIN PUBLIC KEY-----\nx\n", true),
            ("-----BEGIN PRIVATE KEY-----\nx\n", false),
            ("-----BEGIN CERTIFICATE-----\nx\n-----BEGIN PRIVATE KEY-----\n", false),
            ("token", false),
        ] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(is_public(&file), expected, "{text}");
        }
    }
}
