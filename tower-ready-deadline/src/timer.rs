//! A timer that costs nothing until somebody has to wait.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use pin_project_lite::pin_project;
use tokio::{task::unconstrained, time::Sleep};

pin_project! {
    /// Made and registered when it is first set.
    #[derive(Debug)]
    pub(crate) struct Timer {
        #[pin]
        sleep: Option<Sleep>,
    }
}

impl Timer {
    pub(crate) const fn unset() -> Self {
        Self { sleep: None }
    }

    pub(crate) const fn is_set(&self) -> bool {
        self.sleep.is_some()
    }

    /// Rings after this time, and not after an earlier one.
    pub(crate) fn set(self: Pin<&mut Self>, after: Duration) {
        let mut sleep = self.project().sleep;
        match sleep.as_mut().as_pin_mut() {
            Some(set) => {
                let now = tokio::time::Instant::now();
                // What is too long for a date never comes; the timer's own far future does.
                match now.checked_add(after) {
                    Some(at) => set.reset(at),
                    None => sleep.set(Some(tokio::time::sleep(after))),
                }
            }
            None => sleep.set(Some(tokio::time::sleep(after))),
        }
    }

    /// Whether it rings. One that is not set never does.
    pub(crate) fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(sleep) = self.project().sleep.as_pin_mut() else {
            return Poll::Pending;
        };
        // Work that spends the whole budget of its task at each turn would leave none for the
        // timer, and so would never be stopped.
        Pin::new(&mut unconstrained(sleep)).poll(cx)
    }
}
