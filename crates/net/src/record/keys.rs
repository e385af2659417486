//! The keys that protect records, and the ones that come after them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rustls::crypto::cipher::{AeadKey, Iv, MessageDecrypter, MessageEncrypter};
use rustls::kernel::KernelConnection;
use rustls::{ConnectionTrafficSecrets, Error, SupportedCipherSuite, Tls13CipherSuite};

/// The secrets that follow the present ones, in each direction.
pub(crate) trait NextSecrets: Send {
    fn next_tx(&mut self) -> Result<ConnectionTrafficSecrets, Error>;
    fn next_rx(&mut self) -> Result<ConnectionTrafficSecrets, Error>;
}

impl<Data: Send> NextSecrets for KernelConnection<Data> {
    fn next_tx(&mut self) -> Result<ConnectionTrafficSecrets, Error> {
        // The number that comes with it is always 0: new keys count their records anew.
        self.update_tx_secret().map(|(_, secrets)| secrets)
    }

    fn next_rx(&mut self) -> Result<ConnectionTrafficSecrets, Error> {
        self.update_rx_secret().map(|(_, secrets)| secrets)
    }
}

/// What the two directions of a connection share. Its lock is taken once in many gigabytes.
pub(super) struct TrafficKeys {
    suite: &'static Tls13CipherSuite,
    next: Mutex<Box<dyn NextSecrets>>,
    update_is_due: AtomicBool,
}

impl TrafficKeys {
    pub(super) fn new(suite: SupportedCipherSuite, next: Box<dyn NextSecrets>) -> Result<Self, Error> {
        let suite = suite.tls13().ok_or_else(|| Error::General("a cipher suite of TLS 1.2".into()))?;
        Ok(Self { suite, next: Mutex::new(next), update_is_due: AtomicBool::new(false) })
    }

    /// After how many records the sender should take new keys: well before the cipher wears out.
    pub(super) fn records_max(&self) -> u64 {
        self.suite.common.confidentiality_limit / 2
    }

    pub(super) fn encrypter(
        &self,
        secrets: ConnectionTrafficSecrets,
    ) -> Result<Box<dyn MessageEncrypter>, Error> {
        let (key, iv) = key_and_iv(secrets)?;
        Ok(self.suite.aead_alg.encrypter(key, iv))
    }

    pub(super) fn decrypter(
        &self,
        secrets: ConnectionTrafficSecrets,
    ) -> Result<Box<dyn MessageDecrypter>, Error> {
        let (key, iv) = key_and_iv(secrets)?;
        Ok(self.suite.aead_alg.decrypter(key, iv))
    }

    pub(super) fn next_encrypter(&self) -> Result<Box<dyn MessageEncrypter>, Error> {
        let secrets = self.with_next(|next| next.next_tx())?;
        self.encrypter(secrets)
    }

    pub(super) fn next_decrypter(&self) -> Result<Box<dyn MessageDecrypter>, Error> {
        let secrets = self.with_next(|next| next.next_rx())?;
        self.decrypter(secrets)
    }

    /// The remote wants us to take new keys before we send again.
    pub(super) fn ask_for_update(&self) {
        self.update_is_due.store(true, Ordering::Release);
    }

    /// Whether it did, since the last time this was asked.
    pub(super) fn take_update_request(&self) -> bool {
        self.update_is_due.load(Ordering::Acquire) && self.update_is_due.swap(false, Ordering::AcqRel)
    }

    fn with_next<T>(&self, act: impl FnOnce(&mut dyn NextSecrets) -> T) -> T {
        // Each step replaces one whole secret by the next: a panic elsewhere leaves nothing half done.
        act(self.next.lock().unwrap_or_else(PoisonError::into_inner).as_mut())
    }
}

fn key_and_iv(secrets: ConnectionTrafficSecrets) -> Result<(AeadKey, Iv), Error> {
    match secrets {
        ConnectionTrafficSecrets::Aes128Gcm { key, iv }
        | ConnectionTrafficSecrets::Aes256Gcm { key, iv }
        | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => Ok((key, iv)),
        _ => Err(Error::General("secrets of an unknown cipher".into())),
    }
}
