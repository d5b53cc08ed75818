//! The sockets that the kernel knows: which ports are in use, and which process holds them.

use super::super::answers::{Holders, Socket};
use super::diag;
use super::procfs::folder;
use super::socket::{Told, address};
use crate::messages::plain;
use nix::sched::{CloneFlags, setns};
use portshim_policy::ports::Transport;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::net::Ipv6Addr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{io, thread};

/// The sockets of every network that these processes are in, each socket once.
pub(crate) fn sockets(processes: impl IntoIterator<Item = u32>) -> Result<Vec<Socket>, String> {
    let mut networks = BTreeMap::<u64, PathBuf>::new();
    for pid in processes {
        // A process that has ended meanwhile is in none.
        let folder = folder_of(pid);
        if let Some(network) = network(&folder) {
            networks.entry(network).or_insert(folder);
        }
    }
    let ours = network(Path::new("/proc/self"));
    let mut sockets = Vec::new();
    for (network, folder) in networks {
        let seen = if Some(network) == ours { diag::sockets() } else { seen_inside(&folder) };
        // Where the kernel does not answer, or lets nobody in, it still has its tables to be read.
        sockets.extend(seen.or_else(|_| listed(&folder))?);
    }
    Ok(sockets)
}

/// The inodes of the sockets that a process has descriptors of.
pub(crate) fn held(pid: u32) -> Vec<u64> {
    seen(pid).0
}

/// The same, and whether there is something that this user may not see.
fn seen(pid: u32) -> (Vec<u64>, bool) {
    let (mut inodes, mut some_hidden) = (Vec::new(), false);
    let mut hides = |e: io::Error| some_hidden |= e.kind() == io::ErrorKind::PermissionDenied;
    match fs::read_dir(folder_of(pid).join("fd")) {
        Err(e) => hides(e),
        Ok(descriptors) => {
            for descriptor in descriptors.flatten() {
                match fs::read_link(descriptor.path()) {
                    Err(e) => hides(e),
                    Ok(link) => inodes.extend(socket(&link)),
                }
            }
        }
    }
    (inodes, some_hidden)
}

/// The inode of the socket that a descriptor's link names.
fn socket(link: &Path) -> Option<u64> {
    link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// The processes of this system that have descriptors of some of these sockets, as far as this user
/// may know.
pub(crate) fn holders(inodes: &BTreeSet<u64>) -> Holders {
    let mut holders = Holders::default();
    if inodes.is_empty() {
        return holders;
    }
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    for pid in processes.filter_map(|process| process.file_name().to_str()?.parse().ok()) {
        let (held, some_hidden) = seen(pid);
        holders.some_hidden |= some_hidden;
        for inode in held.iter().filter(|inode| inodes.contains(inode)) {
            let of = holders.of.entry(*inode).or_default();
            if of.last() != Some(&pid) {
                of.push(pid);
            }
        }
    }
    holders.of.values_mut().for_each(|of| of.sort_unstable());
    holders
}

fn folder_of(pid: u32) -> PathBuf {
    folder(pid)
}

/// The identity of the network of the process that this folder is about.
fn network(folder: &Path) -> Option<u64> {
    fs::metadata(folder.join("ns/net")).ok().map(|metadata| metadata.ino())
}

/// Asks from inside the network of a process, in a thread of its own: this one stays where it is.
fn seen_inside(folder: &Path) -> Result<Vec<Socket>, String> {
    let network = folder.join("ns/net");
    let enter = move || {
        let network = File::open(network).map_err(|e| e.to_string())?;
        setns(network, CloneFlags::CLONE_NEWNET).map_err(|e| plain(&e.into()))?;
        diag::sockets()
    };
    thread::spawn(enter).join().map_err(|_| "the thread ended early".to_owned())?
}

/// The tables of the network that a process is in. They lack sockets that are bound and nothing
/// else.
fn listed(folder: &Path) -> Result<Vec<Socket>, String> {
    let mut sockets = Vec::new();
    for (table, transport, v6) in [
        ("tcp", Transport::Tcp, false),
        ("tcp6", Transport::Tcp, true),
        ("udp", Transport::Udp, false),
        ("udp6", Transport::Udp, true),
        ("udplite", Transport::Udp, false),
        ("udplite6", Transport::Udp, true),
    ] {
        // A network without IPv6, or UDP-Lite, has no table of them.
        let text = fs::read_to_string(folder.join("net").join(table)).unwrap_or_default();
        sockets.extend(text.lines().skip(1).filter_map(|line| row(line, transport, v6)));
    }
    if sockets.is_empty() && fs::metadata(folder.join("net/tcp")).is_err() {
        return Err(format!("{} cannot be seen", folder.join("net/tcp").display()));
    }
    Ok(sockets)
}

/// Reads a line of such a table, proc_net_tcp(5): both ends, the state, as the fifth field which
/// timer runs and for how many hundredths of a second, then the user, and as the tenth field the
/// inode.
fn row(line: &str, transport: Transport, v6: bool) -> Option<Socket> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (local, peer, state) = (end(fields.next()?, v6)?, end(fields.next()?, v6)?, fields.next()?);
    let (timer, user, inode) = (fields.nth(1)?, fields.nth(1)?, fields.nth(1)?);
    let left = timer.split_once(':').and_then(|(_, left)| u64::from_str_radix(left, 16).ok());
    let told = Told {
        transport,
        v6,
        local,
        peer,
        // The tables do not say. It does, unless it was told not to.
        both: true,
        state: u8::from_str_radix(state, 16).ok()?,
        left: left.map(|left| Duration::from_millis(left.saturating_mul(10))),
        user: user.parse().ok()?,
        inode: inode.parse().ok()?,
    };
    (local.1 != 0).then(|| told.socket())
}

/// An end of a connection. Addresses are written as words of the machine's own byte order.
fn end(text: &str, v6: bool) -> Option<(Ipv6Addr, u16)> {
    let (ip, port) = text.split_once(':')?;
    let mut bytes = [0; 16];
    let words = if v6 { 4 } else { 1 };
    for (n, to) in bytes.chunks_exact_mut(4).take(words).enumerate() {
        to.copy_from_slice(&u32::from_str_radix(ip.get(n * 8..n * 8 + 8)?, 16).ok()?.to_ne_bytes());
    }
    Some((address(bytes, v6), u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::super::super::answers::State;
    use super::*;

    #[test]
    fn lines_of_the_tables_are_read() {
        for (line, local, peer, state, user, inode) in [
            (
                "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100",
                "127.0.0.1",
                None,
                State::Listen,
                Some(1000),
                4711,
            ),
            (
                "   2: 0100007F:1F90 0100007F:9C42 06 00000000:00000000 03:00001700 00000000     0        0 0 3 0",
                "127.0.0.1",
                Some("127.0.0.1:40002"),
                State::TimeWait(Some(Duration::from_millis(58_880))),
                None,
                0,
            ),
        ] {
            let socket = row(line, Transport::Tcp, false).unwrap();
            assert_eq!((socket.port, socket.local.to_string().as_str()), (8080, local));
            assert_eq!(socket.peer.map(|peer| peer.to_string()).as_deref(), peer);
            assert_eq!((socket.state, socket.user, socket.inode), (state, user, inode));
        }
    }
}
