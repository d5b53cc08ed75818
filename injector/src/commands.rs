//! Commands, one module each.

mod capture;
mod check;
mod collide;
mod completions;
mod doctor;
mod engine;
mod env;
mod exhaust;
mod explain;
mod import;
mod log;
mod man;
mod metrics;
mod names;
mod netsh;
mod policy;
mod ports;
mod presets;
mod processes;
mod program;
mod ps;
mod report;
mod restrict;
mod run;
mod schema;
mod sessions;
mod show;
mod shown;
mod sink;
mod status;
mod time;
mod top;
mod usage;
mod who;

use crate::args::{Command, Options};
use crate::messages::Failure;
use crate::platform;
use portshim_policy::model::Restriction;

/// Carries out a command, and gives the exit status.
pub(crate) fn carry_out(command: Command, options: &Options) -> Result<u32, Failure> {
    if command != Command::Run {
        platform::sweep();
    }
    match command {
        Command::Run => run::run(options),
        Command::Show => show::show(options),
        Command::Check => check::check(options),
        Command::Schema => schema::schema(),
        Command::Explain => explain::explain(options),
        Command::Env => env::env(options),
        Command::Capture => capture::capture(),
        Command::Import => import::import(options),
        Command::Doctor => doctor::doctor(options),
        Command::Ps => ps::ps(options),
        Command::Status => status::status(options),
        Command::Top => top::top(options),
        Command::Metrics => metrics::metrics(options),
        Command::Presets => presets::presets(options),
        Command::Who => who::who(options),
        Command::Reserve => restrict::enter(Restriction::Reserve, options),
        Command::Unreserve => restrict::lift(Restriction::Reserve, options),
        Command::Block => restrict::enter(Restriction::Block, options),
        Command::Unblock => restrict::lift(Restriction::Block, options),
        Command::Exhaust => exhaust::exhaust(options),
        Command::Only => exhaust::only(options),
        Command::Release => exhaust::release(options),
        Command::Collide => collide::collide(options),
        Command::Netsh => netsh::netsh(options),
        Command::Completions => completions::completions(options),
        Command::Man => man::man(options),
    }
}
