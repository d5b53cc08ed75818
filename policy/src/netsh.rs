//! netsh, as Windows since Vista has it: its command lines, what it prints, and its changes to a
//! policy file.

mod command;
mod edit;
mod error;
mod output;
mod usage;
mod word;

pub use command::{Ask, Change, Command, Object, Store, command, names_store};
pub use edit::{EditError, edited, new_file};
pub use error::CommandError;
pub use output::{DONE, IN_USE, INCORRECT, MISSING, dynamic_port, excluded_port_ranges};
pub use usage::usage;
