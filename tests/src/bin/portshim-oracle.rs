//! Compares portshim with the bare kernel, sequence by sequence.

use clap::Parser;
use portshim_tests::oracle::{
    CASES, Campaign, Case, Directed, Variant, Verdict, campaign, case, compare_directed, directed, play, sequence,
    time_wait,
};
use std::io::IsTerminal;
use std::process::ExitCode;

/// Compares what programs see under portshim with what the bare kernel shows them.
#[derive(Parser)]
#[command(version, after_help = "A failure names its seed and its case: give both with `--sequences 1`.")]
struct Arguments {
    /// Number of random sequences of calls.
    #[arg(long, default_value_t = 2000)]
    sequences: usize,
    /// The number of the first sequence.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Under this policy alone.
    #[arg(long, value_parser = named_case)]
    case: Option<&'static Case>,
    /// Number of batches run at a time.
    #[arg(long, default_value_t = std::thread::available_parallelism().map_or(1, usize::from))]
    jobs: usize,
    /// Compares the kernel with itself, which shows whether a sequence leaves anything to chance.
    #[arg(long)]
    self_check: bool,
    /// Lets the sessions believe this of all ports to begin with: all or random.
    #[arg(long, value_parser = ["all", "random"])]
    hint: Option<String>,
    /// Has the probe served from outside, by portshim's supervisor.
    #[arg(long)]
    supervised: bool,
    /// Has the probe's sockets made by portshim's supervisor, under the policies that this keeps.
    #[arg(long, conflicts_with = "supervised")]
    sockets: bool,
    /// Has the probe served by portshim's library, with its supervisor below.
    #[arg(long, conflicts_with_all = ["supervised", "sockets"])]
    both: bool,
    /// Has the probe, which loads no library, served by the guest of such programs.
    #[arg(long, conflicts_with_all = ["supervised", "sockets", "both"])]
    guest: bool,
    /// Plays the scripts written by hand, or those whose title contains this.
    #[arg(long, num_args = 0..=1, default_missing_value = "")]
    directed: Option<String>,
    /// Plays the script of this file under `--case`, and prints both transcripts.
    #[arg(long, requires = "case")]
    script: Option<std::path::PathBuf>,
    /// Prints the script of `--seed` under `--case`.
    #[arg(long, requires = "case")]
    print: bool,
}

fn named_case(name: &str) -> Result<&'static Case, String> {
    let names: Vec<&str> = CASES.iter().map(|case| case.name).collect();
    case(name).ok_or_else(|| format!("no such case; there are {}", names.join(", ")))
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool, String> {
    let served = match arguments {
        Arguments { supervised: true, .. } => Variant::Supervised,
        Arguments { sockets: true, .. } => Variant::Sockets,
        Arguments { both: true, .. } => Variant::Both,
        Arguments { guest: true, .. } => Variant::Guest,
        _ => Variant::Portshim,
    };
    if let (Some(case), true) = (arguments.case, arguments.print) {
        println!("{}", sequence(case, arguments.seed).join("\n"));
        return Ok(true);
    }
    if let (Some(case), Some(path)) = (arguments.case, &arguments.script) {
        let lines = std::fs::read_to_string(path).map_err(|e| format!("cannot read `{}`: {e}", path.display()))?;
        let text = format!("== {}\n{lines}\n", path.display());
        let (native, portshim) = (play(case, Variant::Native, &text)?, play(case, served, &text)?);
        for (left, right) in native.lines().zip(portshim.lines()) {
            if left == right { println!("  {left}") } else { println!("- {left}\n+ {right}") }
        }
        return Ok(native == portshim);
    }
    if let Some(title) = &arguments.directed {
        let wanted = |d: &Directed| {
            d.name.contains(title.as_str()) && arguments.case.is_none_or(|case| case.name == d.case.name)
        };
        let chosen = |all: Vec<Directed>| -> Vec<Directed> { all.into_iter().filter(wanted).collect() };
        let mut verdict = compare_directed(&chosen(directed()), false, served)?;
        verdict.add(compare_directed(&chosen(time_wait()), true, served)?);
        return Ok(tell(&verdict));
    }
    let live = std::io::stderr().is_terminal();
    let told = std::sync::atomic::AtomicUsize::new(0);
    let verdict = campaign(
        &Campaign {
            sequences: arguments.sequences,
            seed: arguments.seed,
            case: arguments.case,
            jobs: arguments.jobs,
            against: match (arguments.self_check, arguments.hint.as_deref()) {
                (true, _) => Variant::Native,
                (false, Some("all")) => Variant::Believing("all"),
                (false, Some(_)) => Variant::Believing("random"),
                (false, None) => served,
            },
        },
        &|so_far| {
            let done = so_far.agreed + so_far.failures.len();
            let step = if live { 50 } else { 5000 };
            if done / step > told.swap(done, std::sync::atomic::Ordering::Relaxed) / step {
                let end = if live { '\r' } else { '\n' };
                eprint!("{done} of {} sequences, {} diverged{end}", arguments.sequences, so_far.failures.len());
            }
        },
    )?;
    Ok(tell(&verdict))
}

fn tell(verdict: &Verdict) -> bool {
    for failure in &verdict.failures {
        println!("{failure}");
    }
    println!("{} scripts of {} calls agree, {} diverge", verdict.agreed, verdict.calls, verdict.failures.len());
    for (name, count) in &verdict.allowed {
        println!("  {count} differences are {name}, see docs/fidelity.md");
    }
    verdict.failures.is_empty()
}
