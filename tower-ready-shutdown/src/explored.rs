//! What loom explores: every order of what the task of a connection does and what those do who end
//! it. The files are those of the crate, over again with loom's types.

use std::{
    sync::atomic::AtomicBool,
    task::{Wake, Waker},
    time::Duration,
};

use loom::thread;

use self::{
    record::Connection,
    state::{Ending, Known},
    sync::Arc,
    traffic::Traffic,
};
use crate::Phase;

mod sync {
    pub(super) use loom::sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering},
    };
}

#[allow(clippy::duplicate_mod, dead_code, reason = "on purpose, and not all is explored")]
#[path = "connection/record/mod.rs"]
mod record;
#[allow(clippy::duplicate_mod, dead_code, reason = "on purpose, and not all is explored")]
#[path = "connection/state.rs"]
mod state;
#[allow(clippy::duplicate_mod, dead_code, reason = "on purpose, and not all is explored")]
#[path = "traffic.rs"]
mod traffic;

/// Whether somebody was woken.
#[derive(Default)]
struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.store(true, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Bell {
    fn has_rung(&self) -> bool {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}

/// A connection whose requests we are told of.
fn connection() -> Arc<Connection> {
    let connection = Connection::new(None, Known::Nothing);
    connection.tell();
    connection
}

#[test]
fn whoever_sleeps_on_a_connection_that_is_ended_is_woken() {
    loom::model(|| {
        let connection = connection();
        let ends = {
            let connection = Arc::clone(&connection);
            thread::spawn(move || connection.end(Ending::Now))
        };
        let bell = std::sync::Arc::new(Bell::default());
        connection.watch(&Waker::from(std::sync::Arc::clone(&bell)));
        let goes_on = !connection.is_cut();
        ends.join().unwrap();
        assert!(!goes_on || bell.has_rung(), "it sleeps for ever");
    });
}

#[test]
fn a_request_that_comes_at_the_last_moment_takes_no_cut_back() {
    loom::model(|| {
        let connection = connection();
        connection.end(Ending::IfIdle);
        let cuts = {
            let connection = Arc::clone(&connection);
            thread::spawn(move || connection.end(Ending::Now))
        };
        connection.has_read(1);
        assert!(!connection.has_found_nothing(), "it was closed with a request on it");
        cuts.join().unwrap();
        assert!(connection.is_cut());
    });
}

#[test]
fn a_connection_that_has_looked_shows_what_it_has_read() {
    loom::model(|| {
        let connection = connection();
        drop(Connection::board(&connection));
        let reads = {
            let connection = Arc::clone(&connection);
            thread::spawn(move || connection.has_read(1))
        };
        connection.ask();
        assert!(!connection.may_be_closed(), "a request is on its way");
        reads.join().unwrap();
        assert!(!connection.may_be_closed() && connection.is_amid_a_head());
    });
}

#[test]
fn a_request_that_is_over_leaves_an_idle_connection() {
    loom::model(|| {
        let connection = connection();
        connection.has_read(1);
        let boarded = Connection::board(&connection);
        let ends = thread::spawn(move || drop(boarded));
        if connection.in_flight() == 0 {
            assert!(connection.is_kept_alive() && !connection.is_amid_a_head());
        }
        ends.join().unwrap();
        assert!(connection.is_kept_alive());
    });
}

#[test]
fn whoever_sees_the_end_begin_sees_its_ramp() {
    loom::model(|| {
        let traffic = Traffic::new();
        let drains = {
            let traffic = Arc::clone(&traffic);
            thread::spawn(move || {
                traffic.begin_ramp(Duration::MAX);
                traffic.set_phase(Phase::Draining);
            })
        };
        // Of so long a ramp nobody is told yet; without it, all would be.
        assert!(!traffic.is_leaving() || !traffic.tells_to_go());
        drains.join().unwrap();
        assert!(traffic.is_leaving());
    });
}

#[test]
fn what_two_threads_begin_and_end_is_not_counted_any_more() {
    loom::model(|| {
        let traffic = Traffic::new();
        let request = {
            let traffic = Arc::clone(&traffic);
            thread::spawn(move || {
                let request = Arc::clone(&traffic);
                assert!(Traffic::in_flight(&request) >= 2);
                drop((request, traffic));
            })
        };
        drop(Arc::clone(&traffic));
        request.join().unwrap();
        assert_eq!(Traffic::in_flight(&traffic), 0);
    });
}
