//! What each command does.

mod capture;
mod changing;
mod check;
mod doctor;
mod env;
mod explain;
mod import;
mod log;
mod netsh;
mod pages;
mod ports;
mod ps;
mod report;
mod run;
mod sessions;
mod show;
mod sink;
mod status;

pub(crate) use changing::Wanted;

use crate::args::{Command, Options};
use crate::failure::Failure;
use crate::platform;
use portshim_policy::Act;

/// Carries out a command, and gives the exit status.
pub(crate) fn carry_out(command: Command, options: &Options) -> Result<u32, Failure> {
    if command != Command::Run {
        platform::sweep();
    }
    match command {
        Command::Run => run::run(options),
        Command::Show => show::show(options),
        Command::Check => check::check(options),
        Command::Explain => explain::explain(options),
        Command::Env => env::env(options),
        Command::Capture => capture::capture(),
        Command::Import => import::import(options),
        Command::Doctor => doctor::doctor(options),
        Command::Ps => ps::ps(options),
        Command::Status => status::status(options),
        Command::Reserve => changing::enter(Act::Reserve, options),
        Command::Unreserve => changing::lift(Act::Reserve, options),
        Command::Block => changing::enter(Act::Block, options),
        Command::Unblock => changing::lift(Act::Block, options),
        Command::Netsh => netsh::netsh(options),
        Command::Completions => pages::completions(options),
        Command::Man => pages::man(options),
    }
}
