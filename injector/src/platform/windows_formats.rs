//! Formats that Windows reads and writes, as far as it is nothing but text and bytes: tested
//! wherever the tests run.

pub(super) mod batch;
pub(super) mod command_line;
pub(super) mod listing;
pub(super) mod name;
pub(super) mod path;
pub(super) mod pe;
