//! From the text that a user gives to a key's DER.
//!
//! A text from a variable, or from another tool's file, has often lost its line ends: they are written out
//! (`\n`), or are blanks. So a PEM block is read as words, and its lines count for nothing.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::error::KeyError;
use crate::secret::Secret;

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// Padding may be missing, and what is left of the last character does not matter.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What a text holds.
pub(super) struct Document {
    pub(super) der: Zeroizing<Vec<u8>>,
    /// The value of `DEK-Info`, if the PEM block is encrypted as a whole: `AES-256-CBC,IV`.
    pub(super) encryption: Option<String>,
}

/// The content of a file as text: UTF-8, UTF-16 with its mark (as some programs of Windows write), or else the
/// base64 of what it is.
pub(super) fn text_of(file: Vec<u8>) -> Secret {
    let file = match String::from_utf8(file) {
        Ok(text) => return Secret::new(text),
        Err(error) => Zeroizing::new(error.into_bytes()),
    };
    let wide = |unit: fn([u8; 2]) -> u16| {
        let units: Zeroizing<Vec<u16>> =
            Zeroizing::new(file.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect());
        String::from_utf16(&units).ok()
    };
    let text = match file[..] {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        _ => None,
    };
    Secret::new(text.unwrap_or_else(|| BASE64.encode(&file[..])))
}

/// Reads PEM, or the base64 of DER or of PEM.
///
/// # Errors
/// There is no private key in it.
pub(super) fn read(text: &str) -> Result<Document, KeyError> {
    let text = text.trim_start_matches('\u{feff}').trim().trim_matches(['"', '\'']);
    let text = Zeroizing::new(text.replace("\\r", "\n").replace("\\n", "\n"));
    if text.contains(BEGIN) {
        return armoured(&text);
    }
    if text.starts_with("PuTTY-User-Key-File") {
        return Err(KeyError::OtherForm {
            form: "PuTTY",
            command: "puttygen OLD -O private-openssh -o NEW; ssh-keygen -p -m PKCS8 -f NEW",
        });
    }
    if text.starts_with("ssh-") || text.starts_with("ecdsa-") {
        return Err(KeyError::NotPrivate("a public key of OpenSSH"));
    }
    let der = decoded(text.split_whitespace()).filter(|der| !der.is_empty()).ok_or(KeyError::NotPem)?;
    match std::str::from_utf8(&der) {
        Ok(pem) if pem.contains(BEGIN) => armoured(pem),
        // DER begins with a sequence.
        _ if der.first() != Some(&super::der::SEQUENCE) => Err(KeyError::NotPem),
        _ => Ok(Document { der, encryption: None }),
    }
}

/// The first block of a private key; what stands around it does not matter.
fn armoured(text: &str) -> Result<Document, KeyError> {
    let mut rest = text;
    let mut other = None;
    while let Some((_, block)) = rest.split_once(BEGIN) {
        let (label, body) = block.split_once(DASHES).ok_or(KeyError::NotPem)?;
        let end = format!("-----END {label}{DASHES}");
        let Some((body, next)) = body.split_once(&end) else {
            let shown: String = label.chars().take(40).filter(|char| !char.is_control()).collect();
            return Err(KeyError::Incomplete(shown));
        };
        match label {
            "OPENSSH PRIVATE KEY" => {
                let command = "ssh-keygen -p -m PKCS8 -f KEY";
                return Err(KeyError::OtherForm { form: "OpenSSH", command });
            }
            "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => {
                other = other.or(Some("a certificate"));
            }
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => {
                other = other.or(Some("a request for a certificate"));
            }
            _ if label.ends_with("PUBLIC KEY") => other = other.or(Some("a public key")),
            _ if label.ends_with("PRIVATE KEY") => return block_of(body),
            // `EC PARAMETERS`, which OpenSSL writes before the key.
            _ => {}
        }
        rest = next;
    }
    Err(other.map_or(KeyError::NotPem, KeyError::NotPrivate))
}

fn block_of(body: &str) -> Result<Document, KeyError> {
    let mut words = body.split_whitespace().peekable();
    let mut encryption = None;
    while let Some(header) = words.next_if(|word| word.ends_with(':')) {
        let value = words.next();
        if header == "DEK-Info:" {
            encryption = value.map(str::to_owned);
        }
    }
    let der = decoded(words).ok_or(KeyError::Damaged("it is not in base64"))?;
    Ok(Document { der, encryption })
}

/// Decodes base64, of the alphabet of URLs, too.
fn decoded<'a>(words: impl Iterator<Item = &'a str>) -> Option<Zeroizing<Vec<u8>>> {
    let usual = |char| match char {
        '-' => '+',
        '_' => '/',
        other => other,
    };
    let text: Zeroizing<String> = Zeroizing::new(words.flat_map(str::chars).map(usual).collect());
    BASE64.decode(text.as_bytes()).ok().map(Zeroizing::new)
}
