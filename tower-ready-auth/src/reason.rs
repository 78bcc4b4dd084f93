use std::fmt;

use http::StatusCode;

/// Why a caller was turned away: one word of a fixed set, for audit and metrics.
///
/// Callers see less, since most of it helps those who should not get in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// No credentials.
    MissingCredentials,
    /// Credentials twice, or in two places.
    SeveralCredentials,
    /// Credentials of a scheme that is not taken here.
    UnknownScheme,
    /// A header that is no credentials at all.
    MalformedCredentials,
    /// No compact token of three parts, or parts that are not what they should be.
    MalformedToken,
    /// A token or a part of it is longer than allowed.
    TooLong,
    /// A header that carries its own key, asks for an extension, or is not encoded as it should be.
    ForbiddenHeader,
    /// An algorithm that is not known, not allowed, or none at all.
    UnsupportedAlgorithm,
    /// A token of another kind, by its `typ` or `cty`.
    WrongType,
    /// A key that is not in the set.
    UnknownKey,
    /// The signature is of another key or another text.
    BadSignature,
    /// The issuer is not one of ours.
    UnknownIssuer,
    /// The token is for somebody else.
    WrongAudience,
    /// Its time is over.
    Expired,
    /// Its time is yet to come.
    NotYetValid,
    /// It was issued in the future.
    IssuedInFuture,
    /// It was issued too long ago.
    TooOld,
    /// It lives longer than allowed.
    LivesTooLong,
    /// A claim is missing.
    MissingClaim,
    /// A claim is of the wrong kind or value.
    BadClaim,
    /// The claims do not fit the type that the service reads them as.
    ClaimsMismatch,
    /// The token, its subject or its key was revoked.
    Revoked,
    /// The issuer says that the token is not good.
    NotActive,
    /// The token is bound to a key of its holder, which was not proved.
    NotProved,
    /// A proof of possession is not of this request, not signed as it should be, or came before.
    BadProof,
    /// A proof of possession needs a nonce of this service, or a newer one.
    NonceRequired,
    /// The API key is not one, by its form or its checksum.
    MalformedKey,
    /// The API key is not known, or its secret is wrong.
    BadKey,
    /// The API key may not be used from this address.
    WrongAddress,
    /// Too many failures from this address.
    Throttled,
    /// The keys of the issuer are not there.
    KeysUnavailable,
    /// A store of keys or revocations did not answer.
    StoreUnavailable,
    /// The scope of the credentials does not reach.
    InsufficientScope,
    /// A policy said no.
    PolicyDenied,
    /// The caller has to prove anew, or better, who it is.
    StepUpRequired,
    /// A policy stands where nobody has asked who calls.
    NotAuthenticated,
}

impl Reason {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MissingCredentials => "missing_credentials",
            Self::SeveralCredentials => "several_credentials",
            Self::UnknownScheme => "unknown_scheme",
            Self::MalformedCredentials => "malformed_credentials",
            Self::MalformedToken => "malformed_token",
            Self::TooLong => "too_long",
            Self::ForbiddenHeader => "forbidden_header",
            Self::UnsupportedAlgorithm => "unsupported_algorithm",
            Self::WrongType => "wrong_type",
            Self::UnknownKey => "unknown_key",
            Self::BadSignature => "bad_signature",
            Self::UnknownIssuer => "unknown_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::IssuedInFuture => "issued_in_future",
            Self::TooOld => "too_old",
            Self::LivesTooLong => "lives_too_long",
            Self::MissingClaim => "missing_claim",
            Self::BadClaim => "bad_claim",
            Self::ClaimsMismatch => "claims_mismatch",
            Self::Revoked => "revoked",
            Self::NotActive => "not_active",
            Self::NotProved => "not_proved",
            Self::BadProof => "bad_proof",
            Self::NonceRequired => "nonce_required",
            Self::MalformedKey => "malformed_key",
            Self::BadKey => "bad_key",
            Self::WrongAddress => "wrong_address",
            Self::Throttled => "throttled",
            Self::KeysUnavailable => "keys_unavailable",
            Self::StoreUnavailable => "store_unavailable",
            Self::InsufficientScope => "insufficient_scope",
            Self::PolicyDenied => "policy_denied",
            Self::StepUpRequired => "step_up_required",
            Self::NotAuthenticated => "not_authenticated",
        }
    }

    /// The HTTP status of the answer.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            // RFC 6750 §3.1, `invalid_request`.
            Self::SeveralCredentials => StatusCode::BAD_REQUEST,
            Self::InsufficientScope | Self::PolicyDenied => StatusCode::FORBIDDEN,
            Self::Throttled => StatusCode::TOO_MANY_REQUESTS,
            Self::KeysUnavailable | Self::StoreUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotAuthenticated => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::UNAUTHORIZED,
        }
    }

    /// Whether it speaks of an attempt to get in with bad credentials. What is merely missing, or
    /// was good once, is no attempt; nor is what fails on our side.
    pub(crate) const fn is_attack(self) -> bool {
        self.status().as_u16() == 401
            && !matches!(
                self,
                Self::MissingCredentials
                    | Self::Expired
                    | Self::NonceRequired
                    | Self::StepUpRequired
            )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
