use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use tower_ready_core::Instant;

use super::{Family, Format, Sink, protobuf::Protobuf, text::Text};

/// How much is written before it goes out.
const PAGE: usize = 32 * 1024;

/// An exposition, page by page.
pub(crate) struct Pages {
    families: Vec<Arc<dyn Family>>,
    sink: Box<dyn Sink + Send + Sync>,
    family: usize,
    /// The next series, once the family has begun.
    series: Option<usize>,
    is_over: bool,
}

/// Our clock beside that of the wall, as they were when the exposition began.
#[derive(Clone, Copy, Debug)]
pub(super) struct WallClock {
    now: Instant,
    unix: Duration,
}

impl WallClock {
    fn now() -> Self {
        let unix = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Self { now: Instant::now(), unix }
    }

    /// A moment of our clock, since 1970.
    pub(super) fn unix(&self, nanos: u64) -> Duration {
        self.unix.saturating_sub(self.now.since(Instant::from_nanos(nanos)))
    }
}

impl Pages {
    pub(crate) fn new(families: Vec<Arc<dyn Family>>, format: Format) -> Self {
        let clock = WallClock::now();
        let sink: Box<dyn Sink + Send + Sync> = match format {
            Format::Text | Format::Text1 => Box::new(Text::new(None)),
            Format::OpenMetrics | Format::OpenMetrics0 => Box::new(Text::new(Some(clock))),
            Format::Protobuf => Box::new(Protobuf::new(clock)),
        };
        Self { families, sink, family: 0, series: None, is_over: false }
    }

    pub(crate) const fn is_over(&self) -> bool {
        self.is_over
    }

    /// The next page. It is empty where nothing is left to tell.
    pub(crate) fn turn(&mut self) -> Vec<u8> {
        let sink = &mut *self.sink;
        while let Some(family) = self.families.get(self.family) {
            let series = self.series.get_or_insert_with(|| {
                sink.begin(family.descriptor());
                0
            });
            while *series < family.len() {
                family.visit(*series, sink);
                *series += 1;
                if sink.ready() >= PAGE {
                    return sink.take();
                }
            }
            sink.end();
            self.family += 1;
            self.series = None;
            if sink.ready() >= PAGE {
                return sink.take();
            }
        }
        if !std::mem::replace(&mut self.is_over, true) {
            sink.finish();
        }
        sink.take()
    }
}
