//! The plan of a crate: its wings from the ground up, and the arrows between them.

use super::imports::{Imports, SYSTEMS, Sources, imports};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// What a crate's files may import of each other.
pub(crate) struct Plan {
    /// The root file. All other paths are from its folder on.
    pub(crate) root: &'static str,
    /// The wings, lowest first, and the wings that each may import; none of them may stand above
    /// it. A wing is a module: `text` is `text.rs` and all in `text/`. What is in no other wing is
    /// in that whose name is "".
    pub(crate) wings: &'static [(&'static str, &'static [&'static str])],
}

impl Plan {
    /// Compares a crate with its plan, and tells what differs, in both directions.
    pub(crate) fn differences(&self, sources: &Sources) -> Vec<String> {
        let folder = self.root.rsplit_once('/').map_or("", |(folder, _)| folder);
        let short = |path: &str| path.strip_prefix(folder).map_or(path, |path| path.trim_start_matches('/')).to_owned();
        let on = |system| -> Imports {
            let imports = imports(sources, self.root, system).into_iter();
            imports.map(|((from, to), import)| ((short(&from), short(&to)), import)).collect()
        };
        let systems = SYSTEMS.map(on);
        let all = systems.iter().flat_map(Clone::clone).collect();
        let mut differences = self.flaws(&all);
        self.check_arrows(&all, &mut differences);
        self.check_circles(&systems, &mut differences);
        differences
    }

    /// What is wrong with the plan itself: an arrow that runs up, a wing that no file is in.
    fn flaws(&self, imports: &Imports) -> Vec<String> {
        let mut flaws = Vec::new();
        let mut below = BTreeSet::new();
        for (wing, arrows) in self.wings {
            for arrow in arrows.iter().filter(|arrow| !below.contains(*arrow)) {
                flaws.push(format!("{}: the plan's arrow from `{wing}` to `{arrow}` does not run down", self.root));
            }
            below.insert(wing);
            let lives = |file: &str| self.wing_of(file) == *wing;
            if !imports.keys().any(|(from, to)| lives(from) || lives(to)) {
                flaws.push(format!("{}: no file is in the plan's wing `{wing}`", self.root));
            }
        }
        flaws
    }

    fn wing_of(&self, file: &str) -> &'static str {
        let module = file.strip_suffix(".rs").unwrap_or(file);
        let holds = |wing: &str| module.strip_prefix(wing).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let wings = self.wings.iter().map(|(wing, _)| *wing);
        wings.filter(|wing| wing.is_empty() || holds(wing)).max_by_key(|wing| wing.len()).unwrap_or_default()
    }

    fn check_arrows(&self, imports: &Imports, differences: &mut Vec<String>) {
        for ((from, to), import) in imports {
            let (above, below) = (self.wing_of(from), self.wing_of(to));
            let arrows = self.wings.iter().find(|(wing, _)| *wing == above).map_or(&[][..], |(_, arrows)| arrows);
            if above == below || arrows.contains(&below) {
                continue;
            }
            differences.push(format!(
                "{}: {from}:{} imports {} of {to}: `{above}` may not import `{below}`",
                self.root, import.line, import.path
            ));
        }
    }

    fn check_circles(&self, systems: &[Imports], differences: &mut Vec<String>) {
        let mut told = BTreeSet::new();
        for imports in systems {
            for files in circles(imports) {
                if !told.insert(files.clone()) {
                    continue;
                }
                let mut text = format!("{}: {} files import each other in a circle: {files:?}", self.root, files.len());
                for (from, to) in shortest(&files, imports) {
                    let import = &imports[&(from.clone(), to.clone())];
                    let _ = write!(text, "\n    {from}:{} imports {} of {to}", import.line, import.path);
                }
                differences.push(text);
            }
        }
    }
}

/// Tells what each file imports, directly and by way of others.
fn reach(imports: &Imports) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut direct = BTreeMap::<&str, Vec<&str>>::new();
    for (from, to) in imports.keys() {
        direct.entry(from).or_default().push(to);
    }
    let all = |start: &str| {
        let mut reached = BTreeSet::new();
        let mut open = direct.get(start).cloned().unwrap_or_default();
        while let Some(file) = open.pop() {
            if reached.insert(file) {
                open.extend(direct.get(file).into_iter().flatten());
            }
        }
        reached
    };
    direct.keys().map(|file| (*file, all(file))).collect()
}

/// Lists the sets of files that all import each other, directly or by way of others.
fn circles(imports: &Imports) -> Vec<Vec<String>> {
    let reach = reach(imports);
    let mut circles = Vec::new();
    let mut seen = BTreeSet::new();
    for (file, reached) in &reach {
        if !reached.contains(file) || seen.contains(file) {
            continue;
        }
        let back = |other: &&&str| reach.get(**other).is_some_and(|reached| reached.contains(file));
        let circle: Vec<_> = reached.iter().filter(back).copied().collect();
        seen.extend(circle.iter().copied());
        circles.push(circle.iter().map(ToString::to_string).collect());
    }
    circles
}

/// Finds a shortest way around within a circle, as the imports on it.
fn shortest(files: &[String], imports: &Imports) -> Vec<(String, String)> {
    let within = |edge: &&(String, String)| files.contains(&edge.0) && files.contains(&edge.1);
    let edges: Vec<_> = imports.keys().filter(within).collect();
    let around = |start: &String| {
        let mut ways = vec![vec![start.clone()]];
        loop {
            let longer: Vec<_> = ways
                .iter()
                .flat_map(|way| {
                    let next = edges.iter().filter(|(from, _)| Some(from) == way.last());
                    next.map(|(_, to)| [way.as_slice(), std::slice::from_ref(to)].concat())
                })
                .collect();
            if let Some(way) = longer.iter().find(|way| way.last() == Some(start)) {
                return way.clone();
            }
            // One way to each file is enough.
            let mut ends = BTreeSet::new();
            ways = longer.into_iter().filter(|way| ends.insert(way.last().cloned())).collect();
        }
    };
    let way = files.iter().map(around).min_by_key(Vec::len).unwrap_or_default();
    way.windows(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}
