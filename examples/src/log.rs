//! The log on stderr.

use std::{
    io,
    panic::{self, PanicHookInfo},
};

use tracing_subscriber::{Layer, filter::LevelFilter, fmt, layer::SubscriberExt};

/// The form of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One JSON object a line, panics included.
    Json,
}

/// Starts the log, and sends panics to it.
///
/// Without the hook a panic is several lines of no format, which a collector of JSON lines chokes on.
pub(crate) fn start<W>(format: Format, writer: W)
where
    W: for<'a> fmt::MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer).with_ansi(false);
    let lines = match format {
        Format::Text => lines.boxed(),
        Format::Json => lines.json().flatten_event(true).boxed(),
    };
    let subscriber = tracing_subscriber::registry().with(lines.with_filter(LevelFilter::INFO));
    // Only a second start in one process fails, and then there is a log.
    let _ = tracing::subscriber::set_global_default(subscriber);
    panic::set_hook(Box::new(panicked));
}

/// Starts the log on stderr.
pub(crate) fn start_on_stderr(format: Format) {
    start(format, io::stderr);
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
