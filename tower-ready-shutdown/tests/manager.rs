//! What a service manager is told.
#![cfg(unix)]

use std::{fs, os::unix::net::UnixDatagram, process, time::Duration};

use tower_ready_shutdown::{Lifecycle, Timings, handover::SdNotify};

fn hear(manager: &UnixDatagram) -> String {
    let mut message = [0; 512];
    let length = manager.recv(&mut message).unwrap();
    String::from_utf8_lossy(&message[..length]).into_owned()
}

#[tokio::test(start_paused = true)]
async fn a_manager_is_told_of_the_way_through_the_phases() {
    let path = std::env::temp_dir().join(format!("tower-ready-manager-{}", process::id()));
    let _ = fs::remove_file(&path);
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let timings = Timings::new(Duration::from_secs(6), Duration::from_secs(1));
    let builder = Lifecycle::builder().timings(timings);
    let lifecycle = builder.on_event(SdNotify::connect(&path).unwrap()).build().unwrap();

    lifecycle.ready();
    assert_eq!(hear(&manager), "READY=1\nSTATUS=ready");
    lifecycle.drain();
    assert!(hear(&manager).starts_with("STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC="));
    let server = lifecycle.graceful();
    assert!(lifecycle.run(server).await.is_clean());
    let waiting = hear(&manager);
    assert!(waiting.contains("0 requests, 0 connections"), "{waiting}");
    assert!(waiting.contains("EXTEND_TIMEOUT_USEC=15000000"), "{waiting}");
    for phase in ["closing", "stopping", "stopped"] {
        assert_eq!(hear(&manager), format!("STATUS={phase}"));
    }
    fs::remove_file(&path).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_manager_without_a_file_is_found() {
    use std::os::{linux::net::SocketAddrExt, unix::net::SocketAddr};

    let name = format!("tower-ready-manager-{}", process::id());
    let manager = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    SdNotify::connect(format!("@{name}")).unwrap().send("STATUS=here").unwrap();
    assert_eq!(hear(&manager), "STATUS=here");
}
