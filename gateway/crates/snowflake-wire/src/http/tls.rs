//! Which servers are trusted, and with what cryptography.

use std::sync::{Arc, OnceLock};

use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

use crate::error::SettingsError;
use crate::settings::Protocol;

/// TLS by `ring`, trusting what the system trusts: a company that inspects traffic installs its root there,
/// and what the system revokes is revoked here.
///
/// # Errors
/// The system has no roots. For a server in plain text that is no error: nothing is trusted then.
pub fn config(protocol: Protocol) -> Result<ClientConfig, SettingsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(SettingsError::NoRoots)?;
    match (verifier(provider), protocol) {
        (Ok(verifier), _) => {
            Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
        }
        (Err(_), Protocol::Http) => {
            Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
        }
        (Err(error), Protocol::Https) => Err(SettingsError::NoRoots(error)),
    }
}

/// The system's roots, read once in a process: there are some 150 to parse.
fn verifier(provider: Arc<CryptoProvider>) -> Result<Arc<Verifier>, rustls::Error> {
    static READ: OnceLock<Arc<Verifier>> = OnceLock::new();
    if let Some(verifier) = READ.get() {
        return Ok(Arc::clone(verifier));
    }
    let verifier = Arc::new(Verifier::new(provider)?);
    Ok(Arc::clone(READ.get_or_init(|| verifier)))
}
