use crate::{
    labels::{Attribute, Labels},
    metrics::Metrics,
    scrape::{Descriptor, FamilyKind, Number},
};

impl Metrics {
    /// Shows which build runs: `tower_ready_build_info{name="orders",version="1.2.3"} 1`.
    ///
    /// Call it as `metrics.build_info(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))`, or with
    /// the commit for a version.
    pub fn build_info(&self, name: impl Into<Box<str>>, version: impl Into<Box<str>>) {
        let labels = Labels::default()
            .and(Attribute::own("service.name", "name"), name)
            .and(Attribute::own("service.version", "version"), version);
        let help = "Which build runs.";
        let descriptor = Descriptor::new("tower_ready_build", FamilyKind::Info, help);
        self.pull(descriptor, labels, || Number::Count(1));
    }
}
