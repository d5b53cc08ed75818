//! What is done with a program that begins, whatever it does.

use super::super::alarm::Alarm;
use super::*;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[test]
fn who_does_not_come_back_goes_on_as_if_nothing_had_been() {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "read -r none; exec /bin/busybox echo here"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("there is a shell");
    seize(child.id().cast_signed()).expect("it is ours");
    writeln!(child.stdin.take().expect("it is piped")).expect("it reads");
    let alarm = Alarm::of_this_thread().expect("there are timers");
    let begun = Cell::new(None);
    let may = || begun.get().is_none_or(|begun: Instant| begun.elapsed() < Duration::from_millis(100));
    alarm.within(Duration::from_millis(1), |_| {
        let tracee = program(&may).expect("the shell becomes busybox");
        let registers = tracee.registers().expect("it stands still");
        let mut code = [0; 2];
        tracee.read(registers.rip, &mut code).expect("it has code there");
        // A jump to itself.
        tracee.write(registers.rip, &[0xeb, 0xfe]).expect("it is traced");
        begun.set(Some(Instant::now()));
        let error = tracee.run(&registers).expect_err("it runs in circles");
        assert_eq!(error.kind(), io::ErrorKind::Interrupted);
        tracee.write(registers.rip, &code).and_then(|()| tracee.set_registers(&registers)).expect("it stands still");
    });
    assert_eq!(child.wait_with_output().expect("it ran").stdout, b"here\n");
}
