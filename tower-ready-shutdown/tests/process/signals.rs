//! Signals before there is a server, twice, and three times.

use std::{process::ExitCode, time::Duration};

use rustix::process::Signal;
use tokio::{net::TcpListener, runtime::Runtime};
use tower_ready_shutdown::{Cause, Lifecycle, Phase, Timings};

use crate::child::{Server, exit, role};

fn timings() -> Timings {
    Timings::new(Duration::from_secs(30), Duration::from_secs(30)).rush(Duration::from_millis(400))
}

/// A server with a task in flight that takes no end.
fn endless() -> ExitCode {
    let runtime = Runtime::new().unwrap();
    let report = runtime.block_on(async {
        let lifecycle = Lifecycle::builder().timings(timings()).install().unwrap();
        lifecycle.on_stop("a hook", || async { println!("\nthe hook ran") });
        let kept = lifecycle.listener(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let mut phases = lifecycle.phases();
        tokio::spawn(async move {
            loop {
                println!("\nphase {}", phases.changed().await);
            }
        });
        println!("\nlistening on {}", kept.local_addr().unwrap());
        let report = lifecycle.run(std::future::pending::<()>()).await;
        drop(kept);
        report
    });
    report.exit_code()
}

#[test]
fn a_second_signal_leaves_a_rush() {
    if role().is_some() {
        exit(endless());
    }
    let mut server = Server::start("signals::a_second_signal_leaves_a_rush", "endless");
    server.line("phase ready");
    server.signal(Signal::TERM);
    server.line("phase draining");
    server.signal(Signal::TERM);
    server.line("the hook ran");
    assert_eq!(server.left().status.code(), Some(0), "there was no work to be cut");
}

#[test]
fn a_third_signal_exits_even_when_the_runtime_is_stuck() {
    if role().is_some() {
        let lifecycle = Lifecycle::builder().timings(timings()).install().unwrap();
        Runtime::new().unwrap().block_on(async {
            let observed = lifecycle.clone();
            std::thread::spawn(move || {
                let phases = Runtime::new().unwrap();
                phases.block_on(async {
                    observed.draining().await;
                    println!("\nphase {}", observed.phase());
                });
            });
            println!("\nlistening on 127.0.0.1:0");
            // On the only thread of the test, so that nothing of this process goes on but signals.
            loop {
                std::thread::park();
            }
        });
    }
    let name = "signals::a_third_signal_exits_even_when_the_runtime_is_stuck";
    let mut server = Server::start(name, "stuck");
    server.signal(Signal::INT);
    server.line("phase draining");
    // Two signals of a kind that come at once are one.
    server.signal(Signal::TERM);
    server.signal(Signal::INT);
    assert!(matches!(server.left().status.code(), Some(130 | 143)));
}

#[test]
fn a_signal_before_there_is_a_server_is_heard() {
    if role().is_some() {
        let lifecycle = Lifecycle::install().unwrap();
        // To itself, and not heard by any runtime, since there is none.
        rustix::process::kill_process(rustix::process::getpid(), Signal::TERM).unwrap();
        let runtime = Runtime::new().unwrap();
        let report = runtime.block_on(async {
            let app = axum::Router::new();
            lifecycle.draining().await;
            assert_eq!(lifecycle.phase(), Phase::Draining);
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            lifecycle.run(lifecycle.serve_axum(listener, app)).await
        });
        assert_eq!(report.cause(), Some(Cause::Signal("SIGTERM")));
        assert!(report.took() < Duration::from_secs(5), "nobody routes to what was never ready");
        exit(report.exit_code());
    }
    let name = "signals::a_signal_before_there_is_a_server_is_heard";
    let server = Server::start_without_address(name, "early");
    assert_eq!(server.left().status.code(), Some(0));
}

#[test]
fn a_quit_ends_the_lame_duck() {
    if role().is_some() {
        exit(endless());
    }
    let mut server = Server::start("signals::a_quit_ends_the_lame_duck", "endless");
    server.line("phase ready");
    server.signal(Signal::TERM);
    server.line("phase draining");
    server.signal(Signal::QUIT);
    server.line("phase closing");
}
