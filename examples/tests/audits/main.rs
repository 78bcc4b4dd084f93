//! The findings of docs/AUDITS.md, each twice: on a service that shows it, and on the same handlers
//! behind the layer that answers it. Both speak over sockets.

#![cfg(unix)]

mod around;
mod callers;
#[path = "../smoke/client.rs"]
#[allow(dead_code, reason = "shared with the smoke test, which needs all of it")]
mod client;
mod dependencies;
mod errors;
mod finding;
mod limits;
mod observed;
mod process;
#[path = "../smoke/server.rs"]
#[allow(dead_code, reason = "shared with the smoke test, which needs all of it")]
mod server;
mod service;
mod table;
mod time;
