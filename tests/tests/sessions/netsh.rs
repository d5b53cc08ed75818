//! netsh's own command lines: against policy files, and against sessions whose programs obey at
//! once.

use super::server::{Server, told};
use portshim_tests::programs::{private, scratch};
use portshim_tests::{portshim, said};
use std::fs;
use std::path::Path;

const OK: &str = "Ok.\n\n";
const IN_USE: &str = "The process cannot access the file because it is being used by another process.\n\n";
const INCORRECT: &str = "The parameter is incorrect.\n\n";
const MISSING: &str = "The system cannot find the file specified.\n\n";

const NOTHING_LEFT: &str = "error: with that change, no port would be left to hand out for tcp4\nhelp:  exclude less of the dynamic range, or set a wider one before\n";

/// Demands an answer to a command line that is given in a folder, and an exit status; what is said
/// on standard error.
#[track_caller]
fn answers(folder: &Path, line: &str, status: i32, answer: &str) -> String {
    let output = portshim(["netsh"]).args(line.split(' ')).current_dir(folder).output().expect("it runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout), answer, "{line}: {}", said(&output));
    assert_eq!(output.status.code(), Some(status), "{line}: {}", said(&output));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn range(first: u32, count: u32) -> String {
    format!(
        "\nProtocol tcp Dynamic Port Range\n---------------------------------\nStart Port      : {first}\nNumber of Ports : {count}\n\n"
    )
}

fn exclusions(rows: &str) -> String {
    format!(
        "\nProtocol tcp Port Exclusion Ranges\n\nStart Port    End Port      \n----------    --------      \n{rows}\n* - Administered port exclusions.\n\n"
    )
}

#[test]
fn what_is_persistent_goes_into_a_policy_file_that_programs_obey() {
    private(|| {
        let folder = scratch("netsh-kept");
        answers(&folder, "int ipv4 show dynamicport tcp store=persistent", 0, &range(49152, 16384));
        assert!(!folder.join("portshim.toml").exists(), "to show something writes nothing");
        assert_eq!(
            answers(&folder, "int ipv4 set dynamicport tcp start=10000 num=1000", 0, OK),
            "note: `./portshim.toml` was begun, with preset windows-vista; every `portshim run` in this folder obeys it \
             from now on\n"
        );
        assert_eq!(answers(&folder, "int ipv4 add excludedportrange tcp 10000 100", 0, OK), "");
        answers(&folder, "int ipv4 show dynamicport tcp", 0, &range(10000, 1000));
        answers(
            &folder,
            "int ipv4 show excludedportrange protocol=tcp",
            0,
            &exclusions("     10000       10099     *\n"),
        );
        let mut run = portshim(["run", "--", "python3", "-c"]);
        run.arg("import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])");
        let port = portshim_tests::programs::must(run.current_dir(&folder));
        assert_eq!(port, "10100\n", "the first port that is not excluded");
        assert_eq!(answers(&folder, "int ipv4 delete excludedportrange tcp 10000 100", 0, OK), "");
        answers(&folder, "int ipv4 show excludedportrange tcp", 0, &exclusions(""));
        fs::remove_dir_all(folder).expect("the folder is ours");
    });
}

#[test]
fn a_policy_file_keeps_what_else_is_in_it() {
    let folder = scratch("netsh-comments");
    let file = folder.join("mine.toml");
    fs::write(&file, "# ours\npreset = \"windows-vista\"\nseed = 7 # always\n").expect("it can be written");
    answers(&folder, "-c mine.toml int ipv6 add excludedportrange udp 50000 2", 0, OK);
    let expected = "# ours\npreset = \"windows-vista\"\nseed = 7 # always\n\n[[reserve]]\nports = \"50000-50001\"\nscope = \"udp6\"\n";
    assert_eq!(fs::read_to_string(&file).expect("it can be read"), expected);
    assert!(!folder.join("portshim.toml").exists());
    let begun = answers(&folder, "-c new.toml int ipv4 add excludedportrange tcp 50000 2", 0, OK);
    assert_eq!(begun, "note: `new.toml` was begun, with preset windows-vista; `portshim run -c new.toml` obeys it\n");
    fs::remove_file(folder.join("new.toml")).expect("it can be removed");
    let left: Vec<_> = fs::read_dir(&folder).expect("it is a folder").flatten().map(|e| e.file_name()).collect();
    assert_eq!(left, ["mine.toml"], "nothing is left beside it");
    fs::remove_dir_all(folder).expect("the folder is ours");
}

#[test]
fn what_windows_refuses_is_refused_in_its_words() {
    let folder = scratch("netsh-refused");
    let file = folder.join("portshim.toml");
    answers(&folder, "int ipv4 add excludedportrange tcp 10000 10", 0, OK);
    let before = fs::read_to_string(&file).expect("it can be read");
    for (line, status, answer, why) in [
        (
            "int ipv4 add excludedportrange tcp 10009 1",
            1,
            IN_USE,
            "error: 10009 cannot be excluded: 10009 is reserved or blocked already by reserve.ports (./portshim.toml, line 4)\nhelp:  exclude only ports that are not; `show excludedportrange` lists them\n",
        ),
        (
            "int ipv4 delete excludedportrange tcp 10000 9",
            1,
            MISSING,
            "error: ./portshim.toml: the policy reserves no such range\nhelp:  name exactly one that there is: 10000-10009, by reserve.ports (./portshim.toml, line 4)\n",
        ),
        (
            "int ipv4 set dynamicport tcp start=1024 num=1000",
            1,
            INCORRECT,
            "error: `1024`: a dynamic range begins at port 1025 or above (KB 929851)\nhelp:  write a number from 1025 to 65535\n",
        ),
        (
            "int ipv4 set dynamicport tcp start=10000 num=254",
            1,
            INCORRECT,
            "error: `254`: a dynamic range has at least 255 ports (KB 929851)\nhelp:  write 255 or more\n",
        ),
    ] {
        assert_eq!(answers(&folder, line, status, answer), why, "{line}");
        assert_eq!(fs::read_to_string(&file).expect("it can be read"), before, "{line}");
    }
    // A change after which nothing would be left to hand out.
    answers(&folder, "int ipv4 set dynamicport tcp 49152 255", 0, OK);
    let said = answers(&folder, "int ipv4 add excludedportrange tcp 49152 255", 125, "");
    assert_eq!(said, NOTHING_LEFT);
    fs::write(&file, "REGEDIT4\r\n").expect("it can be written");
    let said = answers(&folder, "int ipv4 add excludedportrange tcp 80 1", 125, "");
    assert!(said.starts_with("error: "), "{said}");
    assert_eq!(fs::read_to_string(&file).expect("it can be read"), "REGEDIT4\r\n");
    fs::remove_dir_all(folder).expect("the folder is ours");
}

#[test]
fn what_is_active_changes_a_running_program() {
    private(|| {
        let folder = scratch("netsh-active");
        let mut server = Server::run(&["--preset", "windows-vista"]);
        assert_eq!(server.all_told(&["tcp 0", "udp 0"]), ["49152", "49152"]);
        answers(&folder, "int ipv4 set dynamicport tcp start=10000 num=255 store=active", 0, OK);
        assert_eq!(server.all_told(&["tcp 0", "udp 0", "tcp 0"]), ["10000", "49153", "10001"]);
        answers(&folder, "int ipv4 show dynamicport tcp", 0, &range(10000, 255));
        answers(&folder, "int ipv4 add excludedportrange tcp 10002 3 store=active", 0, OK);
        // An administered exclusion: a program that names the port gets it (KB 3039044).
        assert_eq!(server.all_told(&["tcp 0", "tcp 10003"]), ["10005", "10003"]);
        assert_eq!(told(&["block", "10100-10109/tcp4"]), "10109\n");
        let rows = "     10002       10004     *\n     10100       10109      \n";
        answers(&folder, "int ipv4 show excludedportrange tcp", 0, &exclusions(rows));
        let held = answers(&folder, "int ipv4 add excludedportrange tcp 10000 2 store=active", 1, IN_USE);
        assert!(held.contains("port 10000 is in use by process"), "{held}");
        let met = answers(&folder, "int ipv4 add excludedportrange tcp 10004 2 store=active", 1, IN_USE);
        assert!(met.contains("10004"), "{met}");
        let said = answers(&folder, "int ipv4 delete excludedportrange tcp 10002 2 store=active", 1, MISSING);
        assert_eq!(
            said,
            "error: 10002-10003/tcp4: no reservation made while the session runs is of exactly these ports\n\
             help:  name exactly the ports that were added: `portshim status` lists them\n"
        );
        answers(&folder, "int ipv4 delete excludedportrange tcp 10002 3 store=active", 0, OK);
        assert_eq!(server.told("tcp 10004"), "10004");
        assert!(!folder.join("portshim.toml").exists(), "what is active is kept nowhere");
        fs::remove_dir_all(folder).expect("the folder is ours");
    });
}

/// What is listed is there, whichever setting put it there: netsh neither adds to it nor lifts it.
#[test]
fn what_other_settings_exclude_stays_theirs() {
    private(|| {
        let folder = scratch("netsh-others");
        let file = folder.join("portshim.toml");
        let text =
            "preset = \"linux\"\nreserve = [\"7000-7001/tcp\"]\n[linux]\nip_local_reserved_ports = \"8080-8081\"\n";
        fs::write(&file, text).expect("it can be written");
        let rows = "      7000        7001     *\n      8080        8081     *\n";
        answers(&folder, "int ipv4 show excludedportrange tcp", 0, &exclusions(rows));
        let said = answers(&folder, "int ipv4 delete excludedportrange tcp 8080 2", 1, MISSING);
        let origin = "linux.ip_local_reserved_ports (./portshim.toml, line 4)";
        assert_eq!(
            said,
            format!("error: 8080-8081 is reserved by {origin}, which netsh cannot lift\nhelp:  change it there\n")
        );
        let said = answers(&folder, "int ipv4 add excludedportrange tcp 8081 2", 1, IN_USE);
        let error = format!("error: 8081-8082 cannot be excluded: 8081 is reserved or blocked already by {origin}\n");
        assert!(said.starts_with(&error), "{said}");
        assert_eq!(fs::read_to_string(&file).expect("it can be read"), text);
        // A wider scope is no hindrance.
        answers(&folder, "int ipv4 delete excludedportrange tcp 7000 2", 0, OK);
        fs::write(&file, "preset = \"windows-xp\"\n").expect("it can be written");
        let said = answers(&folder, "int ipv4 add excludedportrange tcp 6000 1", 1, INCORRECT);
        assert!(said.starts_with("error: 6000 cannot be excluded: windows-xp reserves only ports of "), "{said}");
        fs::remove_dir_all(folder).expect("the folder is ours");
    });
}

#[test]
fn which_store_is_spoken_of() {
    private(|| {
        let folder = scratch("netsh-stores");
        let none = answers(&folder, "int ipv4 show dynamicport tcp store=active", 0, &range(32768, 28232));
        assert_eq!(none, "note: no session of yours is live; this is what a program that starts here would get\n");
        answers(&folder, "int ipv4 set dynamicport tcp 10000 255", 0, OK);
        let mut server = Server::run(&["--preset", "windows-vista"]);
        assert_eq!(server.told("tcp 0"), "49152");
        let note = answers(&folder, "int ipv4 show dynamicport tcp", 0, &range(49152, 16384));
        assert!(note.starts_with("note: this is what session ") && note.contains("store=persistent shows"), "{note}");
        assert_eq!(answers(&folder, "int ipv4 show dynamicport tcp store=active", 0, &range(49152, 16384)), "");
        assert_eq!(answers(&folder, "int ipv4 show dynamicport tcp store=persistent", 0, &range(10000, 255)), "");
        answers(&folder, "int ipv4 add excludedportrange tcp 50000 5 store=active", 0, OK);
        let hint = answers(&folder, "int ipv4 delete excludedportrange tcp 50000 5", 1, MISSING);
        assert!(hint.contains(" has 50000-50004: store=active deletes it there\n"), "{hint}");
        // Nothing would be left in the running session, either.
        answers(&folder, "int ipv4 set dynamicport tcp 50100 255 store=active", 0, OK);
        let said = answers(&folder, "int ipv4 add excludedportrange tcp 50100 255 store=active", 125, "");
        assert_eq!(said, NOTHING_LEFT);
        assert_eq!(server.told("tcp 0"), "50100");
        fs::remove_dir_all(folder).expect("the folder is ours");
    });
}

#[test]
fn how_a_command_goes() {
    let folder = scratch("netsh-usage");
    let usage = "Usage: interface ipv4|ipv6 set dynamicport [protocol=]tcp|udp [startport=]PORT [numberofports=]COUNT [[store=]active|persistent]\n";
    for question in ["?", "/?", "help"] {
        assert_eq!(answers(&folder, &format!("int ipv4 set dynamicport {question}"), 0, usage), "");
    }
    let said = answers(&folder, "int ipv4 set dynamicport tcp start = 10000 num=255", 125, "");
    assert!(said.starts_with("error: `=`: netsh takes no white space around `=`\n"), "{said}");
    fs::remove_dir_all(folder).expect("the folder is ours");
}

#[test]
fn programs_with_a_range_of_their_own_keep_it() {
    private(|| {
        let folder = scratch("netsh-own-range");
        let own = "preset = \"windows-vista\"\n[[process]]\nmatch = \"python*\"\ndynamic.all = \"20000-20999\"\n";
        fs::write(folder.join("own.toml"), own).expect("it can be written");
        let mut server = Server::run(&["-c", folder.join("own.toml").to_str().expect("text")]);
        let said = answers(&folder, "int ipv4 set dynamicport tcp start=10000 num=255 store=active", 0, OK);
        assert_eq!(said, "note: programs under one [[process]] rule that has a range of their own keep it\n");
        assert_eq!(server.told("tcp 0"), "20000");
        fs::remove_dir_all(folder).expect("the folder is ours");
    });
}
