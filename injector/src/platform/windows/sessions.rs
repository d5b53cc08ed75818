//! The sessions that live: which processes belong to them, and what is in their regions.

use super::super::windows_formats::name::Name;
use super::directories;
use super::liveness::{boot_ticks, is_alive, members, now, started};
use super::process::Process;
use super::session::{FOLDER, OpenError, markers, open, snapshot};
use crate::messages::plain;
use portshim_policy::ports::{PortRange, ScopeSet};
use portshim_policy::region::{Owner, Region};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, process};

/// A session with a process that runs.
pub(crate) struct LiveSession {
    /// Name that people have for it: the number of the process that made it, or its name where that
    /// would not tell it from others.
    pub(crate) id: String,
    /// Its marker.
    pub(crate) path: PathBuf,
    /// Time since it was made.
    pub(crate) age: Option<Duration>,
    /// The command line of the program that it was made for.
    pub(crate) command: String,
    /// The processes that say in its region that they belong to it, the oldest first.
    pub(crate) processes: Vec<Process>,
    /// It had a supervisor, which has ended: there is none here.
    pub(crate) abandoned: bool,
}

/// A session that has a marker and a region.
struct Candidate {
    path: PathBuf,
    name: Name,
    region: Result<&'static Region, String>,
}

impl LiveSession {
    /// Every one of this user's, the oldest first.
    pub(crate) fn all() -> Vec<Self> {
        let mut all: Vec<_> = directories::existing_folders(FOLDER).flat_map(|folder| candidates(&folder)).collect();
        all.sort_by_key(|candidate| (candidate.name.created, candidate.name.maker));
        let makers: Vec<_> = all.iter().filter(|one| is_alive(&maker(&one.name))).map(|one| one.name.maker).collect();
        let mut found: Vec<_> = all.into_iter().filter_map(|candidate| Self::living(candidate, &makers)).collect();
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

    /// The session, where its maker or one of its processes runs. Makers belong to none: a `run`
    /// under `run` only waits for what belongs to the inner session alone.
    fn living(candidate: Candidate, makers: &[u32]) -> Option<Self> {
        let Candidate { path, name, region } = candidate;
        let mut members = region.as_ref().map(|region| members(region)).unwrap_or_default();
        // To look at a session, or to change it, is not to belong to it.
        members.retain(|member| member.process != process::id() && !makers.contains(&member.process));
        if members.is_empty() && !makers.contains(&name.maker) {
            return None;
        }
        members.sort_by_key(|member| (started(member.process), member.process));
        Some(Self {
            id: name.maker.to_string(),
            age: now().checked_sub(name.created).map(|age| Duration::from_nanos(age.saturating_mul(100))),
            command: fs::read_to_string(&path).unwrap_or_default(),
            path,
            processes: members.iter().map(|member| Process::new(member.process)).collect(),
            abandoned: false,
        })
    }

    /// Tells whether it still has a process.
    pub(crate) fn lives(&self) -> bool {
        Self::all().iter().any(|session| session.path == self.path)
    }

    /// Its name.
    pub(crate) fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The region as it is now, without the entries of owners that are gone.
    pub(crate) fn snapshot(&self) -> Result<Box<Region>, String> {
        let region = self.region().and_then(snapshot)?;
        region.ledger.expire(PortRange::ALL, ScopeSet::ALL, boot_ticks(), is_alive);
        Ok(region)
    }

    /// The region itself, mapped for as long as this process runs.
    pub(crate) fn region(&self) -> Result<&'static Region, String> {
        open(&self.name()).map_err(|e| match e {
            OpenError::Missing(e) => plain(&e),
            OpenError::Foreign(why) => why,
        })
    }
}

/// The process that made a session, as far as it still is that process.
fn maker(name: &Name) -> Owner {
    Owner { process: name.maker, namespace: 0, since: name.created }
}

fn candidates(folder: &Path) -> Vec<Candidate> {
    let candidate = |marker: String| {
        let region = match open(&marker) {
            Ok(region) => Ok(region),
            Err(OpenError::Foreign(why)) => Err(why),
            Err(OpenError::Missing(_)) => return None,
        };
        Some(Candidate { path: folder.join(&marker), name: marker.parse().ok()?, region })
    };
    markers(folder).into_iter().filter_map(candidate).collect()
}
