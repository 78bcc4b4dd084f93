//! Whatever a check is told to connect to, it is taken or refused when it is built.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_ready_shutdown::health::{Check, Health};

fuzz_target!(|target: &str| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    let checks = [
        Check::tcp("tcp", target),
        Check::http("http", target),
        Check::http("http", format!("http://{target}")),
        Check::redis("redis", target),
        Check::redis("redis", format!("redis://{target}")),
    ];
    for check in checks {
        // Nobody drives its runtime, and so it connects to nobody.
        let built = Health::builder().check(check).build();
        // What a caller of ours would see of it.
        assert!(built.map_or_else(|error| !error.to_string().is_empty(), |_| true));
    }
});
