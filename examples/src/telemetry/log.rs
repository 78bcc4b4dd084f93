//! The log on stderr.

use std::panic::{self, PanicHookInfo};

use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, filter_fn},
    fmt,
    layer::SubscriberExt,
};

use super::Collector;

/// The form of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One JSON object a line, panics included.
    Json,
}

/// Starts the log, and sends panics to it. Spans go to a collector too, if there is one.
///
/// Without the hook a panic is several lines of no format, which a collector of JSON lines chokes on.
pub(crate) fn start<W>(format: Format, writer: W, collector: Option<&Collector>)
where
    W: for<'a> fmt::MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer).with_ansi(false);
    let lines = match format {
        Format::Text => lines.boxed(),
        Format::Json => lines.json().flatten_event(true).boxed(),
    };
    // The spans of requests and calls, not those of the libraries below.
    let ours = |metadata: &tracing::Metadata<'_>| metadata.target().starts_with("tower_ready");
    let spans = collector.map(|collector| {
        tracing_opentelemetry::layer().with_tracer(collector.tracer()).with_filter(filter_fn(ours))
    });
    let subscriber = tracing_subscriber::registry().with(spans).with(lines).with(LevelFilter::INFO);
    // Only a second start in one process fails, and then there is a log.
    let _ = tracing::subscriber::set_global_default(subscriber);
    panic::set_hook(Box::new(panicked));
}

fn panicked(panic: &PanicHookInfo<'_>) {
    let payload = panic.payload();
    let text = payload.downcast_ref::<String>().map(String::as_str);
    tracing::error!(
        target: "panic",
        location = panic.location().map(tracing::field::display),
        text = text.or_else(|| payload.downcast_ref::<&str>().copied()),
        "a thread panicked"
    );
}
