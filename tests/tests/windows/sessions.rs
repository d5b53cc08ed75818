//! Live sessions: seen, changed and told of from a second portshim.exe, and from inside a program.

use portshim_tests::programs::{must, scratch, until};
use portshim_tests::wine::{self, Said, Talk, output, portshim, probe, probed, range, spec, theirs};
use std::collections::BTreeSet;

/// A program of one session, which goes on when a line is said to it, and the session's name.
struct Running {
    program: Talk,
    session: String,
}

impl Running {
    fn start(options: &[&str], verbs: &[&str]) -> Self {
        let verbs = [&["env=PORTSHIM_SESSION"], verbs].concat();
        let mut program = Talk::with(probe(options, &verbs));
        let session = program.line();
        let session = session.strip_prefix("env ").expect("it tells its session").to_owned();
        assert!(session.starts_with("portshim-session-"), "{session}");
        Self { program, session }
    }

    /// Another portshim.exe with this command, for this session.
    fn portshim(&self, args: &[&str]) -> std::process::Command {
        let (command, rest) = args.split_first().expect("a command");
        let mut all = portshim([command, "--session", &self.session]);
        all.args(rest);
        all
    }

    #[track_caller]
    fn told(&self, args: &[&str]) -> String {
        Said::of(&mut self.portshim(args)).0.join("\n")
    }
}

/// A session is listed while its programs run, with them, and is gone after.
pub(crate) fn listed() {
    let range = spec(range(2));
    let mut running =
        Running::start(&["--range", &range], &["tcp4", "bind=127.0.0.1,0", "udp4", "bind=127.0.0.1,0", "wait"]);
    running.program.port();
    let port = running.program.port();
    // The number of the process that made it, and its ports; what follows is cut where the line
    // ends.
    let id = running.session.split('-').nth(2).expect("a name with a number in it");
    let listed = Said::of(&mut portshim(["ps"])).0;
    let row = listed.iter().find(|line| line.split_whitespace().next() == Some(id));
    assert!(row.is_some_and(|row| row.contains(&range)), "{id}: {listed:#?}");
    let shown: serde_json::Value = serde_json::from_str(&running.told(&["status", "--json"])).expect("it is JSON");
    let own = |scope: usize| shown["rules"][0]["scopes"][scope]["by_session"].as_u64();
    assert_eq!(
        (own(0), shown["processes"][0]["in_use"].as_u64()),
        (Some(1), Some(2)),
        "bound, and nothing else: {shown}"
    );
    let status = running.told(&["status", "--verbose"]);
    assert!(status.contains(&range) && status.contains(&port.to_string()), "{status}");
    let json = Said::of(&mut portshim(["ps", "--json"])).0.join("\n");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap_or_else(|e| panic!("{json}: {e}"));
    assert!(json.to_string().contains("probe.exe"), "{json}");
    assert_eq!(running.program.end().0, Some(0));
    let listed = Said::of(&mut portshim(["ps", "--json"])).0.join("\n");
    assert!(!listed.contains(&running.session), "{listed}");
}

/// A session lives as long as one of its processes, whatever became of the portshim.exe that made
/// it.
pub(crate) fn outlives_its_maker() {
    let range = range(2);
    let later = format!("spawn={} fill=3,udp4,bind,127.0.0.1,0", super::launched::probe_path());
    let behind = format!("leave={} env=PORTSHIM_SESSION wait wait \"{later}\"", super::launched::probe_path());
    let mut left = Talk::with(probe(&["--range", &spec(range)], &[&behind]));
    let session = left.line().trim_start_matches("env ").to_owned();
    until("its maker ends", || wine::processes("portshim.exe").iter().all(|line| !line.contains("leave=")));
    let listed = Said::of(&mut portshim(["ps", "--json"])).0.join("\n");
    assert!(listed.contains(&session), "{session}: {listed}");
    // What is changed now holds for what its processes start now.
    must(&mut portshim(["reserve", "--session", &session, &range.0.to_string()]));
    left.say("");
    left.line();
    left.say("");
    let (_, said) = left.end();
    assert_eq!((said.ports(), said.errors()), (vec![range.1], vec![10055]), "{said:?}");
    let listed = Said::of(&mut portshim(["ps", "--json"])).0.join("\n");
    assert!(!listed.contains(&session), "{listed}");
}

