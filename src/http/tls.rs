//! Certificates and keys from PEM files, for rustls with ring.

use super::web_config::{ClientAuth, TlsFiles};
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, version};

/// Loads certificates and keys. Adds an error for each file that cannot be read or does not match the others.
pub(super) fn server_config(files: &TlsFiles, errors: &mut Vec<String>) -> Option<Arc<ServerConfig>> {
    let chain = collect_error(certificates("cert_file", &files.certificate), errors);
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| unreadable("key_file", &files.key, &error));
    let key = collect_error(key, errors);
    let clients = collect_error(clients(files), errors);
    let (chain, key, clients) = (chain?, key?, clients?);

    let versions: &[_] = if files.only_13 { &[&version::TLS13] } else { &[&version::TLS13, &version::TLS12] };
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .map_err(|error| format!("tls_server_config: {error}"));
    let builder = collect_error(builder, errors)?;
    let builder = match clients {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let config = builder.with_single_cert(chain, key).map_err(|error| {
        let (certificate, key) = (files.certificate.display(), files.key.display());
        format!("tls_server_config: {certificate} and {key} do not match: {error}")
    });
    let mut config = collect_error(config, errors)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Some(Arc::new(config))
}

/// The value, or `None` with its error added to `errors`.
fn collect_error<T>(result: Result<T, String>, errors: &mut Vec<String>) -> Option<T> {
    result.map_err(|error| errors.push(error)).ok()
}

fn unreadable(key: &str, path: &Path, error: &pem::Error) -> String {
    let message = match error {
        pem::Error::Io(error) => format!("cannot be read: {error}"),
        pem::Error::NoItemsFound => match key {
            "key_file" => "contains no private key in PEM format".to_owned(),
            _ => "contains no certificate in PEM format".to_owned(),
        },
        other => format!("is not valid PEM: {other}"),
    };
    format!("tls_server_config.{key}: {} {message}", path.display())
}

fn certificates(key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let all = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match all {
        Ok(chain) if chain.is_empty() => Err(unreadable(key, path, &pem::Error::NoItemsFound)),
        Ok(chain) => Ok(chain),
        Err(error) => Err(unreadable(key, path, &error)),
    }
}

fn clients(files: &TlsFiles) -> Result<Option<Arc<dyn ClientCertVerifier>>, String> {
    let Some(path) = files.client_ca.as_deref().filter(|_| files.client_auth != ClientAuth::None) else {
        return Ok(None);
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates("client_ca_file", path)? {
        let unusable = |error| format!("tls_server_config.client_ca_file: {}: {error}", path.display());
        roots.add(certificate).map_err(unusable)?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(ring::default_provider()));
    let builder = if files.client_auth == ClientAuth::IfGiven { builder.allow_unauthenticated() } else { builder };
    let verifier = builder.build();
    verifier.map(Some).map_err(|error| format!("tls_server_config.client_ca_file: {}: {error}", path.display()))
}
