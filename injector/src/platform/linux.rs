//! Linux: programs are ELF files, and their loader is asked to preload the shim.

#[cfg(all(of_musl, not(test)))]
mod allocator;
mod c_library;
mod change;
mod clock;
mod diag;
mod directories;
mod elf;
mod environment;
mod files;
mod find;
mod handover;
mod host;
mod inspect;
mod launch;
mod library;
mod offer;
mod privileges;
mod procfs;
mod serve;
mod session;
mod sessions;
mod socket;
mod sockets;
#[cfg(of_musl)]
mod stand_ins;
mod stranger;
mod supervise;
mod sweep;
mod version;
mod watch;

use portshim_policy::config::{HostSettings, Problem};

pub(crate) use clock::{boot_ticks, boot_ticks as ticks};
pub(crate) use environment::{ROOM, connectors, loading, not_loading, session_variable};
pub(crate) use host::{captured, host, host_name, policy_files, steering};
pub(crate) use inspect::{find, library_needs};
pub(crate) use launch::{BECOMES, become_program};
pub(crate) use library::nameable;
pub(super) use library::{installed, laid_down, named, places};
pub(crate) use portshim_mechanism::linux::kernel::liveness::{is_alive, this_thread};
pub(crate) use portshim_supervisor::Way;
pub(crate) use serve::callers_at;
pub(crate) use session::Session;
pub(crate) use sessions::{LiveSession, Process, is_us, owner, user};
pub(crate) use sockets::{held, holders, sockets};
pub(crate) use stranger::{Stranger, wait_for_end};
pub(crate) use supervise::{hindrance, keeps_guest_out};
pub(crate) use sweep::sweep;
pub(crate) use watch::{Ended, watch_program};

/// The supervisor that serves this process, and how it does.
pub(crate) fn outer_supervisor() -> Option<(u32, Way)> {
    let outer = portshim_mechanism::linux::kernel::mark::supervisor()?;
    Some((outer.process, if outer.makes_sockets { Way::Sockets } else { Way::Calls }))
}

/// The file that is to be written at the end of instead of this one, which was opened under that
/// path: one of the same permissions, if it is there no longer, as logs are renamed. Whoever can
/// write to its folder must not turn us to a file elsewhere, nor keep us waiting.
pub(crate) fn successor(file: &std::fs::File, path: &std::path::Path) -> Option<std::fs::File> {
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
    let ours = file.metadata().ok()?;
    let is_it = |there: std::fs::Metadata| (there.dev(), there.ino()) == (ours.dev(), ours.ino());
    if path.metadata().is_ok_and(is_it) {
        return None;
    }
    let mut new = std::fs::File::options();
    new.append(true).create(true).mode(ours.mode() & 0o777).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    new.open(path).ok().filter(|new| new.metadata().is_ok_and(|metadata| metadata.is_file()))
}

/// Gives a new file the permissions that are usual for one that is no secret.
pub(crate) fn share(file: &std::fs::File) -> std::io::Result<()> {
    file.set_permissions(directories::usual_permissions())
}

/// Tells whether opening this file takes somebody who opens its other end (fifo(7)). An error tells
/// that it cannot be opened.
pub(crate) fn opens_late(path: &std::path::Path) -> std::io::Result<bool> {
    use std::os::unix::fs::FileTypeExt;
    let is_fifo = path.metadata().is_ok_and(|metadata| metadata.file_type().is_fifo());
    if is_fifo {
        files::may(path, nix::unistd::AccessFlags::W_OK)?;
    }
    Ok(is_fifo)
}

/// Standard error, for a thread that may have to wait while others write to it, too.
pub(crate) fn standard_error() -> std::io::Result<std::fs::File> {
    use std::os::fd::AsFd;
    std::io::stderr().as_fd().try_clone_to_owned().map(std::fs::File::from)
}

/// Tells whether variables alone can have a library loaded into programs.
pub(crate) fn can_preload() -> Result<(), crate::messages::Failure> {
    Ok(())
}

/// The settings that a policy depends on, whatever it comes to: to ask for all takes no time.
pub(crate) fn host_for<T>(_: impl Fn(&HostSettings) -> T) -> (HostSettings, Option<Problem>) {
    (host(), None)
}

/// Tells whether this system does not have a function that is hooked: that is no concern of the
/// loader's, which finds ours.
pub(crate) fn is_absent(_: &portshim_policy::hooks::Hook) -> bool {
    false
}

/// Names of hooks that cannot be placed in programs: none, for the loader finds ours before any
/// other.
pub(crate) fn unplaceable(_: &std::path::Path) -> Option<String> {
    None
}

/// The first of these ports that is in use although no table lists a socket that has it: there is
/// none.
pub(crate) fn unlisted(
    _: portshim_policy::ports::PortRange,
    _: portshim_policy::ports::ScopeSet,
) -> Option<super::answers::Socket> {
    None
}

/// Set if the system lists every socket that has a port.
pub(crate) const LISTS_ALL: bool = true;
