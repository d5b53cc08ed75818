//! Calls that no sound program makes come to the same as on the bare kernel.

use portshim_tests::oracle::{Variant, bad_calls, case, compare};

fn assert_same(name: &str) {
    let case = case(name).expect("a case of that name");
    let native = bad_calls(case, Variant::Native).expect("the probe can be run");
    let portshim = bad_calls(case, Variant::Portshim).expect("the probe can be run");
    assert!(native.lines().count() > 19_000, "the probe made too few calls:\n{native}");
    assert_eq!(native.lines().count(), portshim.lines().count(), "one variant ended early");
    let mut apart = Vec::new();
    for (native, portshim) in native.lines().zip(portshim.lines()) {
        if let Err(divergence) = compare(case, native, portshim, |_| ()) {
            apart.push(divergence.to_string());
        }
    }
    assert!(apart.is_empty(), "under {name}, {} bad calls diverge:\n{}", apart.len(), apart.join("\n"));
}

#[test]
fn where_the_kernel_is_steered() {
    assert_same("steer");
}

#[test]
fn where_ports_are_bound_by_number() {
    assert_same("pin");
}
