use std::fmt;

use crate::digest::sha256;

/// The certificate with which a client made its TLS connection (RFC 8705).
///
/// Whoever accepts connections puts it into the extensions of each request of the connection. Where
/// a proxy ends TLS, [`AuthBuilder::client_certificate`](crate::AuthBuilder::client_certificate)
/// reads the header in which that says what it saw; a header that a caller can set proves nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ClientCertificate([u8; 32]);

impl ClientCertificate {
    /// The certificate in DER, as `peer_certificates` of rustls has it first.
    #[must_use]
    pub fn from_der(der: &[u8]) -> Self {
        Self(sha256(der))
    }

    pub(crate) const fn digest(self) -> [u8; 32] {
        self.0
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientCertificate(..)")
    }
}