/// The marker of a session of another Windows session stays, for its memory has no name here; one
/// of this Windows session whose memory is gone does not.
pub(crate) fn of_another_windows_session() {
    let folder = scratch("wine-markers");
    let markers = folder.join("portshim/sessions");
    std::fs::create_dir_all(&markers).expect("a folder can be made");
    let place = format!("setenv=LOCALAPPDATA,{}", theirs(&folder));
    let made = format!(
        "spawn={} run --range {} -- {} env=PORTSHIM_SESSION",
        theirs(&wine::built("portshim.exe")),
        spec(range(1)),
        super::launched::probe_path()
    );
    let said = Said::of(wine::windows(wine::program("probe.exe")).args([&place, &made]));
    let own = said.0[0].trim_start_matches("env ").to_owned();
    let (rest, number) = own.rsplit_once('-').expect("its last part is the Windows session");
    let other = format!("{rest}-{}", number.parse::<u32>().expect("a number") + 1);
    let old = other.replace(rest.split('-').nth(3).expect("its time"), "1");
    for name in [&own, &other, &old] {
        std::fs::write(markers.join(name), "").expect("a file can be written");
    }
    let list = format!("spawn={} ps", theirs(&wine::built("portshim.exe")));
    let _ = output(wine::windows(wine::program("probe.exe")).args([&place, &list]));
    let left: Vec<_> =
        std::fs::read_dir(&markers).expect("it is there").flatten().map(|file| file.file_name()).collect();
    assert_eq!(left, [&*other], "of {own} and one from before the system began, nothing is left");
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}

/// Reserved and blocked from outside while a program runs: from its next call on, and no longer
/// than until it is lifted.
pub(crate) fn changed_from_outside() {
    let range = range(3);
    let bind = format!("bind=127.0.0.1,{}", range.1);
    let (fill, names) = ("fill=1,udp4,bind,127.0.0.1,0", ["tcp4", &bind, "close"]);
    let verbs = [&["wait", fill, fill, "wait"], &names[..], &["wait"], &names[..], &["wait"], &names[..]].concat();
    let options = ["--range", &spec(range), "--select", "sequential"];
    let mut running = Running::start(&options, &verbs);
    running.told(&["reserve", &range.0.to_string()]);
    running.program.say("");
    running.program.line();
    assert_eq!((running.program.port(), running.program.port()), (range.0 + 1, range.0 + 2), "the first is reserved");
    running.told(&["block", &format!("{}/tcp", range.1)]);
    running.program.say("");
    running.program.line();
    assert_eq!(running.program.line(), "bind error 10013");
    running.program.line();
    let status = running.told(&["status"]);
    assert!(status.contains(&range.0.to_string()) && status.contains(&range.1.to_string()), "{status}");
    running.told(&["unblock", &format!("{}/tcp", range.1)]);
    running.told(&["unreserve", &range.0.to_string()]);
    running.program.say("");
    running.program.line();
    assert_eq!(running.program.line(), format!("bind port {}", range.1));
    running.program.say("");
    assert_eq!(running.program.end().0, Some(0));
}

/// Out of ports, all of the session or one process with its children, until that is released.
pub(crate) fn exhausted_from_outside() {
    let range = range(3);
    let fill = "fill=1,udp4,bind,127.0.0.1,0";
    let child = format!("spawn={} {fill}", super::launched::probe_path());
    let verbs = ["wait", fill, "wait", fill, "wait", fill, &child, "wait", fill];
    let mut running = Running::start(&["--range", &spec(range), "--select", "sequential"], &verbs);
    let next = |running: &mut Running| {
        running.program.say("");
        running.program.line();
        running.program.line()
    };
    running.told(&["exhaust", "udp"]);
    assert_eq!(next(&mut running), "bind error 10055");
    running.told(&["release"]);
    running.told(&["only", &format!("{}", range.1)]);
    assert!(next(&mut running).ends_with(&format!("port {}", range.1)));
    running.told(&["release"]);
    let shown: serde_json::Value = serde_json::from_str(&running.told(&["status", "--json"])).expect("it is JSON");
    let pid = shown["processes"][0]["pid"].as_u64().expect("it has a number").to_string();
    running.told(&["exhaust", "--process", &pid]);
    assert_eq!(next(&mut running), "bind error 10055");
    assert_eq!(running.program.line(), "bind error 10055", "its child has none either");
    running.program.line();
    running.told(&["release", "--process", &pid]);
    assert!(next(&mut running).contains(" port "), "it has a port again");
    assert_eq!(running.program.end().0, Some(0));
}

