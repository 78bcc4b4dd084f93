//! What has to be there before a process is ready.

use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use tower_ready_shutdown::{Event, Lifecycle, Phase, Retry};

#[tokio::test(start_paused = true)]
async fn a_process_is_ready_when_it_serves_and_its_gates_are_open() {
    let lifecycle = Lifecycle::builder().build().unwrap();
    let migrations = lifecycle.gate("migrations");
    lifecycle.gate("cache").open();
    let run = tokio::spawn({
        let lifecycle = lifecycle.clone();
        async move { lifecycle.run(lifecycle.graceful()).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(lifecycle.phase(), Phase::Starting);
    assert_eq!(lifecycle.closed_gates(), ["migrations"]);
    migrations.open();
    assert_eq!(lifecycle.phase(), Phase::Ready);

    let late = lifecycle.gate("late");
    assert_eq!(lifecycle.phase(), Phase::Ready, "a gate closes nothing behind us");
    drop(late);
    lifecycle.close();
    assert!(run.await.unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_dependency_is_tried_until_it_is_there() {
    let diary = Arc::new(Mutex::new(Vec::new()));
    let observed = Arc::clone(&diary);
    let observer = move |event: &Event<'_>| match event {
        Event::GateWaits { name, attempt, error, .. } => {
            observed.lock().unwrap().push(format!("{name} {attempt} {error}"));
        }
        Event::GateLost { name, .. } => observed.lock().unwrap().push(format!("{name} lost")),
        _ => {}
    };
    let lifecycle = Lifecycle::builder().on_event(observer).build().unwrap();
    let mut tries = 0;
    lifecycle.wait_for_with(Retry::default().timeout(Duration::from_secs(1)), "redis", move || {
        tries += 1;
        let this = tries;
        async move {
            match this {
                1 => Err("refused"),
                2 => pending().await,
                _ => Ok(()),
            }
        }
    });
    lifecycle.wait_for("broken", || async { panic!("a try") as Result<(), String> });
    lifecycle.ready();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let diary = diary.lock().unwrap();
    assert_eq!(*diary, ["redis 1 refused", "broken lost", "redis 2 no answer within 1s"]);
    assert_eq!(lifecycle.phase(), Phase::Starting, "what broke is never done");
    assert_eq!(lifecycle.closed_gates(), ["broken"]);
}
