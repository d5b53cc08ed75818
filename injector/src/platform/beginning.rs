//! What a session begins with.

use portshim_policy::config::Resolved;
use portshim_policy::region::{Recorded, Region};
use std::process;
use std::sync::atomic::Ordering::Relaxed;

/// A session, as it is asked for.
pub(crate) struct Beginning<'a> {
    pub(crate) policy: &'a Resolved,
    /// Set if it remembers busy ports.
    pub(crate) hints: bool,
    /// Set if children are followed into an environment that was made anew.
    pub(crate) follow: bool,
    /// Events that it records.
    pub(crate) recorded: Recorded,
    /// Name that its user gave it.
    pub(crate) name: Option<&'a str>,
}

impl Beginning<'_> {
    /// Its region: made now by this process, with this secret.
    pub(super) fn region(&self, now: u64, secret: u64) -> Box<Region> {
        let region = Region::boxed(&self.policy.rules);
        region.set_legal(self.policy.legal);
        if !self.hints {
            region.switch_hints_off();
        }
        let header = &region.header;
        header.follow.store(u32::from(self.follow), Relaxed);
        header.log.store(self.recorded.bits(), Relaxed);
        self.name.iter().for_each(|name| header.call(name));
        header.creator.store(process::id(), Relaxed);
        header.created.store(now, Relaxed);
        header.secret.store(secret, Relaxed);
        region
    }
}
