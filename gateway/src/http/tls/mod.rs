//! TLS of the front: a certificate and its key from two files, read again when they change.
//!
//! What is on disk is used as soon as it is whole. A pair that cannot be used changes nothing: connections go on with the one
//! before, and log and status say why.

mod validity;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::ServerConfig;
use rustls::pki_types::pem::{PemObject as _, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::TlsFiles;
use crate::os::{FileId, FileStamp, read_whole};
pub use validity::issuer_of;
use validity::{Validity, date};

/// How often the files are looked at.
pub(super) const CHECK: Duration = Duration::from_secs(2);

/// Bytes of one of the files, at most.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The protocols that are offered, by ALPN.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Why a certificate and its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {} ({setting})", path.display())]
    Read {
        /// Which setting names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file has not what it is to have.
    #[error("{} ({setting}) {what}", path.display())]
    Content {
        /// Which setting names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Two files that do not belong together.
    #[error("the key in {} (`http.tls_key`) is not the one of the certificate in {} (`http.tls_certificate`)", key.display(), certificate.display())]
    Mismatch {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
    },
}

const CERTIFICATE: &str = "`http.tls_certificate`";
const KEY: &str = "`http.tls_key`";

impl TlsError {
    /// What the user can do about it.
    pub fn next_step(&self) -> String {
        match self {
            Self::Read { path, .. } => {
                format!("check that {} exists and that this user may read it", path.display())
            }
            Self::Content { setting, .. } if *setting == KEY => {
                "name the certificate's private key as an unencrypted PEM file (PKCS#8, PKCS#1 or SEC1)"
                    .to_owned()
            }
            Self::Content { .. } => {
                "name a PEM file with the certificate that is valid now, and behind it those of its issuers"
                    .to_owned()
            }
            Self::Mismatch { .. } => "name a certificate and the key that it was made for".to_owned(),
        }
    }
}

/// A certificate and key that can be used.
struct Pair {
    config: Arc<ServerConfig>,
    validity: Validity,
}

/// What the files looked like: another look tells whether they have changed.
type Stamp = [Option<(FileId, u64, Option<SystemTime>)>; 2];

/// What a look at the files found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// What was there before.
    Unchanged,
    /// A new pair, which is used from now on.
    Loaded,
    /// Something else than before that cannot be used.
    Unusable(String),
}

/// The certificate in use.
pub(super) struct Tls {
    files: TlsFiles,
    state: Mutex<State>,
}

struct State {
    pair: Pair,
    /// The files as they were when they were last looked at.
    stamp: Stamp,
    /// Whether what they held then is in use, or was reported.
    is_settled: bool,
}

impl Tls {
    /// Reads the files. Blocks for a moment.
    ///
    /// # Errors
    /// They cannot be used.
    pub(super) fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        let stamp = stamp(files);
        let pair = load(files)?;
        Ok(Self { files: files.clone(), state: Mutex::new(State { pair, stamp, is_settled: true }) })
    }

    /// What the next connection is encrypted with.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.lock().pair.config)
    }

    /// When the certificate in use expires, in seconds since 1970.
    pub(super) fn expires(&self) -> i64 {
        self.lock().pair.validity.not_after
    }

    /// That the certificate in use has expired meanwhile.
    pub(super) fn expiry_problem(&self) -> Option<String> {
        self.lock().pair.validity.problem(now())
    }

    /// Looks whether the files have changed, and uses what they hold now. Files are changed one after the other: what
    /// cannot be used is an error once it was the same at two looks, or if `is_asked`. Blocks for a moment.
    pub(super) fn look(&self, is_asked: bool) -> Look {
        let stamp = stamp(&self.files);
        let is_new = self.lock().stamp != stamp;
        if !is_new && !is_asked && self.lock().is_settled {
            return Look::Unchanged;
        }
        let loaded = load(&self.files);
        let mut state = self.lock();
        state.stamp = stamp;
        match loaded {
            Ok(pair) => {
                let is_other = is_new || !state.is_settled;
                (state.pair, state.is_settled) = (pair, true);
                if is_other { Look::Loaded } else { Look::Unchanged }
            }
            Err(error) => {
                state.is_settled = !is_new || is_asked;
                match state.is_settled {
                    true => Look::Unusable(described(&error)),
                    false => Look::Unchanged,
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error with its cause and what to do about it.
fn described(error: &TlsError) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}; {}", error.next_step())
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

fn stamp(files: &TlsFiles) -> Stamp {
    [&files.certificate, &files.key].map(|path| {
        let found = FileStamp::at(path).ok()?;
        Some((found.id, found.bytes, found.modified))
    })
}

fn load(files: &TlsFiles) -> Result<Pair, TlsError> {
    let chain = certificates(&files.certificate)?;
    let validity = chain
        .first()
        .and_then(|first| Validity::of(first))
        .ok_or_else(|| content(CERTIFICATE, &files.certificate, "has a certificate that cannot be read"))?;
    let key = private_key(&files.key)?;
    let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let builder = builder
        .with_safe_default_protocol_versions()
        .map_err(|error| content(CERTIFICATE, &files.certificate, error.to_string()))?
        .with_no_client_auth();
    let mut config = builder.with_single_cert(chain, key).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            TlsError::Mismatch { certificate: files.certificate.clone(), key: files.key.clone() }
        }
        rustls::Error::InvalidCertificate(why) => content(
            CERTIFICATE,
            &files.certificate,
            format!("has a certificate that cannot be used: {why:?}"),
        ),
        _ => content(
            KEY,
            &files.key,
            "has a key of a kind that cannot be used (RSA, ECDSA P-256 and P-384 and Ed25519 can)",
        ),
    })?;
    // After the rest: of a pair that is wrong in another way, too, that is said.
    if let Some(problem) = validity.problem(now()) {
        return Err(content(CERTIFICATE, &files.certificate, problem));
    }
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(Pair { config: Arc::new(config), validity })
}

