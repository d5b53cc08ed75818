//! Ports: ranges and sets of them, the scopes that they belong to, and how people write both.

mod parity;
mod range;
mod scope;
#[cfg(feature = "alloc")]
mod set;
#[cfg(feature = "text")]
pub mod spec;
mod words;

pub(crate) use parity::Parity;
pub use range::{PortRange, RangeError, gaps};
#[cfg(feature = "text")]
pub use scope::grouped;
pub use scope::{Scope, ScopeSet, Transport, scopes_of};
#[cfg(feature = "alloc")]
pub use set::PortSet;
pub(crate) use words::{WORDS, mask};
