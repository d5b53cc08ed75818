//! Many sequences, in batches, on every core.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::{CASES, Case, Divergence, Side, compare, play, sequence, shrink};

/// How many sequences share one process on either side.
const BATCH: usize = 50;

/// How many failures of one batch are told: most have one cause.
const ENOUGH: usize = 3;

/// What is to be compared.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// How many sequences.
    pub sequences: usize,
    /// The number of the first.
    pub seed: u64,
    /// Under this policy alone; under each in turn without one.
    pub case: Option<&'static Case>,
    /// How many batches at a time.
    pub jobs: usize,
    /// Compares the bare kernel with itself: what the sequences leave to chance shows then.
    pub self_check: bool,
}

/// What a campaign came to.
#[derive(Debug, Default)]
pub struct Verdict {
    /// How many sequences agreed.
    pub agreed: usize,
    /// How many calls they made.
    pub calls: usize,
    /// How often each allowance covered a difference.
    pub allowed: BTreeMap<&'static str, usize>,
    /// What each sequence that did not agree came to, with the command that shows it again.
    pub failures: Vec<String>,
}

struct Sequence {
    case: &'static Case,
    seed: u64,
    lines: Vec<String>,
}

/// The policy of a batch and the numbers of its sequences.
#[must_use]
pub fn batch_of(campaign: &Campaign, batch: usize) -> (&'static Case, std::ops::Range<u64>) {
    let case = campaign.case.unwrap_or(&CASES[batch % CASES.len()]);
    let first = campaign.seed + (batch * BATCH) as u64;
    (case, first..(first + BATCH as u64).min(campaign.seed + campaign.sequences as u64))
}

/// Runs a campaign; `progress` is told now and then how far it has come. Stops early after ten failures.
///
/// # Errors
/// Where the probe or portshim could not be run.
pub fn campaign(campaign: &Campaign, progress: &(dyn Fn(&Verdict) + Sync)) -> Result<Verdict, String> {
    let batches = campaign.sequences.div_ceil(BATCH);
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let verdict = Mutex::new(Verdict::default());
    let failed = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..campaign.jobs.max(1) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let batch = next.fetch_add(1, Ordering::Relaxed);
                    if batch >= batches {
                        break;
                    }
                    let (case, seeds) = batch_of(campaign, batch);
                    let sequences: Vec<Sequence> =
                        seeds.map(|seed| Sequence { case, seed, lines: sequence(case, seed) }).collect();
                    match compare_all(&sequences, campaign.self_check) {
                        Ok(part) => {
                            let mut whole = verdict.lock().expect("no thread panics while it holds this");
                            whole.agreed += part.agreed;
                            whole.calls += part.calls;
                            part.allowed.into_iter().for_each(|(n, c)| *whole.allowed.entry(n).or_default() += c);
                            whole.failures.extend(part.failures);
                            stop.fetch_or(whole.failures.len() >= 10, Ordering::Relaxed);
                            progress(&whole);
                        }
                        Err(message) => {
                            stop.store(true, Ordering::Relaxed);
                            *failed.lock().expect("as above") = Some(message);
                        }
                    }
                }
            });
        }
    });
    match failed.into_inner().expect("as above") {
        Some(message) => Err(message),
        None => Ok(verdict.into_inner().expect("as above")),
    }
}

fn compare_all(sequences: &[Sequence], self_check: bool) -> Result<Verdict, String> {
    let mut verdict = Verdict::default();
    let Some(first) = sequences.first() else { return Ok(verdict) };
    let text: String = sequences.iter().map(|s| format!("== {}\n{}\n", s.seed, s.lines.join("\n"))).collect();
    let native = play(first.case, Side::Native, &text)?;
    let portshim = play(first.case, other(self_check), &text)?;
    let (natives, portshims) = (apart(&native), apart(&portshim));
    if natives.len() != sequences.len() || portshims.len() != sequences.len() {
        return Err("a transcript does not cover every sequence".into());
    }
    for ((sequence, native), portshim) in sequences.iter().zip(natives).zip(portshims) {
        let mut allowed: BTreeMap<&'static str, usize> = BTreeMap::new();
        verdict.calls += sequence.lines.len();
        match compare(sequence.case, native, portshim, |name| *allowed.entry(name).or_default() += 1) {
            Ok(()) => {
                verdict.agreed += 1;
                allowed.into_iter().for_each(|(n, c)| *verdict.allowed.entry(n).or_default() += c);
            }
            Err(divergence) => {
                let batch = (first.seed, sequences.len());
                verdict.failures.push(report(sequence, batch, &divergence, self_check)?);
                if verdict.failures.len() >= ENOUGH {
                    break;
                }
            }
        }
    }
    Ok(verdict)
}

fn other(self_check: bool) -> Side {
    if self_check { Side::Native } else { Side::Portshim }
}

/// A transcript, cut where sequences begin.
fn apart(transcript: &str) -> Vec<&str> {
    let starts: Vec<usize> = transcript
        .match_indices("== ")
        .map(|(at, _)| at)
        .filter(|at| *at == 0 || transcript.as_bytes()[at - 1] == b'\n')
        .collect();
    let ends = starts.iter().skip(1).copied().chain([transcript.len()]);
    starts.iter().zip(ends).map(|(start, end)| &transcript[*start..end]).collect()
}

/// What parted, the command that shows it again, and the shortest script that still does.
fn report(
    sequence: &Sequence,
    batch: (u64, usize),
    divergence: &Divergence,
    self_check: bool,
) -> Result<String, String> {
    let case = sequence.case;
    let both = |lines: &[String]| -> Result<(String, String), String> {
        let text = format!("== {}\n{}\n", sequence.seed, lines.join("\n"));
        Ok((play(case, Side::Native, &text)?, play(case, other(self_check), &text)?))
    };
    let parts = |lines: &[String]| -> Result<bool, String> {
        let (native, portshim) = both(lines)?;
        Ok(compare(case, &native, &portshim, |_| ()).is_err_and(|other| other.is_like(divergence)))
    };
    let alone = parts(&sequence.lines)?;
    let (seed, count) = if alone { (sequence.seed, 1) } else { batch };
    let mut text = format!(
        "case {name}, seed {own}\n{divergence}\n  again: cargo run -p portshim-tests --bin portshim-oracle -- \
         --case {name} --seed {seed} --sequences {count}\n",
        name = case.name,
        own = sequence.seed
    );
    if !alone {
        text += "  alone it agrees: what went before it matters\n";
        return Ok(text);
    }
    let short = shrink(sequence.lines.clone(), parts)?;
    let (native, portshim) = both(&short)?;
    text += "  shortest script, and what each side made of it:\n";
    for (left, right) in native.lines().zip(portshim.lines()) {
        if left == right {
            text += &format!("      {left}\n");
        } else {
            text += &format!("    - {left}\n    + {right}\n");
        }
    }
    Ok(text)
}
