//! What each command does.

mod capture;
mod changing;
mod check;
mod doctor;
mod env;
mod explain;
mod hooks;
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

use crate::cli::Command;
use crate::failure::Failure;
use crate::platform;
use portshim_policy::model::Restriction;

/// Carries out a command, and gives the exit status.
pub(crate) fn carry_out(command: Command) -> Result<u32, Failure> {
    if !matches!(command, Command::Run(_)) {
        platform::sweep();
    }
    match command {
        Command::Run(args) => run::run(&args),
        Command::Show(args) => show::show(&args),
        Command::Check(args) => check::check(&args),
        Command::Explain(args) => explain::explain(&args),
        Command::Env(args) => env::env(&args),
        Command::Capture => capture::capture(),
        Command::Import(args) => import::import(&args),
        Command::Doctor(args) => doctor::doctor(&args),
        Command::Ps(args) => ps::ps(&args),
        Command::Status(args) => status::status(&args),
        Command::Reserve(args) => changing::enter(Restriction::Reserve, &args),
        Command::Unreserve(args) => changing::lift(Restriction::Reserve, &args),
        Command::Block(args) => changing::enter(Restriction::Block, &args),
        Command::Unblock(args) => changing::lift(Restriction::Block, &args),
        Command::Netsh(args) => netsh::netsh(&args),
        Command::Completions(args) => pages::completions(&args),
        Command::Man(args) => pages::man(&args),
    }
}
