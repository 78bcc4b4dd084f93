//! What one turn takes alone, and beside another thread.

use std::{sync::Arc, thread, time::Duration};

use tower_ready_core::Instant;

const TURNS: u32 = 200;
const ALONE: Duration = Duration::from_millis(200);
/// Long, since two threads of a busy machine seldom have a processor each at the same time.
const TOGETHER: Duration = Duration::from_secs(3);

/// Measures a turn and prints its line.
pub(crate) fn line(name: &str, turn: impl Fn() + Send + Sync + 'static) {
    let turn = Arc::new(turn);
    let alone = median(slices(&*turn, ALONE).iter().map(Slice::nanos).collect());
    let other = thread::spawn({
        let turn = Arc::clone(&turn);
        move || slices(&*turn, TOGETHER)
    });
    let (mine, other) = (slices(&*turn, TOGETHER), other.join().unwrap());
    let together = median(shared(&mine, &other));
    println!("| {name} | {alone:.1} | {together:.1} | {:.2} |", together / alone);
}

#[derive(Clone, Copy)]
struct Slice {
    start: Instant,
    end: Instant,
}

impl Slice {
    fn nanos(&self) -> f64 {
        self.end.since(self.start).as_nanos() as f64 / f64::from(TURNS)
    }
}

fn slices(turn: &(impl Fn() + Sync), time: Duration) -> Vec<Slice> {
    let mut slices = Vec::with_capacity(1 << 20);
    let stop = Instant::now() + time;
    loop {
        let start = Instant::now();
        for _ in 0..TURNS {
            turn();
        }
        let end = Instant::now();
        slices.push(Slice { start, end });
        if end >= stop {
            return slices;
        }
    }
}

/// The slices during which the other thread was at work, and not kept from it.
fn shared(mine: &[Slice], other: &[Slice]) -> Vec<f64> {
    let usual = median(other.iter().map(Slice::nanos).collect());
    let at_work = |moment: Instant| {
        let at = other.partition_point(|slice| slice.end < moment);
        other.get(at).filter(|slice| slice.start <= moment && slice.nanos() < 4.0 * usual)
    };
    let whole = |slice: &&Slice| {
        let ends = (at_work(slice.start), at_work(slice.end));
        let (Some(first), Some(last)) = ends else {
            return false;
        };
        // As many slices of the other lie between as there is time for.
        last.end.since(first.start) < slice.end.since(slice.start) * 4
    };
    mine.iter().filter(whole).map(Slice::nanos).collect()
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or(f64::NAN)
}
