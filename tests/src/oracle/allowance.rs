//! The differences that cannot be removed. `docs/fidelity.md` gives the reason of each under a
//! heading of the same name.

use super::{Case, Divergence};

/// One unavoidable difference, as narrow as it can be said.
pub struct Allowance {
    /// The name, which is a heading in `docs/fidelity.md`.
    pub name: &'static str,
    /// Whether it explains this divergence under this policy.
    pub covers: fn(&Case, &Divergence) -> bool,
}

/// Every one of them.
pub const ALLOWANCES: [Allowance; 0] = [];
