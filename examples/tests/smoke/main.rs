//! The binaries, started as a user starts them and spoken to over sockets: what the routes and
//! methods answer, what hostile clients get, which flags are taken, and how it all ends.

#![cfg(unix)]

mod callers;
mod client;
mod deadlines;
mod flags;
mod grpc;
mod hostile;
mod leaving;
mod limits;
mod logs;
mod observed;
mod routes;
mod server;
mod shared;
mod slots;
mod tour;
mod uploads;
mod upstream;
