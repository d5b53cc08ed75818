//! The sessions that live: which processes belong to them, and what is in their regions.

use super::session::{OpenError, open, snapshot};
use crate::wording::plain;
use portshim_policy::{Owner, Region};
use std::path::PathBuf;
use std::time::Duration;

/// A session with a process that runs.
pub(crate) struct LiveSession {
    /// What people call it: the number of the process that made it.
    pub(crate) id: String,
    /// Its marker.
    pub(crate) path: PathBuf,
    /// How long ago it was made; `None` where its region does not say.
    pub(crate) age: Option<Duration>,
    /// The command line of the program that it was made for.
    pub(crate) command: String,
    /// The processes that have its region open, the oldest first.
    pub(crate) processes: Vec<Process>,
}

/// A process of a session.
pub(crate) struct Process {
    /// Its number.
    pub(crate) pid: u32,
    /// The name of its file.
    pub(crate) name: String,
    /// Its command line.
    pub(crate) command: String,
}

impl LiveSession {
    /// Every one of this user's, the oldest first.
    pub(crate) fn all() -> Vec<Self> {
        Vec::new()
    }

    /// Whether it still has a process.
    pub(crate) fn lives(&self) -> bool {
        Self::all().iter().any(|session| session.path == self.path)
    }

    /// Its name.
    pub(crate) fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The region as it is now.
    pub(crate) fn snapshot(&self) -> Result<Box<Region>, String> {
        self.region().and_then(snapshot)
    }

    /// The region itself, mapped for as long as this process runs.
    pub(crate) fn region(&self) -> Result<&'static Region, String> {
        open(&self.name()).map_err(|e| match e {
            OpenError::Missing(e) => plain(&e),
            OpenError::Foreign(why) => why,
        })
    }
}

impl Process {
    /// Whether this is whom a region means.
    pub(crate) fn is(&self, owner: &Owner) -> bool {
        owner.process == self.pid
    }
}

/// The user whom a process belongs to; `None` where there is none of that number.
pub(crate) fn owner(_: u32) -> Option<u32> {
    None
}

/// Whether a user is the one that this process acts for.
pub(crate) fn is_us(_: u32) -> bool {
    false
}

/// A user's name.
pub(crate) fn user(_: u32) -> String {
    "another user".into()
}
