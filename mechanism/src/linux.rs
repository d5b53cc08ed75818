//! Linux.

pub mod kernel;
pub mod serve;
pub mod socket;
