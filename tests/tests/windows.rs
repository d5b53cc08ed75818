//! portshim.exe and portshim.dll with unmodified Windows programs under Wine: which ports they use,
//! as seen from this side, and what happens where something is wrong.
//!
//! This is no proof that they run on Windows itself; docs/windows.md tells what Wine cannot show.

use libtest_mimic::{Arguments, Trial, run};
use portshim_tests::wine;

mod windows {
    pub(crate) mod collide;
    pub(crate) mod commands;
    pub(crate) mod exhausted;
    pub(crate) mod launched;
    pub(crate) mod loaded;
    pub(crate) mod ports;
    pub(crate) mod programs;
    pub(crate) mod refused;
    pub(crate) mod rules;
    pub(crate) mod sessions;
    pub(crate) mod steady;
}

/// Every test, by module and function. One that is left out here is unused code.
macro_rules! trials {
    ($($module:ident: $($test:ident),+;)+) => {
        vec![$($(Trial::test(concat!(stringify!($module), "::", stringify!($test)), || {
            windows::$module::$test();
            Ok(())
        })),+),+]
    };
}

fn main() {
    wine::in_a_network_of_its_own();
    let arguments = Arguments::from_args();
    let trials = trials! {
        ports: every_call_under_windows_xp, every_call_under_windows_2003, every_call_under_windows_vista,
            without_portshim, servers_are_reached, dual_stack, handles_come_again, as_bare, bad_calls_as_bare,
            last_errors_as_bare;
        exhausted: every_call, by_name, a_whole_preset, whatever_the_address, for_one_alone, closed, held_through_time_wait,
            shared_by_processes, raced_for, taken_by_another_session;
        rules: reserved, blocked, blocked_for_one_scope, taken, taken_for_one_family, kept_back, of_single_programs,
            in_order;
        programs: esbuild, node, node_package, uv, java, dotnet_core, bun, postgres;
        launched: arguments, exit_codes, crashes, standard_handles, folder_and_environment, unusual_paths,
            found_by_name, portshim_anywhere, batch_files, children, children_of_every_kind, ended_from_outside,
            one_inside_another, logged_and_reported, reported_to_nobody, switched_off, interrupted;
        loaded: on_the_first_thread, children, dotnet_framework, ended_before, hooks_missing, hooks_missing_are_shown,
            for_another_machine, not_in_a_child;
        refused: programs, libraries, another_library, files_of_windows, options, children;
        sessions: listed, outlives_its_maker, of_another_windows_session, changed_from_outside, exhausted_from_outside, changes_refused, obeyed_by_children, from_inside,
            from_inside_without_portshim, gone_with_its_owner;
        collide: a_program_finds_its_port_taken, until_the_time_is_over, until_interrupted, inside_a_session, refused;
        commands: as_on_linux, as_windows_is, doctor, netsh, netsh_unheard,
            capture;
        steady: a_hundred_in_a_row, eight_at_a_time, first_runs_at_once;
    };
    let server = (!arguments.list).then(wine::Server::start);
    let conclusion = run(&arguments, trials);
    let left = Trial::test("nothing_is_left_behind", || {
        wine::all_gone("");
        Ok(())
    });
    let left = run(&arguments, vec![left]);
    drop(server);
    conclusion.exit_if_failed();
    left.exit();
}
