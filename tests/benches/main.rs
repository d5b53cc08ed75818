//! `make bench`: what portshim costs and saves, beside the bare kernel, in one run.
//!
//! How the figures come about, and how to read them, is in docs/performance.md.

mod bench;
mod cases;
mod counts;
mod effort;
mod figures;
mod groups;
mod least;
mod line;
mod netns;
mod peers;
mod picture;
mod process;
mod report;
mod stats;
mod targets;
mod work;

use bench::Bench;
use clap::{Parser, Subcommand};
use effort::{Effort, Group};
use netns::Netns;
use std::path::PathBuf;
use std::process::ExitCode;

/// Measures what portshim costs and saves, beside the bare kernel.
#[derive(Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    after_help = "PORTSHIM_BIN names the command to measure; without it, it is the one built beside this program."
)]
struct Arguments {
    #[command(subcommand)]
    inner: Option<Inner>,
    /// Amount of to measure.
    #[arg(long, value_enum, default_value = "full")]
    effort: effort::Name,
    /// Measures only these groups of rows.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Group>,
    /// Where the JSON and the pictures go.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
}

/// What this program starts itself as.
#[derive(Subcommand)]
enum Inner {
    /// Becomes a command, in a network of its own.
    #[command(hide = true)]
    Netns {
        netns: Netns,
        #[arg(trailing_var_arg = true, required = true)]
        command: Vec<String>,
    },
    /// Serves a command from outside, with the least work that can be.
    #[command(hide = true)]
    Least {
        #[arg(trailing_var_arg = true, required = true)]
        command: Vec<String>,
    },
    /// Becomes a command, under a filter that allows all.
    #[command(hide = true)]
    Filter {
        #[arg(trailing_var_arg = true, required = true)]
        command: Vec<String>,
    },
    /// Carries tasks out, one JSON line each; or one, and ends.
    #[command(hide = true)]
    Work {
        netns: Netns,
        /// Helps another one out that has no descriptors left.
        #[arg(long)]
        mate: bool,
        #[arg(value_parser = line::parse)]
        once: Option<portshim_tests::work::task::Task>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.inner {
        Some(Inner::Netns { netns, command }) => netns.become_there(command),
        Some(Inner::Least { command }) => least::supervise(command),
        Some(Inner::Filter { command }) => least::filter(command),
        Some(Inner::Work { netns, mate, once }) => work::serve(netns, *mate, once.as_ref()),
        None => measure(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<(), String> {
    if !netns::is_private() {
        return netns::go_private(Effort::of(arguments.effort).descriptors);
    }
    let portshim = portshim_tests::portshim_path();
    let portshim = portshim.canonicalize().map_err(|e| format!("{}: {e}", portshim.display()))?;
    let bench = Bench::new(portshim, Effort::of(arguments.effort), arguments.only.clone())?;
    let report = groups::run(&bench)?;
    print!("{}", report.markdown());
    report.write(&arguments.out)
}
