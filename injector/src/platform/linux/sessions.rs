//! The sessions that live: whose they are, which processes belong to them, and what is in their
//! regions.

use super::clock::{age, boot_ticks};
use super::directories;
use super::inspect::coverage_of;
use super::procfs::{folder, pid_namespace, started};
use super::sweep::{created, dated, is_orphan, maker, members, sessions, supervisor};
use crate::coverage::{Coverage, Standing};
use crate::messages::plain;
use nix::unistd::geteuid;
use portshim_mechanism::linux::kernel::liveness::is_alive;
use portshim_policy::ports::{PortRange, ScopeSet};
use portshim_policy::region::{Owner, Region};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Entry of an environment that switches portshim off.
const SWITCHED_OFF: &[u8] = b"PORTSHIM_DISABLE=1";

/// A session with a process that runs.
pub(crate) struct LiveSession {
    /// Name that people have for it: the number of the process that made it, or its file's name
    /// where that would not tell it from others.
    pub(crate) id: String,
    /// The region's file.
    pub(crate) path: PathBuf,
    /// Time since it was made; `None` where its file does not say.
    pub(crate) age: Option<Duration>,
    /// The command line of the program that it was made for, or of its oldest process.
    pub(crate) command: String,
    /// The processes that have its region mapped, or whose environment names it, the oldest first.
    pub(crate) processes: Vec<Process>,
    /// It had a supervisor, which has ended.
    pub(crate) abandoned: bool,
}

/// A process of a session.
pub(crate) struct Process {
    /// Its number, as this process sees it.
    pub(crate) pid: u32,
    /// The number that it has in its own PID namespace, and that namespace.
    inner: (u32, u64),
    /// The name that the kernel knows it by: up to 15 bytes.
    pub(crate) name: String,
    /// Its command line.
    pub(crate) command: String,
    /// It has its session's region mapped: the library is in it.
    inside: bool,
}

/// A session's file, whether or not it has a process.
struct Candidate {
    path: PathBuf,
    /// Time when it was made, as far as that can be told, and as it says itself.
    created: Option<u64>,
    dated: Option<u64>,
    /// The process that made it, by the number that it had in a PID namespace.
    maker: Option<(u32, u64)>,
}

/// The processes that belong to sessions, the files, and whether they have them mapped.
struct Members(Vec<(u32, PathBuf, bool)>);

impl Candidate {
    fn new(path: PathBuf) -> Self {
        let maker = path.file_name().and_then(maker);
        Self { created: created(&path), dated: dated(&path), maker, path }
    }

    /// Tells whether this process made it: whoever `run` makes a session for has its number.
    fn is_made_by(&self, pid: u32) -> bool {
        let (number, namespace) = inner(&folder(pid));
        let is_it = self.maker.is_some_and(|(maker, theirs)| (maker, theirs) == (number, namespace));
        // A process of that number is another where it started after the session was made.
        is_it && started(pid).is_some_and(|started| self.created.is_none_or(|created| started <= created))
    }

    /// Tells whether a process that was of this session began another after it, as `run` does under
    /// `run`: its program then belongs to that one alone.
    fn is_left_by(&self, pid: u32, all: &[Self], members: &Members) -> bool {
        let is_later = |other: &Self| match (self.dated, other.dated) {
            (Some(this), Some(other)) => this < other,
            // Where a file does not say, what the process belongs to by now does.
            _ => members.has(pid, &other.path) && !members.has(pid, &self.path),
        };
        all.iter().any(|other| other.path != self.path && is_later(other) && other.is_made_by(pid))
    }
}

impl Members {
    fn has(&self, pid: u32, path: &Path) -> bool {
        self.0.iter().any(|(process, file, _)| *process == pid && file == path)
    }
}

