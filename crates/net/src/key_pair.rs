//! One Ed25519 key pair, as the signature library and as TLS want it.
//!
//! The private half never leaves this crate but into the key's own file.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V2Der};
use aws_lc_rs::error::{KeyRejected, Unspecified};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use rustls::pki_types::PrivatePkcs8KeyDer;

/// How many bytes a public key has.
pub(crate) const PUBLIC_KEY_LEN: usize = 32;

/// How many bytes a signature has.
pub(crate) const SIGNATURE_LEN: usize = 64;

/// What stands before the 32 bytes of an Ed25519 key in its SubjectPublicKeyInfo (RFC 8410, section 4).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A private key and its public half.
pub(crate) struct KeyPair {
    inner: Ed25519KeyPair,
    public: [u8; PUBLIC_KEY_LEN],
}

// Never the private half: this is what stands in a log.
impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").field("public", &self.public).finish_non_exhaustive()
    }
}

impl KeyPair {
    /// A new key from the system's random numbers.
    pub(crate) fn generate() -> Result<Self, Unspecified> {
        Self::new(Ed25519KeyPair::generate()?)
    }

    /// The key that belongs to a seed.
    pub(crate) fn from_seed(seed: &[u8; 32]) -> Result<Self, KeyRejected> {
        Ok(Self::new(Ed25519KeyPair::from_seed_unchecked(seed)?)?)
    }

    /// Reads PKCS#8. A public half that does not belong to the private one is refused.
    pub(crate) fn from_pkcs8(der: &[u8]) -> Result<Self, KeyRejected> {
        Ok(Self::new(Ed25519KeyPair::from_pkcs8(der)?)?)
    }

    fn new(inner: Ed25519KeyPair) -> Result<Self, Unspecified> {
        let public = inner.public_key().as_ref().try_into().map_err(|_| Unspecified)?;
        Ok(Self { inner, public })
    }

    /// PKCS#8 of version 2, which holds the public half as well, so that damage shows.
    pub(crate) fn to_pkcs8(&self) -> Result<Pkcs8V2Der<'static>, Unspecified> {
        self.inner.as_der()
    }

    pub(crate) const fn public(&self) -> &[u8; PUBLIC_KEY_LEN] {
        &self.public
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LEN] {
        let signature = self.inner.sign(message);
        let mut bytes = [0; SIGNATURE_LEN];
        bytes.copy_from_slice(signature.as_ref());
        bytes
    }

    /// The key for TLS: it signs, and shows its public half without a certificate around it.
    pub(crate) fn certified(&self) -> Result<rustls::sign::CertifiedKey, rustls::Error> {
        let der = self.to_pkcs8().map_err(|_| rustls::Error::General("a key cannot be encoded".into()))?;
        let signer =
            rustls::crypto::aws_lc_rs::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(der.as_ref()))?;
        let spki = [&SPKI_PREFIX[..], &self.public].concat();
        Ok(rustls::sign::CertifiedKey::new(vec![spki.into()], signer))
    }
}

/// The key in a SubjectPublicKeyInfo, if it is one of Ed25519.
pub(crate) fn public_from_spki(spki: &[u8]) -> Option<[u8; PUBLIC_KEY_LEN]> {
    spki.strip_prefix(&SPKI_PREFIX)?.try_into().ok()
}

/// Whether the holder of `public` signed `message`.
pub(crate) fn is_signed_by(
    public: &[u8; PUBLIC_KEY_LEN],
    message: &[u8],
    signature: &[u8; SIGNATURE_LEN],
) -> bool {
    UnparsedPublicKey::new(&ED25519, public).verify(message, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_half_survives_the_form_that_tls_shows() {
        let pair = KeyPair::generate().unwrap();
        let certified = pair.certified().unwrap();
        assert_eq!(public_from_spki(&certified.cert[0]), Some(*pair.public()));
    }

    #[test]
    fn a_key_with_any_byte_changed_is_refused() {
        let der = KeyPair::generate().unwrap().to_pkcs8().unwrap();
        for position in 0..der.as_ref().len() {
            let mut damaged = der.as_ref().to_vec();
            damaged[position] ^= 1;
            assert!(KeyPair::from_pkcs8(&damaged).is_err(), "byte {position}");
        }
    }
}
