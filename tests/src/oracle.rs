//! The kernel as oracle: the same calls, once bare in a network namespace whose settings are the
//! policy, and once under portshim in a namespace with the default settings. All that a program can
//! tell must agree, but for the differences that `docs/fidelity.md` lists.

mod allowance;
mod batch;
mod campaign;
mod case;
mod compare;
mod directed;
mod divergence;
mod generate;
mod kernel;
mod run;
mod shrink;

pub use allowance::{ALLOWANCES, Allowance};
pub use batch::{Verdict, compare_directed};
pub use campaign::{Campaign, campaign};
pub use case::{CASES, Case, ODD, Reach, case};
pub use compare::compare;
pub use directed::{Directed, directed, time_wait};
pub use divergence::Divergence;
pub use generate::sequence;
pub use run::{Variant, bad_calls, believing, play, play_with};
pub use shrink::shrink;
