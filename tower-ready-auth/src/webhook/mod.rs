//! Requests that their sender signed with a secret that both know.

mod error;
mod signature;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue};

pub use self::error::WebhookError;
use self::signature::{Message, Signed};
use crate::{
    ConfigError, ConfigErrorKind,
    time::{Clock, Millis},
};

/// Signs webhooks and checks them, in the form that [Standard Webhooks] has for all: the headers
/// `webhook-id`, `webhook-timestamp` and `webhook-signature`. A cheap handle.
///
/// 1. The signature is an HMAC-SHA256 over id, time and body as they were received, so that nothing
///    of it can be changed, and compared in constant time.
/// 2. The time is of the last five minutes, give or take the same, so that what was once recorded
///    is soon of no use. Whoever acts on a webhook keeps the ids of that time, and acts on each once.
/// 3. There may be several secrets: whoever signs does so with all of them, and whoever checks takes
///    any, so that one can be replaced while both sides run.
///
/// ```
/// use tower_ready_auth::Webhooks;
///
/// // The new secret, and the old one until all senders have the new one.
/// let webhooks = Webhooks::builder().secret([7; 32]).secret([8; 32]).build()?;
///
/// let body = br#"{"order":42}"#;
/// let headers = webhooks.sign("msg_1", body)?;
/// assert_eq!(webhooks.verify(&headers, body)?.id(), "msg_1");
///
/// let error = webhooks.verify(&headers, br#"{"order":43}"#).unwrap_err();
/// assert_eq!(error.to_string(), "the signature is of another secret or another text");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// In a handler of axum, which wants the bytes as they came and not what was read from them:
///
/// ```
/// use axum::{body::Bytes, extract::State};
/// use http::HeaderMap;
/// use tower_ready_auth::{WebhookError, Webhooks};
/// use tower_ready_problem::Problem;
///
/// async fn paid(
///     State(webhooks): State<Webhooks>,
///     headers: HeaderMap,
///     body: Bytes,
/// ) -> Result<(), Problem> {
///     let webhook = webhooks.verify(&headers, &body).map_err(WebhookError::problem)?;
///     // Now it may be read.
/// #   let _ = webhook.id();
///     Ok(())
/// }
/// ```
///
/// [Standard Webhooks]: https://www.standardwebhooks.com
#[derive(Clone)]
pub struct Webhooks {
    secrets: Arc<[hmac::Key]>,
    window: Duration,
    clock: Clock,
}

/// Sets up [`Webhooks`]. They need one secret at least.
#[must_use = "a builder does nothing until `build`"]
pub struct WebhooksBuilder {
    secrets: Vec<Vec<u8>>,
    is_malformed: bool,
    window: Duration,
    clock: Clock,
}

/// A webhook whose signature is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Webhook<'a> {
    id: &'a str,
    sent: Millis,
}

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// As in the standard.
const SHORTEST: usize = 24;

// === impl Webhooks ===

impl Webhooks {
    /// Starts without a secret.
    pub fn builder() -> WebhooksBuilder {
        WebhooksBuilder {
            secrets: Vec::new(),
            is_malformed: false,
            window: Duration::from_secs(5 * 60),
            clock: Clock::default(),
        }
    }

    /// The headers of a webhook of now. The id names it, also when it is sent again.
    ///
    /// # Errors
    ///
    /// When the id is empty, longer than 128 bytes, or has a dot or what no header carries.
    pub fn sign(&self, id: &str, body: &[u8]) -> Result<HeaderMap, WebhookError> {
        let id = signature::check_id(id)?;
        let seconds = (self.clock.now().0 / 1_000).to_string();
        let message = Message { id, seconds: &seconds, body };
        let signatures: Vec<_> = self.secrets.iter().map(|key| message.sign(key)).collect();
        let value = |text: &str| HeaderValue::from_str(text).map_err(|_| WebhookError::Malformed);
        let mut headers = HeaderMap::with_capacity(3);
        headers.insert(ID, value(id)?);
        headers.insert(TIMESTAMP, value(&seconds)?);
        headers.insert(SIGNATURE, value(&signatures.join(" "))?);
        Ok(headers)
    }

    /// Checks a webhook by its headers and its body, as they were received.
    ///
    /// # Errors
    ///
    /// When a header is missing, there twice or malformed, when the time is not now, or when no
    /// signature is of a secret that is known here.
    pub fn verify<'h>(
        &self,
        headers: &'h HeaderMap,
        body: &[u8],
    ) -> Result<Webhook<'h>, WebhookError> {
        let signed = Signed::of(headers)?;
        let (sent, now) = (signed.sent, self.clock.now());
        // The signature first: that a time is wrong is told to nobody who cannot sign.
        signed.verify(&self.secrets, body)?;
        if sent.plus(self.window) < now {
            return Err(WebhookError::TooOld);
        }
        if sent > now.plus(self.window) {
            return Err(WebhookError::TooEarly);
        }
        Ok(Webhook { id: signed.id, sent })
    }
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhooks").field("window", &self.window).finish_non_exhaustive()
    }
}

// === impl Webhook ===

impl<'a> Webhook<'a> {
    /// Its id, by which it is known when it comes a second time.
    #[must_use]
    pub const fn id(&self) -> &'a str {
        self.id
    }

    /// When it was sent, since the Unix epoch.
    #[must_use]
    pub fn sent(&self) -> Duration {
        self.sent.since_epoch()
    }
}

// === impl WebhooksBuilder ===

impl WebhooksBuilder {
    /// One more secret, of 24 bytes at least.
    pub fn secret(mut self, secret: impl Into<Vec<u8>>) -> Self {
        self.secrets.push(secret.into());
        self
    }

    /// One more secret, as services show it: `whsec_` and base64.
    pub fn secret_text(mut self, text: &str) -> Self {
        let secret = STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text));
        self.is_malformed |= secret.is_err();
        self.secrets.extend(secret.ok());
        self
    }

    /// How far the time of a webhook may be from now. Default: 5 min.
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// The time of day, for tests. Default: the system's.
    pub fn clock(mut self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(now);
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// When there is no secret, or one is short or cannot be read.
    pub fn build(self) -> Result<Webhooks, ConfigError> {
        let is_short = |secret: &Vec<u8>| secret.len() < SHORTEST;
        if self.is_malformed || self.secrets.is_empty() || self.secrets.iter().any(is_short) {
            return Err(ConfigError::new(ConfigErrorKind::WebhookSecret));
        }
        let key = |secret: &Vec<u8>| hmac::Key::new(hmac::HMAC_SHA256, secret);
        let secrets = self.secrets.iter().map(key).collect();
        Ok(Webhooks { secrets, window: self.window, clock: self.clock })
    }
}

impl fmt::Debug for WebhooksBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhooksBuilder").field("window", &self.window).finish_non_exhaustive()
    }
}
