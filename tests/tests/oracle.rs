//! The kernel as oracle: under portshim a program sees what it would see on a bare kernel whose
//! settings are the policy.

use portshim_tests::oracle::{
    ALLOWANCES, Campaign, Case, Variant, Verdict, campaign, case, compare_directed, directed, play_with, time_wait,
};
use std::collections::BTreeSet;

fn random(sequences: usize, against: Variant) -> Verdict {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let plan = Campaign { sequences, seed: 0, case: None, jobs, against };
    campaign(&plan, &|_| ()).expect("the probe can be run")
}

fn assert_agrees(verdict: &Verdict, scripts: usize) {
    assert!(verdict.failures.is_empty(), "{} scripts diverge:\n{}", verdict.failures.len(), verdict.failures.concat());
    assert_eq!(verdict.agreed, scripts);
}

#[test]
fn random_sequences_come_to_the_same() {
    assert_agrees(&random(2100, Variant::Portshim), 2100);
}

/// Compares answers where a session believes wrong things of ports, which may cost time and never
/// an answer. The test of the hint tries every belief under every policy.
#[test]
fn a_wrong_hint_changes_no_answer() {
    assert_agrees(&random(1400, Variant::Believing("random")), 1400);
}

#[test]
fn random_sequences_leave_nothing_to_chance() {
    assert_agrees(&random(700, Variant::Native), 700);
}

#[test]
fn a_kernel_without_the_policy_is_told_apart() {
    assert!(!random(700, Variant::Unserved).failures.is_empty());
}

#[test]
fn the_tables_of_the_kernels_behaviour_hold_and_need_every_allowance() {
    let scripts = directed();
    let verdict = compare_directed(&scripts, false, Variant::Portshim).expect("the probe can be run");
    assert_agrees(&verdict, scripts.len());
    let used: BTreeSet<&str> = verdict.allowed.into_keys().collect();
    // Bad data is a matter of the bad calls.
    let known: BTreeSet<&str> =
        ALLOWANCES.iter().map(|a| a.name).filter(|name| *name != "pinned-takes-port-for-bad-data").collect();
    assert_eq!(used, known);
}

#[test]
fn a_port_in_time_wait_is_as_free_as_it_would_be() {
    let scripts = time_wait();
    assert_agrees(&compare_directed(&scripts, true, Variant::Portshim).expect("the probe can be run"), scripts.len());
}

#[test]
fn every_allowance_has_its_reason_in_the_guide_to_fidelity_and_no_reason_is_left_over() {
    let path = portshim_tests::project().join("docs/fidelity.md");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let headings: BTreeSet<&str> = text.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let names: BTreeSet<&str> = ALLOWANCES.iter().map(|a| a.name).collect();
    assert_eq!(headings, names);
}

/// The kernel has no blocked ports to compare with: what they come to is portshim's own promise.
#[test]
fn a_blocked_port_is_never_handed_out_and_refused_by_number() {
    for name in ["steer", "pin"] {
        let case: &Case = case(name).expect("a case of that name");
        let block = (case.range.0 + 7).to_string();
        let script = format!(
            "== blocked\nfill 12 tcp4 bind any4\nfill 12 tcp6 listen\nfill 12 udp4 bind any4\nfill 12 lite4 bind any4\n\
             drain\nfill 12 udp6 sendto lo6 srv1\nfill 12 tcp6 connect lo6 srv1\nsocket 0 tcp4\nbind 0 any4 {block}\n\
             bind/sys 0 any4 {block}\nsocket 1 tcp6\nbind 1 any6 {block}\nsocket 2 udp4\nbind 2 lo {block}\n\
             socket 3 udp6\nbind 3 lo6 {block}\n"
        );
        let said = play_with(case, &["--block", &block], &script).expect("the probe can be run");
        let told = answers(&said);
        assert_eq!(
            told,
            [
                "9 distinct=9 EADDRINUSE any4:P",
                "0 distinct=0 EADDRINUSE ",
                "9 distinct=9 EADDRINUSE any4:P",
                "9 distinct=9 EADDRINUSE any4:P",
                "ok",
                "9 distinct=9 EAGAIN any6:P",
                "9 distinct=9 EADDRNOTAVAIL lo6:P",
                "ok any4:-",
                "EACCES any4:-",
                "EACCES any4:-",
                "ok any6:-",
                "EACCES any6:-",
                "ok any4:-",
                "EACCES any4:-",
                "ok any6:-",
                "EACCES any6:-",
            ],
            "{name}\n{said}"
        );
        let udp = play_with(case, &["--block", &format!("{block}/udp")], &script).expect("the probe can be run");
        let told = answers(&udp);
        assert_eq!(told[0], "10 distinct=10 EADDRINUSE any4:P", "{name}\n{udp}");
        assert_eq!(told[2], "9 distinct=9 EADDRINUSE any4:P", "{name}\n{udp}");
        assert_eq!((told[13], told[15]), ("EACCES any4:-", "EACCES any6:-"), "{name}\n{udp}");
    }
}

fn answers(transcript: &str) -> Vec<&str> {
    let lines = transcript.lines().filter(|line| !line.starts_with("end"));
    lines.filter_map(|line| line.split_once(" => ")).map(|(_, answer)| answer).collect()
}
