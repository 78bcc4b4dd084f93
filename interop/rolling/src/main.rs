//! Rolling restarts, to see what they lose.
//!
//! `rolling serve NAME ADDRESS` is one instance; `rolling drive FRONT` starts two of them and a
//! balancer, sends requests through 64 connections, never repeats one, and restarts the instances
//! in turn. It prints a line for each server, `ok` or `FAILED`, as `cargo xtask interop` counts
//! them, and a table. Names of servers after the front leave out the others.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command speaks to a terminal")]

mod drive;
mod serve;

use std::{env, process::ExitCode};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

const USAGE: &str = "\
usage: rolling serve axum|hyper|hyper-grpc|tonic|plain-axum|axum-server ADDRESS|inherited
       rolling drive nginx|haproxy|handover [SERVER…]";

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let ended = match args[..] {
        ["serve", name, address] => serve::run(name, address).await,
        ["drive", front, ref servers @ ..] => drive::run(front, servers).await,
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    ended.unwrap_or_else(|error| {
        eprintln!("rolling: {error}");
        ExitCode::FAILURE
    })
}
