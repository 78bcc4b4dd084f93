//! The protocol of leases without Redis and without a network: instances as they are, the script as a
//! [ledger](ledger::Ledger), and time, messages and deaths as a test wants them.

pub(super) mod ledger;
mod safety;
mod utilisation;
mod world;
