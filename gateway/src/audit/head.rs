//! Signed heads: who has one, and the public key, knows that the trail up to it is as it was.

use std::io;
use std::path::Path;

use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde_json::Value;

use super::chain::{Link, hex, unhex};
use crate::os;

/// The `event` of a signed head.
pub(super) const HEAD: &str = "head";

/// The private key's file in the state folder; PKCS #8.
const KEY_FILE: &str = "audit.key";

/// The newest head's file in the state folder.
const HEAD_FILE: &str = "audit.head";

/// A longer file is no key, and no head, in bytes.
const FILE_BYTES_MAX: u64 = 4_096;

/// What signs heads.
pub struct HeadKey {
    pair: Ed25519KeyPair,
    public: String,
}

impl std::fmt::Debug for HeadKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HeadKey({})", self.public)
    }
}

impl HeadKey {
    /// The key in `state`; it is made if there is none.
    pub(super) fn open_or_make(state: &Path) -> io::Result<Self> {
        if let Some(key) = Self::open(state)? {
            return Ok(key);
        }
        let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(|_| io::Error::other("the system gives no random numbers"))?;
        os::replace_locked(&state.join(KEY_FILE), made.as_ref())?;
        Self::of(made.as_ref())
    }

    /// The key in `state`; `None`: there is none.
    pub fn open(state: &Path) -> io::Result<Option<Self>> {
        match read_short(&state.join(KEY_FILE))? {
            Some(bytes) => Self::of(&bytes).map(Some),
            None => Ok(None),
        }
    }

    fn of(bytes: &[u8]) -> io::Result<Self> {
        let pair = Ed25519KeyPair::from_pkcs8(bytes).map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{KEY_FILE} holds no Ed25519 key"))
        })?;
        let public = hex(pair.public_key().as_ref());
        Ok(Self { pair, public })
    }

    /// The public key, in hexadecimal.
    pub fn public(&self) -> &str {
        &self.public
    }

    /// The fields of the head that stands at `link`.
    pub(super) fn sign(&self, link: &Link, time: &str) -> String {
        let signature = hex(self.pair.sign(signed(link, time).as_bytes()).as_ref());
        let key = &self.public;
        format!(
            "\"time\":\"{time}\",\"kind\":\"trail\",\"event\":\"{HEAD}\",\"public_key\":\"{key}\",\"signature\":\"{signature}\""
        )
    }
}

/// What is signed.
fn signed(link: &Link, time: &str) -> String {
    format!("snowgate audit head 1\n{}\n{}\n{time}\n", link.seq, link.prev.hex())
}

/// What is wrong with the head in `line`, whose key must be `key`, if that is known; returns the key that it was signed by.
pub(super) fn check(line: &[u8], key: Option<&str>) -> Result<String, &'static str> {
    let link = Link::read(line).ok_or("it is no record")?;
    let value: Value = serde_json::from_slice(line).map_err(|_| "it is no JSON")?;
    if value["event"] != HEAD {
        return Err("it is no signed head");
    }
    let text = |name: &str| value[name].as_str().unwrap_or_default();
    let (public, time) = (text("public_key"), text("time"));
    if key.is_some_and(|key| key != public) {
        return Err("it was signed by another key");
    }
    let (Some(bytes), Some(signature)) = (unhex(public), unhex(text("signature"))) else {
        return Err("its signature is unreadable");
    };
    UnparsedPublicKey::new(&ED25519, bytes)
        .verify(signed(&link, time).as_bytes(), &signature)
        .map_err(|_| "its signature is wrong")?;
    Ok(public.to_owned())
}

/// Keeps `line`, the newest head, beside the folder of the trail.
pub(super) fn keep(state: &Path, line: &str) -> io::Result<()> {
    os::replace_locked(&state.join(HEAD_FILE), format!("{line}\n").as_bytes())
}

/// The head that was kept last.
pub fn kept(state: &Path) -> io::Result<Option<String>> {
    let bytes = read_short(&state.join(HEAD_FILE))?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).trim_end().to_owned()))
}

fn read_short(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match os::read_whole(path, FILE_BYTES_MAX) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        bytes => bytes.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::super::chain::LineHash;
    use super::*;

    #[test]
    fn a_head_holds_for_its_key_and_its_place_alone() {
        let state = tempfile::tempdir().unwrap();
        let key = HeadKey::open_or_make(state.path()).unwrap();
        let link = Link { seq: 9, prev: LineHash::of(b"x") };
        let line = link.line(&key.sign(&link, "2026-01-01T00:00:00.000Z"));
        assert_eq!(check(line.as_bytes(), Some(key.public())).unwrap(), key.public());
        let again = HeadKey::open_or_make(state.path()).unwrap();
        assert_eq!(again.public(), key.public());
        assert!(check(line.replace("seq\":9", "seq\":8").as_bytes(), None).is_err());
        assert!(check(line.replace("2026-01", "2026-02").as_bytes(), None).is_err());
        assert_eq!(check(line.as_bytes(), Some("00")).unwrap_err(), "it was signed by another key");
        keep(state.path(), &line).unwrap();
        assert_eq!(kept(state.path()).unwrap().as_deref(), Some(line.as_str()));
    }
}
