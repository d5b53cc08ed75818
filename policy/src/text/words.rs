//! The wording of every problem with a policy. What is wrong with a SPEC is worded where SPECs are read.

use super::{Origin, Problem};
use crate::spec::SpecError;

/// How alike two words must be, from 0 to 1, for one to be taken for a slip of the other.
const ALIKE: f64 = 0.6;

/// The candidate that `word` is most likely a slip of.
fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    let alike = candidates.iter().map(|c| (strsim::normalized_damerau_levenshtein(&word, c), *c));
    alike.filter(|(alike, _)| *alike >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, c)| c)
}

fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}

/// A name that is none; `candidates` are all that there are, `listed` the ones that help names.
pub(super) fn unknown<'a>(
    origin: &Origin,
    what: &str,
    name: &str,
    candidates: &[&str],
    listed: impl IntoIterator<Item = &'a str>,
) -> Problem {
    let help = match nearest(name, candidates) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => format!("write one of {}", list(listed)),
    };
    Problem::error(origin, format!("`{name}`: there is no such {what}"), help)
}

pub(super) fn spec(origin: &Origin, e: &SpecError) -> Problem {
    Problem::error(&origin.narrowed(e.at, e.part.chars().count()), e.to_string(), e.remedy.clone())
}

pub(super) fn seed(origin: &Origin, text: &str) -> Problem {
    Problem::error(origin, format!("`{text}`: this is not a seed"), format!("write a number from 0 to {}", u64::MAX))
}

pub(super) fn max_user_port(origin: &Origin, text: &str) -> Problem {
    Problem::error(origin, format!("`{text}`: this is not a port number"), "write a number from 5000 to 65534")
}
