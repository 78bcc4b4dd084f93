//! The ready-made checks, against what they check.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tower_ready_shutdown::health::{Check, ConfigErrorKind, Health, Status};

/// Runs a check often, until it says what is expected, and returns the error that it tells.
async fn becomes(check: Check, expected: Status) -> Option<String> {
    let check = check.every(Duration::from_millis(250)).timeout(Duration::from_millis(250)).fall(1);
    let health = Health::builder().check(check.max_stale(Duration::from_secs(60))).build().unwrap();
    loop {
        let report = health.checks().swap_remove(1);
        if report.status == expected && report.took.is_some() {
            return report.error;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Answers every connection with the same bytes, or with silence.
async fn answers(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let mut silent = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1_024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(bytes).await;
            if bytes.is_empty() {
                silent.push(stream);
            }
        }
    });
    address
}

/// An address at which nobody listens.
async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

#[tokio::test]
async fn a_listener_passes_and_nobody_fails() {
    let address = answers(b"").await;
    assert_eq!(becomes(Check::tcp("x", &address), Status::Pass).await, None);
    let error = becomes(Check::tcp("x", nobody().await), Status::Fail).await.unwrap();
    assert!(error.to_lowercase().contains("refused"), "{error}");
}

#[tokio::test]
async fn an_answer_over_http_is_judged_by_its_status() {
    for (answer, expected) in [
        (&b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"[..], None),
        (b"HTTP/1.1 204\r\n\r\n", None),
        (b"HTTP/1.0 302 Found\r\n\r\n", None),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", Some("answered with status 404")),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", Some("answered with status 503")),
        (b"SSH-2.0-OpenSSH\r\n", Some("the answer is no HTTP")),
        (b"HTTP/1.1 200", Some("the answer broke off")),
        (b"", Some("no result within 250ms")),
    ] {
        let url = format!("http://{}/readyz", answers(answer).await);
        let status = if expected.is_none() { Status::Pass } else { Status::Fail };
        let error = becomes(Check::http("x", url), status).await;
        assert_eq!(error.as_deref(), expected, "{answer:?}");
    }
}

#[tokio::test]
async fn an_endless_line_is_not_read_to_its_end() {
    let line: &'static [u8] = Vec::leak(vec![b'x'; 1 << 20]);
    let url = format!("http://{}/", answers(line).await);
    let error = becomes(Check::http("x", url), Status::Fail).await;
    assert!(error.is_some());
}

#[tokio::test]
async fn the_event_loop_is_in_time() {
    let check = Check::event_loop("loop", Duration::from_millis(200));
    assert_eq!(becomes(check, Status::Pass).await, None);
}

#[tokio::test(start_paused = true)]
async fn an_event_loop_that_is_late_fails() {
    let check = Check::event_loop("loop", Duration::from_millis(100)).fall(1);
    let health = Health::builder().check(check).build().unwrap();
    // The check goes to sleep, and the clock goes on without any task being run.
    tokio::task::yield_now().await;
    tokio::time::advance(Duration::from_millis(500)).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    let report = health.checks().swap_remove(1);
    assert_eq!(report.status, Status::Fail);
    assert!(report.error.unwrap().starts_with("woken 4"));
}

#[cfg(feature = "disk")]
#[tokio::test]
async fn a_disk_has_space_or_not() {
    assert_eq!(becomes(Check::disk("disk", ".", 1), Status::Pass).await, None);
    let error = becomes(Check::disk("disk", ".", u64::MAX), Status::Fail).await.unwrap();
    assert!(error.contains("bytes free of 18446744073709551615"), "{error}");
    assert!(becomes(Check::disk("disk", "/no/such", 1), Status::Fail).await.is_some());
}

#[cfg(feature = "redis")]
#[tokio::test]
async fn redis_answers_a_ping_with_its_password() {
    use tower_ready_testing::redis::Redis;

    let mut redis = Redis::start();
    let url = redis.url();
    assert_eq!(becomes(Check::redis("redis", &url), Status::Pass).await, None);
    redis.cli(&["CONFIG", "SET", "requirepass", "s3:cret"]);
    let error = becomes(Check::redis("redis", &url), Status::Fail).await.unwrap();
    assert!(error.contains("NOAUTH"), "{error}");
    let with = |login: &str| format!("redis://{login}@127.0.0.1:{}/", redis.port());
    assert_eq!(becomes(Check::redis("redis", with(":s3%3Acret")), Status::Pass).await, None);
    assert_eq!(becomes(Check::redis("redis", with("default:s3:cret")), Status::Pass).await, None);
    let error = becomes(Check::redis("redis", with(":wrong")), Status::Fail).await.unwrap();
    assert!(error.contains("WRONGPASS") && !error.contains("cret"), "{error}");

    redis.pause();
    let error = becomes(Check::redis("redis", with(":s3%3Acret")), Status::Fail).await.unwrap();
    assert_eq!(error, "no result within 250ms");
    redis.resume();
    redis.kill();
    let error = becomes(Check::redis("redis", &url), Status::Fail).await.unwrap();
    assert!(error.to_lowercase().contains("refused"), "{error}");
}

#[cfg(feature = "redis")]
#[tokio::test]
async fn a_url_that_cannot_be_read_is_refused_without_its_password() {
    let check = Check::redis("redis", "rediss://:s3cret@cache");
    let error = Health::builder().check(check).build().unwrap_err();
    assert_eq!(error.kind(), ConfigErrorKind::Target);
    assert!(!format!("{error:?}").contains("s3cret"));
}

#[tokio::test]
async fn a_target_that_is_none_is_refused_when_health_is_built() {
    for check in [Check::tcp("x", "localhost"), Check::http("x", "ftp://localhost/")] {
        let error = Health::builder().check(check).build().unwrap_err();
        assert_eq!(error.kind(), ConfigErrorKind::Target);
        assert!(error.to_string().starts_with("check \"x\":"));
    }
}
