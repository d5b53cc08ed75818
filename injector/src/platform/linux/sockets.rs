//! The sockets that the kernel knows: which ports are in use, and which process holds them.

use super::super::answers::Socket;
use super::diag;
use super::procfs::folder;
use crate::messages::plain;
use nix::sched::{CloneFlags, setns};
use portshim_policy::ports::Transport;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;

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
    let descriptors = fs::read_dir(folder_of(pid).join("fd")).into_iter().flatten().flatten();
    let inode = |link: &str| link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok();
    descriptors.filter_map(|fd| inode(fs::read_link(fd.path()).ok()?.to_str()?)).collect()
}

/// A process that has a descriptor of this socket, and its name, as far as this user may know.
pub(crate) fn holder(inode: u64) -> Option<(u32, String)> {
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let pid = processes
        .filter_map(|process| process.file_name().to_str()?.parse().ok())
        .find(|pid| inode != 0 && held(*pid).contains(&inode))?;
    let name = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    Some((pid, String::from_utf8_lossy(name.trim_ascii_end()).into_owned()))
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

/// Reads a line of such a table, proc_net_tcp(5): address and port, state, and as the tenth field
/// the inode.
fn row(line: &str, transport: Transport, v6: bool) -> Option<Socket> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (ip, port) = fields.next()?.split_once(':')?;
    let (state, inode) = (fields.nth(1)?, fields.nth(5)?);
    // Addresses are written as words of the machine's own byte order.
    let mut bytes = [0; 16];
    let words = if v6 { 4 } else { 1 };
    for (n, to) in bytes.chunks_exact_mut(4).take(words).enumerate() {
        to.copy_from_slice(&u32::from_str_radix(ip.get(n * 8..n * 8 + 8)?, 16).ok()?.to_ne_bytes());
    }
    let port = u16::from_str_radix(port, 16).ok().filter(|port| *port != 0)?;
    // The tables do not say whether it takes IPv4's ports, too. It does, unless it was told not to.
    let socket = Socket::new(transport, bytes.into(), v6, port, true);
    Some(Socket { waits: transport == Transport::Tcp && state == "06", inode: inode.parse().ok()?, ..socket })
}
