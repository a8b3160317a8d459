//! What a DER document is: one of the forms of a private key, or something else that belongs to keys.
//!
//! Sources: RFC 5208 (PKCS#8), RFC 8017 A.1.2 (PKCS#1), RFC 5915 (keys of elliptic curves), RFC 5280 (public
//! keys, certificates), RFC 7292 (PKCS#12).

use crate::error::KeyError;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
const CURVE: u8 = 0xa0;
const PUBLIC_POINT: u8 = 0xa1;

/// The elements of a DER sequence, one after the other.
#[derive(Clone, Copy)]
pub(super) struct Elements<'a>(pub(super) &'a [u8]);

impl<'a> Elements<'a> {
    /// The next element: its tag and its content. `None`: there is none, or its length is invalid.
    pub(super) fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    /// The content of the next element, if it has this tag.
    pub(super) fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }

    /// The elements of the next element, a sequence.
    pub(super) fn sequence(&mut self) -> Option<Self> {
        self.take(SEQUENCE).map(Self)
    }

    /// The next element, a small number.
    pub(super) fn number(&mut self) -> Option<u32> {
        let bytes = self.take(INTEGER)?;
        let is_small = bytes.len() <= 4 && bytes.first().is_some_and(|first| first & 0x80 == 0);
        is_small.then(|| bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }
}

/// A document.
#[derive(Clone, Copy)]
pub(super) enum Form<'a> {
    /// PKCS#8: the algorithm's identifier and its parameters, and the key in its own form.
    Pkcs8 { algorithm: Elements<'a>, key: &'a [u8] },
    /// PKCS#8, encrypted.
    Encrypted { algorithm: Elements<'a>, data: &'a [u8] },
    /// PKCS#1.
    Rsa,
    /// A key of an elliptic curve in a form of its own.
    Ec,
}

/// The form of `document`.
///
/// # Errors
/// It is none.
pub(super) fn form(document: &[u8]) -> Result<Form<'_>, KeyError> {
    let unknown = || KeyError::Damaged("it has none of the known forms");
    let mut elements = Elements(document).sequence().ok_or_else(unknown)?;
    let (first, content) = elements.next().ok_or_else(unknown)?;
    let (second, rest) = elements.next().ok_or_else(unknown)?;
    match (first, second, content) {
        (INTEGER, SEQUENCE, [0 | 1]) => {
            let key = elements.take(OCTET_STRING).ok_or_else(unknown)?;
            Ok(Form::Pkcs8 { algorithm: Elements(rest), key })
        }
        (INTEGER, SEQUENCE, [3]) => Err(KeyError::OtherForm {
            form: "PKCS#12 (.p12, .pfx)",
            command: "openssl pkcs12 -in OLD -nocerts | openssl pkcs8 -topk8 -v2 aes-256-cbc -out NEW",
        }),
        (INTEGER, INTEGER, [0 | 1]) => Ok(Form::Rsa),
        (INTEGER, OCTET_STRING, [1]) => Ok(Form::Ec),
        (INTEGER, INTEGER, _) if elements.next().is_none() => Err(KeyError::NotPrivate("a public key")),
        (SEQUENCE, OCTET_STRING, _) => Ok(Form::Encrypted { algorithm: Elements(content), data: rest }),
        (SEQUENCE, BIT_STRING, _) => Err(KeyError::NotPrivate("a public key")),
        (SEQUENCE, SEQUENCE, _) => Err(KeyError::NotPrivate("a certificate")),
        _ => Err(unknown()),
    }
}

/// The bits of the modulus of a PKCS#1 key.
pub(super) fn rsa_bits(key: &[u8]) -> Option<usize> {
    let mut elements = Elements(key).sequence()?;
    elements.take(INTEGER)?;
    let modulus = elements.take(INTEGER)?;
    let significant = modulus.iter().position(|byte| *byte != 0).map(|start| &modulus[start..])?;
    Some(significant.len() * 8 - significant.first()?.leading_zeros() as usize)
}

/// The parts of a key of an elliptic curve.
pub(super) struct EcKey<'a> {
    pub(super) secret: &'a [u8],
    /// The curve's identifier, if it stands here; empty: the curve is described by its numbers.
    pub(super) curve: Option<&'a [u8]>,
    pub(super) public: Option<&'a [u8]>,
}

/// Reads a key of an elliptic curve.
pub(super) fn ec_key(key: &[u8]) -> Option<EcKey<'_>> {
    let mut elements = Elements(key).sequence()?;
    elements.number().filter(|version| *version == 1)?;
    let secret = elements.take(OCTET_STRING)?;
    let mut found = EcKey { secret, curve: None, public: None };
    while let Some((tag, content)) = elements.next() {
        match tag {
            CURVE => found.curve = Some(Elements(content).take(OID).unwrap_or_default()),
            // The first byte counts unused bits, of which there are none.
            PUBLIC_POINT => found.public = Elements(content).take(BIT_STRING)?.get(1..),
            _ => {}
        }
    }
    Some(found)
}
