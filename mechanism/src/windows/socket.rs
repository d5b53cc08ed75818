//! Sockets: what they are, and which ports are free.

pub mod address;
pub mod facts;
pub mod in_use;
pub mod probe;
