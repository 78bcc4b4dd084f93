//! The files of `deploy/` fit one another, and the presets of the shutdown crate.

use std::{fs, path::Path, time::Duration};

use tower_ready_shutdown::Timings;

/// What the servers allow hooks beside what flags say.
const HOOKS: Duration = Duration::from_secs(2);

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The seconds after this text.
fn seconds(text: &str, before: &str) -> Duration {
    let at = text.find(before).unwrap_or_else(|| panic!("no {before:?}"));
    let rest = text[at + before.len()..].trim_start();
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Duration::from_secs(digits.parse().unwrap())
}

fn assert_fits(lame_duck: Duration, drain: Duration, grace: Duration, preset: Timings) {
    assert!(
        lame_duck + drain + HOOKS < grace,
        "{lame_duck:?} + {drain:?} + {HOOKS:?} >= {grace:?}"
    );
    // The preset itself has more for hooks.
    let told = Timings::new(lame_duck, drain).total();
    assert_eq!(told, preset.total());
    assert!(preset.total() < grace);
}

#[test]
fn every_platform_waits_for_longer_than_the_end_takes() {
    let kubernetes = read("k8s/deployment.yaml");
    let duck = seconds(&kubernetes, "--lame-duck=");
    let drain = seconds(&kubernetes, "--drain=");
    let grace = seconds(&kubernetes, "terminationGracePeriodSeconds:");
    assert_fits(duck, drain, grace, Timings::kubernetes());

    let systemd = read("systemd/orders.service");
    let (duck, drain) = (seconds(&systemd, "--lame-duck "), seconds(&systemd, "--drain "));
    assert_fits(duck, drain, seconds(&systemd, "TimeoutStopSec="), Timings::systemd());

    let compose = read("compose.yaml");
    let duck = seconds(&compose, "TOWER_READY_LAME_DUCK:");
    let drain = seconds(&compose, "TOWER_READY_DRAIN:");
    let grace = seconds(&compose, "stop_grace_period:");
    assert_fits(duck, drain, grace, Timings::kubernetes());
}

#[test]
fn balancers_notice_within_the_lame_duck() {
    let kubernetes = read("k8s/deployment.yaml");
    let readiness = &kubernetes[kubernetes.find("readinessProbe").unwrap()..];
    let duck = seconds(&kubernetes, "--lame-duck=");
    let fails = seconds(readiness, "failureThreshold:").as_secs() as u32;
    assert!(
        seconds(readiness, "periodSeconds:") * fails + seconds(readiness, "timeoutSeconds:") < duck
    );

    let haproxy = read("haproxy/haproxy.cfg");
    let fails = seconds(&haproxy, " fall ").as_secs() as u32;
    assert!(
        seconds(&haproxy, "check inter ") * fails < seconds(&read("compose.yaml"), "LAME_DUCK:")
    );
}

#[test]
fn an_idle_connection_is_closed_by_the_balancer_first() {
    // The servers close after 75 s.
    let server = Duration::from_secs(75);
    assert!(seconds(&read("nginx/nginx.conf"), "keepalive_timeout ") < server);
}
