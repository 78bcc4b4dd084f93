use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use tokio::sync::OnceCell;

/// Questions that are being asked, so that those who want to know the same at a time ask once.
///
/// Whoever comes first asks for all. If it goes away, the next of those who wait asks anew, so that
/// a caller who hangs up takes nobody with it. A question has a place while somebody waits for its
/// answer, and no longer.
pub(super) struct Flights<T>(Mutex<HashMap<Question, Weak<OnceCell<T>>>>);

type Question = [u8; 32];

impl<T: Clone> Flights<T> {
    pub(super) fn new() -> Self {
        Self(Mutex::default())
    }

    /// The answer to a question, which `ask` brings unless somebody is asking already.
    pub(super) async fn join<A>(&self, question: Question, ask: impl FnOnce() -> A) -> T
    where
        A: Future<Output = T>,
    {
        // Dropped after the place, so that the last one to go sees that nobody else has it.
        let _leave = Leave { flights: self, question };
        let place = self.place(question);
        place.get_or_init(ask).await.clone()
    }

    fn place(&self, question: Question) -> Arc<OnceCell<T>> {
        let mut places = self.lock();
        let known = places.entry(question).or_default();
        known.upgrade().unwrap_or_else(|| {
            let place = Arc::new(OnceCell::new());
            *known = Arc::downgrade(&place);
            place
        })
    }
}

impl<T> Flights<T> {
    fn lock(&self) -> MutexGuard<'_, HashMap<Question, Weak<OnceCell<T>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Leave<'a, T> {
    flights: &'a Flights<T>,
    question: Question,
}

impl<T> Drop for Leave<'_, T> {
    fn drop(&mut self) {
        let mut places = self.flights.lock();
        if places.get(&self.question).is_some_and(|place| place.strong_count() == 0) {
            places.remove(&self.question);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        future::pending,
        pin::{Pin, pin},
        task::{Context, Poll, Waker},
    };

    use super::*;

    fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn those_who_want_to_know_the_same_ask_once() {
        let (flights, asked) = (Flights::new(), Cell::new(0));
        let (answer, waiting) = tokio::sync::oneshot::channel();
        let ask = || {
            asked.set(asked.get() + 1);
            async { waiting.await.unwrap() }
        };
        let never = || -> std::future::Ready<u32> { panic!("somebody is asking") };
        let mut first = pin!(flights.join([1; 32], ask));
        let mut second = pin!(flights.join([1; 32], never));
        assert!(poll(first.as_mut()).is_pending());
        assert!(poll(second.as_mut()).is_pending());
        answer.send(7).unwrap();
        assert_eq!(poll(first), Poll::Ready(7));
        assert_eq!(poll(second), Poll::Ready(7));
        assert_eq!(asked.get(), 1);
        // Another question is another one, and an old one is asked anew.
        for question in [[2; 32], [1; 32]] {
            let mut third = pin!(flights.join(question, || std::future::ready(8)));
            assert_eq!(poll(third.as_mut()), Poll::Ready(8));
        }
        assert!(flights.lock().is_empty());
    }

    #[test]
    fn when_the_one_who_asks_goes_away_the_next_one_asks() {
        let flights = Flights::new();
        let mut first = Box::pin(flights.join([1; 32], pending::<u32>));
        let mut second = pin!(flights.join([1; 32], || std::future::ready(7)));
        assert!(poll(first.as_mut()).is_pending());
        assert!(poll(second.as_mut()).is_pending());
        drop(first);
        assert_eq!(flights.lock().len(), 1);
        assert_eq!(poll(second), Poll::Ready(7));
        assert!(flights.lock().is_empty());
    }
}
