//! Which port a program gets.
//!
//! This crate decides and does nothing else: it has no I/O, no clock, no environment and no
//! threads. Entropy and the outcome of the last try are arguments. What it decides is carried
//! out by the shim (inside the program) and explained by the `portshim` command.
//!
//! The way through it: a policy is written as text ([`spec`], and with the feature `text` whole
//! files), resolved into [`Effective`] rules, laid down in a [`Region`] that every process of a
//! session maps, and then driven, one request at a time, by a [`Plan`].

#![deny(unsafe_code)]

mod classes;
mod effective;
mod entropy;
mod events;
mod fault;
mod filter;
mod hint;
mod ledger;
mod legal;
mod mechanism;
mod memory;
mod model;
mod order;
mod peers;
mod plain;
mod plan;
mod port;
mod portrange;
mod preset;
pub mod privileged;
mod processes;
mod region;
mod rules;
mod scope;
mod set;
mod shared;
mod sharing;
pub mod spec;
#[cfg(feature = "text")]
pub mod text;
mod view;
pub mod wire;

pub use classes::{Class, ClassRule};
pub use effective::{Effective, ScopeRules, Sharing, glob_matches};
pub use entropy::{Entropy, mix};
pub use events::{EVENTS, Event, NAME, Reader, Ring, Verdict};
pub use fault::{Errors, Fault, SystemError, exhausted};
pub use filter::{Instruction, Saying, SystemCall, saying};
pub use hint::Hint;
pub use ledger::{Change, ENTRIES, Entry, Ledger, Lift, Owner, Refusal, Untold, Whose, scopes_of};
pub use legal::{Act, Legal, LegalRule};
pub use mechanism::{Mechanism, Try};
pub use model::Model;
pub use order::Order;
pub use peers::{Peers, Place};
pub use plan::{Call, Outcome, Plan, Request, Step, peer_hash};
pub use port::{PortRange, RangeError};
pub use portrange::{PortRanges, RangeEnd};
pub use preset::{BlockRule, DynamicLimits, Gone, Preset, Privileged, ReserveRule};
pub use processes::{Counts, PROCESSES, Process, Processes};
pub use region::{Header, MAX_RULES, Region, RegionError};
pub use rules::{MAX_GLOB, Rules};
pub use scope::{Scope, ScopeSet, Transport, grouped};
pub use set::PortSet;
pub use shared::{LiveScope, SharedScope, SharedSet};
pub use sharing::{BindAddress, BindOption, Binder, SecondBind, SecondBinds};
pub use view::View;
