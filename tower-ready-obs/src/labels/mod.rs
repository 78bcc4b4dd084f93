//! What series are told apart by, each from a set that callers cannot grow.

pub(crate) mod attributes;
mod descriptors;
mod error_type;
mod grpc_methods;
mod label_set;
mod method;
mod route;
mod route_table;
mod scheme;
mod version;

pub use self::{
    attributes::{Attribute, RpcStatusKey},
    descriptors::DescriptorError,
    grpc_methods::GrpcMethods,
    label_set::LabelSet,
    route_table::RouteTable,
    scheme::UrlScheme,
};
pub(crate) use self::{
    error_type::ErrorType,
    grpc_methods::{GrpcMethod, GrpcNames},
    label_set::Labels,
    method::{MethodName, Methods},
    route::{Routes, of_route},
    version::Version,
};
