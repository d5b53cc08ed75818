//! A process that is served: what it is, and under which rules.

use crate::readable::Readable;
use crate::sessions::Governed;
use crate::thread::Thread;
use portshim_mechanism::linux::kernel::{clock, liveness};
use portshim_mechanism::place;
use portshim_mechanism::session::Session;
use portshim_policy::region::{NAME, Owner, Presence, Process};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

static SERIAL: AtomicU64 = AtomicU64::new(1);

/// A process, as the program that it is now.
pub(crate) struct Client {
    pub(crate) process: u32,
    /// No other has this number, nor has the same process as another program.
    serial: u64,
    /// Since when it runs, as the kernel says: a process of that number that began later is
    /// another.
    pub(crate) since: u64,
    /// The program's file.
    program: PathBuf,
    name: [u8; NAME],
    pub(crate) governed: Governed,
    /// `None` where nobody but itself serves it.
    pub(crate) session: Option<Session>,
    place: Option<&'static Process>,
    /// It has confined itself in a way that is not known here: no call is made in its stead.
    pub(crate) confined: bool,
    /// Where addresses of sends were read.
    pub(crate) readable: Readable,
}

impl Client {
    /// The process of that number, one of whose threads this is. `before` is what it was when it
    /// was last looked at.
    pub(crate) fn look(
        governed: Governed,
        thread: &Thread,
        process: u32,
        confined: bool,
        before: Option<&Self>,
    ) -> Option<Self> {
        let since = started(process)?;
        // Who may not look into it knows its name at least, cut to 15 bytes.
        let program = fs::read_link(format!("/proc/{process}/exe")).unwrap_or_else(|_| {
            let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
            PathBuf::from(name.trim_end_matches('\n'))
        });
        let called = called(thread, process).unwrap_or_default();
        let (file, called) = (base_name(program.as_os_str().as_bytes()), base_name(&called));
        let mut name = [0; NAME];
        let shown = if called.is_empty() { file } else { called };
        name.iter_mut().zip(shown).for_each(|(to, from)| *to = *from);
        let session = match governed {
            Governed::By(region) => Some(Session { region, rules: region.rules_for(&[file, called])? }),
            Governed::ByItself => None,
        };
        // A fork is another process, and keeps its program; exec begins the counts anew.
        let same = |before: &&Self| before.since == since && before.program == program && before.name == name;
        let place = match (before.filter(same), session) {
            (Some(before), _) => before.place,
            (None, Some(session)) => enter(session, process, since, &name),
            (None, None) => None,
        };
        let serial = SERIAL.fetch_add(1, Relaxed);
        let readable = Readable::default();
        Some(Self { process, serial, since, program, name, governed, session, place, confined, readable })
    }

    /// Acts in its stead from now on.
    pub(crate) fn represent(&self) {
        place::act_for(self.process, self.serial, &self.name, self.place);
    }

    /// It is about to have a ring of io_uring, of whose requests nobody is told.
    pub(crate) fn has_ring(&self) {
        if let Some(place) = self.place {
            place.set_presence(Presence::Supervised { ring: true });
        }
    }

    /// Tells whether it has CAP_NET_BIND_SERVICE, or there is no telling.
    pub(crate) fn may_bind_privileged(&self) -> bool {
        const CAP_NET_BIND_SERVICE: u32 = 10;
        let status = fs::read_to_string(format!("/proc/{}/status", self.process)).unwrap_or_default();
        let effective = field(&status, "CapEff:").and_then(|text| u64::from_str_radix(text, 16).ok());
        effective.is_none_or(|effective| effective >> CAP_NET_BIND_SERVICE & 1 == 1)
    }
}

/// Takes a place for a process in the session's table.
fn enter(session: Session, process: u32, since: u64, name: &[u8; NAME]) -> Option<&'static Process> {
    let region = session.region;
    let me = liveness::me();
    let names = [Some((process, me.namespace)), inner(process)];
    // It may have been forgotten meanwhile, or its library may have taken one: what was counted of
    // it stays.
    let is_own = |place: &&Process| {
        let is_its = |owner: Owner| names.contains(&Some((owner.process, owner.namespace))) && owner.since >= since;
        place.owner().is_some_and(is_its) && place.name() == *name
    };
    if let Some(place) = region.processes.all().iter().find(is_own) {
        return Some(place);
    }
    let owner = Owner { process, since: clock::boot_ticks(), ..me };
    let place = region.processes.enter(&owner, name, region.number_of(session.rules), liveness::is_alive)?;
    place.set_presence(Presence::Supervised { ring: false });
    Some(place)
}

/// The number of a process in its own PID namespace, and that namespace, by which a library in it
/// knows it.
fn inner(process: u32) -> Option<(u32, u32)> {
    let namespace = fs::metadata(format!("/proc/{process}/ns/pid")).ok()?.ino();
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    Some((field(&status, "NStgid:")?.split_ascii_whitespace().next_back()?.parse().ok()?, namespace as u32))
}

/// Since when a process runs.
pub(crate) fn started(process: u32) -> Option<u64> {
    stat(process, 22)
}

/// Address of a process's stack: another program has another one, unless the system is told not to
/// lay programs out at random.
pub(crate) fn stack(process: u32) -> Option<u64> {
    stat(process, 28)
}

/// A field of proc(5)'s `stat` from the third on, behind the name in parentheses, which may hold
/// anything.
fn stat(process: u32, field: usize) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(field - 3)?.parse().ok()
}

/// Field of a process's `status`, proc(5).
pub(crate) fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

/// The path that the program was called by (getauxval(3), AT_EXECFN).
fn called(thread: &Thread, process: u32) -> Option<Vec<u8>> {
    let vector = fs::read(format!("/proc/{process}/auxv")).ok()?;
    // A program of 32 bits has a vector of smaller words.
    let wide = vector.as_chunks::<16>().0.iter().map(|pair| {
        let (key, value) = pair.split_at(8);
        (
            u64::from_ne_bytes(key.try_into().unwrap_or_default()),
            u64::from_ne_bytes(value.try_into().unwrap_or_default()),
        )
    });
    let narrow = vector.as_chunks::<8>().0.iter().map(|pair| {
        let (key, value) = pair.split_at(4);
        let word = |bytes: &[u8]| u64::from(u32::from_ne_bytes(bytes.try_into().unwrap_or_default()));
        (word(key), word(value))
    });
    let is_name = |(key, _): &(u64, u64)| *key == libc::AT_EXECFN;
    let at = wide.clone().find(is_name).or_else(|| narrow.clone().find(is_name))?.1;
    let mut text = [0; 4096];
    // The end of the stack may be nearer than that.
    let read = (0..=12).rev().map(|power| 1usize << power).find_map(|len| thread.read(at, &mut text[..len]).ok())?;
    text[..read].split(|byte| *byte == 0).next().map(<[u8]>::to_vec)
}

fn base_name(path: &[u8]) -> &[u8] {
    OsStr::from_bytes(path).as_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}
