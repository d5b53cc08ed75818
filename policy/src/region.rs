//! The memory that all processes of a session share: the rules, what is reserved while programs
//! run, what is known of ports, and what has happened.

mod busy_ports;
mod change;
mod counters;
mod events;
mod glob;
#[cfg(feature = "text")]
mod image;
mod layout;
mod ledger;
mod memory;
mod peers;
mod processes;
mod rules;
mod sets;
mod text;
pub mod wire;

pub use busy_ports::BusyPorts;
pub use change::{Change, Lift, Refusal, Untold, Whose};
pub use counters::ScopeCounters;
pub use events::{EVENTS, Event, LONGEST, NAME, Reader, Recorded, Ring, Verdict};
pub use glob::glob_matches;
pub use layout::{CALLED, Header, MAX_RULES, Region, RegionError};
pub use ledger::{ENTRIES, Entry, Ledger, LedgerView, Maker, OwnTrees, Owner};
pub(crate) use ledger::{WithheldCache, WithheldIndex};
pub use peers::{PeerSlot, Peers};
pub use processes::{Counts, PROCESSES, Presence, Process, Processes};
pub use rules::{MAX_GLOB, SharedRules};
pub(crate) use sets::Runs;
pub use sets::{SharedScope, SharedSet};
