//! Streams that end when the process does.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;
use tokio::time::{Instant, Interval, interval};
use tower_ready_shutdown::{Lifecycle, Timings, streams::last_event};

/// Ticks once a second, for ever.
struct Ticks(Interval);

impl Ticks {
    fn new() -> Self {
        Self(interval(Duration::from_secs(1)))
    }
}

impl Stream for Ticks {
    type Item = &'static str;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<&'static str>> {
        self.0.poll_tick(cx).map(|_| Some("tick"))
    }
}

async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    std::future::poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await
}

fn lifecycle() -> Lifecycle {
    let timings = Timings::new(Duration::from_secs(10), Duration::from_secs(10));
    let lifecycle = Lifecycle::builder().timings(timings).build().unwrap();
    lifecycle.ready();
    lifecycle
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_its_last_item() {
    let lifecycle = lifecycle();
    let mut stream = lifecycle.end_on_drain(Ticks::new()).last("bye");
    assert_eq!(next(&mut stream).await, Some("tick"));
    lifecycle.drain();
    let mut last = "";
    while let Some(item) = next(&mut stream).await {
        last = item;
    }
    assert_eq!(last, "bye");
    assert_eq!(next(&mut stream).await, None);
}

#[tokio::test(start_paused = true)]
async fn streams_end_one_after_the_other_within_the_ramp() {
    let lifecycle = lifecycle();
    let mut streams: Vec<_> = (0..200).map(|_| lifecycle.end_on_drain(Ticks::new())).collect();
    lifecycle.drain();
    let began = Instant::now();
    let mut ends = Vec::new();
    for mut stream in streams.drain(..) {
        ends.push(tokio::spawn(async move {
            while next(&mut stream).await.is_some() {}
            began.elapsed()
        }));
    }
    let mut early = 0;
    for end in ends {
        let end = end.await.unwrap();
        assert!(end <= Duration::from_millis(8_010), "{end:?}");
        early += usize::from(end < Duration::from_secs(4));
    }
    assert!((50..150).contains(&early), "{early} of 200 in the first half");
}

#[tokio::test(start_paused = true)]
async fn a_stream_with_an_end_of_its_own_needs_no_other() {
    let lifecycle = lifecycle();
    let mut stream = lifecycle.end_on_drain(items(["one"])).last("bye");
    assert_eq!(next(&mut stream).await, Some("one"));
    assert_eq!(next(&mut stream).await, None);
    lifecycle.drain();
    assert_eq!(next(&mut stream).await, None);
}

fn items<const N: usize>(items: [&'static str; N]) -> impl Stream<Item = &'static str> + Unpin {
    struct Items(std::vec::IntoIter<&'static str>);

    impl Stream for Items {
        type Item = &'static str;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            Poll::Ready(self.0.next())
        }
    }

    Items(Vec::from(items).into_iter())
}

#[test]
fn the_last_event_says_when_to_come_back() {
    assert_eq!(last_event(Duration::from_millis(1_500)), ": the server leaves\nretry: 1500\n\n");
}
