//! Many sequences, in batches, on every core.

use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::batch::{Script, Verdict, compare_all};
use super::{CASES, Case, Variant, sequence};

/// Number of sequences that share one process on either side, at most.
const BATCH: usize = 50;

/// What is to be compared.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// Number of sequences.
    pub sequences: usize,
    /// The number of the first.
    pub seed: u64,
    /// Under this policy alone; under each in turn without one.
    pub case: Option<&'static Case>,
    /// Number of batches at a time.
    pub jobs: usize,
    /// What the bare kernel is compared with. With itself, what the sequences leave to chance
    /// shows.
    pub against: Variant,
}

/// The policies of a campaign that names none.
fn cases(against: Variant) -> Vec<&'static Case> {
    CASES.iter().filter(|case| against.keeps(case)).collect()
}

/// The size of a batch: few sequences, too, are of every policy.
fn batch_size(campaign: &Campaign) -> usize {
    if campaign.case.is_some() {
        BATCH
    } else {
        campaign.sequences.div_ceil(cases(campaign.against).len()).clamp(1, BATCH)
    }
}

/// The policy of a batch and the numbers of its sequences.
fn batch_of(campaign: &Campaign, batch: usize) -> (&'static Case, std::ops::Range<u64>) {
    let cases = cases(campaign.against);
    let case = campaign.case.unwrap_or_else(|| cases[batch % cases.len()]);
    let size = batch_size(campaign);
    let first = campaign.seed + (batch * size) as u64;
    (case, first..(first + size as u64).min(campaign.seed + campaign.sequences as u64))
}

/// Runs a campaign; `progress` is told now and then how far it has come. Stops early after ten
/// failures.
///
/// # Errors
/// Where the probe or portshim could not be run.
pub fn campaign(campaign: &Campaign, progress: &(dyn Fn(&Verdict) + Sync)) -> Result<Verdict, String> {
    let batches = campaign.sequences.div_ceil(batch_size(campaign));
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
                    let again =
                        |seed: u64, count: u64| format!("--case {} --seed {seed} --sequences {count}", case.name);
                    let whole = again(seeds.start, seeds.end - seeds.start);
                    let scripts: Vec<Script> = seeds
                        .map(|seed| {
                            let (title, lines) = (format!("{} {seed}", case.name), sequence(case, seed));
                            Script::new(case, title, lines.iter().map(String::as_str), again(seed, 1))
                        })
                        .collect();
                    match compare_all(case, &scripts, &whole, campaign.against) {
                        Ok(part) => {
                            let mut whole = verdict.lock();
                            whole.add(part);
                            stop.fetch_or(whole.failures.len() >= 10, Ordering::Relaxed);
                            progress(&whole);
                        }
                        Err(message) => {
                            stop.store(true, Ordering::Relaxed);
                            *failed.lock() = Some(message);
                        }
                    }
                }
            });
        }
    });
    match failed.into_inner() {
        Some(message) => Err(message),
        None => Ok(verdict.into_inner()),
    }
}
