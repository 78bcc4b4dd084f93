//! The way through the phases, on a clock that is paused.

use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{sync::oneshot, time::Instant};
use tower_ready_shutdown::{Cause, Event, How, Lifecycle, LifecycleBuilder, Phase, Timings};

const TIMINGS: Timings = Timings::new(secs(8), secs(14));

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn builder() -> LifecycleBuilder {
    Lifecycle::builder().timings(TIMINGS)
}

fn lifecycle() -> Lifecycle {
    builder().build().unwrap()
}

/// A server that ends when it may.
async fn serve(lifecycle: Lifecycle) {
    lifecycle.graceful().await;
}

/// What happens, in order.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    fn write(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    fn read(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_goes_through_its_phases_within_one_budget() {
    let diary = Diary::default();
    let observed = diary.clone();
    let observer = move |event: &Event<'_>| {
        if let Event::Phase { from, to, .. } = event {
            observed.write(format!("{from} {to}"));
        }
    };
    let lifecycle = builder().on_event(observer).build().unwrap();
    let run = tokio::spawn({
        let lifecycle = lifecycle.clone();
        async move { lifecycle.run(serve(lifecycle.clone())).await }
    });
    lifecycle.phases().until(|phase| phase == Phase::Ready).await;
    let began = Instant::now();
    lifecycle.drain();
    assert_eq!(lifecycle.phase(), Phase::Draining);
    lifecycle.closing().await;
    assert_eq!(began.elapsed().as_secs(), 8);
    let report = run.await.unwrap();
    assert!(report.is_clean());
    assert_eq!(report.cause(), Some(Cause::Asked));
    assert!(report.took() < secs(10), "nothing was in flight: {report:?}");
    assert_eq!(lifecycle.phase(), Phase::Stopped);
    let phases: Vec<_> = report.stages().iter().map(|stage| stage.phase).collect();
    let leaving = [Phase::Draining, Phase::Closing, Phase::Stopping, Phase::Stopped];
    assert_eq!(phases, leaving);
    assert_eq!(
        diary.read(),
        [
            "starting ready",
            "ready draining",
            "draining closing",
            "closing stopping",
            "stopping stopped"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_no_end_is_dropped_when_its_time_is_over() {
    let lifecycle = lifecycle();
    lifecycle.on_stop("a hook", || async {});
    lifecycle.ready();
    lifecycle.drain();
    let began = Instant::now();
    let report = lifecycle.run(pending::<()>()).await;
    assert!((secs(22)..secs(23)).contains(&began.elapsed()), "{:?}", began.elapsed());
    assert!(report.is_clean(), "no work was known to be in flight");
    assert_eq!(report.ended().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_fails_begins_the_end_and_is_reported() {
    let lifecycle = lifecycle();
    let began = Instant::now();
    let report = lifecycle.run(async { Err::<(), _>("the address is taken") }).await;
    assert_eq!(report.cause(), Some(Cause::ServerEnded));
    assert_eq!(report.server_error(), Some("the address is taken"));
    assert!(!report.is_clean());
    assert!(began.elapsed() < secs(1), "there is nobody left to wait for");
}

#[tokio::test(start_paused = true)]
async fn a_drain_can_be_taken_back_while_the_lame_duck_lasts() {
    let lifecycle = lifecycle();
    let run = tokio::spawn({
        let lifecycle = lifecycle.clone();
        async move { lifecycle.run(serve(lifecycle.clone())).await }
    });
    let mut phases = lifecycle.phases();
    phases.until(|phase| phase == Phase::Ready).await;
    assert!(!lifecycle.resume(), "nothing was asked for");
    lifecycle.drain();
    tokio::time::sleep(secs(7)).await;
    assert!(lifecycle.resume());
    tokio::time::sleep(secs(60)).await;
    assert_eq!(lifecycle.phase(), Phase::Ready);

    let began = Instant::now();
    lifecycle.drain();
    lifecycle.closing().await;
    assert_eq!(began.elapsed().as_secs(), 8, "the second has a budget of its own");
    assert!(!lifecycle.resume(), "nobody is accepted any more");
    assert!(run.await.unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn hooks_and_tasks_end_the_latest_first() {
    let diary = Diary::default();
    let lifecycle = lifecycle();
    for name in ["pool", "telemetry"] {
        let diary = diary.clone();
        lifecycle.on_stop(name, move || async move { diary.write(name) });
    }
    let task = diary.clone();
    lifecycle.spawn("writer", |mut stop| async move {
        stop.stopped().await;
        task.write("writer");
    });
    lifecycle.drain();
    let report = lifecycle.run(serve(lifecycle.clone())).await;
    assert_eq!(diary.read(), ["writer", "telemetry", "pool"]);
    let names: Vec<_> = report.ended().iter().map(|ended| ended.name.as_str()).collect();
    assert_eq!(names, ["writer", "telemetry", "pool"]);
    assert!(report.is_clean());
}

#[tokio::test(start_paused = true)]
async fn hooks_that_hang_or_panic_do_not_stop_the_rest() {
    let (ran, did_run) = oneshot::channel();
    let lifecycle = lifecycle();
    lifecycle.on_stop("first", move || async move { ran.send(()).unwrap() });
    lifecycle.on_stop("panics", || async { panic!("a hook") });
    lifecycle.on_stop("panics at once", || -> std::future::Ready<()> { panic!("a hook") });
    lifecycle.on_stop_within(secs(1), "hangs", pending);
    lifecycle.spawn("deaf", |_| pending());
    lifecycle.drain();
    let began = Instant::now();
    let report = lifecycle.run(serve(lifecycle.clone())).await;
    did_run.await.unwrap();
    let how: Vec<_> = report.ended().iter().map(|ended| ended.how).collect();
    use How::{Done, Panicked, TimedOut};
    assert_eq!(how, [TimedOut, TimedOut, Panicked, Panicked, Done]);
    assert!((secs(3)..secs(4)).contains(&began.elapsed()), "{:?}", began.elapsed());
    assert!(!report.is_clean());
    assert_eq!(lifecycle.phase(), Phase::Forced);
    let text = report.to_string();
    assert!(text.contains("hangs took too long") && text.contains("panics panicked"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn all_hooks_together_have_no_more_than_their_time() {
    let lifecycle = lifecycle();
    for _ in 0..10 {
        lifecycle.on_stop("hangs", pending);
    }
    lifecycle.drain();
    let began = Instant::now();
    // The server takes the whole drain, so that hooks have their own time and no more.
    let report = lifecycle.run(pending::<()>()).await;
    assert!(began.elapsed() < secs(19), "{:?}", began.elapsed());
    assert_eq!(report.ended().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_rush_shortens_what_is_left() {
    let lifecycle = lifecycle();
    lifecycle.on_stop_within(secs(60), "hangs", pending);
    let began = Instant::now();
    let rushed = lifecycle.clone();
    tokio::spawn(async move {
        tokio::time::sleep(secs(1)).await;
        rushed.rush();
    });
    lifecycle.drain();
    let _ = lifecycle.run(serve(lifecycle.clone())).await;
    assert!((secs(3)..secs(4)).contains(&began.elapsed()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_process_that_never_was_ready_has_no_lame_duck() {
    let lifecycle = lifecycle();
    let _gate = lifecycle.gate("migrations");
    lifecycle.drain();
    let began = Instant::now();
    assert!(lifecycle.run(serve(lifecycle.clone())).await.is_clean());
    assert!(began.elapsed() < secs(2), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ends_by_itself_is_forgotten_and_one_that_panics_is_told() {
    let (told, mut tells) = tokio::sync::mpsc::unbounded_channel();
    let observer = move |event: &Event<'_>| {
        if let Event::Ended { ended, .. } = event {
            told.send((ended.name.clone(), ended.how)).unwrap();
        }
    };
    let lifecycle = builder().on_event(observer).build().unwrap();
    lifecycle.spawn("short", |_| async {});
    lifecycle.spawn("panics", |_| async { panic!("a task") });
    assert_eq!(tells.recv().await.unwrap(), ("panics".to_owned(), How::Panicked));
    lifecycle.drain();
    let report = lifecycle.run(serve(lifecycle.clone())).await;
    let names: Vec<_> = report.ended().iter().map(|ended| ended.name.as_str()).collect();
    assert_eq!(names, ["panics"]);
}

#[tokio::test(start_paused = true)]
async fn it_is_said_every_five_seconds_what_is_waited_for() {
    let diary = Diary::default();
    let observed = diary.clone();
    let observer = move |event: &Event<'_>| {
        if let Event::Waiting { phase, left, .. } = event {
            observed.write(format!("{phase} {}", left.as_secs()));
        }
    };
    let lifecycle = builder().on_event(observer).build().unwrap();
    lifecycle.ready();
    lifecycle.drain();
    let _ = lifecycle.run(pending::<()>()).await;
    assert_eq!(diary.read(), ["draining 21", "closing 13", "closing 8"]);
}