/// What a model does not allow is refused, for whoever asks.
pub(crate) fn changes_refused() {
    let mut running = Running::start(&["--preset", "windows-2003"], &["wait"]);
    let refused = output(&mut running.portshim(&["block", "2000"]));
    let complaint = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(125) && complaint.starts_with("error: "), "{refused:?}");
    assert!(complaint.contains("2000"), "{complaint}");
    running.program.say("");
    assert_eq!(running.program.end().0, Some(0));
}

/// Programs that one session's parent starts obey what was changed before, and each its own.
pub(crate) fn obeyed_by_children() {
    let range = range(3);
    let child = format!("spawn={} fill=4,tcp4,bind,127.0.0.1,0", super::launched::probe_path());
    let mut running = Running::start(&["--range", &spec(range)], &["wait", &child]);
    running.told(&["reserve", &range.1.to_string()]);
    running.program.say("");
    let (status, said) = running.program.end();
    assert_eq!(status, Some(0));
    assert_eq!(said.ports().into_iter().collect::<BTreeSet<_>>(), (range.0..range.1).collect(), "{said:?}");
    assert_eq!(said.errors(), [10055], "{said:?}");
}

/// portshim.h, used by a program that does not link the library.
pub(crate) fn from_inside() {
    const TCP: &str = "3";
    let range = range(3);
    let (first, last) = (range.0.to_string(), range.1.to_string());
    let reserve = format!("api=reserve,{first},{first},{TCP}");
    let unreserve = reserve.replace("reserve", "unreserve");
    let block = format!("api=block,{last},{last},{TCP}");
    let unblock = format!("api=unblock,{last},{TCP}");
    let bind = format!("bind=127.0.0.1,{last}");
    let child = format!("spawn={} tcp4 {bind}", super::launched::probe_path());
    let verbs = [
        "api=version",
        &reserve,
        "fill=4,tcp4,bind,127.0.0.1,0",
        "api=reserve,0,1,3",
        &unreserve,
        &unreserve,
        "tcp4",
        "bind=127.0.0.1,0",
    ];
    let said = probed(&["--range", &spec(range)], &verbs);
    let expected = [
        "api version 2",
        "api reserve 0",
        "bind port",
        "bind port",
        "bind error 10055",
        "api reserve -1 errno EINVAL",
        "api unreserve 0",
        "api unreserve -1 errno ENOENT",
        "bind port",
    ];
    for (line, expected) in said.0.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line}, which should be {expected}: {said:#?}");
    }
    assert_eq!(said.0.len(), expected.len(), "{said:#?}");
    assert_eq!(said.0.last(), Some(&format!("bind port {first}")));

    // A block keeps others out, this process not; it is refused where somebody is inside, and
    // lifted by its first port.
    let said = probed(&["--range", &spec(range)], &[&block, &child, "tcp4", &bind, &unblock, &block, &unblock]);
    let expected = [
        format!("api block {last}"),
        "bind error 10013".into(),
        "spawn exit 0".into(),
        format!("bind port {last}"),
        "api unblock 0".into(),
        "api block -1 errno EADDRINUSE".into(),
        "api unblock -1 errno ENOENT".into(),
    ];
    assert_eq!(said.0, expected);
}

/// Without portshim the header's functions say that they are not there.
pub(crate) fn from_inside_without_portshim() {
    let mut bare = wine::windows(wine::program("probe.exe"));
    let said = Said::of(bare.args(["api=version", "api=reserve,1,2,3", "api=rule,0"]));
    assert!(said.0.iter().all(|line| line.ends_with("-1 errno ENOSYS")), "{said:?}");
    // With it, the rule is the model's.
    let said = probed(&["--preset", "windows-2003"], &["api=rule,1"]);
    assert!(said.0[0].starts_with("api rule ") && said.0[0].len() > 20, "{said:?}");
}

/// What a program entered goes when it ends, while the session lives on.
pub(crate) fn gone_with_its_owner() {
    let range = range(1);
    let child = format!("spawn={} api=reserve,{},{},3", super::launched::probe_path(), range.0, range.0);
    let verbs = ["tcp4", "bind=127.0.0.1,0"];
    let said = probed(&["--range", &spec(range)], &[&[&*child], &verbs[..]].concat());
    assert_eq!(said.0, ["api reserve 0".into(), "spawn exit 0".into(), format!("bind port {}", range.0)]);
}
