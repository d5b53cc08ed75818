//! The metrics, one family each.

use super::exposition::{Family, Kind, Sample};
use crate::commands::shown::{Shown, ShownRules, ShownScope};
use crate::commands::usage::Usage;
use crate::platform::LiveSession;
use portshim_policy::region::Region;
use std::path::Path;
use std::time::SystemTime;

/// View of a session.
struct Seen {
    session: LiveSession,
    /// `None` where it cannot be read.
    inside: Option<(Box<Region>, Shown)>,
}

type Labels = Vec<(&'static str, String)>;

/// Everything, as it is now.
pub(super) fn all() -> Vec<Family> {
    let look = |session: LiveSession| {
        let inside = session.snapshot().and_then(|region| {
            let shown = Shown::new(&session, &region, &Usage::of(&session)?);
            Ok((region, shown))
        });
        Seen { session, inside: inside.ok() }
    };
    let seen: Vec<_> = LiveSession::all().into_iter().map(look).collect();
    let mut families = vec![gauge("portshim_sessions", "Live sessions.", vec![one(Vec::new(), seen.len() as f64)])];
    families.extend(of_sessions(&seen));
    families.extend(of_ports(&seen));
    families.push(requests(&seen));
    families
}

fn gauge(name: &'static str, help: &'static str, samples: Vec<Sample>) -> Family {
    Family { name, kind: Kind::Gauge, help, samples }
}

fn one(labels: Labels, value: f64) -> Sample {
    Sample { labels, value }
}

/// Labels of a session: its ID, its program without path and arguments, and its name if it has one.
fn of_session(session: &LiveSession, shown: Option<&Shown>) -> Labels {
    let first = session.command.split_whitespace().next().unwrap_or_default();
    let program = Path::new(first).file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let name = shown.and_then(|shown| shown.name.clone()).map(|name| ("name", name));
    [("session", session.id.clone()), ("program", program)].into_iter().chain(name).collect()
}

fn of_sessions(seen: &[Seen]) -> Vec<Family> {
    let each = |value: &dyn Fn(&Seen) -> Option<f64>| {
        let sample = |seen: &Seen| {
            let shown = seen.inside.as_ref().map(|(_, shown)| shown);
            Some(one(of_session(&seen.session, shown), value(seen)?))
        };
        seen.iter().filter_map(sample).collect()
    };
    let begun = |seen: &Seen| {
        let then = SystemTime::now().checked_sub(seen.session.age?)?;
        Some(then.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs() as f64)
    };
    vec![
        gauge(
            "portshim_session_readable",
            "Whether the session can be read: 1, or 0 where it is another version's, or damaged.",
            each(&|seen| Some(f64::from(u8::from(seen.inside.is_some())))),
        ),
        gauge("portshim_session_start_time_seconds", "When the session began, since 1970.", each(&begun)),
        gauge(
            "portshim_session_processes",
            "Processes of the session.",
            each(&|seen| Some(seen.session.processes.len() as f64)),
        ),
        Family {
            kind: Kind::Counter,
            ..gauge(
                "portshim_session_uncovered_programs",
                "Programs executed where no policy reaches: static, of another C library, set-user-ID.",
                each(&|seen| Some(seen.inside.as_ref()?.0.header.outside().0 as f64)),
            )
        },
    ]
}

/// Name of some rules: the glob over the programs, with a number where others before have the same.
fn name(all: &[ShownRules], at: usize) -> String {
    let glob = |rules: &ShownRules| rules.matches.clone().unwrap_or_else(|| "*".into());
    let own = glob(&all[at]);
    let before = all[..at].iter().filter(|rules| glob(rules) == own).count();
    if before == 0 { own } else { format!("{own} ({})", before + 1) }
}

/// Labels of a scope of the rules at this place of a session's.
fn of_scope(session: &LiveSession, shown: &Shown, at: usize, scope: &ShownScope) -> Labels {
    let rules = name(&shown.rules, at);
    [of_session(session, Some(shown)), vec![("rules", rules), ("scope", scope.scope.into())]].concat()
}

/// Every scope of every session.
fn scopes(seen: &[Seen]) -> impl Iterator<Item = (Labels, &ShownScope)> {
    let inside = seen.iter().filter_map(|seen| Some((&seen.session, &seen.inside.as_ref()?.1)));
    inside.flat_map(|(session, shown)| {
        let rules = shown.rules.iter().enumerate();
        rules.flat_map(move |(at, rules)| {
            rules.scopes.iter().map(move |scope| (of_scope(session, shown, at, scope), scope))
        })
    })
}

fn of_ports(seen: &[Seen]) -> Vec<Family> {
    let each = |value: &dyn Fn(&ShownScope) -> u32| -> Vec<Sample> {
        scopes(seen).map(|(labels, scope)| one(labels, value(scope).into())).collect()
    };
    let in_use = scopes(seen).flat_map(|(labels, scope)| {
        let others = (scope.figures.in_use - scope.figures.time_wait).saturating_sub(scope.figures.by_session);
        [("session", scope.figures.by_session), ("others", others), ("time-wait", scope.figures.time_wait)]
            .map(|(holder, count)| one([labels.clone(), vec![("holder", holder.into())]].concat(), count.into()))
    });
    vec![
        gauge("portshim_ports_allowed", "Ports that may be handed out.", each(&|scope| scope.figures.allowed)),
        gauge(
            "portshim_ports_free",
            "Ports that may be handed out and that no socket has.",
            each(&|scope| scope.figures.free),
        ),
        gauge("portshim_ports_in_use", "Ports of the range that are in use, by whom.", in_use.collect()),
        gauge(
            "portshim_sockets_peak",
            "The most sockets that had a port from portshim at the same time.",
            scopes(seen).filter_map(|(labels, scope)| Some(one(labels, scope.figures.peak?.into()))).collect(),
        ),
    ]
}

fn requests(seen: &[Seen]) -> Family {
    let samples = scopes(seen).flat_map(|(labels, scope)| {
        let results = [
            ("served", scope.figures.served),
            ("exhausted", scope.figures.exhausted),
            ("refused", scope.figures.refused),
            ("uncovered", scope.uncovered.into()),
        ];
        results.map(|(result, count)| one([labels.clone(), vec![("result", result.into())]].concat(), count as f64))
    });
    Family {
        name: "portshim_requests",
        kind: Kind::Counter,
        help: "Requests for a port, by what became of them.",
        samples: samples.collect(),
    }
}
