//! `portshim doctor`: how far a policy reaches a program, and by which means its ports are served.

use super::engine::engine;
use super::policy;
use super::processes::Reach;
use super::program::{find, rules_for, warn_of_connectors};
use crate::args::{Engine, Options};
use crate::coverage::{Adjustment, ServedBy, Step};
use crate::environment::misspelt;
use crate::messages::{self, Failure};
use crate::platform::{self, Steering};
use crate::present::{self, Verbosity};
use portshim_policy::hooks::{Hook, LINUX_HOOKS, WINDOWS_HOOKS};
use portshim_policy::model::{Order, Rules};
use portshim_policy::ports::{PortRange, PortSet, Scope, grouped};
use serde::Serialize;
use std::ops::Not;

/// Form of a set without ports.
const NONE: &str = "none";
/// The program is not covered in full.
const NOT_COVERED: u32 = 1;

#[derive(Serialize)]
struct Finding<'a> {
    program: String,
    /// The file, its interpreter, and that one's.
    steps: &'a [Step],
    /// `full`, `partial` or `none`.
    coverage: &'static str,
    /// `library`, or `supervisor` where that serves it from outside, or `sockets` where that makes
    /// its sockets, or `both`, or `guest`.
    engine: ServedBy,
    /// Reason why no supervisor serves it, although that would reach more; `null` where none would.
    hindrance: Option<String>,
    /// Reason why the supervisor brings no guest into it, although that was asked for; `null` where
    /// nothing is to be said.
    no_guest: Option<String>,
    /// Obstacle to a library, in one word; `null` where nothing does.
    obstacle: Option<&'static str>,
    /// The same in a sentence.
    why: Option<String>,
    /// Remedy.
    help: Option<String>,
    /// Variables that `run` adds to the environment.
    adjustments: &'a [Adjustment],
    /// The file to preload.
    library: String,
    /// Account of what a program must be for that; `null` where nothing is to be said.
    library_needs: Option<String>,
    /// The hooks that cannot be placed in programs on this system; `null` where all can.
    unhooked: Option<String>,
    kernel: String,
    /// Set if the kernel can be made to choose inside a range.
    steerable: bool,
    /// The range inside which it can.
    host_range: String,
    /// Reason why no port is steered although some could be; `null` where that is not so.
    pinned_because: Option<String>,
    scopes: Vec<Means>,
}

/// Way in which a scope's ports are served.
#[derive(Serialize)]
struct Means {
    scope: &'static str,
    /// The kernel chooses among these.
    steered: String,
    /// These are bound by number.
    pinned: String,
}

pub(super) fn doctor(args: &Options) -> Result<u32, Failure> {
    if args.hooks {
        return hooks(args.json);
    }
    let resolved = policy::resolved(&args.policy)?;
    let [command, ..] = args.command.as_slice() else { unreachable!("the table demands a command") };
    let program = find(args, command)?;
    let steering = platform::steering();
    let host = platform::host().port_range();
    let rules = rules_for(&resolved.rules, &program);
    let pinned_because = rules.and_then(chooses_itself);
    let steerable = (steering.possible && pinned_because.is_none()).then_some(host);
    let obstacle = program.coverage.obstacle();
    let library = platform::library()?;
    let served = engine(args, &program, &resolved.rules)?;
    let outside = served.is_outside();
    let by = served.by(args, &program);
    let asks_for_guest = args.engine == Engine::Inside && by == ServedBy::Supervisor;
    let finding = Finding {
        program: program.path.display().to_string(),
        steps: &program.steps,
        coverage: (&Reach::launched(&program, by).coverage).into(),
        engine: by,
        hindrance: served.hindrance().map(|(why, _)| why.to_owned()),
        no_guest: asks_for_guest.then(|| platform::keeps_guest_out(&program)).flatten(),
        obstacle: obstacle.map(<&str>::from),
        why: obstacle.map(|o| format!("{} {}", messages::culprit(&program), messages::obstacle(o))),
        help: obstacle.filter(|_| !outside).map(|o| messages::remedy(o, rules, &args.command)),
        adjustments: &program.adjustments,
        unhooked: platform::unplaceable(&library),
        library: library.display().to_string(),
        library_needs: platform::library_needs(),
        kernel: steering.kernel.clone(),
        steerable: steering.possible,
        host_range: host.to_string(),
        pinned_because,
        scopes: rules.map(|rules| means(rules, steerable)).unwrap_or_default(),
    };
    if !outside {
        warn_of_connectors(Verbosity { verbose: false, quiet: false });
    }
    present::eprint_problems(&misspelt());
    present::print(&if args.json { present::json(&finding) } else { finding.text(&steering) })?;
    Ok(if outside && by != ServedBy::Sockets || obstacle.is_none() && !outside { 0 } else { NOT_COVERED })
}

