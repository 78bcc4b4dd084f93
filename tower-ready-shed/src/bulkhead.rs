//! The policy, which is the handle too.

use std::{fmt, sync::Arc};

use crate::{BulkheadBuilder, ConfigError, ConfigErrorKind, ShedLayer, Stats, admission::Inner};

/// How many requests are served at a time, and what becomes of the others.
///
/// Clones share everything, and so do all layers made from one bulkhead, on however many routes and
/// connections. Keep a clone to look at it and to change its limit while it serves.
///
/// ```
/// use tower_ready_shed::Bulkhead;
///
/// let bulkhead = Bulkhead::builder()
///     .limit(200)
///     .exempt(|head| head.uri().path() == "/livez")
///     .build()?;
/// let layer = bulkhead.layer();
///
/// assert_eq!((bulkhead.in_flight(), bulkhead.limit()), (0, 200));
/// bulkhead.set_limit(100)?;
/// # Ok::<(), tower_ready_shed::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Bulkhead(pub(crate) Arc<Inner>);

impl Bulkhead {
    /// Starts from the defaults: 512 at a time, and nobody waits.
    pub fn builder() -> BulkheadBuilder {
        BulkheadBuilder::new()
    }

    /// A layer of this bulkhead. All of its layers share its slots.
    pub fn layer(&self) -> ShedLayer {
        ShedLayer::new(self.clone())
    }

    /// How many are served at a time.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.0.gate.limit() as usize
    }

    /// Sets how many are served at a time, from now on. What is being served goes on. An
    /// [adaptive](BulkheadBuilder::adaptive) limit sets itself anew when it has learnt more.
    ///
    /// # Errors
    ///
    /// When the limit is zero or above two billion.
    pub fn set_limit(&self, limit: usize) -> Result<(), ConfigError> {
        self.0.gate.set_limit(checked_limit(limit)?);
        Ok(())
    }

    /// How many are being served, to the ends of their bodies.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.0.gate.taken() as usize
    }

    /// How many wait.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.0.gate.waiting() as usize
    }

    /// How many of a [partition](BulkheadBuilder::partitions) are being served.
    #[must_use]
    pub fn partition(&self, name: &str) -> Option<usize> {
        let groups = self.0.gate.groups.as_ref()?;
        groups.taken(groups.named(name)).map(|taken| taken as usize)
    }

    /// The share of requests of normal priority that are turned away for the sake of the
    /// [processors](BulkheadBuilder::cpu).
    #[must_use]
    pub fn cpu_share(&self) -> f64 {
        self.0.cpu.as_ref().map_or(0.0, |cpu| cpu.share().into())
    }

    /// What it has done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.0.counters.read()
    }
}

/// The counter has 32 bits, of which one is kept free.
pub(crate) fn checked_limit(limit: usize) -> Result<u32, ConfigError> {
    match u32::try_from(limit) {
        Ok(limit) if limit > 0 && limit <= u32::MAX / 2 => Ok(limit),
        _ => Err(ConfigError::new(ConfigErrorKind::Limit)),
    }
}

impl fmt::Debug for Bulkhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bulkhead")
            .field("limit", &self.limit())
            .field("in_flight", &self.in_flight())
            .field("queued", &self.queued())
            .finish_non_exhaustive()
    }
}
