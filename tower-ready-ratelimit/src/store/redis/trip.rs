//! A decision for which Redis is asked.

use std::{fmt, pin::Pin, task, time::Duration};

use tokio::time;

use crate::store::{Reading, StoreError};

/// A decision on its way.
pub struct Trip(Pin<Box<dyn Future<Output = Answer> + Send>>);

type Answer = Result<Vec<Reading>, StoreError>;

impl Trip {
    pub(super) fn new(answer: impl Future<Output = Answer> + Send + 'static) -> Self {
        Self(Box::pin(answer))
    }

    /// An answer, but no later than that.
    pub(super) fn within(
        deadline: Duration,
        answer: impl Future<Output = Answer> + Send + 'static,
    ) -> Self {
        Self::new(async move {
            match time::timeout(deadline, answer).await {
                Ok(answer) => answer,
                Err(_) => Err(StoreError::new("Redis did not answer in time")),
            }
        })
    }
}

impl Future for Trip {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> task::Poll<Answer> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Trip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trip(..)")
    }
}
