//! What cannot be run or read is refused with an error that names it, and nothing is left behind.

use super::launched::probe_path;
use portshim_tests::programs::scratch;
use portshim_tests::said;
use portshim_tests::wine::{Said, all_gone, built, output, portshim, probe, program, range, spec, theirs};
use std::path::Path;
use std::process::Command;

/// Runs it, and demands this status, nothing on standard output, and an error with a remedy that
/// says these words.
#[track_caller]
fn refused(command: &mut Command, status: i32, words: &[&str]) {
    let output = output(command);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{}", said(&output));
    assert!(output.stdout.is_empty(), "{}", said(&output));
    assert!(complaint.starts_with("error: ") && complaint.contains("help:"), "{}", said(&output));
    for word in words {
        assert!(complaint.contains(word), "it should say `{word}`: {}", said(&output));
    }
}

fn run(path: &Path) -> Command {
    portshim(["run", "--range", &spec(range(1)), "--", &theirs(path), "say=it ran"])
}

/// The probe with another machine and format in its headers: what a 32-bit program begins with.
fn of_32_bits() -> Vec<u8> {
    let mut image = std::fs::read(program("probe.exe")).expect("it is there");
    let at = u32::from_le_bytes(image[0x3c..0x40].try_into().expect("four bytes")) as usize;
    assert_eq!(image[at..at + 6], [b'P', b'E', 0, 0, 0x64, 0x86], "x86-64");
    image[at + 4..at + 6].copy_from_slice(&0x014c_u16.to_le_bytes());
    image[at + 24..at + 26].copy_from_slice(&0x010b_u16.to_le_bytes());
    image
}

pub(crate) fn programs() {
    let folder = scratch("wine-refused");
    let file = |name: &str, content: &[u8]| {
        std::fs::write(folder.join(name), content).expect("a file can be written");
        folder.join(name)
    };
    refused(&mut run(&folder.join("missing.exe")), 127, &["missing.exe", "does not exist"]);
    refused(&mut portshim(["run", "--range", &spec(range(1)), "--", "no-such-program"]), 127, &["no-such-program"]);
    refused(&mut run(&folder), 126, &["wine-refused"]);
    refused(&mut run(&file("thirty-two.exe", &of_32_bits())), 125, &["thirty-two.exe", "32-bit"]);
    refused(&mut run(&file("arm.exe", &of_arm64())), 125, &["arm.exe", "AArch64"]);
    refused(&mut run(&file("text.exe", b"this is no program\n")), 126, &["text.exe"]);
    refused(&mut run(&file("empty.exe", b"")), 126, &["empty.exe"]);
    refused(&mut run(&file("cut off.exe", &of_32_bits()[..0x60])), 126, &["cut off.exe"]);
    // A library is an image, but no program.
    refused(&mut run(&built("portshim.dll")), 126, &["portshim.dll"]);
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}

fn of_arm64() -> Vec<u8> {
    let mut image = std::fs::read(program("probe.exe")).expect("it is there");
    let at = u32::from_le_bytes(image[0x3c..0x40].try_into().expect("four bytes")) as usize;
    image[at + 4..at + 6].copy_from_slice(&0xaa64_u16.to_le_bytes());
    image
}

/// A library that does not load: the program does not start, and is not left waiting either.
pub(crate) fn libraries() {
    let folder = scratch("wine-libraries");
    let garbage = folder.join("garbage.dll");
    std::fs::write(&garbage, "no library\n".repeat(100)).expect("a file can be written");
    let other = program("bcryptprimitives.dll");
    for (library, words) in
        [(folder.join("missing.dll"), "missing.dll"), (garbage, "garbage.dll"), (other, "bcryptprimitives.dll")]
    {
        let mark = format!("say=with {words}");
        let mut command = probe(&["--range", &spec(range(1))], &[&mark]);
        refused(command.env("PORTSHIM_LIB", theirs(&library)), 125, &[words]);
        all_gone(&mark);
    }
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}

/// The library may be another file, of any name.
pub(crate) fn another_library() {
    let (folder, range) = (scratch("wine-another"), range(1));
    let copy = folder.join("eine Bibliothek – ポート.dll");
    std::fs::copy(built("portshim.dll"), &copy).expect("a file can be copied");
    let mut command = probe(&["--range", &spec(range)], &["tcp4", "bind=127.0.0.1,0"]);
    assert_eq!(Said::of(command.env("PORTSHIM_LIB", theirs(&copy))).ports(), [range.0]);
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}

/// A policy file as Windows' editors write it: with a mark at its beginning, and two signs at each
/// line's end.
pub(crate) fn files_of_windows() {
    let (folder, range) = (scratch("wine-files"), range(2));
    let policy = folder.join("policy.toml");
    let text = format!("# ä\r\nselect = \"sequential\"\r\n\r\n[dynamic]\r\nall = \"{}\"\r\n", spec(range));
    for mark in ["", "\u{feff}"] {
        std::fs::write(&policy, format!("{mark}{text}")).expect("a file can be written");
        let said = Said::of(&mut probe(&["-c", &theirs(&policy)], &["fill=2,tcp4,bind,127.0.0.1,0"]));
        assert_eq!(said.ports(), [range.0, range.1]);
        let check = output(&mut portshim(["check", &theirs(&policy)]));
        assert!(check.status.success(), "{}", portshim_tests::said(&check));
    }
    // The right place is named in spite of them.
    std::fs::write(&policy, format!("\u{feff}{text}nonsense = 1\r\n")).expect("a file can be written");
    refused(&mut probe(&["-c", &theirs(&policy)], &["say=it ran"]), 125, &["policy.toml:6", "nonsense"]);
    refused(&mut probe(&["-c", "Z:\\no\\such.toml"], &["say=it ran"]), 125, &["such.toml"]);
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}

/// The same complaints as on Linux about what is asked for.
pub(crate) fn options() {
    refused(&mut probe(&["--range", "5000-4000"], &["say=it ran"]), 125, &["5000-4000"]);
    refused(&mut probe(&["--preset", "windows-95"], &["say=it ran"]), 125, &["windows-95"]);
    refused(&mut probe(&["--preset", "windows-2003", "--block", "2000"], &["say=it ran"]), 125, &["2000"]);
}

/// A child that cannot be covered is started all the same, and whoever starts one that is missing
/// is told so.
pub(crate) fn children() {
    let missing = format!("spawn={} say=it", probe_path().replace("probe.exe", "missing.exe"));
    let said = Said::of(&mut probe(&["--range", &spec(range(1))], &[&missing]));
    assert_eq!(said.0, ["spawn error 2"], "ERROR_FILE_NOT_FOUND");
}
