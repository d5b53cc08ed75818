//! `portshim presets`: the systems whose ports can be had here.

use crate::args::Options;
use crate::messages::Failure;
use crate::present;
use portshim_policy::model::Preset;
use serde::Serialize;

/// A preset, for programs to read.
#[derive(Serialize)]
struct Shown {
    name: &'static str,
    /// Other names for it.
    aliases: &'static [&'static str],
    /// The range that it begins with; `null` where that is the host's own.
    range: Option<String>,
    /// The order in which a wildcard bind tries ports.
    select: &'static str,
    /// Set if connections to different peers share a port.
    sharing: &'static str,
    summary: &'static str,
    source: &'static str,
}

pub(super) fn presets(args: &Options) -> Result<u32, Failure> {
    let shown = |preset: &'static Preset| Shown {
        name: preset.name,
        aliases: preset.aliases,
        range: preset.range.map(|range| range.to_string()),
        select: preset.native.into(),
        sharing: preset.sharing.into(),
        summary: preset.summary,
        source: preset.source,
    };
    let shown: Vec<_> = Preset::ALL.iter().map(shown).collect();
    let text = if args.json { present::json(&shown) } else { table(&shown) };
    present::print(&text).map(|()| 0)
}

fn table(presets: &[Shown]) -> String {
    let mut text = format!("{:<17} {:<12} {:<13} {:<10} {}\n", "preset", "range", "select", "sharing", "summary");
    for Shown { name, range, select, sharing, summary, .. } in presets {
        let range = range.as_deref().unwrap_or("the host's");
        text += &format!("{name:<17} {range:<12} {select:<13} {sharing:<10} {summary}\n");
    }
    text
}
