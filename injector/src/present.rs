//! Output for the user: output, tables and their parts.

mod outside;
mod print;
mod scopes;
mod text;
mod time;

pub(crate) use outside::Outside;
pub(crate) use print::{Verbosity, eprint, eprint_problems, error_line, json, print};
pub(crate) use scopes::uncovered;
pub(crate) use text::{cut, folded, one_line, width};
pub(crate) use time::{ago, for_a_while, moment, moment_in};
