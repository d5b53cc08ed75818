//! What was measured: as a table, and as JSON.

use crate::effort;
use crate::figures::{Curve, Machine, duration};
use crate::picture;
use crate::stats::{Pair, Sense, Spread};
use crate::targets::Target;
use serde::Serialize;
use std::path::Path;

/// In what a row's two figures are given.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Unit {
    Nanoseconds,
    Kib,
    Instructions,
}

/// One line of the table.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) what: String,
    pub(crate) unit: Unit,
    /// What portshim is compared with: mostly the bare kernel, by the median.
    pub(crate) kernel: f64,
    pub(crate) portshim: f64,
    pub(crate) sense: Sense,
    /// Of the pairs' ratios.
    pub(crate) ratio: Spread,
    pub(crate) pairs: usize,
    pub(crate) target: Option<f64>,
    pub(crate) limit: Option<f64>,
    pub(crate) met: Option<bool>,
    /// The work was not done in the time it had: the ratio is better than the true one.
    pub(crate) unfinished: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

impl Row {
    pub(crate) fn of_pairs(id: impl Into<String>, what: impl Into<String>, target: Target, pairs: &[Pair]) -> Self {
        let ratio = Spread::of(pairs.iter().map(|pair| target.sense.ratio(pair)));
        Self {
            id: id.into(),
            what: what.into(),
            unit: Unit::Nanoseconds,
            kernel: Spread::of(pairs.iter().map(|pair| pair.kernel)).median,
            portshim: Spread::of(pairs.iter().map(|pair| pair.portshim)).median,
            sense: target.sense,
            ratio,
            pairs: pairs.len(),
            target: target.target,
            limit: target.limit,
            met: target.target.map(|aim| target.sense.meets(ratio.median, aim)),
            unfinished: false,
            note: None,
        }
    }

    /// The limit is what the calls that it takes need by themselves, measured in the same run.
    pub(crate) fn limited(self, by_hand: f64) -> Self {
        let limit = self.sense.ratio(&Pair { kernel: self.kernel, portshim: by_hand });
        Self { limit: Some(limit), ..self }
    }

    /// Of work that was not done in the time it had.
    pub(crate) fn at_best(self) -> Self {
        Self { unfinished: true, met: self.met.map(|_| false), ..self }
    }

    pub(crate) fn noted(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    fn cells(&self) -> [String; 7] {
        let sign = if self.sense == Sense::Cost { "≤" } else { "≥" };
        let aim = |aim: Option<f64>| aim.map(|aim| self.times(aim));
        let mut spread = self.times(self.ratio.median);
        if self.unfinished {
            spread.insert_str(0, "below ");
        } else if self.pairs > 1 {
            spread += &format!(" ({}–{})", short(self.ratio.p10), short(self.ratio.p90));
        }
        [
            self.what.clone() + &self.note.as_ref().map_or(String::new(), |note| format!(" ({note})")),
            self.amount(self.kernel),
            self.amount(self.portshim),
            spread,
            aim(self.target).map_or("–".to_owned(), |aim| format!("{sign} {aim}")),
            aim(self.limit).unwrap_or("–".to_owned()),
            self.met.map_or("", |met| if met { "met" } else { "**missed**" }).to_owned(),
        ]
    }

    /// A ratio, or for memory what there is more of it.
    fn times(&self, figure: f64) -> String {
        if self.unit == Unit::Kib { format!("{figure:.0} KiB") } else { format!("{}×", short(figure)) }
    }

    fn amount(&self, figure: f64) -> String {
        match self.unit {
            Unit::Nanoseconds => duration(figure),
            Unit::Kib => format!("{figure:.0} KiB"),
            Unit::Instructions => format!("{figure:.0}"),
        }
    }
}

/// Three digits or so.
fn short(figure: f64) -> String {
    match figure.abs() {
        f if f < 1.2 => format!("{figure:.3}"),
        f if f < 10.0 => format!("{figure:.2}"),
        f if f < 100.0 => format!("{figure:.1}"),
        _ => format!("{figure:.0}"),
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) effort: effort::Name,
    pub(crate) date: String,
    pub(crate) seconds: u64,
    pub(crate) machine: Machine,
    pub(crate) rows: Vec<Row>,
    /// The same work under other tools.
    pub(crate) peers: Vec<Row>,
    pub(crate) instructions: Vec<Row>,
    pub(crate) curves: Vec<Curve>,
    /// What could not be compared with, and why.
    pub(crate) missing: Vec<String>,
}

impl Report {
    /// The rows for which portshim has an aim, and those beside them, under its usual policy alone.
    fn summary(&self) -> String {
        let usual = |row: &&Row| match row.id.split_once('/') {
            Some(("empty" | "held" | "fill", rest)) => rest.contains("/steered") && row.limit.is_some(),
            _ => row.target.is_some(),
        };
        table(HEAD, &self.rows.iter().filter(usual).cloned().collect::<Vec<_>>()) + "\n" + &self.origin()
    }

