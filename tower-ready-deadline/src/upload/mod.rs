//! Uploads that stall.

mod body;
mod future;
mod layer;
mod service;
mod stall;

pub use self::{
    body::UploadBody, future::UploadFuture, layer::UploadLayer, service::UploadService,
};