impl LiveSession {
    /// Every one of this user's, the oldest first.
    pub(crate) fn all() -> Vec<Self> {
        let directories: Vec<_> = directories::existing_runtimes().collect();
        let files = |directory: &PathBuf| sessions(directory).into_iter().map(|name| directory.join(name)).collect();
        let paths: Vec<PathBuf> = directories.iter().flat_map::<Vec<_>, _>(files).collect();
        if paths.is_empty() {
            return Vec::new();
        }
        let mut all: Vec<_> = paths.into_iter().map(Candidate::new).collect();
        // Whoever has become its program began before the session.
        let mut members = members(&directories, 0);
        // To look at a session, or to change it, is not to belong to it. This command asks for no
        // port.
        let is_ours = |pid| fs::read(format!("/proc/{pid}/comm")).is_ok_and(|name| name == b"portshim\n");
        members.retain(|(pid, _, inside)| *pid != std::process::id() && (*inside || !is_ours(*pid)));
        // A supervisor serves others, and is none of them.
        for (path, supervisor) in all.iter().filter_map(|one| Some((&one.path, supervisor(&one.path)?))) {
            members.retain(|(pid, file, _)| file != path || *pid != supervisor);
        }
        members.sort_unstable();
        let members = Members(members);
        // Of two that are of the same age, the one with the lower number.
        all.sort_by(|one, other| {
            let key = |it: &Candidate| (it.created.unwrap_or(u64::MAX), it.maker.map(|(maker, _)| maker));
            key(one).cmp(&key(other)).then_with(|| one.path.cmp(&other.path))
        });
        let mut found: Vec<_> = all.iter().filter_map(|candidate| Self::living(candidate, &all, &members)).collect();
        let mut count = BTreeMap::<String, usize>::new();
        for session in &found {
            *count.entry(session.id.clone()).or_default() += 1;
        }
        for session in &mut found {
            if count[&session.id] > 1 {
                session.id = session.name();
            }
        }
        found
    }

    /// The session of this file, where one of its processes runs that can be seen from here.
    fn living(candidate: &Candidate, all: &[Candidate], members: &Members) -> Option<Self> {
        let Candidate { path, created, .. } = candidate;
        let stays = |pid: &u32| !candidate.is_left_by(*pid, all, members);
        let own = members.0.iter().filter(|(pid, file, _)| file == path && stays(pid));
        let mut members: Vec<_> = own.map(|(pid, _, inside)| (*pid, *inside)).collect();
        // Asked once each: a process may end while they are sorted.
        members.sort_by_cached_key(|(pid, _)| (started(*pid), *pid));
        // Until the program has begun, or where the policy does not reach it, the maker alone tells
        // that it lives.
        let maker = candidate.maker.filter(|(_, namespace)| Some(*namespace) == pid_namespace()).map(|(pid, _)| pid);
        let maker_lives =
            maker.is_some_and(|pid| !is_orphan(path.file_name().unwrap_or_default(), *created) && stays(&pid));
        let shown = match maker.filter(|maker| members.iter().any(|(pid, _)| pid == maker)) {
            Some(program) => program,
            None => members.first().map(|(pid, _)| *pid).or(maker.filter(|_| maker_lives))?,
        };
        let seen = candidate.maker.is_none_or(|(_, namespace)| Some(namespace) == pid_namespace());
        let mut session = Self {
            id: String::new(),
            path: path.clone(),
            age: created.and_then(age),
            command: Process::new(shown).command,
            processes: members.into_iter().map(|(pid, inside)| Process { inside, ..Process::new(pid) }).collect(),
            abandoned: seen && supervisor(path).is_some_and(|supervisor| started(supervisor).is_none()),
        };
        let number = maker.or_else(|| session.outer_maker());
        session.id = number.map_or_else(|| session.name(), |number| number.to_string());
        Some(session)
    }

    /// The maker of a session of another PID namespace, by the number that it has in this one.
    fn outer_maker(&self) -> Option<u32> {
        let (maker, namespace) = maker(self.path.file_name()?)?;
        let maker = (maker, namespace);
        self.processes.iter().find(|process| process.inner == maker).map(|process| process.pid)
    }

    /// Tells whether it still has a process.
    pub(crate) fn lives(&self) -> bool {
        Self::all().iter().any(|session| session.path == self.path)
    }

    /// The file's name.
    pub(crate) fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The region as it is now, without the entries of owners that are gone. It is read as a file
    /// is: whatever becomes of it meanwhile, nothing breaks here.
    pub(crate) fn snapshot(&self) -> Result<Box<Region>, String> {
        let mut bytes = Vec::with_capacity(Region::SIZE);
        let file = self.open(false)?;
        file.take(Region::SIZE as u64).read_to_end(&mut bytes).map_err(|e| plain(&e))?;
        let region = Region::from_bytes(&bytes).map_err(|e| e.to_string())?;
        region.ledger.expire(PortRange::ALL, ScopeSet::ALL, boot_ticks(), is_alive);
        Ok(region)
    }

