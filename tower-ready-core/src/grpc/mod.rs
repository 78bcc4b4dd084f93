//! What gRPC writes into headers: status codes and messages.

mod code;
mod message;

pub use self::{
    code::{Code, UnknownCode},
    message::{decode_message, encode_message},
};
