//! The subscriber that collects.

use std::sync::{Arc, Mutex};

use tracing::{
    Subscriber,
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    layer::{Context, Layer},
    registry::LookupSpan,
};

use super::event::{Event, Fields, Span};

pub(super) struct Collect {
    events: Arc<Mutex<Vec<Event>>>,
}

// === impl Collect ===

impl Collect {
    pub(super) const fn new(events: Arc<Mutex<Vec<Event>>>) -> Self {
        Self { events }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Collect {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &tracing::Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let scope = context.event_scope(event);
        let spans = scope.into_iter().flat_map(|scope| scope.from_root()).map(|span| Span {
            name: span.name(),
            fields: span.extensions().get::<Fields>().cloned().unwrap_or_default(),
        });
        let event = Event {
            level: *event.metadata().level(),
            target: event.metadata().target().to_owned(),
            fields,
            spans: spans.collect(),
        };
        self.events.lock().expect("nothing panics under the lock").push(event);
    }
}
