//! What cannot work is refused, with the setting and the fix.

use std::time::Duration;

use tower_ready_deadline::{ClientDeadlines, ConfigError, ConfigErrorKind, Deadlines};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn settings_that_cannot_work_are_refused() {
    let server = Deadlines::builder;
    let client = ClientDeadlines::builder;
    let idle = server().idle(Duration::ZERO).build().map(drop);
    let cases: [(Result<(), ConfigError>, _, _); 7] = [
        (server().timeout(Duration::ZERO).build().map(drop), ConfigErrorKind::Timeout, "timeout"),
        (server().timeout(SECOND * 2).cap(SECOND).build().map(drop), ConfigErrorKind::Cap, "cap"),
        (server().timeout(SECOND).floor(SECOND).build().map(drop), ConfigErrorKind::Floor, "floor"),
        (idle, ConfigErrorKind::Idle, "idle"),
        (client().idle(Duration::ZERO).build().map(drop), ConfigErrorKind::Idle, "idle"),
        (client().attempt(Duration::ZERO).build().map(drop), ConfigErrorKind::Attempt, "attempt"),
        (
            client().attempt(SECOND).margin(SECOND).build().map(drop),
            ConfigErrorKind::Margin,
            "margin",
        ),
    ];
    for (result, kind, setting) in cases {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), kind);
        let text = error.to_string();
        assert!(text.starts_with(setting) && text.contains(": use "), "{text}");
    }
}

#[test]
fn the_defaults_work() {
    assert!(Deadlines::builder().build().is_ok());
    assert!(ClientDeadlines::builder().build().is_ok());
}
