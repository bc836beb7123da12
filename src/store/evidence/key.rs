//! Ed25519 keys and signatures (RFC 8032), in the form that OpenSSL writes and verifies.

use super::files;
use super::sums::{digest, hex};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use std::path::Path;

/// DER of SubjectPublicKeyInfo for Ed25519 up to the 32 octets of the key (RFC 8410 §4).
const PUBLIC_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// Most octets of a file with a key.
const MOST_OCTETS: u64 = 16 << 10;

/// A private key that signs evidence.
pub struct SigningKey {
    pair: Ed25519KeyPair,
}

/// A public key that verifies it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl SigningKey {
    /// From a file as `openssl genpkey -algorithm ed25519` writes it.
    ///
    /// # Errors
    /// A sentence with the path.
    pub fn read(path: &Path) -> Result<SigningKey, String> {
        let shown = path.display();
        // A link is followed here: the operator names the file.
        let path = std::fs::canonicalize(path).map_err(|error| format!("{shown}: {error}"))?;
        let bytes = files::read(&path, MOST_OCTETS).map_err(|error| format!("{shown}: {error}"))?;
        SigningKey::from_pem(&String::from_utf8_lossy(&bytes)).map_err(|message| format!("{shown}: {message}"))
    }

    /// From PEM (PKCS#8, RFC 5958).
    ///
    /// # Errors
    /// A sentence.
    pub fn from_pem(pem: &str) -> Result<SigningKey, String> {
        let wrong = "not an Ed25519 private key in PEM: create one with `openssl genpkey -algorithm ed25519`";
        let der = der(pem, "PRIVATE KEY").ok_or(wrong)?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(|_| wrong)?;
        Ok(SigningKey { pair })
    }

    /// The key that verifies what this one signs.
    pub fn public(&self) -> PublicKey {
        let mut octets = [0; 32];
        // An Ed25519 public key has 32 octets.
        octets.iter_mut().zip(self.pair.public_key().as_ref()).for_each(|(to, from)| *to = *from);
        PublicKey(octets)
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

impl PublicKey {
    /// From a file as `openssl pkey -pubout` writes it.
    ///
    /// # Errors
    /// A sentence with the path.
    pub fn read(path: &Path) -> Result<PublicKey, String> {
        let shown = path.display();
        let path = std::fs::canonicalize(path).map_err(|error| format!("{shown}: {error}"))?;
        let bytes = files::read(&path, MOST_OCTETS).map_err(|error| format!("{shown}: {error}"))?;
        PublicKey::from_pem(&String::from_utf8_lossy(&bytes))
            .ok_or_else(|| format!("{shown}: not an Ed25519 public key in PEM, as in public.pem beside the evidence"))
    }

    /// From PEM (SubjectPublicKeyInfo).
    pub fn from_pem(pem: &str) -> Option<PublicKey> {
        let der = der(pem, "PUBLIC KEY")?;
        der.strip_prefix(&PUBLIC_PREFIX).and_then(|key| key.try_into().ok()).map(PublicKey)
    }

    /// As PEM.
    pub fn pem(&self) -> String {
        let der = [&PUBLIC_PREFIX[..], &self.0[..]].concat();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
    }

    /// SHA-256 of its DER, in hexadecimal digits: what `openssl pkey -pubin -outform DER | sha256sum` prints.
    pub fn fingerprint(&self) -> String {
        hex(&digest(&[&PUBLIC_PREFIX[..], &self.0[..]].concat()))
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).is_ok()
    }
}

/// The octets of the first PEM block with this label (RFC 7468).
fn der(pem: &str, label: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let body: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of RFC 8410 §10.3.
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
    /// The public key of RFC 8410 §10.1.
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

    #[test]
    fn keys_are_those_of_the_rfc() {
        let key = SigningKey::from_pem(PRIVATE).unwrap();
        assert_eq!(key.public().pem(), PUBLIC);
        assert!(PublicKey::from_pem(PUBLIC).unwrap() == key.public());
        let signature = key.sign(b"message");
        assert!(signature.len() == 64 && key.public().verifies(b"message", &signature));
        assert!(!key.public().verifies(b"massage", &signature) && !key.public().verifies(b"message", b""));
    }

    #[test]
    fn other_files_are_refused() {
        for wrong in ["", PUBLIC, "-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----"] {
            assert!(SigningKey::from_pem(wrong).is_err_and(|message| message.contains("openssl genpkey")));
        }
        assert!(PublicKey::from_pem(PRIVATE).is_none());
        assert!(SigningKey::read(Path::new("/nonexistent")).is_err_and(|message| message.contains("/nonexistent")));
    }
}
