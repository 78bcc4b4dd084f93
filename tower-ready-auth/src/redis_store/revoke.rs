use std::{sync::Arc, time::SystemTime};

use super::{Inner, RedisStore};
use crate::{
    Lookup, Principal, Revocation, StoreError,
    time::{MAX_LEEWAY, Millis},
};

impl RedisStore {
    /// Revokes a token by its `jti`, or an API key by its id, until the time at which it ends by
    /// itself, and for as long after it as a verifier may still take it.
    ///
    /// # Errors
    ///
    /// When Redis did not take it.
    pub async fn credential(&self, id: &str, ends: SystemTime) -> Result<(), StoreError> {
        let mut command = redis::cmd("SET");
        command.arg(self.0.key("credential", id)).arg("1");
        command.arg("PXAT").arg(Millis::of(ends).plus(MAX_LEEWAY).0);
        self.0.ask(command).await
    }

    /// Revokes all tokens of a subject that were issued up to now; those without `iat`, and its API
    /// keys, are never taken for newer.
    ///
    /// # Errors
    ///
    /// When Redis did not take it.
    pub async fn subject(&self, subject: &str) -> Result<(), StoreError> {
        self.subject_before(subject, SystemTime::now()).await
    }

    /// Revokes all tokens of a subject that were issued up to this time.
    ///
    /// # Errors
    ///
    /// When Redis did not take it.
    pub async fn subject_before(&self, subject: &str, time: SystemTime) -> Result<(), StoreError> {
        let mut command = redis::cmd("SET");
        command.arg(self.0.key("subject", subject)).arg(Millis::of(time).0);
        self.0.ask(command).await
    }

    /// Revokes all tokens that this key signed.
    ///
    /// # Errors
    ///
    /// When Redis did not take it.
    pub async fn key(&self, id: &str) -> Result<(), StoreError> {
        let mut command = redis::cmd("SET");
        command.arg(self.0.key("key", id)).arg("1");
        self.0.ask(command).await
    }

    /// Lets credentials be good again.
    ///
    /// # Errors
    ///
    /// When Redis did not take it.
    pub async fn restore(&self, value: &str) -> Result<(), StoreError> {
        let mut command = redis::cmd("DEL");
        command
            .arg(["credential", "subject", "key"].map(|kind| self.0.key(kind, value)).as_slice());
        self.0.ask(command).await
    }
}

impl Revocation for RedisStore {
    fn is_revoked(&self, principal: &Principal) -> Lookup<Result<bool, StoreError>> {
        let (it, principal) = (Arc::clone(&self.0), principal.clone());
        Lookup::later(async move { it.is_revoked(&principal).await })
    }
}

impl Inner {
    async fn is_revoked(&self, principal: &Principal) -> Result<bool, StoreError> {
        let principal = principal.inner();
        let mut command = redis::cmd("MGET");
        command.arg(self.key("subject", &principal.subject));
        let names = [
            ("credential", principal.credential_id.as_deref()),
            ("key", principal.key_id.as_deref()),
        ];
        for (kind, name) in names {
            if let Some(name) = name {
                command.arg(self.key(kind, name));
            }
        }
        let found: Vec<Option<String>> = self.ask(command).await?;
        let (subject, others) = found.split_first().ok_or_else(|| StoreError::new("no answer"))?;
        let by_subject = match subject {
            None => false,
            Some(before) => {
                let before = before.parse().map(Millis).map_err(StoreError::new)?;
                principal.issued.is_none_or(|issued| issued <= before)
            }
        };
        Ok(by_subject || others.iter().any(Option::is_some))
    }
}
