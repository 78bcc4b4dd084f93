use std::{
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tower_ready_core::Instant;

use super::{Change, Demand, Reading, Store, StoreError, Taking};

/// One of two stores, where a setting decides which: memory on a laptop, Redis in production.
///
/// ```
/// use tower_ready_ratelimit::{MemoryStore, Policy, Quota, RateLimiter, store::Either};
///
/// # type RedisStore = MemoryStore;
/// # let redis: Option<RedisStore> = None;
/// let store: Either<MemoryStore, RedisStore> = match redis {
///     Some(store) => Either::Right(store),
///     None => Either::Left(MemoryStore::new(100_000)?),
/// };
/// let limiter = RateLimiter::builder()
///     .policy(Policy::new("callers", Quota::per_second(50)))
///     .with_store(store)
///     .build()?;
/// # Ok::<(), tower_ready_ratelimit::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "there are two")]
pub enum Either<A, B> {
    /// The first.
    Left(A),
    /// The second.
    Right(B),
}

pin_project! {
    /// The trip of the store that it is.
    #[project = EitherTripProj]
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    #[allow(missing_docs, clippy::exhaustive_enums)]
    pub enum EitherTrip<A, B> {
        Left { #[pin] trip: A },
        Right { #[pin] trip: B },
    }
}

impl<A: Store, B: Store> Store for Either<A, B> {
    type Trip = EitherTrip<A::Trip, B::Trip>;

    #[inline]
    fn take(
        &self,
        now: Instant,
        demands: &[Demand<'_>],
        readings: &mut [Reading],
    ) -> Taking<Self::Trip> {
        match self {
            Self::Left(store) => match store.take(now, demands, readings) {
                Taking::Done(taken) => Taking::Done(taken),
                Taking::Trip(trip) => Taking::Trip(EitherTrip::Left { trip }),
            },
            Self::Right(store) => match store.take(now, demands, readings) {
                Taking::Done(taken) => Taking::Done(taken),
                Taking::Trip(trip) => Taking::Trip(EitherTrip::Right { trip }),
            },
        }
    }

    fn adjust(&self, now: Instant, demand: &Demand<'_>, change: Change) {
        match self {
            Self::Left(store) => store.adjust(now, demand, change),
            Self::Right(store) => store.adjust(now, demand, change),
        }
    }

    fn share(
        &self,
        now: Instant,
        demands: &[Demand<'_>],
        readings: &mut [Reading],
    ) -> Option<bool> {
        match self {
            Self::Left(store) => store.share(now, demands, readings),
            Self::Right(store) => store.share(now, demands, readings),
        }
    }

    fn is_local(&self) -> bool {
        match self {
            Self::Left(store) => store.is_local(),
            Self::Right(store) => store.is_local(),
        }
    }
}

impl<A, B> Future for EitherTrip<A, B>
where
    A: Future<Output = Result<Vec<Reading>, StoreError>>,
    B: Future<Output = Result<Vec<Reading>, StoreError>>,
{
    type Output = Result<Vec<Reading>, StoreError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            EitherTripProj::Left { trip } => trip.poll(cx),
            EitherTripProj::Right { trip } => trip.poll(cx),
        }
    }
}
