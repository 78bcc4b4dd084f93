use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use pin_project_lite::pin_project;
use tokio::time::sleep;

use crate::Lifecycle;

type Moment = Pin<Box<dyn Future<Output = ()> + Send>>;

pin_project! {
    /// A stream that ends when the process leaves, after a last item if there is one.
    ///
    /// Each at a moment of its own within the lame duck, so that its readers do not all come back at
    /// once; those that begin late have less time.
    #[must_use = "streams do nothing unless polled"]
    pub struct EndOnDrain<S>
    where
        S: Stream,
    {
        #[pin]
        stream: S,
        last: Option<S::Item>,
        // None once it has come.
        moment: Option<Moment>,
    }
}

impl Lifecycle {
    /// Ends a stream when the process leaves: server-sent events, a watch over gRPC, a long poll.
    pub fn end_on_drain<S: Stream>(&self, stream: S) -> EndOnDrain<S> {
        let lifecycle = self.clone();
        let moment = Box::pin(async move {
            lifecycle.draining().await;
            sleep(lifecycle.0.traffic.moment_to_go()).await;
        });
        EndOnDrain { stream, last: None, moment: Some(moment) }
    }
}

impl<S: Stream> EndOnDrain<S> {
    /// What readers get at last: an event with `retry`, a status `UNAVAILABLE`. Default: nothing.
    pub fn last(mut self, item: S::Item) -> Self {
        self.last = Some(item);
        self
    }
}

impl<S: Stream> Stream for EndOnDrain<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        let Some(moment) = this.moment else {
            return Poll::Ready(None);
        };
        if moment.as_mut().poll(cx).is_ready() {
            *this.moment = None;
            return Poll::Ready(this.last.take());
        }
        let polled = this.stream.poll_next(cx);
        if matches!(polled, Poll::Ready(None)) {
            // An end of its own needs no other.
            *this.moment = None;
        }
        polled
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let most = self.stream.size_hint().1.and_then(|most| most.checked_add(1));
        (0, most)
    }
}

impl<S: Stream> fmt::Debug for EndOnDrain<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndOnDrain").field("ended", &self.moment.is_none()).finish_non_exhaustive()
    }
}
