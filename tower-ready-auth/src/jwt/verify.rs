//! Signatures, below all claims.

use super::{
    Algorithm, Key, KeySet, TokenError,
    algorithm::Algorithms,
    base64url,
    compact::{self, Compact},
    header::Header,
};
use crate::Reason;

/// The longest token that [`verify_compact`] takes; a verifier has a setting.
pub(crate) const MAX_TOKEN: usize = 8 * 1_024;

/// Checks a compact token (RFC 7515 §7.1) against a set of keys, and returns its payload.
///
/// This is what lies below the claims: every rule of the form, the header and the keys, and none of
/// what the payload says, which need not even be JSON. A service wants a
/// [`JwtVerifier`](crate::JwtVerifier), which also asks from whom, for whom and until when.
///
/// 1. Three parts of base64url that is canonical, 8 KiB at most, the header 1 KiB.
/// 2. A header of JSON without a name twice, at most 16 deep, with an `alg` that is known. `crit`,
///    `b64`, `zip`, `enc`, and keys that the token brings along (`jwk`, `jku`, `x5u`, `x5c`) are
///    refused; `typ` and `cty` are left to whoever knows what the payload should be.
/// 3. A key of the set, by its `kid`, and by the algorithm that the key is for: never by what the
///    header would like it to be for. Of several that may be meant, at most four are tried.
/// 4. The signature, over the bytes that were received.
///
/// ```
/// use tower_ready_auth::{KeySet, Reason, verify_compact};
///
/// // RFC 8037, appendix A.4.
/// let keys = KeySet::from_jwks(br#"{"keys":[{"kty":"OKP","crv":"Ed25519",
///     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)?;
/// let token = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
///     hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
/// assert_eq!(verify_compact(&keys, token)?, b"Example of Ed25519 signing");
///
/// let error = verify_compact(&keys, b"eyJhbGciOiJub25lIn0.e30.").unwrap_err();
/// assert_eq!(error.reason(), Reason::MalformedToken);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// The first rule that the token breaks.
pub fn verify_compact(keys: &KeySet, token: &[u8]) -> Result<Vec<u8>, TokenError> {
    let compact = Compact::split(token, MAX_TOKEN)?;
    let (mut header, mut signature) = (compact::header_room(), [0; compact::SIGNATURE_ROOM]);
    let header = base64url::decode_into(compact.header, &mut header);
    let header = Header::parse(header.ok_or(Reason::MalformedToken)?)?;
    let signature = &*compact.decode_signature(&mut signature)?;
    let signed = Signed {
        algorithm: header.algorithm,
        key_id: header.key_id.as_deref(),
        signed: compact.signed,
        signature,
    };
    signed.verify(keys, Algorithms::ALL)?;
    compact.decode_payload()
}

/// A signature, and what its header says of it.
#[derive(Clone, Copy)]
pub(crate) struct Signed<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<&'a str>,
    pub(crate) signed: &'a [u8],
    pub(crate) signature: &'a [u8],
}

impl Signed<'_> {
    /// The key that made the signature.
    pub(crate) fn verify<'k>(
        &self,
        keys: &'k KeySet,
        allowed: Algorithms,
    ) -> Result<&'k Key, TokenError> {
        if !allowed.contains(self.algorithm) {
            return Err(Reason::UnsupportedAlgorithm.into());
        }
        let mut reason = None;
        for key in keys.candidates(self.key_id, self.algorithm) {
            if key.verifies(self.algorithm, self.signed, self.signature) {
                return Ok(key);
            }
            reason = Some(Reason::BadSignature);
        }
        // A key that is there, but for another algorithm, is no reason to ask for new keys.
        let otherwise =
            if keys.knows(self.key_id) { Reason::UnsupportedAlgorithm } else { Reason::UnknownKey };
        Err(reason.unwrap_or(otherwise).into())
    }
}