    /// Where the figures come from.
    fn origin(&self) -> String {
        let machine = &self.machine;
        format!(
            "Measured on {} ({} processors, {}), Linux {}, load {:.1}, in {} s, with {} at {}.\n",
            self.date,
            machine.processors,
            machine.processor,
            machine.kernel,
            machine.load,
            self.seconds,
            machine.portshim,
            machine.commit,
        )
    }

    /// All of it, as Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut text = self.origin();
        text += &table(HEAD, &self.rows);
        text += &table(["other tools beside it", "bare", "under it", "ratio (10th–90th percentile)"], &self.peers);
        text += &table(["instructions outside the kernel", "bare", "portshim", "ratio"], &self.instructions);
        for missing in &self.missing {
            text += &format!("\nnot compared: {missing}\n");
        }
        let (met, missed) = self.rows.iter().filter_map(|row| row.met).partition::<Vec<bool>, _>(|met| *met);
        if met.len() + missed.len() > 0 {
            text += &format!("\n{} of {} targets are met.\n", met.len(), met.len() + missed.len());
        }
        text
    }

    /// Into the folder `out`: the JSON, the tables, the most important rows, and a picture of each
    /// curve.
    pub(crate) fn write(&self, out: &Path) -> Result<(), String> {
        let put = |name: String, text: String| {
            let path = out.join(name);
            std::fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
            eprintln!("written: {}", path.display());
            Ok::<_, String>(())
        };
        std::fs::create_dir_all(out).map_err(|e| format!("{}: {e}", out.display()))?;
        let name = serde_json::to_value(self.effort).map_err(|e| e.to_string())?;
        let json = serde_json::to_string_pretty(self).map_err(|e| e.to_string())?;
        let name = name.as_str().unwrap_or("bench");
        put(format!("{name}.json"), json + "\n")?;
        put(format!("{name}.md"), self.markdown())?;
        put("summary.md".to_owned(), self.summary())?;
        for curve in &self.curves {
            put(format!("{}.svg", curve.id), picture::draw(curve, &self.machine))?;
        }
        Ok(())
    }
}

const HEAD: [&str; 7] = ["", "kernel", "portshim", "ratio (10th–90th percentile)", "target", "limit", ""];

/// The first columns of the rows, as many as the table's head has.
fn table<const COLUMNS: usize>(head: [&str; COLUMNS], rows: &[Row]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut lines: Vec<Vec<String>> = vec![head.map(str::to_owned).to_vec()];
    lines.extend(rows.iter().map(|row| row.cells()[..COLUMNS].to_vec()));
    let widths: Vec<usize> =
        (0..COLUMNS).map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0)).collect();
    let mut text = "\n".to_owned();
    for (number, line) in lines.iter().enumerate() {
        let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            0 | 6 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        text += &format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "));
        if number == 0 {
            let rule = widths.iter().enumerate().map(|(column, width)| match column {
                0 | 6 => "-".repeat(*width),
                _ => "-".repeat(width.saturating_sub(1)) + ":",
            });
            text += &format!("| {} |\n", rule.collect::<Vec<_>>().join(" | "));
        }
    }
    text
}
