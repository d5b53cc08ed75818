//! Sockets: what they are, the options that are changed on them, and where their packets go.

pub mod address;
pub mod facts;
pub mod fast_open;
pub mod options;
pub mod probe;
pub mod route;
pub mod steering;
pub mod tuples;
