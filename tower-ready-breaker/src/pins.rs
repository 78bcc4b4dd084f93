//! Where a breaker keeps its circuits, and how threads get at them without meeting.

use std::sync::{Arc, OnceLock};

use tower_ready_core::Instant;

use crate::{
    Permit, Rejected,
    circuit::{Circuit, thread},
    policy::Policy,
};

/// The policy and its circuits, behind one pin for each stripe of threads.
///
/// All threads of a process would write one counter of references for each call; with a pin of
/// its own, a thread mostly writes a line that no other touches.
#[derive(Clone)]
pub(crate) struct Pins(Arc<[Arc<Pin>]>);

#[repr(align(128))]
pub(crate) struct Pin {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) policy: Policy,
    /// Each is made when it is first used: a breaker with keys has room for many.
    circuits: Box<[OnceLock<Box<Circuit>>]>,
    stripes: usize,
}

impl Pins {
    pub(crate) fn new(
        policy: Policy,
        circuits: Box<[OnceLock<Box<Circuit>>]>,
        pins: usize,
        stripes: usize,
    ) -> Self {
        let shared = Arc::new(Shared { policy, circuits, stripes });
        let pin = |_| Arc::new(Pin { shared: Arc::clone(&shared) });
        Self((0..pins.next_power_of_two()).map(pin).collect())
    }

    /// Asks for a call, and notes when it begins to wait, if anybody may want to know.
    // Inlined for certain, since what it returns would be moved otherwise, and `waits` is known.
    #[inline(always)]
    pub(crate) fn try_acquire(&self, number: u32, waits: bool) -> Result<Permit, Rejected> {
        let pin = self.mine();
        let policy = &pin.shared.policy;
        let circuit = pin.shared.circuit(number);
        // Who wants to know how long calls take has to know when they began.
        if policy.live.slow() == 0
            && let Some(mut ticket) = circuit.pass()
        {
            if waits && policy.live.abandon() != 0 {
                ticket.began = Instant::now().as_nanos();
            }
            return Ok(Permit::new(Arc::clone(pin), number, ticket));
        }
        Self::ask(pin, number, circuit)
    }

    fn ask(pin: &Arc<Pin>, number: u32, circuit: &Circuit) -> Result<Permit, Rejected> {
        match circuit.admit(&pin.shared.policy, Instant::now()) {
            Ok(ticket) => Ok(Permit::new(Arc::clone(pin), number, ticket)),
            Err(refusal) => Err(Rejected::new(Arc::clone(pin), refusal)),
        }
    }

    /// The pin of this thread.
    #[inline]
    pub(crate) fn mine(&self) -> &Arc<Pin> {
        // Their number is a power of two: a division would cost more than all the rest.
        &self.0[thread() & (self.0.len() - 1)]
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0[0].shared
    }
}

impl Shared {
    #[inline]
    pub(crate) fn circuit(&self, circuit: u32) -> &Circuit {
        self.circuits[circuit as usize]
            .get_or_init(|| Box::new(Circuit::new(&self.policy, self.stripes, None)))
    }
}

/// Two for each processor: threads are numbered as they come, and two that meet on one stripe pay
/// for it six times over. A failure sums them all, so there is an end to it.
pub(crate) fn stripes() -> usize {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    (2 * threads).next_power_of_two().clamp(4, 16)
}
