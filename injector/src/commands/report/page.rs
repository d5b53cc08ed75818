//! A report as one page of HTML, which needs nothing from anywhere.

use super::chart::{self, CLASSES, seconds, to_a_cell};
use super::figures::{Report, Rules};
use super::story::{Met, Moment, Requests, Story};
use super::why::{Why, kept};
use crate::commands::ports::ranges;
use crate::present;
use humantime::format_rfc3339_seconds;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use portshim_policy::config::{Shown, ShownPorts};
use portshim_policy::ports::{PortSet, Scope, grouped};
use portshim_policy::region::Region;
use serde::Serialize;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// Sources that the page may load from: itself alone.
const NOTHING_ELSE: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'";
/// Number of processes that are listed, of rows of a table over time, and of holders of a moment.
const PROCESSES: usize = 200;
const ROWS: usize = 20;
const MET: usize = 8;

/// Figures of a page, for programs to read: it is inside the page.
#[derive(Serialize)]
struct Data<'a> {
    #[serde(flatten)]
    report: &'a Report,
    command: &'a str,
    started: String,
    /// In milliseconds.
    took: u64,
    policy: &'a Shown,
    samples: &'a [super::story::Sample],
    moments: &'a [Moment],
    further_moments: u64,
    /// Outcomes of the requests of processes that are not told apart.
    further_processes: Requests,
    /// Number of events that were lost, and of those that were read.
    events_lost: u64,
    events_read: u64,
    /// The last of them: milliseconds since the beginning, process, name, call, scope, port (0 for
    /// none), outcome.
    events: Vec<(u64, u32, String, &'static str, &'static str, u16, &'static str)>,
}

/// The page.
pub(super) fn of(report: &Report, command: &str, story: &Story, region: &Region) -> String {
    let took = story.took();
    let listed = story.events.iter().map(|event| {
        let (call, verdict) = (event.call.into(), event.verdict.into());
        let (name, scope) = (super::story::name(event), event.scope.name());
        (story.since(event), event.process, name, call, scope, event.port, verdict)
    });
    let data = Data {
        report,
        command,
        started: format_rfc3339_seconds(story.begun).to_string(),
        took,
        policy: &story.policy,
        samples: &story.samples,
        moments: &story.moments,
        further_moments: story.further,
        further_processes: story.further_processes,
        events_lost: story.lost,
        events_read: story.read,
        events: listed.collect(),
    };
    // A script ends at the first `</script`, wherever that stands.
    let json = serde_json::to_string(&data).unwrap_or_default().replace('<', "\\u003c");
    let active = active(report);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(NOTHING_ELSE);
                title { "Ports of " (command) }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#requests" { "Skip to the figures" }
                header {
                    h1 { "Ports of " code { (command) } }
                    p { "Started " (data.started) ", ran " (seconds(took)) ", " (report.end()) "." }
                    nav aria-label="Parts of this page" {
                        @for (id, title) in PARTS { a href={ "#" (id) } { (title) } " " }
                    }
                }
                main {
                    (part(0, requests(report)))
                    (part(1, over_time(story, &active, took)))
                    (part(2, moments(story)))
                    (part(3, maps(story, region, &active)))
                    (part(4, processes(story)))
                    (part(5, policy(&story.policy)))
                    (part(6, events(story)))
                }
                footer { p { "Made by portshim " (env!("CARGO_PKG_VERSION")) "." } }
                script type="application/json" id="data" { (PreEscaped(json)) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

const PARTS: [(&str, &str); 7] = [
    ("requests", "Requests"),
    ("time", "Ports in use over time"),
    ("exhausted", "No port left"),
    ("map", "Ports handed out"),
    ("processes", "Processes"),
    ("policy", "Policy"),
    ("events", "Events"),
];

fn part(number: usize, content: Markup) -> Markup {
    let (id, title) = PARTS[number];
    html! { section id=(id) aria-labelledby={ (id) "-title" } { h2 id={ (id) "-title" } { (title) } (content) } }
}

/// The scopes that anything was asked of; all, if nothing was.
fn active(report: &Report) -> Vec<Scope> {
    let asked = |scope: &Scope| {
        let counts = report.rules.iter().flat_map(|rules| &rules.scopes).filter(|counts| counts.scope == scope.name());
        counts.map(|counts| counts.served + counts.exhausted + counts.refused).sum::<u64>() > 0
    };
    let active: Vec<_> = Scope::ALL.into_iter().filter(asked).collect();
    if active.is_empty() { Scope::ALL.into() } else { active }
}

/// A table that can be scrolled by the keyboard where it is too wide.
fn table(caption: &str, head: &[&str], rows: Markup) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(caption) {
            table {
                caption { (caption) }
                thead { tr { @for title in head { th scope="col" { (title) } } } }
                tbody { (rows) }
            }
        }
    }
}

