//! `portshim run`: checks everything beforehand, then becomes the program.

use super::engine::{Served, engine, is_cut, refuses_rings};
use super::log::Log;
use super::processes::Reach;
use super::program::{find, rules_for, warn_of_connectors};
use super::sink::Sink;
use super::{names, policy, report};
use crate::args::{Engine, Options};
use crate::coverage::{Obstacle, Program, ServedBy};
use crate::environment::{self, is_switched_off};
use crate::messages::{self, Failure, NOT_FOUND};
use crate::platform::{self, Beginning, Ended, Environment, Session, Way};
use crate::present::{self, Verbosity};
use portshim_policy::region::{EVENTS, Recorded, wire};
use std::ffi::{OsStr, OsString};
use std::path::Path;

pub(super) fn run(args: &Options) -> Result<u32, Failure> {
    let verbosity = Verbosity { verbose: args.verbose, quiet: args.quiet };
    let resolved = policy::resolved(&args.policy)?;
    args.name.as_deref().map_or(Ok(()), names::nameable)?;
    let [command, arguments @ ..] = args.command.as_slice() else { unreachable!("the table demands a command") };
    let program = find(args, command).map_err(|failure| match report_named_apart(args) {
        Some(file) if failure.status == NOT_FOUND => messages::report_named_apart(file),
        _ => failure,
    })?;
    let served = engine(args, &program, &resolved.rules)?;
    let supervised = served.is_outside();
    if let Some(obstacle) = program.coverage.obstacle().filter(|_| !supervised) {
        if !args.allow_uncovered && !obstacle.is_doubtful() {
            let remedy = messages::remedy(obstacle, rules_for(&resolved.rules, &program), &args.command);
            return Err(messages::uncovered(&program, obstacle, &remedy, served.hindrance()));
        }
        verbosity.warn(|| messages::launched_uncovered(&program, obstacle));
    }
    if is_switched_off() {
        verbosity.warn(messages::switched_off);
    }
    // Its file may have to be looked through for this.
    let by = served.by(args, &program);
    if by == ServedBy::Sockets && args.engine != Engine::Sockets {
        verbosity.warn(messages::sockets_are_made);
    }
    if served.way() == Some(Way::Sockets) && is_cut(&resolved.rules) {
        verbosity.warn(messages::sockets_of_one_run);
    }
    if !supervised {
        warn_of_connectors(verbosity);
    }
    if !resolved.warnings.is_empty() {
        verbosity.warn(|| messages::render(&resolved.warnings));
    }
    let report = args.report.as_deref().map(report::Target::open).transpose()?;
    let log = args.log.as_deref().map(|path| Log::open(path, args.log_form)).transpose()?;

    let library = if served.loads(args, &program) { Some(platform::library()?) } else { None };
    let library = library.filter(|_| !program.coverage.obstacle().is_some_and(Obstacle::is_fatal));
    let follow = !args.no_follow;
    let hints = environment::hints()?;
    let story = report.as_ref().and_then(|report| report.story(&resolved));
    let logged = log.as_ref().map_or(Recorded::NOTHING, |log| log.tells_of(args.log_specific));
    let recorded = if story.is_some() { logged.and(Recorded::REQUESTS) } else { logged };
    let name = args.name.as_deref();
    let session = Session::create(&Beginning { policy: &resolved, hints, follow, recorded, name });
    let text = wire::encode(&resolved.rules, wire::Options { follow, hint: hints, legal: resolved.legal });
    let fits = text.len() <= platform::ROOM;
    if let Some(file) = args.verbose.then(|| policy::file(&args.policy)).flatten() {
        verbosity.note(|| format!("the policy file is {}", file.display()));
    }
    describe(verbosity, &program, (&served, by), library.as_deref(), &session, fits);
    let environment = Environment {
        unloads: supervised && library.is_none(),
        library,
        refuses_rings: refuses_rings(args, supervised),
        brings_guest: args.engine == Engine::Inside,
        policy: (fits && !supervised).then_some(text),
        session: session.as_ref().ok().map(|session| session.path.clone()),
        adjustments: program.adjustments.clone(),
        warn: if verbosity.quiet { |_| () } else { present::eprint },
    };
    let session = match session {
        Err(why) if supervised => return Err(messages::no_session_to_serve(&why)),
        Err(why) if report.is_some() || log.is_some() => return Err(messages::no_session_to_watch(&why)),
        Err(why) if !fits => return Err(messages::policy_too_long(&why)),
        Err(_) => return Err(platform::become_program(&program, arguments, &environment)),
        Ok(session) => session,
    };
    let watched = report.is_some() || log.is_some();
    if let Served::Below(supervisor, way) = served {
        session.serve_by(supervisor, way);
    }
    let begins_supervisor = if let Served::Outside(way) = served { Some(way) } else { None };
    if platform::BECOMES && !watched && begins_supervisor.is_none() {
        let failure = platform::become_program(&program, arguments, &environment);
        session.end();
        return Err(failure);
    }
    let mut words = Vec::new();
    let watched_by = Watcher { session: &session, begins_supervisor, by, report, log, story };
    let ended = watched_by.watch(&program, arguments, &environment, &mut words);
    if !verbosity.quiet {
        words.extend(session.remarks());
    }
    let left = session.end();
    if left > 0 && watched && !verbosity.quiet {
        words.push(messages::goes_on(left));
    }
    last_words(&words);
    Ok(ended?.pass_on())
}

