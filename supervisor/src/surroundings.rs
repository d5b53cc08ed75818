//! Surroundings of a thread: what the kernel writes on the sockets that it makes.

use crate::client::field;
use std::fs;
use std::os::unix::fs::MetadataExt;

/// Where a thread stands, as it is seen from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Where this process stands: its sockets are like ours.
    Here,
    /// The same, as another user and group.
    As(u32, u32),
    /// In another network, in another control group, or under another label of a security module:
    /// no socket of ours is like its own.
    Elsewhere,
}

/// What the kernel writes on a thread's sockets, besides their user.
#[derive(PartialEq, Eq)]
pub(crate) struct Surroundings {
    network: Option<u64>,
    groups: Option<Vec<u8>>,
    label: Option<Vec<u8>>,
}

impl Surroundings {
    /// Those of the thread of this number. None of these files asks for the right to trace it.
    fn of(thread: &str) -> Self {
        let file = |name: &str| format!("/proc/{thread}/{name}");
        // Each network has a table of its own, whoever looks at it.
        let network = fs::metadata(file("net/dev")).ok().map(|table| table.ino());
        // Without a security module there is no label.
        Self { network, groups: fs::read(file("cgroup")).ok(), label: fs::read(file("attr/current")).ok() }
    }

    /// Those of this thread.
    pub(crate) fn own() -> Self {
        Self::of("thread-self")
    }

    /// Where a thread stands whose `status` (proc(5)) this is, if `self` is where this one does.
    pub(crate) fn standing(&self, thread: u32, status: &str) -> Standing {
        if Self::of(&thread.to_string()) != *self {
            return Standing::Elsewhere;
        }
        // Of each: real, effective, saved, and the one of its files, which sockets are.
        let of_files = |name| field(status, name)?.split_ascii_whitespace().nth(3)?.parse().ok();
        match (of_files("Uid:"), of_files("Gid:")) {
            // SAFETY: no memory is passed.
            (Some(user), Some(group)) if (user, group) == unsafe { (libc::geteuid(), libc::getegid()) } => {
                Standing::Here
            }
            (Some(user), Some(group)) => Standing::As(user, group),
            _ => Standing::Elsewhere,
        }
    }
}
