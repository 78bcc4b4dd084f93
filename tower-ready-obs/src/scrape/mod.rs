//! Our own exposition: what is counted, in the formats that Prometheus reads.

mod accept;
mod body;
mod family;
#[cfg(feature = "gzip")]
mod gzip;
mod number;
mod pages;
mod protobuf;
mod reading;
mod service;
mod sink;
mod text;

pub(crate) use self::{
    accept::Format,
    family::{Descriptor, Family, FamilyKind},
    number::Number,
    pages::Pages,
    sink::{HistogramView, Sink},
};
pub use self::{
    body::ScrapeBody,
    reading::{Scrape, ScrapeError},
    service::ScrapeService,
};
