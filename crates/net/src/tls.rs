//! What TLS is told: version 1.3 alone, raw public keys on both sides, Ed25519 alone.
//!
//! * The key shown is the identity; no certificate, name or date is looked at. A dialler says which key it
//!   expects, an acceptor takes any key and says which one it was.
//! * The protocols of one port are told apart by ALPN, and each is served under its own key: the peer's for
//!   [`Protocol::Peer`] and [`Protocol::Ring`], the network's for [`Protocol::Api`].
//! * Sessions are never resumed. A resumed session skips the proof of the keys, and a dialler finds its old session by
//!   address, behind which another peer may be by now. A whole handshake costs well below a millisecond of work.

use std::sync::{Arc, LazyLock};

use drizzle_model::{NetworkId, PeerId};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, OtherError,
    PeerIncompatible, ServerConfig, SignatureScheme,
};

use crate::connection::{Protocol, Remote};
use crate::key_pair::{KeyPair, public_from_spki};

/// AES-128-GCM first: it is the fastest wherever the processor has it built in, which is nearly everywhere.
static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
    Arc::new(CryptoProvider {
        cipher_suites: vec![
            aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256,
            aws_lc_rs::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
            aws_lc_rs::cipher_suite::TLS13_AES_256_GCM_SHA384,
        ],
        ..aws_lc_rs::default_provider()
    })
});

/// Whom a dialler takes for the one it wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// The peer with this key, and no other.
    Peer(PeerId),
    /// Whoever holds this network's key.
    Network(NetworkId),
    /// Any peer. Who it was is known afterwards; for an address that came without a key.
    AnyPeer,
}

/// The remote showed another key than the one that was expected.
#[derive(Debug, thiserror::Error)]
#[error("expected {expected:?}, received key {received}")]
pub(crate) struct WrongKey {
    pub(crate) expected: Expect,
    pub(crate) received: PeerId,
}

/// For calling: shows `pair`, takes what `expect` says.
pub(crate) fn client_config(
    pair: &KeyPair,
    protocol: Protocol,
    expect: Expect,
) -> Result<ClientConfig, Error> {
    let mut config = ClientConfig::builder_with_provider(PROVIDER.clone())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(ServerKeyVerifier { expect }))
        .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(Arc::new(
            pair.certified()?,
        ))));
    config.alpn_protocols = vec![protocol.alpn().to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    config.enable_secret_extraction = true;
    Ok(config)
}

/// For being called: shows `peer`, or `network` to who asks for the API, and takes any key.
pub(crate) fn server_config(peer: &KeyPair, network: Option<&KeyPair>) -> Result<ServerConfig, Error> {
    server_config_with(PROVIDER.clone(), peer, network)
}

/// The same with other ciphers.
pub(crate) fn server_config_with(
    provider: Arc<CryptoProvider>,
    peer: &KeyPair,
    network: Option<&KeyPair>,
) -> Result<ServerConfig, Error> {
    let keys = KeyOfProtocol {
        peer: Arc::new(peer.certified()?),
        network: network.map(KeyPair::certified).transpose()?.map(Arc::new),
    };
    let alpn_protocols = keys.protocols().map(|(protocol, _)| protocol.alpn().to_vec()).collect();
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(ClientKeyVerifier))
        .with_cert_resolver(Arc::new(keys));
    config.alpn_protocols = alpn_protocols;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.enable_secret_extraction = true;
    Ok(config)
}

/// The remote's key after the handshake.
pub(crate) fn key_of_remote(certificates: Option<&[CertificateDer<'_>]>) -> Option<[u8; 32]> {
    match certificates? {
        [only] => public_from_spki(only),
        _ => None,
    }
}

/// Which key is shown for which protocol.
#[derive(Debug)]
struct KeyOfProtocol {
    peer: Arc<CertifiedKey>,
    network: Option<Arc<CertifiedKey>>,
}

impl KeyOfProtocol {
    /// The protocols that are served, the preferred one first, just as ALPN picks them.
    fn protocols(&self) -> impl Iterator<Item = (Protocol, &Arc<CertifiedKey>)> {
        let network = self.network.iter().map(|key| (Protocol::Api, key));
        [Protocol::Peer, Protocol::Ring].map(|protocol| (protocol, &self.peer)).into_iter().chain(network)
    }
}

impl ResolvesServerCert for KeyOfProtocol {
    fn resolve(&self, client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // A caller that names no protocol gets no key, and thus no connection.
        let offered: Vec<&[u8]> = client_hello.alpn()?.collect();
        let (_, key) = self.protocols().find(|(protocol, _)| offered.contains(&protocol.alpn()))?;
        Some(Arc::clone(key))
    }

    fn only_raw_public_keys(&self) -> bool {
        true
    }
}

fn ed25519_key(
    end_entity: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
) -> Result<[u8; 32], Error> {
    match (public_from_spki(end_entity), intermediates) {
        (Some(key), []) => Ok(key),
        _ => Err(Error::InvalidCertificate(CertificateError::BadEncoding)),
    }
}

fn verify_signature(
    message: &[u8],
    key: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let spki = SubjectPublicKeyInfoDer::from(key.as_ref());
    verify_tls13_signature_with_raw_key(message, &spki, signed, &PROVIDER.signature_verification_algorithms)
}

/// TLS 1.2 is not offered, so this is never asked; were it asked, the answer is no.
fn refuse_tls12() -> Result<HandshakeSignatureValid, Error> {
    Err(Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered))
}

#[derive(Debug)]
struct ServerKeyVerifier {
    expect: Expect,
}

impl ServerCertVerifier for ServerKeyVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let received = ed25519_key(end_entity, intermediates)?;
        let is_expected = match &self.expect {
            Expect::Peer(id) => *id.as_bytes() == received,
            Expect::Network(id) => *id.as_bytes() == received,
            Expect::AnyPeer => true,
        };
        if is_expected {
            return Ok(ServerCertVerified::assertion());
        }
        let wrong = WrongKey { expected: self.expect, received: PeerId::from_bytes(received) };
        Err(Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(wrong)))))
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _key: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        refuse_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_signature(message, key, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// Takes any Ed25519 key, and insists on one: what it may do is for the protocol to say.
#[derive(Debug)]
struct ClientKeyVerifier;

impl ClientCertVerifier for ClientKeyVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        ed25519_key(end_entity, intermediates).map(|_| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _key: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        refuse_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_signature(message, key, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// Which key a remote has that is served, or called, by `protocol`: an API is always served by a network's key.
pub(crate) fn remote_of(expect: Expect, key: [u8; 32]) -> Remote {
    match expect {
        Expect::Network(_) => Remote::Network(NetworkId::from_bytes(key)),
        Expect::Peer(_) | Expect::AnyPeer => Remote::Peer(PeerId::from_bytes(key)),
    }
}