fn requests(report: &Report) -> Markup {
    let head = ["scope", "served", "exhausted", "refused", "peak"];
    html! {
        @for Rules { matches, scopes } in &report.rules {
            @let whom = matches.as_deref().unwrap_or(if report.rules.len() > 1 { "all other programs" } else { "all programs" });
            (table(&format!("Requests of {whom}"), &head, html! {
                @for counts in scopes {
                    tr {
                        th scope="row" { (counts.scope) }
                        @for (name, value) in [("served", counts.served), ("exhausted", counts.exhausted), ("refused", counts.refused)] {
                            td.none[name != "served" && value > 0] data-scope=(counts.scope) data-figure=(name) { (value) }
                        }
                        td data-scope=(counts.scope) data-figure="peak" { (present::or_dash(counts.peak)) }
                    }
                }
            }))
            @for counts in scopes.iter().filter(|counts| counts.uncovered > 0) {
                p { "Not covered since a sandbox: " (counts.scope) " " (counts.uncovered) "." }
            }
        }
        p.note {
            "Served: got a port. Exhausted: got none, for none was left. Refused: named a blocked port. "
            "Peak: the most sockets that had a port from portshim at the same time."
        }
        @for gap in report.gaps() { p { (gap) "." } }
        @if !report.kept_back.is_empty() { p { "Kept back by the system: " (report.kept_back.join(", ")) "." } }
        @if let Some(outside) = &report.outside { p { (outside.line()) } }
    }
}

fn over_time(story: &Story, active: &[Scope], took: u64) -> Markup {
    html! {
        ul.legend {
            li { span.own {} "the session's" } li { span.others {} "others'" } li { span.waiting {} "TIME_WAIT" }
            li { span.there {} "may be handed out" } li { span.none {} "none left" }
        }
        @for scope in active {
            figure {
                figcaption { (scope.name()) }
                (chart::over_time(*scope, &story.samples, &story.moments, took))
                details {
                    summary { "As a table" }
                    @let step = story.samples.len().div_ceil(ROWS).max(1);
                    (table(&format!("Ports of {} in use", scope.name()), &["time", "the session's", "in use", "TIME_WAIT", "may be handed out"], html! {
                        @for sample in story.samples.iter().step_by(step) {
                            @let in_use = sample.scopes[scope.index()];
                            tr {
                                th scope="row" { (seconds(sample.at)) }
                                td { (in_use.own) } td { (in_use.open) } td { (in_use.waiting) } td { (in_use.allowed) }
                            }
                        }
                    }))
                }
            }
        }
        p.note { (story.samples.len()) " looks at the host's sockets. What was quicker than that shows in the peak alone." }
    }
}

fn moments(story: &Story) -> Markup {
    html! {
        @if story.moments.is_empty() { p { "Every request found a port." } }
        ol.moments {
            @for moment in &story.moments {
                li {
                    p {
                        strong { (moment.scope) } ", at " (seconds(moment.first))
                        @if moment.last > moment.first { " to " (seconds(moment.last)) }
                        ": " strong { (moment.requests) } @if moment.requests == 1 { " request" } @else { " requests" } " found no port."
                    }
                    ul {
                        @for Met { process, name, call, requests } in moment.met.iter().take(MET) {
                            li { code { (call) } " of process " (process) " (" (name) ")" @if *requests > 1 { ", " (requests) " times" } }
                        }
                        @if moment.met.len() > MET {
                            li { "and " (moment.met.len() - MET) " more" @if moment.further > 0 { ", and " (moment.further) " requests of others" } }
                        }
                    }
                    @match &moment.why {
                        Some(why) => (reason(why)),
                        None => p.note { "The program had ended before anybody could look where the ports were." },
                    }
                }
            }
        }
        @if story.further > 0 { p { "Then " (story.further) " requests more, in moments that are not told of." } }
    }
}

fn reason(why: &Why) -> Markup {
    let parts = [
        (why.own, "held by the session"),
        (why.others, "held by others"),
        (why.waiting, "in TIME_WAIT"),
        (why.reserved, "reserved"),
        (why.blocked, "blocked"),
        (why.kept_back, "kept back by the system"),
        (why.free, "free, or free again"),
    ];
    html! {
        p { "Of the " (why.range) " ports of the range, " (seconds(why.late)) " later:" }
        ul.why { @for (count, what) in parts.iter().filter(|(count, _)| *count > 0) { li { strong { (count) } " " (what) } } }
        @if !why.holders.is_empty() {
            p {
                "Most are held by "
                @for (n, holder) in why.holders.iter().enumerate() {
                    @if n > 0 { ", " }
                    @match holder.process {
                        Some(process) => { "process " (process) " (" (holder.name) ")" },
                        None => { "a process of " (holder.name) " that cannot be seen" },
                    }
                    @if !holder.own { " outside the session" }
                    ": " (holder.ports)
                }
                "."
            }
        }
    }
}

