//! The counter is exact, and blind to other threads.

use std::{hint::black_box, sync::mpsc, thread};

use tower_ready_testing::alloc::{count, counted};

#[test]
fn what_does_not_allocate_counts_nothing() {
    let allocations = count(|| black_box([1_u64; 16]).iter().sum::<u64>());
    assert_eq!((allocations.count, allocations.bytes), (0, 0));
}

#[test]
fn each_allocation_counts_with_its_bytes() {
    let (boxes, allocations) = counted(|| (Box::new(1_u32), Box::new(2_u64)));
    assert_eq!((allocations.count, allocations.bytes), (2, 12));
    assert_eq!((*boxes.0, *boxes.1), (1, 2));
}

#[test]
fn a_vector_that_grows_counts_again() {
    let allocations = count(|| {
        let mut bytes = Vec::with_capacity(8);
        bytes.extend_from_slice(black_box(&[0_u8; 8]));
        bytes.push(1);
        bytes
    });
    assert_eq!(allocations.count, 2);
}

#[test]
fn counts_nest() {
    let mut inner = None;
    let outer = count(|| {
        let _one = black_box(Box::new(1_u8));
        inner = Some(count(|| Box::new(2_u8)));
    });
    assert_eq!((outer.count, inner.map(|it| it.count)), (2, Some(1)));
}

#[test]
fn other_threads_do_not_count() {
    let (start, started) = mpsc::sync_channel::<()>(0);
    let (done, finished) = mpsc::sync_channel::<()>(0);
    let other = thread::spawn(move || {
        started.recv().unwrap();
        drop(black_box(vec![0_u8; 1000]));
        done.send(()).unwrap();
    });
    let allocations = count(|| {
        start.send(()).unwrap();
        finished.recv().unwrap();
    });
    other.join().unwrap();
    // Channels may allocate on this thread to park it, but never a kilobyte.
    assert!(allocations.bytes < 1000, "{allocations:?}");
}