    /// The region's file, if it is one of ours and whole.
    pub(super) fn open(&self, write: bool) -> Result<File, String> {
        let mut options = OpenOptions::new();
        options.read(true).write(write).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
        let file = options.open(&self.path).map_err(|e| plain(&e))?;
        let metadata = file.metadata().map_err(|e| plain(&e))?;
        let size = Region::SIZE as u64;
        if !metadata.is_file() {
            Err("it is not a regular file".into())
        } else if metadata.uid() != geteuid().as_raw() {
            Err(format!("it belongs to {}", user(metadata.uid())))
        } else if metadata.len() == size {
            Ok(file)
        } else {
            // Of another version, it is as long as it should be.
            let mut header = Vec::new();
            let read = (&file).take(size).read_to_end(&mut header).map_err(|e| plain(&e));
            let other = read.and_then(|_| Region::from_bytes(&header).map_err(|e| e.to_string())).map(drop);
            other.and(Err(format!("it is {} bytes long, and a session takes {size}", metadata.len())))
        }
    }
}

impl Process {
    /// Facts of the process of this number.
    pub(crate) fn new(pid: u32) -> Self {
        let folder = folder(pid);
        let comm = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
        let name = String::from_utf8_lossy(comm.trim_ascii_end()).into_owned();
        let command = fs::read(folder.join("cmdline")).unwrap_or_default();
        let words: Vec<_> = command.trim_ascii_end().split(|b| *b == 0).map(String::from_utf8_lossy).collect();
        // A process that is ending has no arguments any more.
        let command = words.join(" ").trim_end().to_owned();
        let command = if command.is_empty() { name.clone() } else { command };
        Self { pid, inner: inner(&folder), name, command, inside: false }
    }

    /// What is to be seen of it: whether it is served, and by whom.
    pub(crate) fn standing(&self) -> Standing {
        let folder = folder(self.pid);
        let environment = fs::read(folder.join("environ")).unwrap_or_default();
        if environment.split(|byte| *byte == 0).any(|entry| entry == SWITCHED_OFF) {
            return Standing::SwitchedOff;
        }
        let reach = || coverage_of(self.pid).unwrap_or(Coverage::Full);
        if self.inside {
            return Standing::Inside(reach());
        }
        let status = fs::read_to_string(folder.join("status")).unwrap_or_default();
        // SECCOMP_MODE_FILTER, linux/seccomp.h.
        let mode = status.lines().find_map(|line| line.strip_prefix("Seccomp:"));
        match mode.map(str::trim) {
            Some("2") => Standing::Filtered(reach().obstacle().cloned()),
            _ => Standing::Outside(reach().obstacle().cloned()),
        }
    }

    /// Time since it started; `None` where it has ended.
    pub(crate) fn age(&self) -> Option<Duration> {
        started(self.pid).and_then(age)
    }

    /// The process of this number, where one runs.
    pub(crate) fn running(pid: u32) -> Option<Self> {
        started(pid).map(|_| Self::new(pid))
    }

    /// This process as the owner of an entry that is made `now`.
    pub(crate) fn owner(&self, now: u64) -> Owner {
        let (process, namespace) = self.inner;
        Owner { process, namespace: namespace as u32, since: now }
    }

    /// Tells whether this is whom a region means.
    pub(crate) fn is(&self, owner: &Owner) -> bool {
        let (number, namespace) = self.inner;
        owner.process == number && owner.namespace == namespace as u32
    }
}

/// The number of a process in its own PID namespace, and that namespace; 0 where there is no
/// telling.
fn inner(folder: &Path) -> (u32, u64) {
    let namespace = fs::metadata(folder.join("ns/pid")).map_or(0, |namespace| namespace.ino());
    let status = fs::read_to_string(folder.join("status")).unwrap_or_default();
    let numbers = status.lines().find_map(|line| line.strip_prefix("NStgid:")).unwrap_or_default();
    (numbers.split_whitespace().last().and_then(|number| number.parse().ok()).unwrap_or(0), namespace)
}

/// The user whom a process belongs to; `None` where there is none of that number.
pub(crate) fn owner(pid: u32) -> Option<u32> {
    fs::metadata(format!("/proc/{pid}")).ok().map(|metadata| metadata.uid())
}

/// Tells whether a user is the one that this process acts for.
pub(crate) fn is_us(uid: u32) -> bool {
    geteuid().as_raw() == uid
}

/// A user's name, or number where /etc/passwd has none: to ask the C library would take shared
/// libraries, and this command is linked without any.
pub(crate) fn user(uid: u32) -> String {
    let users = fs::read("/etc/passwd").unwrap_or_default();
    let name = users.split(|b| *b == b'\n').find_map(|line| {
        // passwd(5): name, password, number.
        let mut fields = line.split(|b| *b == b':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number == uid.to_string().as_bytes()).then(|| String::from_utf8_lossy(name).into_owned())
    });
    name.unwrap_or_else(|| format!("user {uid}"))
}
