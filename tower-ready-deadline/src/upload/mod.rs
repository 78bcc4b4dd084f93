//! Uploads that stall.

mod body;
mod future;
mod layer;
mod service;
mod stall;

pub use self::{
    body::UploadBody,
    future::{UPLOAD_STALLED, UploadFuture},
    layer::UploadLayer,
    service::UploadService,
};
