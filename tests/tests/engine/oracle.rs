//! The kernel as oracle, for programs that are served from outside.

use portshim_tests::oracle::{Campaign, Variant, Verdict, campaign, compare_directed, directed, time_wait};

fn assert_agrees(verdict: &Verdict, scripts: usize) {
    assert!(verdict.failures.is_empty(), "{} scripts diverge:\n{}", verdict.failures.len(), verdict.failures.concat());
    assert_eq!(verdict.agreed, scripts);
}

/// By the supervisor alone, and with a library in the probe.
const ENGINES: [Variant; 2] = [Variant::Supervised, Variant::Both];

#[test]
fn random_sequences_come_to_the_same() {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    for (against, seed) in ENGINES.into_iter().zip([50_000, 60_000]) {
        let plan = Campaign { sequences: 700, seed, case: None, jobs, against };
        assert_agrees(&campaign(&plan, &|_| ()).expect("the probe can be run"), 700);
    }
}

#[test]
fn the_tables_of_the_kernels_behaviour_hold() {
    for against in ENGINES {
        for (scripts, waits) in [(directed(), false), (time_wait(), true)] {
            let verdict = compare_directed(&scripts, waits, against).expect("the probe can be run");
            assert_agrees(&verdict, scripts.len());
        }
    }
}
