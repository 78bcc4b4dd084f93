use std::time::Duration;

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};

use crate::{jwt::base64url, time::Millis};

/// Nonces of periods of time, which all instances with one secret can tell from those that somebody
/// made up (RFC 9449 §8). Nothing is kept of them.
pub(super) struct Nonces {
    secret: hmac::Key,
    period: Duration,
}

/// 128 bits.
const LENGTH: usize = 16;

impl Nonces {
    pub(super) fn new(secret: &[u8], period: Duration) -> Self {
        Self { secret: hmac::Key::new(hmac::HMAC_SHA256, secret), period }
    }

    /// The nonce of now.
    pub(super) fn at(&self, now: Millis) -> String {
        base64url::encode(&self.of(self.number(now)))
    }

    /// Whether a nonce is of this period or the last one, or of the next one by another clock.
    pub(super) fn has(&self, nonce: &str, now: Millis) -> bool {
        let now = self.number(now);
        base64url::decode(nonce.as_bytes()).is_some_and(|nonce| {
            let is_of = |period| verify_slices_are_equal(&self.of(period), &nonce).is_ok();
            [now, now.saturating_sub(1), now.saturating_add(1)].into_iter().any(is_of)
        })
    }

    fn number(&self, now: Millis) -> i64 {
        let period = i64::try_from(self.period.as_millis()).unwrap_or(i64::MAX);
        now.0 / period.max(1)
    }

    fn of(&self, period: i64) -> [u8; LENGTH] {
        // Apart from what else the secret may sign.
        let mut context = hmac::Context::with_key(&self.secret);
        context.update(b"tower-ready-auth dpop nonce");
        context.update(&period.to_be_bytes());
        let mut nonce = [0; LENGTH];
        nonce.copy_from_slice(&context.sign().as_ref()[..LENGTH]);
        nonce
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_good_for_its_period_and_the_next() {
        let nonces = Nonces::new(&[7; 32], Duration::from_secs(100));
        let same = Nonces::new(&[7; 32], Duration::from_secs(100));
        let other = Nonces::new(&[8; 32], Duration::from_secs(100));
        let nonce = nonces.at(Millis(500_000));
        for (now, good) in [
            (300_000, false),
            (399_999, false),
            (400_000, true),
            (500_000, true),
            (599_999, true),
            (699_999, true),
            (700_000, false),
            (i64::MAX, false),
        ] {
            assert_eq!(same.has(&nonce, Millis(now)), good, "{now}");
            assert!(!other.has(&nonce, Millis(now)));
        }
        for made_up in ["", "AAAA", &nonce[1..], "!", &format!("{nonce}A")] {
            assert!(!nonces.has(made_up, Millis(500_000)), "{made_up}");
        }
    }
}
