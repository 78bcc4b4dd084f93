//! A capture sees its own test and nothing else.

use std::thread;

use tower_layer::layer_fn;
use tower_ready_testing::{Call, each_host, logs};
use tracing::{Level, debug, error, info, info_span, warn};

#[test]
fn an_event_keeps_level_target_and_fields() {
    let logs = logs::capture();
    debug!(target: "tower_ready_x::part", answer = 42, who = "me", "looked");
    let events = logs.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].level(), Level::DEBUG);
    assert_eq!(events[0].target(), "tower_ready_x::part");
    assert_eq!(events[0].message(), "looked");
    assert_eq!(events[0].field("answer"), Some("42"));
    assert_eq!(events[0].field("who"), Some("me"));
    assert_eq!(events[0].field("nobody"), None);
    assert_eq!(logs.text(), "DEBUG tower_ready_x::part: looked answer=42 who=me\n");
}

#[test]
fn an_event_knows_its_spans() {
    let logs = logs::capture();
    let outer = info_span!("request", id = "r-1", status = tracing::field::Empty);
    outer.record("status", 503);
    outer.in_scope(|| info_span!("try", id = "t-1").in_scope(|| warn!("slow")));
    let event = &logs.events()[0];
    assert_eq!(event.spans().collect::<Vec<_>>(), ["request", "try"]);
    assert_eq!(event.field("id"), Some("t-1"));
    assert_eq!(event.field("status"), Some("503"));
    assert_eq!(event.to_string(), "WARN logs: request{ id=r-1 status=503 } try{ id=t-1 } slow");
}

#[test]
fn events_are_found_by_level_and_target() {
    let logs = logs::capture();
    info!(target: "a", "one");
    error!(target: "a::b", "two");
    error!(target: "ab", "three");
    assert_eq!(logs.at(Level::ERROR).len(), 2);
    let under: Vec<_> = logs.under("a").iter().map(|it| it.message().to_owned()).collect();
    assert_eq!(under, ["one", "two"]);
}

#[test]
fn a_capture_ends_when_it_is_dropped() {
    let logs = logs::capture();
    info!("inside");
    drop(logs);
    let later = logs::capture();
    assert_eq!(later.text(), "");
}

/// `tracing` remembers per call site whether anyone listens; a thread that does not must not
/// decide it for one that does.
#[test]
fn a_deaf_thread_does_not_silence_a_capture() {
    fn shout() {
        info!("heard?");
    }
    let logs = logs::capture();
    thread::spawn(shout).join().unwrap();
    assert_eq!(logs.text(), "", "that was another thread");
    shout();
    assert_eq!(logs.events().len(), 1);
}

each_host! {
    async fn a_server_logs_into_the_capture_of_its_test(host) {
        let logs = logs::capture();
        let server = host.serve(layer_fn(|inner| {
            info!(target: "built", "a layer");
            inner
        })).await;
        server.call(Call::ok()).await.assert_ok();
        assert!(!logs.under("built").is_empty());
    }
}
