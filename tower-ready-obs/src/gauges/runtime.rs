use std::time::Duration;

use tokio::runtime::{Handle, RuntimeMetrics};

use crate::{
    labels::Labels,
    metrics::Metrics,
    scrape::{Descriptor, FamilyKind, Number},
};

impl Metrics {
    /// Shows how busy a runtime of tokio is: `metrics.runtime(&Handle::current())`. It is read when
    /// somebody scrapes.
    pub fn runtime(&self, handle: &Handle) {
        type Read = fn(&RuntimeMetrics) -> Number;
        let metrics: [(_, _, _, Read); 4] = [
            ("tokio_workers", FamilyKind::Gauge, "Threads that run tasks.", |it| {
                Number::Count(it.num_workers() as u64)
            }),
            ("tokio_alive_tasks", FamilyKind::Gauge, "Tasks that are not over.", |it| {
                Number::Count(it.num_alive_tasks() as u64)
            }),
            (
                "tokio_global_queue_depth",
                FamilyKind::Gauge,
                "Tasks that wait for a worker in the queue of all.",
                |it| Number::Count(it.global_queue_depth() as u64),
            ),
            (
                "tokio_busy_seconds",
                FamilyKind::Counter,
                "How long workers were busy, all together.",
                |it| {
                    let busy = |worker| it.worker_total_busy_duration(worker);
                    let busy: Duration = (0..it.num_workers()).map(busy).sum();
                    Number::Real(busy.as_secs_f64())
                },
            ),
        ];
        for (name, kind, help, read) in metrics {
            let runtime = handle.metrics();
            let descriptor = Descriptor::new(name, kind, help);
            self.pull(descriptor, Labels::default(), move || read(&runtime));
        }
    }
}
