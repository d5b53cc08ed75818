//! Drawings of a page: ports in use over time, and which ports were handed out.

use super::story::{InUse, Moment, Sample};
use maud::{Markup, html};
use portshim_policy::ports::{PortSet, Scope};

/// The size of a drawing, in its own units.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 200.0;

/// Ports of one scope in use over time, up to `end` (in milliseconds).
pub(super) fn over_time(scope: Scope, samples: &[Sample], moments: &[Moment], end: u64) -> Markup {
    let at = |sample: &Sample| sample.scopes[scope.index()];
    let most = samples.iter().map(|sample| at(sample).allowed.max(total(at(sample)))).max().unwrap_or(0).max(1);
    let end = end.max(1);
    let x = |time: u64| WIDTH * time.min(end) as f64 / end as f64;
    let y = |count: u32| HEIGHT - HEIGHT * f64::from(count) / f64::from(most);
    let line = |value: &dyn Fn(InUse) -> u32| {
        let mut path = String::new();
        // Until the next look, it is as it was.
        for (n, sample) in samples.iter().enumerate() {
            let next = samples.get(n + 1).map_or(end, |next| next.at);
            path +=
                &format!("{:.1} {:.1} {:.1} {:.1} ", x(sample.at), y(value(at(sample))), x(next), y(value(at(sample))));
        }
        path
    };
    let area = |value: &dyn Fn(InUse) -> u32| {
        let first = samples.first().map_or(0, |sample| sample.at);
        format!("M{:.1} {HEIGHT} L{}L{WIDTH} {HEIGHT} Z", x(first), line(value))
    };
    let peak = samples.iter().map(|sample| total(at(sample))).max().unwrap_or(0);
    let about = format!("At most {peak} of {} ports of {} in use at once.", at_end(samples, scope), scope.name());
    html! {
        div.plot {
            div.scale aria-hidden="true" { span { (most) } span { (most / 2) } span { "0" } }
            svg role="img" aria-label=(about) viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" {
                path.waiting d=(area(&total)) {}
                path.others d=(area(&|in_use| in_use.open)) {}
                path.own d=(area(&|in_use| in_use.own.min(in_use.open))) {}
                path.there d={ "M" (line(&|in_use| in_use.allowed)) } {}
                @for moment in moments.iter().filter(|moment| moment.scope == scope.name()) {
                    @let (from, to) = (x(moment.first), x(moment.last));
                    path.none d={ "M" (format!("{from:.1} 0H{to:.1}V{HEIGHT}H{from:.1}z")) } {}
                }
            }
            div.times aria-hidden="true" { span { "0" } span { (seconds(end / 2)) } span { (seconds(end)) } }
        }
    }
}

fn total(in_use: InUse) -> u32 {
    in_use.open + in_use.waiting
}

/// Number of ports that could be handed out in the end.
fn at_end(samples: &[Sample], scope: Scope) -> u32 {
    samples.last().map_or(0, |sample| sample.scopes[scope.index()].allowed)
}

/// A time in milliseconds, for people.
pub(super) fn seconds(time: u64) -> String {
    match time {
        0..1000 => format!("{time} ms"),
        1000..60_000 => format!("{}.{} s", time / 1000, time % 1000 / 100),
        _ => format!("{} min {} s", time / 60_000, time / 1000 % 60),
    }
}

/// Number of cells of a map, in all and beside each other.
const CELLS: u32 = 1024;
const COLUMNS: u32 = 64;
const CELL: u32 = 10;

/// Classes of cells, in the order of the legend, with their words.
pub(super) const CLASSES: [(&str, &str); 6] = [
    ("never", "never handed out"),
    ("once", "once"),
    ("some", "2 to 9 times"),
    ("often", "10 times or more"),
    ("reserved", "reserved"),
    ("blocked", "blocked"),
];

/// Ports of a map that share a cell.
pub(super) fn to_a_cell(range: &PortSet) -> u32 {
    range.len().div_ceil(CELLS).max(1)
}

/// Map of a range, cell by cell in the order of the ports.
pub(super) fn map(range: &PortSet, reserved: &PortSet, blocked: &PortSet, handed_out: &[u32]) -> Markup {
    let ports: Vec<u16> = range.runs().flat_map(|run| run.first()..=run.last()).collect();
    let mut paths = [(); CLASSES.len()].map(|()| String::new());
    let cells = ports.chunks(to_a_cell(range) as usize);
    let rows = (cells.len() as u32).div_ceil(COLUMNS).max(1);
    let columns = (cells.len() as u32).clamp(1, COLUMNS);
    for (cell, ports) in (0..).zip(cells) {
        let times = ports.iter().map(|port| handed_out[usize::from(*port)]).max().unwrap_or(0);
        let class = match times {
            0 if ports.iter().all(|port| blocked.contains(*port)) => 5,
            0 if ports.iter().all(|port| reserved.contains(*port) || blocked.contains(*port)) => 4,
            0 => 0,
            1 => 1,
            2..10 => 2,
            _ => 3,
        };
        let (x, y) = (cell % COLUMNS * CELL, cell / COLUMNS * CELL);
        paths[class] += &format!("M{x} {y}h9v9h-9z");
    }
    let handed = ports.iter().filter(|port| handed_out[usize::from(**port)] > 0).count();
    let about = format!("{handed} of {} ports were handed out.", ports.len());
    html! {
        svg.map role="img" aria-label=(about) viewBox={ "0 0 " (columns * CELL) " " (rows * CELL) } style={ "max-width:" (columns * CELL * 2) "px" } {
            @for ((class, _), path) in CLASSES.iter().zip(&paths).filter(|(_, path)| !path.is_empty()) {
                path class=(class) d=(path) {}
            }
        }
    }
}
