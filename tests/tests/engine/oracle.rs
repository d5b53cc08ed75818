//! The kernel as oracle, for programs that are served from outside.

use portshim_tests::oracle::{Campaign, Variant, Verdict, campaign, compare_directed, directed, time_wait};

fn assert_agrees(verdict: &Verdict, scripts: usize) {
    assert!(verdict.failures.is_empty(), "{} scripts diverge:\n{}", verdict.failures.len(), verdict.failures.concat());
    assert_eq!(verdict.agreed, scripts);
}

fn random(against: Variant, seed: u64) {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let plan = Campaign { sequences: 350, seed, case: None, jobs, against };
    assert_agrees(&campaign(&plan, &|_| ()).expect("the probe can be run"), 350);
}

fn tables(against: Variant) {
    for (scripts, waits) in [(directed(), false), (time_wait(), true)] {
        let verdict = compare_directed(&scripts, waits, against).expect("the probe can be run");
        assert_agrees(&verdict, scripts.iter().filter(|script| against.keeps(script.case)).count());
    }
}

#[test]
fn random_sequences_come_to_the_same() {
    random(Variant::Supervised, 50_000);
}

#[test]
fn the_tables_of_the_kernels_behaviour_hold() {
    tables(Variant::Supervised);
}

#[test]
fn random_sequences_come_to_the_same_with_sockets_that_are_made() {
    random(Variant::Sockets, 80_000);
}

#[test]
fn the_tables_of_the_kernels_behaviour_hold_with_sockets_that_are_made() {
    tables(Variant::Sockets);
}

#[test]
fn random_sequences_come_to_the_same_with_a_library_inside() {
    random(Variant::Both, 60_000);
}

#[test]
fn the_tables_of_the_kernels_behaviour_hold_with_a_library_inside() {
    tables(Variant::Both);
}

/// A guest is brought into a probe that loads no library.
#[test]
fn random_sequences_come_to_the_same_in_a_static_program() {
    random(Variant::Guest, 70_000);
}

#[test]
fn the_tables_of_the_kernels_behaviour_hold_in_a_static_program() {
    tables(Variant::Guest);
}
