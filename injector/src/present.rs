//! Output for the user: output, tables and their parts.

mod colour;
mod print;
mod region;
mod text;
mod time;

pub(crate) use colour::{has_colour, set_colour};
pub(crate) use print::{Verbosity, eprint, eprint_problems, error_line, json, print};
pub(crate) use region::{Outside, or_dash, peak, uncovered};
pub(crate) use text::{cut, folded, one_line, width};
pub(crate) use time::{ago, clock, for_a_while, moment, moment_in};
