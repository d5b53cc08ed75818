//! `portshim run`: checks everything beforehand, then becomes the program.

use super::report;
use crate::cli::Run;
use crate::coverage::{Coverage, Program};
use crate::failure::Failure;
use crate::output::Voice;
use crate::platform::{self, Environment, Find, Session};
use crate::{policy, wording};
use portshim_policy::wire;
use std::ffi::OsStr;

pub(super) fn run(args: &Run) -> Result<u8, Failure> {
    let voice = Voice { verbose: args.verbose, quiet: args.quiet };
    let resolved = policy::resolved(&args.policy)?;
    let [command, arguments @ ..] = args.command.as_slice() else { unreachable!("the table demands a command") };
    let program = find(command)?;
    if let Some(obstacle) = program.coverage.obstacle() {
        if !args.allow_uncovered {
            return Err(wording::uncovered(&program, obstacle));
        }
        voice.warn(|| wording::launched_uncovered(&program, obstacle));
    }
    for warning in &resolved.warnings {
        voice.warn(|| warning.to_string());
    }
    let empty = policy::empty_scopes(&resolved);
    if !empty.is_empty() {
        voice.warn(|| wording::empty(&empty));
    }
    let report = args.report.as_deref().map(report::Target::open).transpose()?;

    platform::sweep_if_crowded();
    let library = platform::library()?;
    let follow = !args.no_follow;
    let session = Session::create(&resolved.rules, follow);
    let text = wire::encode(&resolved.rules, wire::Options { follow });
    let fits = text.len() <= Environment::ROOM;
    describe(voice, &program, &library, &session, fits);
    let session = match (session, fits, &report) {
        (Ok(session), ..) => Some(session),
        (Err(why), _, Some(_)) => return Err(wording::no_session_to_report(&why)),
        (Err(why), false, None) => return Err(wording::policy_too_long(text.len(), &why)),
        (Err(_), true, None) => None,
    };
    let environment = Environment {
        library,
        policy: fits.then_some(text),
        session: session.as_ref().map(|session| session.path.clone()),
        adjustments: program.adjustments.clone(),
    };
    if let (Some(target), Some(session)) = (report, &session) {
        let (ended, region) = platform::watch_program(&program, arguments, &environment, session)?;
        target.write(&program, ended, region)?;
        return Ok(ended.status());
    }
    let failure = platform::become_program(&program, arguments, &environment);
    if let Some(session) = session {
        session.discard();
    }
    Err(failure)
}

/// The program that the user means, or why there is none to be launched.
pub(super) fn find(command: &OsStr) -> Result<Program, Failure> {
    platform::find(command).map_err(|e| match e {
        Find::NotFound => wording::not_found(command),
        Find::Denied(path, why) => wording::cannot_execute(&path, &why),
    })
}

fn describe(voice: Voice, program: &Program, library: &std::path::Path, session: &Result<Session, String>, fits: bool) {
    voice.note(|| format!("the program is {}, covered: {}", program.path.display(), program.coverage.word()));
    voice.note(|| format!("the library is {}", library.display()));
    match session {
        Ok(session) => voice.note(|| format!("the session is {}", session.path.display())),
        Err(why) => voice.note(|| format!("each process is on its own, for there is no place for a session: {why}")),
    }
    if !fits {
        voice.note(|| "the policy is too long for an environment variable; the session alone holds it".into());
    }
    for adjustment in &program.adjustments {
        voice.note(|| format!("{} gets {}: {}", adjustment.variable, adjustment.value, adjustment.reason));
    }
    if matches!(program.coverage, Coverage::Full) && platform::is_switched_off() {
        voice.note(|| "PORTSHIM_DISABLE is set: the policy is switched off".into());
    }
}