fn maps(story: &Story, region: &Region, active: &[Scope]) -> Markup {
    let ranges = ranges(region);
    html! {
        ul.legend { @for (class, words) in CLASSES { li { span class=(class) {} (words) } } }
        @for scope in active {
            @let range = &ranges[scope.index()];
            @let (reserved, blocked) = kept(region, *scope);
            @let handed_out = &story.handed_out[scope.index()];
            figure {
                figcaption { (scope.name()) ": " (range) }
                (chart::map(range, &reserved, &blocked, handed_out))
                @if to_a_cell(range) > 1 { p.note { "Each cell stands for " (to_a_cell(range)) " ports, row by row." } }
                (most(range, handed_out))
            }
        }
    }
}

/// The ports that were handed out most often.
fn most(range: &PortSet, handed_out: &[u32]) -> Markup {
    let ports = range.runs().flat_map(|run| run.first()..=run.last());
    let mut often: Vec<_> =
        ports.map(|port| (handed_out[usize::from(port)], port)).filter(|(times, _)| *times > 0).collect();
    let all = often.len();
    often.sort_by_key(|(times, port)| (std::cmp::Reverse(*times), *port));
    html! {
        p { (all) " of " (range.len()) " ports were handed out"
            @if !often.is_empty() {
                ", most often "
                @for (n, (times, port)) in often.iter().take(8).enumerate() { @if n > 0 { ", " } (port) " (" (times) ")" }
            }
            "."
        }
    }
}

fn processes(story: &Story) -> Markup {
    let mut all: Vec<_> = story.processes.iter().collect();
    all.sort_by_key(|(_, requests)| std::cmp::Reverse(requests.all()));
    html! {
        (table("Requests by process", &["process", "name", "served", "exhausted", "refused"], html! {
            @for ((process, name), Requests { served, exhausted, refused, .. }) in all.iter().take(PROCESSES) {
                tr { th scope="row" { (process) } td.name { (name) } td { (served) } td { (exhausted) } td { (refused) } }
            }
        }))
        @if all.len() > PROCESSES { p { "And " (all.len() - PROCESSES) " processes more." } }
        @if story.further_processes.all() > 0 {
            p { "Then " (story.further_processes.all()) " requests more, of processes that are not told apart." }
        }
    }
}

fn policy(shown: &Shown) -> Markup {
    html! {
        @for rules in &shown.rules {
            @let whom = rules.matches.as_ref().map_or("all programs", |matches| &matches.value);
            (table(&format!("Policy for {whom}"), &["scope", "what", "ports", "said by"], html! {
                tr { td {} th scope="row" { "preset" } td.name { (shown.preset.value) } td.name { (shown.preset.origin) } }
                tr { td {} th scope="row" { "select" } td.name { (rules.select.value) } td.name { (rules.select.origin) } }
                tr { td {} th scope="row" { "sharing" } td.name { (rules.sharing.value) } td.name { (rules.sharing.origin) } }
                @for (together, _) in grouped(&rules.scopes, |scope| (&scope.dynamic, &scope.reserved, &scope.blocked)) {
                    @for first in together.iter().take(1) {
                        @for (word, parts) in [("dynamic", &first.dynamic), ("reserved", &first.reserved), ("blocked", &first.blocked)] {
                            @for ShownPorts { ports, origin } in parts {
                                tr {
                                    td.name { @for scope in &together { (scope.scope) " " } }
                                    th scope="row" { (word) } td.name { (ports) } td.name { (origin) }
                                }
                            }
                        }
                    }
                }
            }))
        }
    }
}

fn events(story: &Story) -> Markup {
    html! {
        p {
            (story.read) " events"
            @if story.read > story.events.len() as u64 { ", of which the last " (story.events.len()) " are listed" }
            "."
            @if story.lost > 0 { strong { " " (story.lost) " came too fast to be read, and count among the requests alone." } }
        }
        noscript { p { "The list needs scripts; the data is in this file all the same, as JSON." } }
        form id="filter" hidden {
            label for="search" { "Port, process, name or outcome " }
            input id="search" type="search" autocomplete="off" spellcheck="false";
            button type="button" id="before" { "Earlier" }
            button type="button" id="after" { "Later" }
            output id="count" for="search" {}
        }
        (table("Events", &["time", "process", "name", "call", "scope", "port", "outcome"], html! {}))
    }
}