/// Reason why the choice is not left to the kernel.
fn chooses_itself(rules: &Rules) -> Option<String> {
    if rules.order != Order::Native {
        Some(format!("the order of choice is {}", rules.order))
    } else {
        rules.seed.map(|_| "a seed makes every choice repeatable".to_owned())
    }
}

fn means(rules: &Rules, steerable: Option<PortRange>) -> Vec<Means> {
    let scope = |scope: Scope| {
        let mut pinned = rules.scope(scope).allowed();
        let steered: PortSet = pinned.runs().filter_map(|run| run.intersect(steerable?)).collect();
        pinned.subtract(&steered);
        Means { scope: scope.name(), steered: steered.to_string(), pinned: pinned.to_string() }
    };
    Scope::ALL.into_iter().map(scope).collect()
}

impl Finding<'_> {
    fn text(&self, steering: &Steering) -> String {
        let mut text = String::new();
        let mut say =
            |word: &str, value: &str| text.push_str(&format!("{word:<11} {}\n", value.replace('\n', "\n            ")));
        for (n, step) in self.steps.iter().enumerate() {
            say(if n == 0 { "program" } else { "run by" }, &format!("{}: {}", step.path.display(), step.kind));
        }
        let outside = self.engine != ServedBy::Library;
        match &self.why {
            Some(why) if !outside => say("coverage", &format!("{}: {why}", self.coverage)),
            _ => say("coverage", self.coverage),
        }
        match &self.why {
            Some(why) if outside => say("engine", &format!("{}: {why}", self.engine)),
            _ => say("engine", &self.engine.to_string()),
        }
        if let Some(why) = &self.hindrance {
            say("supervisor", &format!("none: {why}"));
        }
        if let Some(why) = &self.no_guest {
            say("guest", &format!("none: {why}"));
        }
        if let Some(help) = &self.help {
            say("help", help);
        }
        if self.engine == ServedBy::Sockets {
            say("beyond it", &format!("{};\n{}", messages::NOT_DONE, messages::BEYOND_SOCKETS));
        } else if outside {
            say("beyond it", messages::BEYOND_SUPERVISOR);
        } else if self.obstacle.is_none() {
            say("beyond it", messages::BEYOND);
        }
        for Adjustment { variable, value, reason, .. } in self.adjustments {
            say("addition", &format!("{variable} gets {value}: {reason}"));
        }
        if [ServedBy::Library, ServedBy::Both].contains(&self.engine) {
            say("library", &self.library);
            if let Some(needs) = &self.library_needs {
                say("  for", needs);
            }
        }
        if let Some(hooks) = &self.unhooked {
            say("unhooked", &format!("{hooks}: something changes them in every program here"));
        }
        let can = if steering.possible {
            format!("{}: chooses inside any part of {}, its own range", self.kernel, self.host_range)
        } else {
            format!("{}: {}", self.kernel, messages::UNSTEERABLE)
        };
        say("kernel", &can);
        if let Some(why) = &self.pinned_because {
            say("", &format!("not asked to, because {why}"));
        }
        for (together, _) in grouped(&self.scopes, |means| (&means.steered, &means.pinned)) {
            let [first, ..] = together.as_slice() else { continue };
            let names: Vec<_> = together.iter().map(|means| means.scope).collect();
            say("ports", &names.join(" "));
            for (word, ports, how) in
                [("  steered", &first.steered, "the kernel chooses"), ("  pinned", &first.pinned, "bound by number")]
            {
                if ports != NONE {
                    say(word, &format!("{ports} ({how})"));
                }
            }
        }
        text
    }
}

#[derive(Serialize)]
struct HookRow {
    name: &'static str,
    kind: &'static str,
    library: &'static str,
    /// Set if this system does not have the function.
    #[serde(skip_serializing_if = "Not::not")]
    absent: bool,
}

/// Prints the table of this system's hooks.
fn hooks(json: bool) -> Result<u32, Failure> {
    let table = if cfg!(windows) { WINDOWS_HOOKS } else { LINUX_HOOKS };
    let row = |hook: &Hook| {
        let Hook { name, kind, library } = *hook;
        HookRow { name, kind: kind.into(), library, absent: platform::is_absent(hook) }
    };
    let rows: Vec<HookRow> = table.iter().map(row).collect();
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    let line = |row: &HookRow| {
        let remark = if row.absent { "  (this system does not have it)" } else { "" };
        format!("{:<width$}  {:<8} {}{remark}\n", row.name, row.kind, row.library)
    };
    present::print(&if json { present::json(&rows) } else { rows.iter().map(line).collect() })?;
    Ok(0)
}
