//! Plans: which port a request tries next, and when it is given up.

mod beforehand;
mod candidates;
mod given;
mod mechanism;
mod opening;
mod request;
mod stages;
mod terms;
mod thresholds;
mod walk;

pub use beforehand::beforehand;
pub use candidates::Candidates;
pub use given::Given;
pub use mechanism::{Mechanism, Try};
pub use opening::Opening;
pub use request::{Request, peer_hash};
pub use stages::{Outcome, Plan, Step};
pub use terms::Terms;
pub use thresholds::{LARGEST_ASKED, RELIED_ON_AT_MOST, is_dense, is_sparse};
