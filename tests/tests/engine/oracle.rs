//! The kernel as oracle, for programs that are served from outside.

use portshim_tests::oracle::{Campaign, Variant, Verdict, campaign, compare_directed, directed, time_wait};

fn assert_agrees(verdict: &Verdict, scripts: usize) {
    assert!(verdict.failures.is_empty(), "{} scripts diverge:\n{}", verdict.failures.len(), verdict.failures.concat());
    assert_eq!(verdict.agreed, scripts);
}

#[test]
fn random_sequences_come_to_the_same() {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let plan = Campaign { sequences: 1400, seed: 50_000, case: None, jobs, against: Variant::Supervised };
    assert_agrees(&campaign(&plan, &|_| ()).expect("the probe can be run"), 1400);
}

#[test]
fn the_tables_of_the_kernels_behaviour_hold() {
    let scripts = directed();
    assert_agrees(
        &compare_directed(&scripts, false, Variant::Supervised).expect("the probe can be run"),
        scripts.len(),
    );
    let scripts = time_wait();
    assert_agrees(&compare_directed(&scripts, true, Variant::Supervised).expect("the probe can be run"), scripts.len());
}
