//! Plans: which port a request tries next, and when it is given up.

mod candidates;
mod mechanism;
mod plain;
mod request;
mod stages;
mod walk;

pub use candidates::Candidates;
pub use mechanism::{Mechanism, Try};
pub use request::{Request, peer_hash};
pub use stages::{Outcome, Plan, Step};