fn content(setting: &'static str, path: &Path, what: impl Into<String>) -> TlsError {
    TlsError::Content { setting, path: path.to_owned(), what: what.into() }
}

fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    read_whole(path, FILE_BYTES_MAX).map_err(|source| match source.kind() {
        ErrorKind::InvalidInput => content(setting, path, "is no file"),
        ErrorKind::FileTooLarge => content(setting, path, format!("has more than {FILE_BYTES_MAX} bytes")),
        _ => TlsError::Read { setting, path: path.to_owned(), source },
    })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = read(CERTIFICATE, path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) if bytes.windows(11).any(|bytes| bytes == b"PRIVATE KEY") => {
            Err(content(CERTIFICATE, path, "has a private key, but no certificate"))
        }
        Ok(_) => Err(content(CERTIFICATE, path, "has no certificate in PEM form")),
        Err(error) => Err(content(CERTIFICATE, path, format!("is no PEM file: {error}"))),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let bytes = read(KEY, path)?;
    if let Ok(key) = PrivateKeyDer::from_pem_slice(&bytes) {
        return Ok(key);
    }
    let has = |text: &str| bytes.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    let what = if has("ENCRYPTED") {
        "has an encrypted key, whose passphrase is not known"
    } else if <(SectionKind, Vec<u8>)>::from_pem_slice(&bytes)
        .is_ok_and(|(kind, _)| kind == SectionKind::Certificate)
    {
        "has a certificate, but no private key"
    } else {
        "has no private key in PEM form"
    };
    Err(content(KEY, path, what))
}

/// When the certificate in `files` expires, in seconds since 1970. Blocks for a moment.
///
/// # Errors
/// They cannot be used.
pub fn certificate_expires(files: &TlsFiles) -> Result<i64, TlsError> {
    load(files).map(|pair| pair.validity.not_after)
}

/// A day for people, for `status`.
pub fn day(seconds: i64) -> String {
    date(seconds)
}