/// Tells what there is to tell now that the program has ended, whose end nobody shall have to wait
/// for.
fn last_words(words: &[String]) {
    if !words.is_empty() {
        let mut sink = Sink::new(platform::standard_error);
        sink.take(words.iter().map(|text| present::error_line(text)).collect(), 1);
        // Nobody is left to tell that nobody listens.
        let _ = sink.finish();
    }
}

/// Word that was taken for the program, where it stands as if it were the value of `--report`.
fn report_named_apart(args: &Options) -> Option<&OsStr> {
    let (first, second) = (args.command.first()?, args.command.get(1)?);
    let is_file = second == "--" || Path::new(first).extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
    (is_file && args.report.as_deref() == Some(Path::new("-"))).then_some(first)
}

/// Whoever stays with a program.
struct Watcher<'a> {
    session: &'a Session,
    /// The session takes a supervisor of its own, which serves in this way.
    begins_supervisor: Option<Way>,
    by: ServedBy,
    report: Option<report::Target>,
    log: Option<Log>,
    story: Option<report::Story>,
}

impl Watcher<'_> {
    /// Stays with the program until it ends. `words` gets what is to be told then.
    fn watch(
        mut self,
        program: &Program,
        arguments: &[OsString],
        environment: &Environment,
        words: &mut Vec<String>,
    ) -> Result<Ended, Failure> {
        let supervised = self.begins_supervisor.map(|way| (self.session, way));
        let looks = self.log.is_some() || self.story.is_some();
        let mut look = || self.look();
        let meanwhile: Option<&mut dyn FnMut() -> bool> = if looks { Some(&mut look) } else { None };
        let ended = platform::watch_program(program, arguments, Some(environment), supervised, meanwhile)?;
        // An event that was not whole at the first of the last readings, and hid others, is passed
        // over at the second.
        self.look();
        self.look();
        // A full disk is no reason to end somebody's program, nor to hide how that ended; it is
        // told of in the end.
        let logged = self.log.map_or(Ok(()), Log::finish);
        let reported = self.report.map_or(Ok(None), |target| {
            target.write((program, self.by), ended, arguments, self.session.snapshot(), self.story.as_ref())
        });
        words.extend(logged.err().map(|failure| failure.to_string()));
        words.extend(reported.unwrap_or_else(|failure| Some(failure.to_string())));
        Ok(ended)
    }

    /// Takes in what has happened since the last time. Tells whether that was so much that the next
    /// time has to be soon.
    fn look(&mut self) -> bool {
        // A region that a process of the session has scribbled over has nothing to say.
        let Ok(region) = self.session.snapshot() else { return false };
        let logged = self.log.as_mut().map_or(0, |log| log.write(&region));
        let told = self.story.as_mut().map_or(0, |story| story.go_on(self.session, &region));
        logged.max(told) > EVENTS as u64 / 8
    }
}

fn describe(
    verbosity: Verbosity,
    program: &Program,
    (served, by): (&Served, ServedBy),
    library: Option<&Path>,
    session: &Result<Session, String>,
    fits: bool,
) {
    let covered: &str = (&Reach::launched(program, by).coverage).into();
    verbosity.note(|| format!("the program is {}, covered: {covered}", program.path.display()));
    if let Some(library) = library {
        verbosity.note(|| format!("the library is {}", library.display()));
    }
    if served.is_outside() {
        let what = if library.is_some() { "what that does not see" } else { "it" };
        let how = match served.way() {
            Some(Way::Sockets) => format!("makes the sockets of {what}, and of"),
            _ => format!("serves {what}, and"),
        };
        verbosity.note(|| format!("a supervisor {how} all of its children"));
    }
    match session {
        Ok(session) => verbosity.note(|| format!("the session is {}", session.path.display())),
        Err(why) => {
            verbosity.note(|| format!("each process is on its own, for there is no place for a session: {why}"));
        }
    }
    if !fits {
        verbosity.note(|| "the policy is too long for an environment variable; the session alone holds it".into());
    }
    for adjustment in &program.adjustments {
        verbosity.note(|| format!("{} gets {}: {}", adjustment.variable, adjustment.value, adjustment.reason));
    }
}
