//! What is signed, and how it is written.

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName};

use super::{ID, SIGNATURE, TIMESTAMP, WebhookError};
use crate::time::Millis;

const VERSION: &str = "v1,";

/// A sender that replaces its secret has two.
const MAX_SIGNATURES: usize = 8;

const MAX_ID: usize = 128;

pub(super) struct Message<'a> {
    pub(super) id: &'a str,
    pub(super) seconds: &'a str,
    pub(super) body: &'a [u8],
}

/// The headers of a webhook, of which nothing is believed yet.
pub(super) struct Signed<'a> {
    pub(super) id: &'a str,
    pub(super) sent: Millis,
    seconds: &'a str,
    signatures: &'a str,
}

impl Message<'_> {
    pub(super) fn sign(&self, key: &hmac::Key) -> String {
        let mut context = hmac::Context::with_key(key);
        for part in [self.id.as_bytes(), b".", self.seconds.as_bytes(), b".", self.body] {
            context.update(part);
        }
        format!("{VERSION}{}", STANDARD.encode(context.sign()))
    }

    fn bytes(&self) -> Vec<u8> {
        [self.id.as_bytes(), b".", self.seconds.as_bytes(), b".", self.body].concat()
    }
}

impl<'a> Signed<'a> {
    pub(super) fn of(headers: &'a HeaderMap) -> Result<Self, WebhookError> {
        let id = check_id(one(headers, &ID)?)?;
        let seconds = one(headers, &TIMESTAMP)?;
        let is_plain = seconds.bytes().all(|byte| byte.is_ascii_digit());
        let sent = seconds.parse::<i64>().ok().filter(|_| is_plain);
        let sent = sent.and_then(|seconds| seconds.checked_mul(1_000)).map(Millis);
        let sent = sent.ok_or(WebhookError::Malformed)?;
        Ok(Self { id, sent, seconds, signatures: one(headers, &SIGNATURE)? })
    }

    pub(super) fn verify(&self, secrets: &[hmac::Key], body: &[u8]) -> Result<(), WebhookError> {
        let message = Message { id: self.id, seconds: self.seconds, body }.bytes();
        // Those of other versions are for others.
        let ours = self.signatures.split(' ').filter_map(|it| it.strip_prefix(VERSION));
        let is_good = |text: &str| {
            let signature = STANDARD.decode(text).unwrap_or_default();
            secrets.iter().any(|key| hmac::verify(key, &message, &signature).is_ok())
        };
        let found = ours.take(MAX_SIGNATURES).any(is_good);
        found.then_some(()).ok_or(WebhookError::BadSignature)
    }
}

/// A dot would end it: another id and another time would make the same text.
pub(super) fn check_id(id: &str) -> Result<&str, WebhookError> {
    let is_plain = id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'.');
    let is_good = is_plain && matches!(id.len(), 1..=MAX_ID);
    is_good.then_some(id).ok_or(WebhookError::Malformed)
}

fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a str, WebhookError> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().ok_or(WebhookError::Missing)?;
    match values.next() {
        Some(_) => Err(WebhookError::Malformed),
        None => first.to_str().map_err(|_| WebhookError::Malformed),
    }
}
