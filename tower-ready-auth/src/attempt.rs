//! What the throttle is asked and told of an attempt to get in.

use std::{net::IpAddr, time::Duration};

use tower_ready_core::{Head, Instant};

use crate::{
    Auth,
    auth::Inner,
    credentials::Credentials,
    jwt::Claimed,
    throttle::{Attempt, Throttle},
};

/// What credentials claim to be, before anything is proved.
#[derive(Hash)]
enum Claim<'a> {
    /// The public id of an API key.
    Key(&'a str),
    /// The subject of a token.
    Subject(Claimed),
    /// Nothing that can be read.
    Nothing,
}

impl Auth {
    /// How long whoever sent a request has to wait, before its credentials are looked at.
    #[inline]
    pub(crate) fn must_wait(
        &self,
        head: &Head<'_>,
        credentials: Credentials<'_>,
    ) -> Option<Duration> {
        let throttle = self.0.failing()?;
        self.0.wait(throttle, head, credentials)
    }

    /// Notes that credentials were good.
    #[inline]
    pub(crate) fn note_success(&self, head: &Head<'_>) {
        if let Some(throttle) = self.0.failing() {
            self.0.succeeded(throttle, head);
        }
    }

    /// Notes that credentials were bad, and says for how long the caller is locked from now on.
    pub(crate) fn note_failure(&self, head: &Head<'_>) -> Option<Duration> {
        let it = &*self.0;
        let throttle = it.throttle.as_ref()?;
        let source = it.source(head)?;
        throttle.failed(it.attempt(source, it.credentials(head)), Instant::now())
    }
}

impl Inner {
    /// The throttle, if anybody has failed of late.
    fn failing(&self) -> Option<&Throttle> {
        self.throttle.as_ref().filter(|throttle| !throttle.is_quiet())
    }

    #[cold]
    fn wait(
        &self,
        throttle: &Throttle,
        head: &Head<'_>,
        credentials: Credentials<'_>,
    ) -> Option<Duration> {
        throttle.wait(self.attempt(self.source(head)?, credentials), Instant::now())
    }

    #[cold]
    fn succeeded(&self, throttle: &Throttle, head: &Head<'_>) {
        if let Some(source) = self.source(head) {
            throttle.succeeded(&self.attempt(source, self.credentials(head)), Instant::now());
        }
    }

    fn attempt<'a>(
        &'a self,
        source: IpAddr,
        credentials: Credentials<'a>,
    ) -> Attempt<'a, impl FnOnce() -> Claim<'a>> {
        let text = credentials.text();
        Attempt { source, credentials: text, claim: move || self.claim(text) }
    }

    fn claim<'a>(&self, text: &'a [u8]) -> Claim<'a> {
        let key = self.api_keys.as_ref().and_then(|keys| keys.id(text));
        let subject = || Claimed::of(text).map(Claim::Subject);
        key.map(Claim::Key).or_else(subject).unwrap_or(Claim::Nothing)
    }
}
