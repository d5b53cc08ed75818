//! Output for the user: output, tables and their parts.

mod colour;
mod outside;
mod peak;
mod print;
mod scopes;
mod text;
mod time;

pub(crate) use colour::{has_colour, set_colour};
pub(crate) use outside::Outside;
pub(crate) use peak::{or_dash, peak};
pub(crate) use print::{Verbosity, eprint, eprint_problems, error_line, json, print};
pub(crate) use scopes::uncovered;
pub(crate) use text::{cut, folded, one_line, width};
pub(crate) use time::{ago, clock, for_a_while, moment, moment_in};
