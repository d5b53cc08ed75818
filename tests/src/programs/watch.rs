//! The ports in use, as the kernel lists them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Every local port that any socket of this network had, ours excepted, from beginning to end.
pub struct Watch {
    done: Arc<AtomicBool>,
    watcher: JoinHandle<BTreeSet<u16>>,
}

impl Watch {
    /// Begins to look. `ours` are ports that were bound by number.
    #[must_use]
    pub fn begin(ours: &[u16]) -> Self {
        let (done, ours) = (Arc::new(AtomicBool::new(false)), ours.to_vec());
        let stop = Arc::clone(&done);
        let watcher = thread::spawn(move || {
            let mut seen = BTreeSet::new();
            loop {
                let last = stop.load(Relaxed);
                seen.extend(local_ports());
                if last {
                    break;
                }
                thread::sleep(Duration::from_millis(2));
            }
            seen.retain(|port| !ours.contains(port));
            seen
        });
        Self { done, watcher }
    }

    /// Takes a last look, TIME_WAIT included, and tells what was seen.
    ///
    /// # Panics
    /// Where the watcher did.
    #[must_use]
    pub fn end(self) -> BTreeSet<u16> {
        self.done.store(true, Relaxed);
        self.watcher.join().expect("the watcher has come to an end")
    }
}

/// The local ports of all sockets of this network, as the kernel lists them.
///
/// # Panics
/// Where the kernel does not.
#[must_use]
pub fn local_ports() -> BTreeSet<u16> {
    let mut ports = BTreeSet::new();
    for table in ["tcp", "tcp6", "udp", "udp6", "udplite", "udplite6"] {
        let path = format!("/proc/self/net/{table}");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        for line in text.lines().skip(1) {
            let port = line.split_whitespace().nth(1).and_then(|local| local.rsplit(':').next());
            let port = port.and_then(|hex| u16::from_str_radix(hex, 16).ok());
            ports.insert(port.unwrap_or_else(|| panic!("{path}: {line}")));
        }
    }
    ports.remove(&0);
    ports
}
